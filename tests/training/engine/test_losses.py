"""Losses with arguments, and those of margins: both engines train them alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.builders.engines import a_cohort_engine
from tests.builders.slow import slow_but
from tests.builders.trainings import a_plan, run
from tests.training.engine.test_recipes import arrays_of, train_in_both
from worker.engine.arrays import Loss
from worker.engine.cohort.buckets import Reach

ARGUMENTS: list[tuple[Loss, str, int, tuple[tuple[str, float], ...]]] = [
    (Loss.huber, "linear", 1, (("delta", 0.3),)),
    (Loss.categorical, "softmax", 3, (("label_smoothing", 0.2),)),
    (Loss.binary, "sigmoid", 1, (("label_smoothing", 0.2),)),
    (Loss.hinge, "linear", 1, ()),
]


@pytest.mark.parametrize(
    ("loss", "head", "outputs", "arguments"),
    slow_but(ARGUMENTS, fast=ARGUMENTS[1:2]),
    ids=str,
)
def test_arguments_of_losses_train_alike_in_both_engines(
    loss: Loss, head: str, outputs: int, arguments: tuple[tuple[str, float], ...]
) -> None:
    labels = 2 if outputs == 1 else outputs
    arrays = arrays_of(loss, head, outputs, labels)
    if loss is Loss.hinge:
        arrays = dataclasses.replace(arrays, y_N=(arrays.y_N > 1).astype(np.float32))
    arrays = dataclasses.replace(arrays, loss_arguments=arguments)

    trained = train_in_both(arrays, [a_plan(max_epochs=3)], Reach(1, 1, frozenset()))[1]

    assert trained.epochs[-1].loss < trained.epochs[0].loss
    if arguments:
        plain = dataclasses.replace(arrays, loss_arguments=())
        (other,) = run(a_cohort_engine(plain), [a_plan(max_epochs=3)]).values()
        assert other.epochs[0].loss != pytest.approx(trained.epochs[0].loss, rel=1e-3)


SEVERAL: list[tuple[Loss, str, int, float]] = [
    (Loss.mse, "linear", 3, 0.0),
    (Loss.binary, "sigmoid", 3, 0.0),
    (Loss.mse, "linear", 1, 0.0),
    (Loss.categorical, "softmax", 3, 0.0),
    (Loss.mae, "linear", 3, 0.2),
]
"""A loss, a head, its outputs, and the alpha of mixup, for three targets a row."""


@pytest.mark.parametrize(
    ("loss", "head", "outputs", "mixup"), slow_but(SEVERAL, fast=SEVERAL[:1]), ids=str
)
def test_several_targets_train_alike_in_both_engines(
    loss: Loss, head: str, outputs: int, mixup: float
) -> None:
    arrays = arrays_of(loss, head, outputs, labels=3)
    x_ND = arrays.x_VND[0]
    y_NT = (x_ND @ np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]]) > 0).astype(np.float32)
    fold = arrays.folds[0]
    if loss in {Loss.mse, Loss.mae}:
        y_NT *= np.array([1e5, 1, 10], dtype=np.float32)
        fold = dataclasses.replace(fold, y_shift=(5e4, 0.5, 5.0), y_scale=(5e4, 0.5, 5.0))
    arrays = dataclasses.replace(arrays, y_N=y_NT, folds=(fold,))
    uses = frozenset({"mixup"}) if mixup else frozenset()

    plans = [a_plan(max_epochs=3, mixup=mixup)]
    trained = train_in_both(arrays, plans, Reach(1, 1, uses))[1]

    assert trained.epochs[-1].loss < trained.epochs[0].loss
    assert trained.epochs[0].loss < 10
    assert trained.val_output_MC.shape[1] == outputs
