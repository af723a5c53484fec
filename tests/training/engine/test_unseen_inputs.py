"""A network that sees nothing of some inputs trains as one that has no such inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lowloss.spec import Initializer, Recipe
from tests.builders.engines import a_cohort_engine
from tests.builders.trainings import a_plan, run, some_arrays
from worker.diagnosis.training.recipe_plans import plan_of_recipe
from worker.engine.arrays import Arrays
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.protocol import Engine

GLOROT = Initializer.model_validate({"name": "glorot_uniform"}).record
"""Drawn row by row: a kernel of more inputs begins with those of one with fewer."""


def with_unseen_inputs(arrays: Arrays, count: int) -> Arrays:
    unseen = np.arange(arrays.features, arrays.features + count)
    x_VND = np.pad(arrays.x_VND, [(0, 0), (0, 0), (0, count)])
    return replace(arrays, x_VND=x_VND, folds=(replace(arrays.folds[0], unseen_inputs=unseen),))


@pytest.mark.parametrize("engine", ["cohort", "keras"])
def test_penalties_and_norms_count_no_unseen_inputs(engine: str) -> None:
    plan = a_plan(
        activation="tanh",
        initializers=(GLOROT,) * 3,
        l1=1e-3,
        l2=1e-2,
        clip_norm=0.1,
        weight_decay=1e-3,
    )

    def train(arrays: Arrays) -> list[float]:
        trainer: Engine = KerasEngine(arrays) if engine == "keras" else a_cohort_engine(arrays)
        return [epoch.penalised_loss for epoch in run(trainer, [plan])[1].epochs]

    losses = train(with_unseen_inputs(some_arrays(), 40))

    assert losses == pytest.approx(train(some_arrays()), rel=1e-5)


def test_layers_of_stock_keras_take_the_other_inputs_of_each_fold() -> None:
    layers = [{"units": 4, "after_dense": ["layer_normalization"]}, {"units": 1}]
    recipe = Recipe.model_validate({"layers": layers, "loss": "mse", "epochs": 2})
    arrays = some_arrays()
    folds = [replace(arrays.folds[0], unseen_inputs=np.array(unseen)) for unseen in ([0], [1])]
    arrays = replace(arrays, folds=tuple(folds))
    plans = [plan_of_recipe(recipe, number=fold + 1, seed=5, fold=fold) for fold in range(2)]

    together = run(KerasEngine(arrays), plans)

    for plan in plans:
        seen = [column for column in range(3) if column not in folds[plan.fold].unseen_inputs]
        folds_of_all = some_arrays().folds * 2
        narrow = replace(arrays, x_VND=arrays.x_VND[:, :, seen], folds=folds_of_all)
        alone = run(KerasEngine(narrow), [plan])[plan.number]
        assert together[plan.number].epochs == alone.epochs
