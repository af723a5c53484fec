"""A cohort: the slots of one program, their state on the device, and what becomes of each epoch."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Fold
from worker.engine.cohort.buckets import step_seconds
from worker.engine.cohort.feed import Feed, SlotEpochs
from worker.engine.cohort.inputs import SlotInputs, slot_inputs
from worker.engine.cohort.program import Best, Program, State
from worker.engine.draws import initial_weights
from worker.engine.keras.network import forward
from worker.engine.optimizers import RULES, Parameters
from worker.engine.plans import Checkpoint, Epoch, Plan
from worker.engine.protocol import EpochsAhead, OnEpoch
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome, failed_plan
from worker.engine.weights import unflatten_weights


@dataclass
class Slot:
    """A plan in training; `waited` counts epochs without improvement.

    `goes_on` is what the last look at it said.
    """

    plan: Plan
    fold: Fold
    started: float
    waited: int = 0
    best_epoch: int | None = None
    epochs: list[Epoch] = field(default_factory=list)
    goes_on: bool = True

    @property
    def max_epochs_ahead(self) -> int:
        """Epochs until its training may end, if it does not diverge."""
        epochs = self.plan.max_epochs - len(self.epochs)
        return min(epochs, self.plan.patience - self.waited) if self.fold.is_validated else epochs

    @property
    def natural_end(self) -> str | None:
        """The reason why its training has ended; None while it has not."""
        if self.epochs and not self.fold.is_finite(self.epochs[-1]):
            return "loss_not_finite"
        return self.plan.natural_end(len(self.epochs), self.waited)


@dataclass(frozen=True)
class Stretch:
    """What training all slots for some epochs came to: losses are [E, 3, K]."""

    state: State
    best: Best
    losses_E3K: NDArray[np.float64]


class Cohort:
    """The slots of one program.

    `signs` counts the calls that have ended: signs of life. A cohort that `is_cancelled` stops at
    the next one.
    """

    def __init__(self, program: Program, arrays: Arrays, feed: Feed) -> None:
        self.program = program
        self.signs = 0
        self.is_cancelled = False
        self._arrays = arrays
        self._feed = feed
        self._slots: list[Slot | None] = [None] * program.shape.slots
        self._state, self._best = program.start()
        self._settings: SlotInputs | None = None

    @property
    def plans(self) -> list[Plan]:
        """The plans in training."""
        return [slot.plan for slot in self._slots if slot is not None]

    @property
    def free_slots(self) -> int:
        """Slots without a plan."""
        return self._slots.count(None)

    @property
    def epoch_seconds(self) -> float:
        """An estimate of an epoch's seconds on one core."""
        steps = max((self._arrays.steps(plan) for plan in self.plans), default=0)
        return steps * step_seconds(self.program.shape, self._arrays)

    def has_room(self, plans: Sequence[Plan]) -> bool:
        """Return whether so many slots are free, and all would train alike.

        That is with one batch size, and none would wait for one of over twice its steps.
        """
        together = (*self.plans, *plans)
        steps = [self._arrays.steps(plan) for plan in together]
        sizes = {self._arrays.batch_size(plan) for plan in together}
        return self.free_slots >= len(plans) and len(sizes) == 1 and max(steps) <= 2 * min(steps)

    def start_all(self, plans: Sequence[Plan]) -> list[TrainedPlan | FailedPlan]:
        """Start plans, and return the results of those that had ended before; all of them or none.

        Raise what kept one from starting.
        """
        before = list(self._slots)
        try:
            return [result for plan in plans if (result := self.start(plan)) is not None]
        except Exception:
            self._slots = before
            raise

    def start(self, plan: Plan) -> TrainedPlan | None:
        """Put a plan into the first free slot, and return its result where it has ended before."""
        k, fold = self._slots.index(None), self._arrays.folds[plan.fold]
        slot = Slot(plan, fold, started=time.monotonic())
        if plan.checkpoint is None:
            self._write_slot(k, initial_weights(plan, self._arrays))
        else:
            slot = self._write_checkpoint(k, slot, plan.checkpoint)
        self._slots[k] = slot
        reason = plan.natural_end(len(slot.epochs), slot.waited)
        return self._end_trial(k, slot, TrainingOutcome.completed, reason) if reason else None

    def next_epochs(self, epochs_ahead: EpochsAhead) -> int:
        """Return how many epochs to train at once: nobody looks at a trial before they end.

        No slot ends before the last of them, unless it diverges.
        """
        slots = [slot for slot in self._slots if slot is not None]
        ahead = [min(epochs_ahead(slot.plan), slot.max_epochs_ahead) for slot in slots]
        return max(1, min([self._feed.max_epochs(self.program, self._slot_epochs()), *ahead]))

    def train(self, epochs: int) -> Stretch | None:
        """Train every slot for some epochs; None where that was cancelled.

        No slot changes before `end_stretch`: this can be left at any time.
        """
        settings = self._settings = self._settings or self._run_time_values()
        state = self._state._replace(sums_3K=tf.zeros_like(self._state.sums_3K))
        best, losses_E3K = self._best, None
        for rows in self._feed.calls(self.program, self._slot_epochs(), epochs):
            if self.is_cancelled:
                return None
            state, best, losses_E3K = self.program.run(state, best, rows, settings)
            self.signs += 1
        assert losses_E3K is not None
        return Stretch(state, best, losses_E3K.numpy()[:epochs].astype(np.float64))

    def end_stretch(
        self, stretch: Stretch, on_epoch: OnEpoch, epochs_ahead: EpochsAhead
    ) -> list[TrainedPlan | FailedPlan]:
        """Record what some epochs measured, and return the trials that ended with them."""
        self._state, self._best = stretch.state, stretch.best
        last = len(stretch.losses_E3K) - 1
        for index, losses_3K in enumerate(stretch.losses_E3K):
            for k, slot in enumerate(self._slots):
                if slot is not None and slot.natural_end is None:
                    epoch = self._record_epoch(slot, losses_3K[:, k])
                    take = partial(self._checkpoint, k, slot) if index == last else None
                    slot.goes_on = on_epoch(slot.plan, epoch, take)
        # Only now: how one slot's epochs went may end the trial of another.
        return self._end_slots(lambda slot: slot.goes_on and epochs_ahead(slot.plan) > 0)

    def end_cut(self, epochs_ahead: EpochsAhead) -> list[TrainedPlan | FailedPlan]:
        """End the trials that are to train no further epoch."""
        return self._end_slots(lambda slot: epochs_ahead(slot.plan) > 0)

    def leave(self) -> list[TrainedPlan | FailedPlan]:
        """End all trials as their last epoch left them."""
        self.is_cancelled = True
        return self._end_slots(lambda _: False)

    def _run_time_values(self) -> SlotInputs:
        trained = [None if slot is None else (slot.plan, slot.fold) for slot in self._slots]
        return slot_inputs(trained, self.program.shape, self._arrays, self.program.dtype)

    def _slot_epochs(self) -> list[SlotEpochs | None]:
        return [
            None if slot is None else SlotEpochs(slot.plan, slot.fold, len(slot.epochs) + 1)
            for slot in self._slots
        ]

    def _record_epoch(self, slot: Slot, losses_3: NDArray[np.float64]) -> Epoch:
        loss, val_loss, penalised = (float(value) / slot.fold.loss_unit for value in losses_3)
        if not slot.fold.is_validated:
            val_loss = math.nan
        epoch = Epoch(len(slot.epochs) + 1, loss, val_loss, penalised)
        slot.epochs.append(epoch)
        if self._is_best(slot, epoch):
            slot.best_epoch, slot.waited = epoch.epoch, 0
        else:
            slot.waited += 1
        return epoch

    def _end_slots(self, goes_on: Callable[[Slot], bool]) -> list[TrainedPlan | FailedPlan]:
        """End the slots that have ended, and those that do not go on."""
        ended: list[TrainedPlan | FailedPlan] = []
        for k, slot in enumerate(self._slots):
            if slot is None:
                continue
            reason = slot.natural_end
            if reason is None and goes_on(slot):
                continue
            outcome = TrainingOutcome.completed if reason else TrainingOutcome.stopped
            if reason == "loss_not_finite":
                outcome = TrainingOutcome.diverged
            try:
                ended.append(self._end_trial(k, slot, outcome, reason or "stopped"))
            except Exception as error:
                self._slots[k] = None
                ended.append(failed_plan(slot.plan, error))
        return ended

    def _is_best(self, slot: Slot, epoch: Epoch) -> bool:
        """Return whether an epoch is the best so far, as Keras's EarlyStopping has it.

        That is the first one, or one of strictly lower loss.
        """
        if not slot.fold.is_finite(epoch):
            return False
        if slot.best_epoch is None or not slot.fold.is_validated:
            return True
        return epoch.val_loss < slot.epochs[slot.best_epoch - 1].val_loss

    def _end_trial(self, k: int, slot: Slot, outcome: TrainingOutcome, reason: str) -> TrainedPlan:
        self._slots[k] = None
        is_diverged = outcome is TrainingOutcome.diverged
        checkpoint = None if is_diverged else self._checkpoint(k, slot)
        weights: tuple[FloatArray, ...] = ()
        output_MC = np.empty((0, self._arrays.outputs), dtype=np.float32)
        if slot.best_epoch is not None:
            weights = self._best_weights(k, slot)
            x_val_MD = self._arrays.x_of(slot.fold, slot.fold.validation_M)
            output_MC = forward(
                weights, slot.plan.activations, self._arrays.output_activation, x_val_MD
            )
        # What a diverged trial leaves must not reach the next one, not even as 0 times NaN.
        self._write_slot(k, [])
        return TrainedPlan(
            plan=slot.plan,
            outcome=outcome,
            reason=reason,
            epochs=tuple(slot.epochs),
            best_epoch=slot.best_epoch,
            weights=weights,
            val_output_MC=output_MC,
            seconds=time.monotonic() - slot.started,
            program=str(self.program.shape),
            checkpoint=checkpoint,
        )

    def _checkpoint(self, k: int, slot: Slot) -> Checkpoint:
        return Checkpoint(
            epochs=tuple(slot.epochs),
            best_epoch=slot.best_epoch,
            waited=slot.waited,
            seconds=time.monotonic() - slot.started,
            weights=self._read_slot(k, slot, self._state.parameters),
            moments=tuple(self._read_slot(k, slot, moment) for moment in self._state.moments),
            best_weights=self._best_weights(k, slot),
        )

    def _write_checkpoint(self, k: int, slot: Slot, checkpoint: Checkpoint) -> Slot:
        """Fill a slot with what a training goes on from, and return the slot as it is then."""
        self._write_slot(k, checkpoint.weights, checkpoint.moments)
        best_epoch = checkpoint.best_epoch
        if best_epoch is not None and slot.fold.is_validated:
            loss = checkpoint.epochs[best_epoch - 1].val_loss * slot.fold.loss_unit
            self._best = Best(
                self._filled(self._best.parameters, k, checkpoint.best_weights),
                _with_value(self._best.loss, k, loss),
            )
        return replace(
            slot,
            started=slot.started - checkpoint.seconds,
            waited=checkpoint.waited,
            best_epoch=best_epoch,
            epochs=list(checkpoint.epochs),
        )

    def _write_slot(
        self, k: int, weights: Sequence[FloatArray], moments: Sequence[Sequence[FloatArray]] = ()
    ) -> None:
        """Put weights and moments into a slot, which are as at the start where there are none.

        There are no best weights yet.
        """
        starts = RULES[self.program.shape.optimizer].moments
        moment_weights = moments or [[] for _ in starts]
        self._state = self._state._replace(
            parameters=self._filled(self._state.parameters, k, weights),
            moments=[
                self._filled(tensors, k, slot_moments, beyond=start)
                for tensors, slot_moments, start in zip(
                    self._state.moments, moment_weights, starts, strict=True
                )
            ],
        )
        self._best = self._best._replace(loss=_with_value(self._best.loss, k, math.inf))
        self._settings = None

    def _filled(
        self, tensors: Parameters, k: int, weights: Sequence[FloatArray], *, beyond: float = 0.0
    ) -> Parameters:
        """Return tensors whose slot k holds these weights, and one value beyond their shapes."""
        arrays = [tensor.numpy().copy() for tensor in tensors]
        for array in arrays:
            array[k] = beyond
        layers = len(unflatten_weights(weights).layers)
        for index, weight in zip(self._weight_indices(layers), weights, strict=True):
            matrix = weight if weight.ndim == 2 else weight[None, :]
            arrays[index][k, : matrix.shape[0], : matrix.shape[1]] = matrix
        return [tf.constant(array) for array in arrays]

    def _best_weights(self, k: int, slot: Slot) -> tuple[FloatArray, ...]:
        """Return a slot's best weights, or its last without validation rows.

        None where none was good.
        """
        if slot.best_epoch is None:
            return ()
        is_validated = slot.fold.is_validated
        return self._read_slot(
            k, slot, self._best.parameters if is_validated else self._state.parameters
        )

    def _read_slot(self, k: int, slot: Slot, tensors: Parameters) -> tuple[FloatArray, ...]:
        """Cut a slot's values out of tensors, at its weights' true shapes."""
        sizes = [self._arrays.inputs, *slot.plan.widths, self._arrays.outputs]
        # Cut by numpy, in place: TensorFlow takes 0.2 ms for each slice.
        slot_values = [tensors[index].numpy()[k] for index in self._weight_indices(len(sizes) - 1)]
        cut: list[FloatArray] = []
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            cut += [
                slot_values[2 * layer][:fan_in, :fan_out],
                slot_values[2 * layer + 1][0, :fan_out],
            ]
        cut += slot_values[2 * (len(sizes) - 1) :]
        return tuple(np.array(weight, dtype=np.float32) for weight in cut)

    def _weight_indices(self, layers: int) -> list[int]:
        """Return the positions of a network's weights: its head is the program's head."""
        if not layers:
            return []
        count = 2 * (len(self.program.shape.widths) + 1)
        tables = range(count, count + len(self._arrays.embeddings))
        return [*range(2 * (layers - 1)), count - 2, count - 1, *tables]


def _with_value(tensor: Any, k: int, value: float) -> Any:
    """Return a tensor [K] with another value of slot k."""
    array = tensor.numpy().copy()
    array[k] = value
    return tf.constant(array)
