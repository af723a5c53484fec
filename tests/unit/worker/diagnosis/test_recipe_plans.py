"""Recipes become plans, and plans become recipes: each the inverse of the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.spec import Recipe
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.initializers import INITIALIZERS
from lowloss.spec.optimizers import OPTIMIZERS
from tests.builders.trainings import a_plan
from worker.diagnosis.training.recipe_plans import to_plan, to_recipe

OUTPUT = {"units": 1, "activation": "linear"}
PER_LAYER = st.sampled_from([0.0, 0.25])


@st.composite
def optimizers(draw: st.DrawFn) -> dict[str, Any]:
    optimizer: dict[str, Any] = {
        "name": draw(st.sampled_from(list(OPTIMIZERS))),
        "learning_rate": 0.02,
        "schedule": draw(st.sampled_from(["constant", "cosine"])),
        "weight_decay": draw(PER_LAYER),
        "clip_norm": draw(st.sampled_from([None, 1.0])),
    }
    if OPTIMIZERS[optimizer["name"]].takes_momentum:
        optimizer["momentum"] = draw(PER_LAYER)
    return optimizer


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Recipes in full: nothing is left to a default of Keras."""
    initializers = [
        {"name": record.name} | ({"scale": 0.5} if record.argument else {})
        for record in INITIALIZERS.values()
    ]
    layer = st.fixed_dictionaries(
        {
            "units": st.integers(1, 9),
            "kernel_initializer": st.sampled_from(initializers),
            "l1": PER_LAYER,
            "l2": PER_LAYER,
        }
    )
    hidden = st.fixed_dictionaries(
        {"activation": st.sampled_from(list(ACTIVATIONS)), "dropout": PER_LAYER}
    )
    layers = [draw(layer) | draw(hidden) for _ in range(draw(st.integers(0, 3)))] + [
        draw(layer) | OUTPUT
    ]
    is_stopped = draw(st.booleans())
    return Recipe.model_validate(
        {
            "layers": layers,
            "loss": "huber",
            "scale_features": "robust",
            "optimizer": draw(optimizers()),
            "batch_size": 7,
            "epochs": 9,
            "noise": draw(PER_LAYER),
            "mixup": draw(PER_LAYER),
            "validation_split": 0.2 if is_stopped else 0.0,
            "early_stopping": {"patience": 3, "restore_best_weights": True} if is_stopped else None,
        }
    )


@given(recipe=recipes())
@settings(max_examples=200, deadline=None)
def test_a_recipe_comes_back_from_its_plan(recipe: Recipe) -> None:
    plan = to_plan(recipe, number=3, seed=5, fold=2)

    again = to_recipe(
        plan,
        output=OUTPUT,
        loss="huber",
        scale_features="robust",
        validation_split=recipe.validation_split,
        early_stopping=recipe.early_stopping,
    )

    assert (plan.number, plan.seed, plan.fold) == (3, 5, 2)
    assert again == recipe


@pytest.mark.parametrize("patience", [2, 50])
@pytest.mark.parametrize("optimizer", ["adam", "sgd_nesterov"])
def test_a_plan_comes_back_from_its_recipe(optimizer: str, patience: int) -> None:
    momentum = 0.9 if OPTIMIZERS[optimizer].takes_momentum else 0.0
    plan = a_plan(
        optimizer=optimizer,
        momentum=momentum,
        patience=patience,
        activation=("relu", "tanh"),
        dropout=(0.1, 0.2),
        l1=(0.0, 0.1, 0.0),
        l2=(0.1, 0.0, 0.1),
        fold=3,
    )

    recipe = to_recipe(
        plan,
        output=OUTPUT,
        loss="mse",
        validation_split=0.2,
        early_stopping={"patience": patience, "restore_best_weights": True},
    )

    assert to_plan(recipe, number=plan.number, seed=plan.seed, fold=plan.fold) == plan
