"""A cohort: the slots of one program, which train together, and what becomes of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import step_seconds
from worker.engine.cohort.feed import Feed, SlotEpochs
from worker.engine.cohort.inputs import SlotInputs, slot_inputs
from worker.engine.cohort.program import Best, Program, State
from worker.engine.cohort.slot_values import SlotValues
from worker.engine.cohort.slots import Slot, outcome_of
from worker.engine.draws import initial_weights
from worker.engine.keras.network import forward
from worker.engine.plans import Plan
from worker.engine.protocol import EpochsAhead, OnEpoch
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome, failed_plan


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
        self.values = SlotValues(program, arrays)
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
        k, slot = self._slots.index(None), Slot.of(plan, self._arrays.folds[plan.fold])
        if plan.checkpoint is None:
            self.values.write(k, initial_weights(plan, self._arrays))
        else:
            self.values.write_checkpoint(k, slot, plan.checkpoint)
        self._slots[k], self._settings = slot, None
        reason = plan.natural_end(len(slot.epochs), slot.waited)
        return self._end_trial(k, slot, reason) if reason else None

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
        self._settings = self._settings or self._run_time_values()
        settings = self._settings._replace(learning_rate=self._rates())
        state, best, losses_E3K = self.values.state, self.values.best, None
        state = state._replace(sums_3K=tf.zeros_like(state.sums_3K))
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
        self.values.state, self.values.best = stretch.state, stretch.best
        last = len(stretch.losses_E3K) - 1
        for index, losses_3K in enumerate(stretch.losses_E3K):
            for k, slot in enumerate(self._slots):
                if slot is not None and slot.natural_end is None:
                    epoch = slot.record(losses_3K[:, k])
                    take = partial(self.values.checkpoint, k, slot) if index == last else None
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

    def _rates(self) -> Any:
        """Return the learning rates of all slots [K], as far as they have fallen."""
        rates = [0.0 if slot is None else slot.falling.rate for slot in self._slots]
        return tf.constant(rates, self.program.dtype)

    def _slot_epochs(self) -> list[SlotEpochs | None]:
        return [
            None if slot is None else SlotEpochs(slot.plan, slot.fold, len(slot.epochs) + 1)
            for slot in self._slots
        ]

    def _end_slots(self, goes_on: Callable[[Slot], bool]) -> list[TrainedPlan | FailedPlan]:
        """End the slots that have ended, and those that do not go on."""
        ended: list[TrainedPlan | FailedPlan] = []
        for k, slot in enumerate(self._slots):
            if slot is None:
                continue
            reason = slot.natural_end
            if reason is None and goes_on(slot):
                continue
            try:
                ended.append(self._end_trial(k, slot, reason))
            except Exception as error:
                self._slots[k] = None
                ended.append(failed_plan(slot.plan, error))
        return ended

    def _end_trial(self, k: int, slot: Slot, reason: str | None) -> TrainedPlan:
        self._slots[k] = None
        outcome = outcome_of(reason)
        is_diverged = outcome is TrainingOutcome.diverged
        checkpoint = None if is_diverged else self.values.checkpoint(k, slot)
        weights: tuple[FloatArray, ...] = ()
        output_MC = np.empty((0, self._arrays.outputs), dtype=np.float32)
        if slot.best_epoch is not None:
            weights = self.values.best_weights(k, slot)
            output_MC = forward(
                weights,
                slot.plan.activations,
                self._arrays.output_activation,
                self._arrays.columns_of(slot.fold, slot.fold.validation_M),
                bins=self._arrays.bins_of(slot.fold),
            )
        # What a diverged trial leaves must not reach the next one, not even as 0 times NaN.
        self.values.write(k, [])
        self._settings = None
        return TrainedPlan(
            plan=slot.plan,
            outcome=outcome,
            reason=reason or "stopped",
            epochs=tuple(slot.epochs),
            best_epoch=slot.best_epoch,
            weights=weights,
            val_output_MC=output_MC,
            rate_falls=slot.falling.falls,
            seconds=slot.seconds,
            program=str(self.program.shape),
            checkpoint=checkpoint,
        )
