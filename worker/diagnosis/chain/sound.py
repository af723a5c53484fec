"""The sound network that a recipe is compared with."""

from __future__ import annotations

from lowloss.spec import Recipe, Task
from worker.diagnosis.chain.changes import HE_NORMAL, PATIENCE, SPLIT, Change, usual_output
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.data import DiagnosisData

USUAL_BATCHES = (8, 256)


def build_sound_recipe(
    data: DiagnosisData, recipe: Recipe, *, codes: Suspect | None = None
) -> Recipe:
    """Return a sound recipe for the same task, which shows what loss can be reached.

    The columns that `codes` names are categories to it, beside those of the recipe.
    """
    classes, targets = len(data.target.labels), len(data.targets)
    layer, loss = usual_output(data.task, classes, recipe.loss, targets)
    low, high = USUAL_BATCHES
    is_regression = data.task is Task.regression
    dense = {"units": 64, "activation": "relu", "dropout": 0.1, "kernel_initializer": HE_NORMAL}
    stopping = {"patience": PATIENCE, "restore_best_weights": True}
    validation: Change = {"validation_split": SPLIT, "early_stopping": stopping}
    if data.is_judged_on_training:
        validation = {}
    return Recipe.model_validate(
        {
            "scale_features": "standard",
            "scale_target": "standard" if is_regression else "none",
            "missing": "mean",
            "encode_labels": not data.is_encoded,
            "exclude": recipe.exclude,
            "select_features": recipe.select_features,
            "categorical": (*recipe.categorical, *codes.columns) if codes else recipe.categorical,
            "layers": [dense, dense, layer],
            "loss": loss,
            "optimizer": {"name": "adam", "learning_rate": 2e-3},
            "batch_size": recipe.batch_size if low <= recipe.batch_size <= high else 32,
            "epochs": 500 if data.is_judged_on_training else 200,
            **validation,
        }
    )
