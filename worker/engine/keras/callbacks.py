"""What Keras's `fit` calls back: an epoch's draws, early stopping, and the watch over both."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Fold
from worker.engine.draws import mixup_shares, row_order
from worker.engine.falling_rate import FallingRate
from worker.engine.keras.network import DATA_LOSS
from worker.engine.plans import Checkpoint, Epoch, Plan, Plateau
from worker.engine.protocol import OnEpoch, OnWait
from worker.engine.results import TrainingOutcome


@dataclass(frozen=True)
class KerasCheckpoint(Checkpoint):
    """A checkpoint with the states of Keras's random numbers, which a cohort has none of."""

    seeds: tuple[NDArray[np.int64], ...] = ()


class Draws(keras.callbacks.Callback):
    """What is new in every epoch: the order of rows, and each step's own share in mixup."""

    def __init__(self, plan: Plan, rows: int, steps: int) -> None:
        super().__init__()
        self.rows_N = tf.Variable(np.arange(rows, dtype=np.int32))
        self.share_S = tf.Variable(np.ones(steps, dtype=np.float32))
        self.is_mixed = plan.mixup > 0
        self._plan = plan

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras passes it
        """Draw the epoch's order and shares."""
        self.rows_N.assign(row_order(self._plan, epoch + 1, self.rows_N.shape[0]))
        self.share_S.assign(mixup_shares(self._plan, epoch + 1, self.share_S.shape[0]))


class NetworkState:
    """A compiled model's weights and what its optimizer keeps of them, in an engine's order."""

    def __init__(self, model: keras.Model, ordered: Sequence[Any]) -> None:
        self._model = model
        self._ordered = ordered

    def now(self) -> tuple[FloatArray, ...]:
        """Copy the weights."""
        return _copies(self._ordered)

    def of_keras(self, values: Sequence[Any]) -> tuple[FloatArray, ...]:
        """Pick the weights, in the engine's order, out of all that Keras counts as weights.

        Keras counts seeds among them.
        """
        by_id = {id(v): np.asarray(x) for v, x in zip(self._model.weights, values, strict=True)}
        return tuple(by_id[id(variable)] for variable in self._ordered)

    def as_keras(self, weights: Sequence[FloatArray]) -> list[Any]:
        """Return all that Keras counts as a model's weights: these, and seeds as they are."""
        weight_by_id = {id(v): weight for v, weight in zip(self._ordered, weights, strict=True)}
        return [weight_by_id.get(id(v), np.asarray(v)) for v in self._model.weights]

    def moments(self) -> list[list[Any]]:
        """Return the optimizer's variables of each weight, in the order of its rule's moments."""
        optimizer = self._model.optimizer
        trained = [variable for variable in self._ordered if variable.trainable]
        count = len(trained)
        moments = [
            variables
            for name, variables in vars(optimizer).items()
            # Keras keeps each moment as a list. Plain SGD has none.
            if isinstance(variables, list) and len(variables) == count
            if all(isinstance(variable, keras.Variable) for variable in variables)
            if name not in {"_trainable_variables", "_variables"}
        ]
        indices = [optimizer._get_variable_index(variable) for variable in trained]
        return [[variables[index] for index in indices] for variables in moments]

    def seeds(self) -> list[Any]:
        """Return the states of the model's random numbers."""
        return list(self._model.non_trainable_variables)

    def restore(self, checkpoint: Checkpoint, steps: int) -> None:
        """Go on from a checkpoint; `steps` are those of an epoch."""
        optimizer = self._model.optimizer
        # Keras 3.15 would leave an optimizer that is not built yet as it was, and say nothing.
        optimizer.build(self._model.trainable_variables)
        optimizer.iterations.assign(len(checkpoint.epochs) * steps)
        _assign(self._ordered, checkpoint.weights)
        # Of plain SGD a cohort keeps what it never looks at.
        for variables, values in zip(self.moments(), checkpoint.moments, strict=False):
            _assign(variables, values)
        if isinstance(checkpoint, KerasCheckpoint):
            _assign(self.seeds(), checkpoint.seeds)


@dataclass(frozen=True)
class _Watched:
    """What early stopping watches; without more words the validation loss, without penalties."""

    name: str = f"val_{DATA_LOSS}"
    mode: str = "min"
    min_delta: float = 0.0
    needs_validation: bool = True

    @classmethod
    def of(cls, plan: Plan) -> _Watched:
        """Return what a plan has early stopping watch."""
        monitor = plan.monitor
        if monitor is None:
            return cls()
        # Keras's own `val_loss` counts penalties, too.
        name = cls.name if monitor.name == "val_loss" else monitor.name
        return cls(name, monitor.mode, monitor.min_delta, monitor.is_validation)


class MonitoredStopping(keras.callbacks.EarlyStopping):
    """Keras's own early stopping, on the validation loss or on what a plan has it watch.

    On the validation loss it can go on from a checkpoint. `is_idle`: nothing is measured of what it
    watches.
    """

    def __init__(self, plan: Plan, fold: Fold, weights: NetworkState) -> None:
        watched = _Watched.of(plan)
        super().__init__(
            monitor=watched.name,
            mode=watched.mode,
            min_delta=watched.min_delta,
            patience=plan.patience,
            restore_best_weights=True,
        )
        self.is_idle = watched.needs_validation and not fold.is_validated
        # A checkpoint knows validation losses, and nothing else that could be watched.
        self._checkpoint = plan.checkpoint if plan.monitor is None else None
        self._unit = fold.loss_unit
        self._weights = weights

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin, or go on from the checkpoint."""
        super().on_train_begin(logs)
        before = self._checkpoint
        if before is None or before.best_epoch is None:
            return
        self.wait, self.best_epoch = before.waited, before.best_epoch - 1
        self.best = before.epochs[before.best_epoch - 1].val_loss * self._unit
        self.best_weights = self._weights.as_keras(before.best_weights)


class PlateauRate(keras.callbacks.ReduceLROnPlateau):
    """Keras's own fall of the learning rate, which can go on from a checkpoint.

    `falls` are the epochs after which the rate fell.
    """

    def __init__(self, plan: Plan, plateau: Plateau, fold: Fold) -> None:
        super().__init__(
            monitor=f"val_{DATA_LOSS}",
            mode="min",
            factor=plateau.factor,
            patience=plateau.patience,
            min_delta=plateau.min_delta,
            cooldown=plateau.cooldown,
            min_lr=plateau.min_rate,
        )
        before = () if plan.checkpoint is None else plan.checkpoint.epochs
        self._before = FallingRate.after(plan, fold, before)
        self.falls = self._before.falls

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin at the plan's rate, or at what it has fallen to by the checkpoint."""
        super().on_train_begin(logs)
        if self._before.best == math.inf:
            return
        self.best, self.wait = self._before.best, self._before.waited
        self.cooldown_counter = self._before.cooling
        for _ in self.falls:
            # Each rounds the rate to the optimizer's precision, as it did then.
            self._reduce_optimizer_lr(self.model.optimizer, 0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare the epoch's loss; epochs count from 1 here."""
        before = float(self.model.optimizer.learning_rate)
        super().on_epoch_end(epoch, logs)
        if float(self.model.optimizer.learning_rate) != before:
            self.falls = (*self.falls, epoch + 1)


class PlannedFalls(keras.callbacks.LearningRateScheduler):
    """Lets the rate of a plan without validation rows fall after its `rate_falls`."""

    def __init__(self, plan: Plan, plateau: Plateau) -> None:
        def rate(epoch: int, _: float) -> float:
            falls = sum(fall <= epoch for fall in plan.rate_falls)
            return max(plan.learning_rate * plateau.factor**falls, plateau.min_rate)

        super().__init__(rate)
        self.falls = plan.rate_falls


def rate_callback(plan: Plan, fold: Fold) -> PlateauRate | PlannedFalls | None:
    """Return what lets a plan's learning rate fall, if anything does."""
    if plan.plateau is None:
        return None
    if fold.is_validated:
        return PlateauRate(plan, plan.plateau, fold)
    return PlannedFalls(plan, plan.plateau)


class Watch(keras.callbacks.Callback):
    """Records epochs, passes them on, and ends a training that diverged or was stopped."""

    def __init__(
        self,
        plan: Plan,
        fold: Fold,
        stopping: MonitoredStopping,
        weights: NetworkState,
        *,
        on_epoch: OnEpoch,
        on_wait: OnWait,
    ) -> None:
        super().__init__()
        before = plan.checkpoint
        self.epochs: list[Epoch] = [] if before is None else list(before.epochs)
        self.best_epoch = None if before is None else before.best_epoch
        self.outcome = TrainingOutcome.completed
        self.checkpoint = before
        self._started = time.monotonic() - (0.0 if before is None else before.seconds)
        self.reason = plan.natural_end(len(self.epochs), 0 if before is None else before.waited)
        self._plan = plan
        self._fold = fold
        self._stopping = stopping
        self._weights = weights
        self._on_epoch = on_epoch
        self._on_wait = on_wait

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - as above
        """Give a sign of life."""
        self._on_wait()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record what Keras measured; epochs count from 1 here."""
        unit, val_loss = self._fold.loss_unit, float(logs.get(f"val_{DATA_LOSS}", math.nan))
        measured = Epoch(
            epoch=epoch + 1,
            loss=float(logs[DATA_LOSS]) / unit,
            val_loss=val_loss / unit,
            penalised_loss=float(logs["loss"]) / unit,
        )
        self.epochs.append(measured)
        is_finite = self._fold.is_finite(measured)
        if is_finite and self._waited == 0:
            self.best_epoch = measured.epoch
        goes_on = self._on_epoch(self._plan, measured, self.take_checkpoint)
        if not is_finite:
            self.outcome, self.reason = TrainingOutcome.diverged, "loss_not_finite"
        elif reason := self._plan.natural_end(measured.epoch, self._waited):
            self.reason = reason
        elif not goes_on:
            self.outcome, self.reason = TrainingOutcome.stopped, "stopped"
        if self.reason is not None:
            # Now: at the end of training early stopping puts the best weights back.
            self.checkpoint = self.take_checkpoint() if is_finite else None
            self.model.stop_training = True

    @property
    def seconds(self) -> float:
        """What the training took so far."""
        return time.monotonic() - self._started

    def take_checkpoint(self) -> Checkpoint:
        """Copy what the training goes on from."""
        return KerasCheckpoint(
            epochs=tuple(self.epochs),
            best_epoch=self.best_epoch,
            waited=self._waited,
            seconds=self.seconds,
            weights=self._weights.now(),
            moments=tuple(_copies(variables) for variables in self._weights.moments()),
            best_weights=() if self.best_epoch is None else self.best_weights(),
            seeds=_copies(self._weights.seeds()),
        )

    def best_weights(self) -> tuple[FloatArray, ...]:
        """Return the weights of the best epoch so far; the last where no rows validate."""
        best = self._stopping.best_weights
        return self._weights.now() if best is None else self._weights.of_keras(best)

    @property
    def _waited(self) -> int:
        """Epochs since the best; early stopping hears of an epoch before this watch does."""
        return 0 if self._stopping.is_idle else self._stopping.wait


def _copies(variables: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(np.asarray(variable).copy() for variable in variables)


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
