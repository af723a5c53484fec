"""What a search's diagnosis is asked: a usual first recipe on its table, and the tuned one."""

from __future__ import annotations

from lowloss.spec import DiagnosisBudget, DiagnosisSpec, JobSpec, Recipe, Scaling, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.optimizers import OPTIMIZERS
from worker.diagnosis.chain.changes import usual_output
from worker.engine.plans import Plan


def first_recipe_spec(spec: JobSpec, task: Task, winner: Recipe) -> DiagnosisSpec:
    """Return the specification that diagnoses a usual first recipe.

    Its columns are raw; it has two layers, and trains for all epochs.
    """
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


def recipe_of_plan(plan: Plan, scaling: Scaling, spec: JobSpec, task: Task, classes: int) -> Recipe:
    """Return the setting of a plan as a recipe."""
    layer, loss = usual_output(task, classes, "mean_squared_error")
    penalties = {"l1": plan.l1s[-1], "l2": plan.l2s[-1]}
    hidden = [
        {
            "units": width,
            "activation": activation,
            "dropout": dropout,
            "kernel_initializer": ACTIVATIONS[activation].initializer,
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
                "momentum": plan.momentum if OPTIMIZERS[plan.optimizer].takes_momentum else 0.0,
                "weight_decay": plan.weight_decay,
                "clip_norm": plan.clip_norm,
            },
            "batch_size": plan.batch_size,
            "epochs": plan.max_epochs,
            "validation_split": 0.2,
            "early_stopping": {"patience": plan.patience, "restore_best_weights": True},
        }
    )
