"""A diagnosis as a job, from its table to its artifacts; and the one at the end of a search."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from lowloss.errors import LeaseLost
from lowloss.recipes import training_code
from lowloss.results import Dataset, Diagnosis, Severity, Verdict
from lowloss.spec import DiagnosisBudget, DiagnosisSpec, JobSpec, Recipe, Scaling, Task
from service.settings import Limits
from service.tables.check_recipe import check_diagnosis
from service.tables.table import Table
from worker.diagnosis.changes import usual_output
from worker.diagnosis.diagnose import diagnose
from worker.engine.plans import Plan
from worker.engine.program import Programs
from worker.export import store, store_diagnosis
from worker.report import Reporter, StopCause
from worker.reports.diagnosis import write_diagnosis
from worker.reports.html import REPORT

log = logging.getLogger(__name__)

REMEDIED, SCRIPT = "remedied.json", "train.py"
TUNED = "the tuned setting"


class Left(Exception):  # as the contract names what ends a job
    """The job is to be left as it is: it is paused, or its worker stops."""


def run_diagnosis(
    table: Table,
    spec: DiagnosisSpec,
    dataset: Dataset,
    *,
    reporter: Reporter,
    limits: Limits,
    programs: Programs,
    known: dict[str, Recipe] | None = None,
) -> Diagnosis:
    """Diagnose a recipe for a job, in its phases; Left where it is paused or stopped.

    A cancel ends it with what was found so far. `known` are sound recipes to hold it against.
    """

    def alive() -> bool:
        reporter.look()
        if reporter.is_left:
            raise Left(str(reporter.stop_cause))
        return reporter.stop_cause is not StopCause.cancel

    diagnosis = diagnose(
        table,
        spec,
        check_diagnosis(spec, dataset, limits=limits),
        programs=programs,
        known=known,
        alive=alive,
        on_phase=reporter.phase,
    )
    reporter.found(diagnosis=_verdict(diagnosis).model_dump(mode="json"))
    return diagnosis


def hand_out(diagnosis: Diagnosis, spec: DiagnosisSpec, reporter: Reporter, folder: Path) -> None:
    """Store the page of a diagnosis, the remedied recipe and its script, and itself."""
    title = f"Why the loss on {spec.target} is high"
    write_diagnosis(folder / REPORT, diagnosis, title=title)
    remedied = diagnosis.remedied.model_dump(mode="json")
    (folder / REMEDIED).write_text(json.dumps(remedied, indent=2) + "\n", encoding="utf-8")
    is_regression = diagnosis.metric == "mean_squared_error"
    task = Task.regression if is_regression else _task_of(diagnosis.remedied)
    code = training_code(diagnosis.remedied, target=spec.target, task=task)
    (folder / SCRIPT).write_text(code, encoding="utf-8")
    for name in (REPORT, REMEDIED, SCRIPT):
        store(folder / name, reporter)
    store_diagnosis(diagnosis, reporter, folder)


def diagnose_search(
    table: Table,
    spec: JobSpec,
    task: Task,
    dataset: Dataset,
    winner: Recipe,
    *,
    reporter: Reporter,
    limits: Limits,
    programs: Programs,
) -> Diagnosis | str:
    """Why a first try on a search's table has a high loss; or why that cannot be told.

    A search never fails for its diagnosis.
    """
    try:
        return run_diagnosis(
            table,
            first_try(spec, task, winner),
            dataset,
            reporter=reporter,
            limits=limits,
            programs=programs,
            known={TUNED: winner},
        )
    except (LeaseLost, Left, MemoryError):
        raise
    except Exception as error:
        log.exception("no diagnosis")
        return f"the diagnosis failed: {error}"


def first_try(spec: JobSpec, task: Task, winner: Recipe) -> DiagnosisSpec:
    """What somebody would have trained first on a search's table: raw columns, all epochs."""
    hidden = {"units": 64, "activation": "relu"}
    layer, loss = usual_output(task, winner.output.units, "mean_squared_error")
    recipe = Recipe.model_validate(
        {
            "layers": [hidden, hidden, layer],
            "loss": loss,
            "optimizer": "adam",
            "epochs": 100,
        }
    )
    return DiagnosisSpec(
        name=spec.name,
        dataset=spec.dataset,
        target=spec.target,
        task=task,
        features=spec.features,
        recipe=recipe,
        budget=DiagnosisBudget(max_seconds=spec.budget.diagnosis_seconds),
        seed=spec.seed,
    )


def recipe_of(plan: Plan, scaling: Scaling, spec: JobSpec, task: Task, classes: int) -> Recipe:
    """A trial's setting as a recipe."""
    layer, loss = usual_output(task, classes, "mean_squared_error")
    penalties = {"l1": plan.l1s[-1], "l2": plan.l2s[-1]}
    hidden = [
        {
            "units": width,
            "activation": activation,
            "dropout": dropout,
            "kernel_initializer": _usual_initializer(activation),
            **penalties,
        }
        for width, activation, dropout in zip(
            plan.widths, plan.activations, plan.dropouts, strict=True
        )
    ]
    scale_target = task is Task.regression and spec.preprocessing.scale_target
    return Recipe.model_validate(
        {
            "scale_features": scaling,
            "scale_target": "standard" if scale_target else "none",
            "missing": "mean",
            "noise": plan.noise,
            "mixup": plan.mixup,
            "layers": [*hidden, layer | penalties],
            "loss": loss,
            "optimizer": {
                "name": plan.optimizer,
                "learning_rate": plan.learning_rate,
                "schedule": plan.schedule,
                "momentum": plan.momentum if plan.optimizer == "sgd" else 0.0,
                "weight_decay": plan.weight_decay,
                "clip_norm": plan.clip_norm,
            },
            "batch_size": plan.batch_size,
            "epochs": plan.max_epochs,
            "validation_split": 0.2,
            "early_stopping": {"patience": plan.patience, "restore_best_weights": True},
        }
    )


def _usual_initializer(activation: str) -> str:
    return {"tanh": "glorot_uniform", "selu": "lecun_normal"}.get(activation, "he_normal")


def _task_of(recipe: Recipe) -> Task:
    return Task.binary if recipe.output.units == 1 else Task.multiclass


def _verdict(diagnosis: Diagnosis) -> Verdict:
    harmful = [each for each in diagnosis.findings if each.severity is not Severity.harmless]
    return Verdict(sentence=diagnosis.verdict, causes=tuple(each.cause for each in harmful))
