"""The fast engine: many trials in one compiled program, each in a slot that is refilled at once.

A trial that stops early, diverges or is stopped gives up its slot at the epoch's end, and the next
plan takes it with its own step counter; the cohort never waits for its slowest trial. Slots are
served in their order, and programs take turns by epoch. K slots, W padded width, L layers.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from worker.engine.draws import initial_weights, row_order
from worker.engine.keras_fit import forward
from worker.engine.plans import (
    Arrays,
    Epoch,
    FloatArray,
    OnBatch,
    OnEpoch,
    Outcome,
    Plan,
    TrainedTrial,
)
from worker.engine.program import Program, Settings, Shape

SLOTS = ((64, 16), (256, 8), (1024, 4))
"""Padded width up to which a program has so many slots: what was fastest a trial; above, 2."""
MIN_WIDTH = 32
COMPILE_SECONDS = 3.0
"""What a further program costs, about: less than that in padding is padded."""
STEP_SECONDS, CELLS_PER_SECOND = 20e-6, 2e9
"""What a training step costs, about: by itself, and by its weights times its rows."""
MAX_PROGRAMS = 12


@dataclass
class Slot:
    """A trial in training. `step` counts all its steps, `waited` epochs without improvement."""

    plan: Plan
    started: float
    step: int = 0
    waited: int = 0
    best_epoch: int | None = None
    epochs: list[Epoch] = field(default_factory=list)


def run(
    next_plans: Callable[[int], list[Plan]],
    arrays: Arrays,
    *,
    on_epoch: OnEpoch,
    on_batch: OnBatch,
    slots: int | None = None,
) -> Iterator[TrainedTrial]:
    """Train plans until there are none, as many at once as pay; yields each as it ends."""
    cohorts: list[Cohort] = []
    pending: deque[Plan] = deque()
    while True:
        wanted = (slots or SLOTS[0][1]) - len(pending) - sum(c.busy for c in cohorts)
        if wanted > 0:
            pending.extend(next_plans(wanted))
        for plan in list(pending):
            cohort = _cohort_for(plan, arrays, cohorts, slots)
            if cohort.has_room:
                pending.remove(plan)
                cohort.start(plan)
        if not any(cohort.busy for cohort in cohorts):
            return
        for cohort in cohorts:
            if cohort.busy:
                on_batch()
                yield from cohort.train_epoch(on_epoch)


def _cohort_for(plan: Plan, arrays: Arrays, cohorts: list[Cohort], slots: int | None) -> Cohort:
    """The live cohort that trains a plan with the least padding, or a new one where that pays."""
    exact = _shape(plan, slots)
    fitting = [c for c in cohorts if _holds(c.program.shape, exact)]
    best = min(fitting, key=lambda c: _step_seconds(c.program.shape, arrays), default=None)
    if best is not None:
        wasted = _step_seconds(best.program.shape, arrays) - _step_seconds(exact, arrays)
        steps = best.program.steps * plan.max_epochs
        if wasted * steps / exact.slots < COMPILE_SECONDS or len(cohorts) >= MAX_PROGRAMS:
            return best
    cohorts.append(Cohort(Program(exact, arrays), arrays))
    return cohorts[-1]


def _shape(plan: Plan, slots: int | None) -> Shape:
    """The program of a plan by itself: its depth, and its width rounded up to a power of two."""
    width = max(MIN_WIDTH, 1 << (max(plan.widths) - 1).bit_length())
    most = next((count for limit, count in SLOTS if width <= limit), 2)
    return Shape(
        slots=slots or most,
        layers=len(plan.widths),
        width=width,
        batch_size=plan.batch_size,
        activation=plan.activation,
        optimizer=plan.optimizer,
    )


def _holds(shape: Shape, wanted: Shape) -> bool:
    """Whether a program can train a plan of another shape, by padding."""
    return (
        shape.layers >= wanted.layers
        and shape.width >= wanted.width
        and (shape.batch_size, shape.activation, shape.optimizer)
        == (wanted.batch_size, wanted.activation, wanted.optimizer)
    )


def _step_seconds(shape: Shape, arrays: Arrays) -> float:
    """About what a step of all slots costs."""
    cells: int = arrays.x_train_ND.shape[1] * shape.width + (shape.layers - 1) * shape.width**2
    return STEP_SECONDS + shape.slots * shape.batch_size * cells / CELLS_PER_SECOND


class Cohort:
    """The state of one program: its slots, and their parameters, moments and best parameters."""

    def __init__(self, program: Program, arrays: Arrays) -> None:
        self.program = program
        self._arrays = arrays
        self._slots: list[Slot | None] = [None] * program.shape.slots
        self._parameters, self._best = program.zeros(), program.zeros()
        self._moments = program.zero_moments()
        self._best_loss = np.full(program.shape.slots, np.inf, dtype=np.float32)
        self._settings: tuple[Any, ...] | None = None

    @property
    def busy(self) -> int:
        """Slots with a trial."""
        return sum(slot is not None for slot in self._slots)

    @property
    def has_room(self) -> bool:
        """Whether a slot is free."""
        return None in self._slots

    def start(self, plan: Plan) -> None:
        """Put a plan into the first free slot."""
        k = self._slots.index(None)
        self._slots[k] = Slot(plan, started=time.monotonic())
        outputs = self._arrays.outputs
        weights = initial_weights(plan, self._arrays.x_train_ND.shape[1], outputs)
        padded = self._pad(weights)
        self._parameters = [_put(p, k, w) for p, w in zip(self._parameters, padded, strict=True)]
        self._moments = [[_put(m, k, tf.zeros_like(m[k])) for m in each] for each in self._moments]
        self._best_loss[k] = np.inf
        self._settings = None

    def train_epoch(self, on_epoch: OnEpoch) -> list[TrainedTrial]:
        """Train every slot for an epoch; answers the trials that ended with it."""
        rows = len(self._arrays.x_train_ND)
        order_KN = np.zeros((len(self._slots), rows), dtype=np.int32)
        step_K = np.zeros(len(self._slots), dtype=np.int32)
        for k, slot in enumerate(self._slots):
            if slot is not None:
                order_KN[k] = row_order(slot.plan.seed, len(slot.epochs) + 1, rows)
                step_K[k] = slot.step
        settings = self._settings = self._settings or self._run_time_values()
        self._parameters, self._moments, data_K, all_K = self.program.epoch(
            self._parameters, self._moments, tf.constant(step_K), tf.constant(order_KN), settings
        )
        loss_K, self._best, best_loss_K = self.program.validate(
            self._parameters, self._best, tf.constant(self._best_loss), settings
        )
        self._best_loss = best_loss_K.numpy().copy()
        measured = np.stack([data_K, loss_K, all_K], axis=1) / self._arrays.loss_unit
        ended = []
        for k, slot in enumerate(self._slots):
            if slot is not None and (trained := self._end_epoch(k, slot, measured[k], on_epoch)):
                ended.append(trained)
        return ended

    def _end_epoch(
        self, k: int, slot: Slot, measured: Any, on_epoch: OnEpoch
    ) -> TrainedTrial | None:
        """Take in a slot's epoch; answers its trial where that has ended, and frees the slot."""
        loss, val_loss, penalised = (float(value) for value in measured)
        epoch = Epoch(slot.plan.number, len(slot.epochs) + 1, loss, val_loss, penalised)
        slot.epochs.append(epoch)
        slot.step += self.program.steps
        goes_on = on_epoch(epoch)
        if not (math.isfinite(val_loss) and math.isfinite(penalised)):
            return self._free(k, slot, Outcome.diverged, "loss_not_finite")
        # As Keras's EarlyStopping does: strictly less, and the first epoch sets the mark.
        best = slot.best_epoch
        if best is None or val_loss < slot.epochs[best - 1].val_loss:
            slot.best_epoch, slot.waited = epoch.epoch, 0
        else:
            slot.waited += 1
        if not goes_on:
            return self._free(k, slot, Outcome.stopped, "stopped")
        if slot.waited >= slot.plan.patience:
            return self._free(k, slot, Outcome.completed, "early_stopping")
        if epoch.epoch >= slot.plan.max_epochs:
            return self._free(k, slot, Outcome.completed, "max_epochs")
        return None

    def _free(self, k: int, slot: Slot, outcome: Outcome, reason: str) -> TrainedTrial:
        weights: tuple[FloatArray, ...] = ()
        output_MC = np.empty((0, self._arrays.outputs), dtype=np.float32)
        if slot.best_epoch is not None:
            weights = self._cut(k, slot.plan)
            loss, x_val_MD = self._arrays.loss, self._arrays.x_val_MD
            output_MC = forward(weights, slot.plan.activation, loss, x_val_MD)
        self._slots[k] = None
        # What a diverged trial leaves must not reach the next one, not even as 0 times NaN.
        self._parameters = [_put(p, k, tf.zeros_like(p[k])) for p in self._parameters]
        self._moments = [[_put(m, k, tf.zeros_like(m[k])) for m in each] for each in self._moments]
        self._settings = None
        return TrainedTrial(
            plan=slot.plan,
            outcome=outcome,
            reason=reason,
            epochs=tuple(slot.epochs),
            best_epoch=slot.best_epoch,
            weights=weights,
            val_output_MC=output_MC,
            seconds=time.monotonic() - slot.started,
        )

    def _pad(self, weights: list[FloatArray]) -> list[Any]:
        """A trial's weights in the program's shapes, zero beyond their own."""
        padded = [np.zeros(s[1:], dtype=np.float32) for s in self.program.parameter_shapes()]
        for place, weight in zip(self._places(len(weights) // 2), weights, strict=True):
            matrix = weight if weight.ndim == 2 else weight[None, :]
            padded[place][: matrix.shape[0], : matrix.shape[1]] = matrix
        return padded

    def _cut(self, k: int, plan: Plan) -> tuple[FloatArray, ...]:
        """A slot's best weights at their true shapes."""
        sizes = [self._arrays.x_train_ND.shape[1], *plan.widths, self._arrays.outputs]
        places = self._places(len(sizes) - 1)
        best = [self._best[place][k].numpy() for place in places]
        cut: list[FloatArray] = []
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            cut += [best[2 * layer][:fan_in, :fan_out], best[2 * layer + 1][0, :fan_out]]
        return tuple(np.ascontiguousarray(weight, dtype=np.float32) for weight in cut)

    def _places(self, layers: int) -> list[int]:
        """Where the weights of a network of some layers stand: its head is the program's head."""
        count = 2 * (self.program.shape.layers + 1)
        return [*range(2 * (layers - 1)), count - 2, count - 1]

    def _run_time_values(self) -> tuple[Any, ...]:
        """The plans' values as tensors; a free slot's are harmless."""
        plans = [slot.plan if slot else None for slot in self._slots]
        shape = self.program.shape

        def values(of: Callable[[Plan], float], free: float = 0.0) -> Any:
            return tf.constant([of(p) if p else free for p in plans], dtype=tf.float32)

        steps = self.program.steps
        units = np.zeros((shape.layers, shape.slots, 1, shape.width), dtype=bool)
        layers = np.zeros((shape.layers, shape.slots, 1, 1), dtype=bool)
        for k, plan in enumerate(plans):
            for layer, width in enumerate(plan.widths if plan else ()):
                units[layer, k, 0, :width] = True
                layers[layer, k] = True
        settings = Settings(
            learning_rate=values(lambda p: p.learning_rate),
            schedule_steps=values(
                lambda p: steps * p.max_epochs if p.schedule == "cosine" else 0.0
            ),
            weight_decay=values(lambda p: p.weight_decay),
            clip=values(lambda p: p.clip_norm or math.inf, math.inf),
            l1=values(lambda p: p.l1),
            l2=values(lambda p: p.l2),
            dropout=values(lambda p: p.dropout),
            seed=tf.constant([p.seed if p else 0 for p in plans], dtype=tf.int32),
            unit_mask=[tf.constant(mask) for mask in units],
            layer_mask=[tf.constant(mask) for mask in layers],
        )
        return tuple(vars(settings).values())


def _put(stacked: Any, k: int, value: Any) -> Any:
    """A stack with one slot replaced."""
    return tf.tensor_scatter_nd_update(stacked, [[k]], tf.cast(value, stacked.dtype)[None])
