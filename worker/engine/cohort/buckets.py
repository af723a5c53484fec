"""Which program trains a plan: the rule for padding, and for a further compile.

A program costs a compile; padding a plan into a larger program costs arithmetic. Plans are padded
until a smaller program would have saved as much on those that have ended as its compile costs (the
ski rental rule: never more than twice the best choice in hindsight). The constants are measured
(docs/decisions/0006-cohorts.md) and fixed: the choice does not depend on the clock.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.cohort.shape import BINS, LAYER_PENALTIES, OPTIONS, UNEVEN, Shape
from worker.engine.optimizers import RULES
from worker.engine.plans import Plan

SLOTS = ((64, 4, 2), (256, 2, 1))
"""Padded width up to which a cohort has so many slots, and so many in a search of many shapes.

Above, 1. More slots save time a trial where all are in use, and waste it where trials of many
shapes leave them idle.
"""
MIN_WIDTH, ROOMY_WIDTH = 32, 128
"""Narrower layers are padded; the first program has room for all, or for those of the second."""
BATCH_PARTS = 4
"""A program trains batches of its own size, and down to one of so many parts of it."""
MAX_PROGRAMS = 32
"""What is kept of a job's programs."""
MANY_BYTES = 2**40
"""No limit to speak of."""
COMPILE_SECONDS = 4.0
"""Of one core."""
SLOT_SECONDS, WEIGHT_SECONDS, CELL_SECONDS = 8e-6, 0.7e-9, 125e-12
"""What a step costs each slot, each weight, and each product of a weight and a row."""


@dataclass(frozen=True)
class Reach:
    """The deepest and the widest network that a search may ask for, and the options it `uses`.

    `shapes` is how many padded shapes it spans.
    """

    layers: int
    width: int
    uses: frozenset[str]
    shapes: int = 1


class Buckets:
    """The programs of one job.

    The least recently used one is given up where more than `max_programs` are live: plans go to it
    again once that saves a compile.
    """

    def __init__(
        self,
        arrays: Arrays,
        reach: Reach,
        *,
        max_slots_of_cohort: int,
        slots: int = 1,
        max_bytes: int = MANY_BYTES,
        max_programs: int = MAX_PROGRAMS,
    ) -> None:
        self._arrays = arrays
        self._reach = reach
        self._max_slots_of_cohort = max_slots_of_cohort
        self._fixed_slots = slots
        self._max_bytes = max_bytes
        self._max_programs = max_programs
        self._live: list[Shape] = []
        self._trained_steps: defaultdict[Shape, int] = defaultdict(int)

    def choose(self, plan: Plan) -> Shape:
        """Return the program that trains a plan."""
        exact = self._shape(plan, plan.widths)
        best = self._fastest(exact)
        if best is None:
            return self._use(self._first_shape(plan, exact))
        smaller = max(self._smaller(plan, best, exact), key=self._saved_seconds, default=best)
        return self._use(smaller if self._saved_seconds(smaller) >= COMPILE_SECONDS else best)

    def record(self, plan: Plan, epochs: int) -> None:
        """Count a training that has ended: the next ones are expected to be like it."""
        self._trained_steps[self._shape(plan, plan.widths)] += epochs * self._arrays.steps(plan)

    def _fastest(self, needed_shape: Shape) -> Shape | None:
        """Return the program that trains plans of a shape fastest, of those that are live."""
        holding = [shape for shape in self._live if _holds(shape, needed_shape)]
        return min(holding, key=self._slot_seconds, default=None)

    def _saved_seconds(self, shape: Shape) -> float:
        """Return what a program would have saved on all trainings so far."""
        saved = 0.0
        for needed_shape, steps in self._trained_steps.items():
            fastest = self._fastest(needed_shape) if _holds(shape, needed_shape) else None
            if fastest is not None:
                difference = self._slot_seconds(fastest) - self._slot_seconds(shape)
                saved += steps * max(0.0, difference)
        return saved

    def _smaller(self, plan: Plan, shape: Shape, exact: Shape) -> list[Shape]:
        """Return programs that train a plan faster: its own, and those of layers of one width."""
        sizes = {exact.widths} | {
            (width,) * layers
            for layers in range(max(1, len(exact.widths)), len(shape.widths) + 1)
            for width in {*shape.widths, *exact.widths}
        }
        programs = [self._shape(plan, widths) for widths in sorted(sizes)]
        seconds = self._slot_seconds(shape)
        return [p for p in programs if _holds(p, exact) and self._slot_seconds(p) < seconds]

    def _use(self, shape: Shape) -> Shape:
        """Record that a program is used, and give one up where that makes too many."""
        if shape in self._live:
            self._live.remove(shape)
        self._live.append(shape)
        if len(self._live) > self._max_programs:
            self._live.pop(0)
        return shape

    def _first_shape(self, plan: Plan, exact: Shape) -> Shape:
        """Return the program of a plan that no live one can train.

        It is as deep as the search may need, and has room for wider plans, where that costs little.
        """
        if not plan.widths:
            return exact
        layers = max(self._reach.layers, len(plan.widths))
        for width in (self._reach.width, min(ROOMY_WIDTH, self._reach.width)):
            roomy = self._shape(plan, (max(width, *plan.widths),) * layers)
            if self._waste(plan, roomy, exact) < COMPILE_SECONDS:
                return roomy
        return exact

    def _shape(self, plan: Plan, widths: tuple[int, ...]) -> Shape:
        padded = tuple(pad(width) for width in widths)
        names = plan.activations + plan.activations[-1:] * (len(widths) - len(plan.widths))
        batch_size = self._arrays.batch_size(plan)
        steps = {-(-len(fold.train_N) // batch_size) for fold in self._arrays.folds}
        shape = Shape(
            slots=self._fixed_slots,
            widths=padded,
            batch_size=batch_size,
            activation=names[0] if len(set(names)) == 1 else names,
            optimizer=RULES[plan.optimizer].name,
            uses=self._reach.uses
            | uses(plan)
            | ({BINS} if self._arrays.has_bins(plan) else set())
            | ({UNEVEN} if len(steps) > 1 else set()),
        )
        if self._fixed_slots == 1:
            return replace(shape, slots=self._slots(padded))
        fitting = self._max_bytes // slot_bytes(shape, self._arrays)
        return replace(shape, slots=max(1, min(self._fixed_slots, fitting)))

    def _slots(self, widths: tuple[int, ...]) -> int:
        fitting = (
            (max_slots, min_slots)
            for limit, max_slots, min_slots in SLOTS
            if max(widths, default=0) <= limit
        )
        max_slots, min_slots = next(fitting, (1, 1))
        of_shapes = max(min_slots, self._max_slots_of_cohort // self._reach.shapes)
        return min(self._max_slots_of_cohort, max_slots, of_shapes)

    def _waste(self, plan: Plan, padded: Shape, exact: Shape) -> float:
        """Return the seconds that a plan takes longer in a larger program."""
        steps = plan.max_epochs * self._arrays.steps(plan)
        return steps * (self._slot_seconds(padded) - self._slot_seconds(exact))

    def _slot_seconds(self, shape: Shape) -> float:
        return step_seconds(shape, self._arrays) / shape.slots


def pad(width: int) -> int:
    """Round a width up to a power of two."""
    return max(MIN_WIDTH, 1 << (width - 1).bit_length())


def smallest_batch(shape: Shape) -> int:
    """Return the smallest batch that a program trains."""
    return -(-shape.batch_size // BATCH_PARTS)


def step_seconds(shape: Shape, arrays: Arrays) -> float:
    """Estimate what a step of all slots costs on one core, in seconds."""
    return shape.slots * slot_step_seconds(weights_of(shape, arrays), shape.batch_size)


def slot_step_seconds(weights: int, batch_size: int) -> float:
    """Estimate what a step of one network costs a core, in seconds."""
    return SLOT_SECONDS + weights * (WEIGHT_SECONDS + batch_size * CELL_SECONDS)


def plan_seconds(plan: Plan, arrays: Arrays, epochs: int) -> float:
    """Estimate what some epochs of a plan cost a core, in seconds; what pads it is left out."""
    inputs = arrays.inputs(has_bins=arrays.has_bins(plan))
    sizes = itertools.pairwise((inputs, *plan.widths, arrays.outputs))
    weights = sum(fan_in * fan_out for fan_in, fan_out in sizes)
    return epochs * arrays.steps(plan) * slot_step_seconds(weights, arrays.batch_size(plan))


def slot_bytes(shape: Shape, arrays: Arrays) -> int:
    """Count the memory of one slot in bytes.

    That is parameters and moments before and after a step, gradients, the best parameters, and each
    layer's output with its mask and gradient.
    """
    copies = 2 * (1 + len(RULES[shape.optimizer].moments)) + 3
    outputs = shape.batch_size * (inputs_of(shape, arrays) + sum(shape.widths))
    tables = sum(embedding.codes * embedding.size for embedding in arrays.embeddings)
    return 4 * (copies * (weights_of(shape, arrays) + tables) + 3 * outputs)


def inputs_of(shape: Shape, arrays: Arrays) -> int:
    """Count what the first layer of a program's networks sees."""
    return arrays.inputs(has_bins=BINS in shape.uses)


def weights_of(shape: Shape, arrays: Arrays) -> int:
    """Count the weights of a slot's padded kernels."""
    sizes = itertools.pairwise((inputs_of(shape, arrays), *shape.widths, arrays.outputs))
    return sum(fan_in * fan_out for fan_in, fan_out in sizes)


def uses(plan: Plan) -> frozenset[str]:
    """Return the options that a plan needs of its program."""
    used = {option for option in OPTIONS if np.any(getattr(plan, option) or 0)}
    is_layered = len(set(plan.l1s)) > 1 or len(set(plan.l2s)) > 1
    return frozenset(used | ({LAYER_PENALTIES} if is_layered else set()))


def _holds(shape: Shape, needed_shape: Shape) -> bool:
    """Return whether a program can train a plan of another shape by padding."""
    # What a slot's last layer answers passes through the rest of the program's.
    missing = len(shape.widths) - len(needed_shape.widths)
    needed_widths = needed_shape.widths + needed_shape.widths[-1:] * missing
    return (
        missing >= 0
        # Without hidden layers the features would pass through, at whatever width.
        and bool(shape.widths) == bool(needed_shape.widths)
        and all(have >= need for have, need in zip(shape.widths, needed_widths, strict=True))
        and shape.uses >= needed_shape.uses
        and (BINS in shape.uses) == (BINS in needed_shape.uses)
        and shape.activations[: len(needed_shape.widths)] == needed_shape.activations
        and shape.optimizer == needed_shape.optimizer
        # Rows beyond a plan's batch are masked.
        and smallest_batch(shape) <= needed_shape.batch_size <= shape.batch_size
    )
