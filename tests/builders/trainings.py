"""Builders of what an engine is given, and of what it answers. No TensorFlow here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lowloss.spec.activations import ACTIVATIONS, usual_initializers
from lowloss.spec.optimizers import USUAL_MOMENTUM
from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Fold, Loss
from worker.engine.plans import Checkpoint, Epoch, Plan, per_layer
from worker.engine.protocol import (
    Engine,
    EpochsAhead,
    OnEpoch,
    OnWait,
    look_at_every_epoch,
    next_plans_from,
)
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome

SEARCHED = (Loss.mse, Loss.binary, Loss.multiclass)
"""The losses of a search."""


def a_plan(**given: object) -> Plan:
    values: dict[str, object] = {
        "number": 1,
        "seed": 7,
        "widths": (8, 4),
        "activation": "relu",
        "optimizer": "adam",
        "learning_rate": 0.01,
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip_norm": None,
        "l1": 0.0,
        "l2": 0.0,
        "dropout": 0.0,
        "batch_size": 16,
        "patience": 50,
        "max_epochs": 3,
        "momentum": USUAL_MOMENTUM,
    }
    values |= given
    if "initializers" not in values:
        widths: Any = values["widths"]
        activation: Any = values["activation"]
        activations: tuple[str, ...] = per_layer(activation, len(widths))
        # An activation that nobody knows is the engine's to refuse.
        known_activations = [name if name in ACTIVATIONS else "relu" for name in activations]
        values["initializers"] = usual_initializers(known_activations)
    return Plan(**values)  # type: ignore[arg-type]


def some_plans(count: int, **given: Any) -> list[Plan]:
    """Plans numbered from 1 that differ in all that differs within a program."""
    rng = np.random.default_rng(5)
    return [
        a_plan(
            number=number,
            seed=number,
            widths=tuple(int(w) for w in rng.integers(3, 33, size=rng.integers(1, 4))),
            learning_rate=float(10 ** rng.uniform(-3, -1)),
            dropout=float(rng.uniform(0, 0.5)),
            max_epochs=int(rng.integers(2, 7)),
            **given,
        )
        for number in range(1, count + 1)
    ]


def holdout(
    x_train: FloatArray,
    y_train: FloatArray,
    x_val: FloatArray,
    y_val: FloatArray,
    *,
    loss: Loss = Loss.mse,
    outputs: int = 1,
    **fold: Any,
) -> Arrays:
    """Data of one fold."""
    rows = np.arange(len(x_train) + len(x_val))
    split = Fold(rows[: len(x_train)], rows[len(x_train) :], **fold)
    x = np.concatenate([x_train, x_val])[None]
    return Arrays(x, np.concatenate([y_train, y_val]), loss, outputs, (split,))


def some_arrays(loss: Loss = Loss.mse, rows: int = 90, **fold: Any) -> Arrays:
    """A linear target of three columns, and 30 validation rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows + 30, 3)).astype(np.float32)
    signal = x[:, 0] - 0.5 * x[:, 1]
    outputs = 1
    match loss:
        case Loss.mse:
            y = signal / signal.std()
        case Loss.binary:
            y = signal > 0
        case Loss.multiclass:
            y, outputs = np.digitize(signal, [-0.5, 0.5]), 3
        case _:
            raise ValueError(f"no data for {loss}")
    y = np.asarray(y, dtype=np.float32)
    return holdout(x[:rows], y[:rows], x[rows:], y[rows:], loss=loss, outputs=outputs, **fold)


def with_targets(arrays: Arrays, y_train: FloatArray) -> Arrays:
    """The same data with other targets of its training rows."""
    y_N = arrays.y_N.copy()
    y_N[arrays.folds[0].train_N] = y_train
    return dataclasses.replace(arrays, y_N=y_N)


class Waiting:
    """Counts an engine's signs of life."""

    signs = 0

    def __call__(self) -> bool:
        self.signs += 1
        return True


def run(
    engine: Engine,
    plans: Sequence[Plan],
    *,
    on_epoch: OnEpoch = lambda *_: True,
    on_wait: OnWait = lambda: True,
    epochs_ahead: EpochsAhead = look_at_every_epoch,
) -> dict[int, TrainedPlan]:
    """Train plans; answers the trials by number. None may fail."""
    ended = list(
        engine.run(
            next_plans_from(plans), on_epoch=on_epoch, on_wait=on_wait, epochs_ahead=epochs_ahead
        )
    )
    failed = [result.error for result in ended if isinstance(result, FailedPlan)]
    assert not failed, failed[0]
    return {end.plan.number: end for end in ended if isinstance(end, TrainedPlan)}


def a_training(
    plan: Plan, value: float | None = 1.0, outcome: TrainingOutcome = TrainingOutcome.completed
) -> TrainedPlan:
    """A training of one epoch; None for one that never had a finite loss."""
    epochs = () if value is None else (Epoch(1, value, value, value),)
    return TrainedPlan(
        plan=plan,
        outcome=outcome,
        reason="max_epochs",
        epochs=epochs,
        best_epoch=None if value is None else 1,
        weights=(),
        val_output_MC=np.empty((0, 1), np.float32),
        seconds=0.0,
        program="a test",
    )


def a_checkpoint(epochs: int = 1) -> Checkpoint:
    """What a training without weights goes on from."""
    seen = tuple(Epoch(number, 1.0, 1.0, 1.0) for number in range(1, epochs + 1))
    return Checkpoint(seen, 1, epochs - 1, 0.0, (), (), ())
