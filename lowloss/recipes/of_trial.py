"""A trial of a search as a recipe."""

from __future__ import annotations

from typing import Any

from lowloss.results import Hyperparameters
from lowloss.spec import JobSpec, Recipe, RecipePlateau, Task
from lowloss.spec.activations import usual_initializers
from lowloss.spec.optimizers import OPTIMIZERS, USUAL_MOMENTUM
from lowloss.spec.schedules import SEARCH_PLATEAU


def recipe_of_trial(
    hyperparameters: Hyperparameters, spec: JobSpec, task: Task, *, classes: int
) -> Recipe:
    """Return the training of a trial as a recipe.

    A recipe has no folds and no logarithm of the target: it validates on a fifth of the rows.
    `classes` is not looked at for a regression.
    """
    values, is_regression = hyperparameters, task is Task.regression
    scales_target = is_regression and spec.preprocessing.scale_target
    units, activation, loss = fitting_output(task, classes)
    hidden = {"activation": values.activation, "dropout": values.dropout}
    layers = [
        *(hidden | {"units": width} for width in values.widths),
        {"units": units, "activation": activation},
    ]
    plateau = RecipePlateau.of(SEARCH_PLATEAU)
    initializers = usual_initializers([values.activation] * values.layers)
    return Recipe.model_validate(
        {
            "scale_features": values.scale_features,
            "select_features": values.select_features,
            "scale_target": "standard" if scales_target else "none",
            "missing": "mean",
            "encode_labels": not is_regression,
            "class_weight": "balanced" if spec.balances_classes(task) else "none",
            "noise": values.noise,
            "mixup": values.mixup,
            "layers": [
                layer | {"l1": values.l1, "l2": values.l2, "kernel_initializer": record.name}
                for layer, record in zip(layers, initializers, strict=True)
            ],
            "loss": loss,
            "optimizer": _optimizer_fields(values),
            "batch_size": values.batch_size,
            "epochs": spec.budget.max_epochs,
            "validation_split": 0.2,
            "early_stopping": {"patience": values.patience, "restore_best_weights": True},
            "reduce_lr_on_plateau": plateau if values.schedule == "plateau" else None,
        }
    )


def _optimizer_fields(values: Hyperparameters) -> dict[str, Any]:
    """Return the optimizer of a recipe; a plateau is a callback of its own."""
    return {
        "name": values.optimizer,
        "learning_rate": values.learning_rate,
        "schedule": "constant" if values.schedule == "plateau" else values.schedule,
        "momentum": USUAL_MOMENTUM if OPTIMIZERS[values.optimizer].takes_momentum else 0.0,
        "weight_decay": values.weight_decay,
        "clip_norm": values.clip_norm,
    }


def fitting_output(task: Task, classes: int, targets: int = 1) -> tuple[int, str, str]:
    """Return the units and the activation of the output layer, and the loss, that fit targets.

    Several targets have a unit each; there are no several targets of many classes.
    """
    match task:
        case Task.regression:
            return targets, "linear", "mean_squared_error"
        case Task.binary:
            return targets, "sigmoid", "binary_crossentropy"
        case Task.multiclass:
            return classes, "softmax", "sparse_categorical_crossentropy"
