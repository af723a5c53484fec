"""Networks of a diagnosis that keep the inputs which tell most of the target."""

from __future__ import annotations

import numpy as np
import pytest

from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant
from worker.execution.local import LocalExecutor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 60))
TABLE = {f"x{i}": X[:, i] for i in range(60)} | {"y": X[:, 3] - X[:, 4] + RNG.normal(size=200)}


def a_recipe(count: int | None, scaling: str = "standard") -> Recipe:
    return a_network(8, scale_features=scaling, missing="mean", select_features=count, epochs=2)


@pytest.mark.parametrize("scaling", ["standard", "piecewise"])
def test_dropped_inputs_cost_as_much_as_those_that_are_kept(scaling: str) -> None:
    recipe = a_recipe(2, scaling)
    data, _ = data_of(TABLE, recipe)
    trainer = Trainer(data, recipe, LocalExecutor())

    of_two, of_all = (
        trainer.estimate_run(Variant(a_recipe(count, scaling))) for count in (2, None)
    )

    assert of_two == of_all
