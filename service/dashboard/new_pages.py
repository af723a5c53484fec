"""The pages that begin something: a job, a diagnosis, a prediction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import ValidationError

from lowloss.errors import Problem, StateConflict
from lowloss.results import Column, Dataset, JobKind
from lowloss.spec import JobSpec, Objective, SearchSpace, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.optimizers import OPTIMIZERS
from lowloss.validation import problem_from_error
from lowloss.wording import format_number
from service.dashboard.charts import draw_column, draw_levels
from service.dashboard.pages import make_router, render_page
from service.resources.resources import Dependencies
from service.store.artifacts import find_artifacts
from service.store.datasets import find_dataset, find_dataset_of_job, list_datasets
from service.store.jobs import get_job
from service.tables.check import CheckedJob, check_job

router = make_router()

RANGES = {
    "learning_rate": "How far a step goes. The most important one: too high and the loss jumps "
    "about, too low and it hardly falls.",
    "layers": "Hidden layers. Two or three are enough for most tables.",
    "width": "Units of a layer: the more, the more it can learn, noise included.",
    "l2": "Pulls weights towards 0, against overfitting.",
    "dropout": "The share of units left out in each step, against overfitting.",
    "patience": "Epochs without improvement until a training stops.",
}
"""The hyperparameters of a form that have a range, and what they are about."""
RECIPE = {
    "layers": [
        {"units": 64, "activation": "relu"},
        {"units": 64, "activation": "relu"},
        {"units": 1},
    ],
    "loss": "mse",
    "optimizer": {"name": "adam"},
    "epochs": 100,
    "batch_size": 32,
}
"""What the form of a diagnosis begins with."""
CHOICES = 50
"""Datasets that a form offers, the newest ones."""

Chosen = Annotated[str | None, Query(max_length=200)]


@router.get("/new")
def show_new_job(
    request: Request,
    deps: Dependencies,
    *,
    dataset: Chosen = None,
    target: Annotated[str | None, Query(max_length=2000)] = None,
    template: Annotated[str | None, Query(alias="from", max_length=200)] = None,
) -> Response:
    """Show the form of a new job: its table, its target, and what is searched."""
    with deps.database.reading() as session:
        spec = None if template is None else get_job(session, template).spec
        copied = spec if isinstance(spec, JobSpec) else None
        if copied is not None:
            dataset, target = dataset or copied.dataset, target or copied.target
        table = None if dataset is None else find_dataset(session, dataset)
        others = list_datasets(session, cursor=None, limit=CHOICES).items if table is None else ()
    checked, problem = _check(deps, table, target, copied)
    return render_page(
        request,
        "new",
        dataset=table,
        datasets=others,
        drawn=_draw_columns(table),
        target=_find_column(table, target),
        target_chart=_draw_target(_find_column(table, target)),
        scaling=_describe_scaling(_find_column(table, target), checked),
        checked=checked,
        problem=problem,
        copied=_differences(copied),
        defaults=JobSpec(dataset="x", target="y"),
        ranges={name: (getattr(SearchSpace(), name), text) for name, text in RANGES.items()},
        objectives=_objectives(checked),
        activations=list(ACTIVATIONS),
        optimizers=list(OPTIMIZERS),
    )


def _check(
    deps: Dependencies, table: Dataset | None, target: str | None, copied: JobSpec | None
) -> tuple[CheckedJob | None, Problem | None]:
    """Check a job before it is submitted: what it will leave out, or what is wrong."""
    if table is None or not target:
        return None, None
    changes: dict[str, Any] = {"dataset": table.id, "target": target}
    try:
        spec = JobSpec(**changes) if copied is None else copied.model_copy(update=changes)
        return check_job(spec, table, limits=deps.settings.limits), None
    except ValidationError as error:
        return None, problem_from_error(error, JobSpec)
    except Problem as problem:
        return None, problem


def _find_column(table: Dataset | None, name: str | None) -> Column | None:
    columns = () if table is None else table.profile
    return next((column for column in columns if column.name == name), None)


def _draw_columns(table: Dataset | None) -> dict[str, str]:
    columns = () if table is None else table.profile
    return {column.name: draw_column(column) for column in columns}


def _draw_target(column: Column | None) -> str:
    if column is None:
        return ""
    return draw_column(column) if column.histogram is not None else draw_levels(column)


def _describe_scaling(column: Column | None, checked: CheckedJob | None) -> str | None:
    """Say what is done to the units of a target that is a number."""
    if column is None or checked is None or checked.task is not Task.regression:
        return None
    ends = f"{format_number(column.min)} to {format_number(column.max)}"
    return (
        f"The target ranges from {ends}. It is standardised for the training; scores and "
        "predictions are in its own units."
    )


def _differences(spec: JobSpec | None) -> str:
    """Return the fields of a specification that differ from the defaults, as JSON."""
    if spec is None:
        return "{}"
    fields = spec.model_dump(mode="json", exclude_defaults=True, exclude={"dataset", "target"})
    return json.dumps(fields, ensure_ascii=False)


def _objectives(checked: CheckedJob | None) -> Sequence[Objective]:
    if checked is None:
        return [Objective.val_loss]
    return [objective for objective in Objective if objective.fits(checked.task)]


@router.get("/diagnose")
def show_new_diagnosis(
    request: Request,
    deps: Dependencies,
    *,
    dataset: Chosen = None,
    target: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Show the form of a diagnosis: a table, a target and a recipe."""
    with deps.database.reading() as session:
        table = None if dataset is None else find_dataset(session, dataset)
        others = list_datasets(session, cursor=None, limit=CHOICES).items if table is None else ()
    return render_page(
        request,
        "diagnose",
        dataset=table,
        datasets=others,
        target=_find_column(table, target),
        target_chart=_draw_target(_find_column(table, target)),
        recipe=json.dumps(RECIPE, indent=2),
    )


@router.get("/jobs/{job_id}/predict")
def show_prediction(
    request: Request, deps: Dependencies, job_id: Annotated[str, Path(max_length=200)]
) -> Response:
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
    return render_page(
        request,
        "predict",
        job=job,
        is_table_there=table is not None,
        columns=[column for column in columns if column.name not in excluded],
    )
