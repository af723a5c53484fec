"""The pages that begin something: a job, a diagnosis, a prediction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import Query, Request, Response
from pydantic import ValidationError

from lowloss.charts.columns import draw_column, draw_levels
from lowloss.errors import Problem, StateConflict
from lowloss.recipes.of_trial import fitting_output
from lowloss.results import NOT_A_FEATURE, Column, Dataset, JobKind
from lowloss.spec import DiagnosisSpec, JobSpec, Objective, RecipeScaling, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.losses import LOSSES
from lowloss.spec.optimizers import OPTIMIZERS
from lowloss.validation import problem_from_error
from lowloss.wording import format_number
from service.dashboard.job_form import make_form
from service.dashboard.pages import make_router, render_page
from service.resources.callers import RequestCaller
from service.resources.own_ids import JobId
from service.resources.resources import Dependencies
from service.store.artifacts import find_artifacts
from service.store.database import Session
from service.store.datasets import find_dataset, find_dataset_of_job, list_datasets
from service.store.diagnoses import get_diagnosis
from service.store.jobs import get_job, get_jobs
from service.tables.check import CheckedJob, check_job
from service.tables.check_target import decide_task
from service.tables.useless import explain_uselessness

router = make_router()

RECIPE = {
    "layers": [
        {"units": 64, "activation": "relu"},
        {"units": 64, "activation": "relu"},
        {"units": 1},
    ],
    "loss": "mean_squared_error",
    "optimizer": {"name": "adam"},
    "epochs": 100,
    "batch_size": 32,
}
"""What the form of a diagnosis begins with."""
OFFERED = 50
"""Datasets that a form offers, the newest ones."""
SHOWN_COLUMNS = 200
"""Columns that a form shows."""

ChosenDataset = Annotated[str | None, Query(max_length=200)]
Source = Annotated[str | None, Query(alias="from", max_length=200)]
"""The job that is copied."""
ChosenTarget = Annotated[str | None, Query(max_length=2000)]


@router.get("/new")
def show_new_job(
    request: Request,
    deps: Dependencies,
    *,
    caller: RequestCaller,
    dataset: ChosenDataset = None,
    target: ChosenTarget = None,
    source: Source = None,
) -> Response:
    """Show the form of a new job: its table, its target, and what is searched."""
    project = caller.project
    with deps.database.reading() as session:
        spec = None if source is None else get_jobs(session, project, [source])[0].spec
        copied = spec if isinstance(spec, JobSpec) else None
        if copied is not None:
            dataset, target = dataset or copied.dataset, target or copied.target
        choice = _choose(session, project, dataset, target)
    checked, problem = _check(deps, choice, copied)
    return render_page(
        request,
        "new",
        choice=choice,
        source=source,
        drawn={column.name: draw_column(column) for column in choice.columns},
        scaling=_describe_scaling(choice.target, checked),
        checked=checked,
        problem=problem,
        form=make_form(copied),
        not_a_feature=NOT_A_FEATURE,
        useless=choice.useless,
        objectives=_objectives(checked),
    )


@dataclass(frozen=True)
class Choice:
    """The table and the target that were chosen for a form; else the tables to choose from.

    `is_deleted` where the chosen table is not there any more.
    """

    dataset: Dataset | None
    target: Column | None
    others: Sequence[Dataset]
    is_deleted: bool

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that the form shows."""
        return () if self.dataset is None else self.dataset.profile[:SHOWN_COLUMNS]

    @property
    def useless(self) -> dict[str, str]:
        """Why columns are no features, by their names."""
        if self.dataset is None:
            return {}
        reasons = {c.name: explain_uselessness(c, self.dataset.rows) for c in self.columns}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    @property
    def target_chart(self) -> str:
        """The values of the target."""
        if self.target is None:
            return ""
        draw = draw_levels if self.target.histogram is None else draw_column
        return draw(self.target)


def _choose(session: Session, project: str, dataset: str | None, target: str | None) -> Choice:
    table = None if dataset is None else find_dataset(session, project, dataset)
    if table is None:
        others = list_datasets(session, project, cursor=None, limit=OFFERED).items
        return Choice(None, None, others, is_deleted=dataset is not None)
    column = next((column for column in table.profile if column.name == target), None)
    return Choice(table, column, (), is_deleted=False)


def _check(
    deps: Dependencies, choice: Choice, copied: JobSpec | None
) -> tuple[CheckedJob | None, Problem | None]:
    """Check a job before it is submitted: what it will leave out, or what is wrong."""
    if choice.dataset is None or choice.target is None:
        return None, None
    changes: dict[str, Any] = {"dataset": choice.dataset.id, "target": choice.target.name}
    try:
        spec = JobSpec(**changes) if copied is None else copied.model_copy(update=changes)
        return check_job(spec, choice.dataset, limits=deps.settings.limits), None
    except ValidationError as error:
        return None, problem_from_error(error, JobSpec)
    except Problem as problem:
        return None, problem


def _describe_scaling(column: Column | None, checked: CheckedJob | None) -> str | None:
    """Say what is done to the units of a target that is a number."""
    if column is None or checked is None or checked.task is not Task.regression:
        return None
    ends = f"{format_number(column.min)} to {format_number(column.max)}"
    return (
        f"The target ranges from {ends}. It is standardised for the training, and the validation "
        "loss is of that; RMSE, MAE and predictions are in its own units."
    )


def _objectives(checked: CheckedJob | None) -> Sequence[Objective]:
    if checked is None:
        return [Objective.val_loss]
    return [objective for objective in Objective if objective.fits(checked.task)]


@router.get("/diagnose")
def show_new_diagnosis(
    request: Request,
    deps: Dependencies,
    *,
    caller: RequestCaller,
    dataset: ChosenDataset = None,
    target: ChosenTarget = None,
    source: Source = None,
    remedied: Annotated[bool, Query()] = False,
) -> Response:
    """Show the form of a diagnosis: a table, a target and a recipe, its own or another's."""
    with deps.database.reading() as session:
        spec = None if source is None else get_jobs(session, caller.project, [source])[0].spec
        copied = spec if isinstance(spec, DiagnosisSpec) else None
        if copied is not None:
            dataset, target = dataset or copied.dataset, target or copied.targets[0]
        choice = _choose(session, caller.project, dataset, target)
    recipe: dict[str, Any] = RECIPE
    if copied is not None and source is not None:
        diagnosis = get_diagnosis(deps.database, source) if remedied else None
        shown = copied.recipe if diagnosis is None else diagnosis.remedied_recipe
        recipe = shown.model_dump(mode="json", exclude_defaults=True)
    return render_page(
        request,
        "diagnose",
        choice=choice,
        source=source,
        copied=copied,
        remedied=remedied,
        others=None if copied is None else _dump_others(copied),
        not_a_feature=NOT_A_FEATURE,
        recipe=json.dumps(recipe, indent=2),
        fit=_fit_output(choice, deps.settings.limits.max_classes),
        activations=list(ACTIVATIONS),
        losses=list(LOSSES),
        optimizers=list(OPTIMIZERS),
        feature_scalings=[name for name in get_args(RecipeScaling) if name != "none"],
    )


def _dump_others(copied: DiagnosisSpec) -> str:
    """Return the fields of a copied diagnosis that the form does not send anyway, as JSON."""
    return copied.model_dump_json(exclude={"dataset", "target", "recipe"}, exclude_defaults=True)


def _fit_output(choice: Choice, max_classes: int) -> str | None:
    """Return what fits the target, as JSON: the output layer of a recipe, and its loss."""
    if choice.dataset is None or choice.target is None:
        return None
    spec = JobSpec(dataset=choice.dataset.id, target=choice.target.name)
    try:
        warnings = choice.dataset.warnings
        task = decide_task(spec, choice.target, warnings, max_classes=max_classes)
    except Problem:
        return None
    units, activation, loss = fitting_output(task, choice.target.distinct)
    output = {"units": units, "activation": activation, "loss": loss}
    return json.dumps(output | {"encode_labels": task is not Task.regression})


@router.get("/jobs/{job_id}/predict")
def show_prediction(request: Request, deps: Dependencies, job_id: JobId) -> Response:
    """Show a form with a field for each column, for a prediction of a job's model."""
    with deps.database.reading() as session:
        job = get_job(session, job_id)
        table = find_dataset_of_job(session, job_id)
        artifacts = find_artifacts(session, job_id)
    if job.kind is JobKind.diagnosis or not artifacts:
        raise StateConflict(
            f"job {job_id!r} has no model that could predict",
            fix="wait until a search has ended, or open another one",
        )
    excluded = {entry.column for entry in job.outcome.excluded} | {job.spec.target}
    columns = () if table is None else table.profile
    features = [column for column in columns if column.name not in excluded]
    return render_page(
        request,
        "predict",
        job=job,
        # A form of more fields is filled in by nobody: a file is.
        columns=features if len(features) <= SHOWN_COLUMNS else [],
    )
