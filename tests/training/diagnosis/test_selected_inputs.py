"""Networks of a diagnosis that keep the inputs which tell most of the target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant
from worker.engine.draws import initial_weights
from worker.engine.keras.network import build_network
from worker.execution.local import LocalExecutor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 60))
TABLE = {f"x{i}": X[:, i] for i in range(60)} | {"y": X[:, 3] - X[:, 4] + RNG.normal(size=200)}


def a_recipe(count: int | None, scaling: str = "standard") -> Recipe:
    return a_network(300, scale_features=scaling, missing="mean", select_features=count, epochs=2)


@pytest.mark.parametrize("scaling", ["standard", "piecewise"])
def test_dropped_inputs_cost_as_much_as_those_that_are_kept(scaling: str) -> None:
    recipe = a_recipe(2, scaling)
    data, _ = data_of(TABLE, recipe)
    trainer = Trainer(data, recipe, LocalExecutor())

    seconds_of_selected, seconds_of_all = (
        trainer.estimate_run(Variant(a_recipe(count, scaling))) for count in (2, None)
    )

    assert seconds_of_selected == seconds_of_all


@pytest.mark.parametrize("scaling", ["standard", "piecewise"])
def test_a_first_layer_begins_as_wide_as_the_inputs_that_are_kept(scaling: str) -> None:
    recipe = a_recipe(2, scaling)
    data, _ = data_of(TABLE, recipe)

    plan, arrays = Trainer(data, recipe, LocalExecutor()).plan(Variant(recipe), data.draws[0])

    kernel, *_ = initial_weights(plan, arrays)
    is_seen = kernel.any(axis=1)
    x_ND = arrays.x_of(arrays.folds[0], data.draws[0].fit_rows)
    assert is_seen.sum() == data.inputs(recipe)
    assert is_seen.tolist() == x_ND.any(axis=0).tolist()
    assert kernel[is_seen].std() == pytest.approx(math.sqrt(2 / is_seen.sum()), rel=0.1)


def test_stock_keras_gets_the_inputs_that_are_kept() -> None:
    skip = {"name": "skip_start", "skip": 1}
    added = {"units": 2, "after_dense": [{"name": "add", "skip": 1}]}
    change = {"front_layers": ["batch_normalization", skip], "layers": [added, {"units": 1}]}
    recipe = a_recipe(2).with_changes(change)
    data, _ = data_of(TABLE, recipe)
    trainer = Trainer(data, recipe, LocalExecutor())

    trainer.train([Variant(recipe)], range(2))

    for run in trainer.runs_of(Variant(recipe)):
        assert run.trained is not None
        plan, arrays = trainer.plan(Variant(recipe), data.draws[run.draw])
        shapes = [tuple(weight.shape) for weight in build_network(plan, arrays).weights]
        assert [weight.shape for weight in run.weights] == shapes
        assert (2, 2) in shapes
