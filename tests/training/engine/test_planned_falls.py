"""The learning rate of a refit, which no rows validate, falls after the epochs of its plan."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lowloss.spec.schedules import Plateau
from tests.builders.trainings import a_plan, run, some_arrays
from tests.training.engine.test_cohort import float64, train_beside
from worker.engine.keras.keras_engine import KerasEngine

__all__ = ["float64"]


@pytest.mark.usefixtures("float64")
def test_rate_without_validation_rows_falls_after_the_plans_epochs() -> None:
    arrays = some_arrays()
    fold = dataclasses.replace(arrays.folds[0], validation_M=np.empty(0, dtype=np.int64))
    arrays = dataclasses.replace(arrays, folds=(fold,))
    plans = [
        a_plan(number=n, max_epochs=8, plateau=Plateau(0.1, 2), rate_falls=falls)
        for n, falls in ((1, (2, 5)), (2, ()))
    ]

    ours, steady = train_beside(plans, arrays, "float64").values()

    stock = run(KerasEngine(arrays), plans[:1])[1]
    losses = [epoch.loss for epoch in ours.epochs]
    assert np.allclose(losses, [epoch.loss for epoch in stock.epochs], rtol=1e-6, atol=0)
    assert ours.rate_falls == stock.rate_falls == (2, 5)
    assert losses[:2] == [epoch.loss for epoch in steady.epochs[:2]]
    assert abs(losses[2] / steady.epochs[2].loss - 1) > 1e-3
