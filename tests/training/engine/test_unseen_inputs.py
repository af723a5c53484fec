"""A network that sees nothing of some inputs trains as one that has no such inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lowloss.spec import Initializer
from tests.builders.engines import a_cohort_engine
from tests.builders.trainings import a_plan, run, some_arrays
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
