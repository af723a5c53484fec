"""What a program is given at run time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from worker.engine.array_types import FloatArray
from worker.engine.arrays import Arrays, Fold, Unit
from worker.engine.cohort.shape import BINS, Shape
from worker.engine.plans import Plan


class SlotInputs(NamedTuple):
    """The run-time values of K slots, each a tensor [K] unless another shape is given.

    `learning_rate` is the plan's: a slot's may have fallen since. `unit_masks` are of each layer
    [K, 1, W]; `schedule_steps` is 0 for a constant rate, `clip_norm` infinite for none; `y_*` are
    the target's units, [K, T] of several targets. Of `bins_3K1J` see `_bins`. The last of the
    penalties is the head's.
    """

    learning_rate: Any
    momentum: Any
    schedule_steps: Any
    weight_decay: Any
    clip_norm: Any
    l1_HK: Any
    l2_HK: Any
    dropout_LK: Any
    noise: Any
    seed: Any
    unit_masks: tuple[Any, ...]
    layer_mask_LK11: Any
    y_shift: Any
    y_scale: Any
    bins_3K1J: Any


class Rows(NamedTuple):
    """The rows of one call: of some epochs, or of a part of one.

    `x_ND` and `y_N` are the data, or the piece of them that `chosen_EKR` and `validation_KV`
    number: each slot's rows in the order in which they are used. `weight_EKR` weighs the losses of
    training rows, [E, K, 0] where none of the job's folds has weights. `share_EKS` is each step's
    share of its own rows in mixup, [E, K, 0] where the program has none.

    A slot `is_open` where it has a plan, which was trained for `steps_before` these epochs.

    `rows_K` and `validation_rows_K` count a slot's rows of an epoch. The call trains `steps`
    batches of `batch_size` rows, the first of which is number `first_step` of its epoch, and
    validates `pieces` batches from `first_piece` on; with `is_end` the epoch ends, and as many
    `epochs` are trained.
    """

    x_ND: Any
    y_N: Any
    chosen_EKR: Any
    weight_EKR: Any
    share_EKS: Any
    is_open_K: Any
    steps_before_K: Any
    rows_K: Any
    batch_size: Any
    first_step: Any
    steps: Any
    validation_KV: Any
    validation_rows_K: Any
    first_piece: Any
    pieces: Any
    epochs: Any
    is_end: Any


def slot_inputs(
    slots: Sequence[tuple[Plan, Fold] | None], shape: Shape, arrays: Arrays, dtype: Any
) -> SlotInputs:
    """Return the run-time values of plans on their folds; a free slot's are harmless."""

    def constant(values: Any) -> Any:
        return tf.constant(np.asarray(values), dtype)

    def of_plan(value: Callable[[Plan], float], free: float = 0.0) -> Any:
        return constant([value(slot[0]) if slot else free for slot in slots])

    def of_fold(value: Callable[[Fold], Unit], free: float) -> Any:
        units = [value(slot[1]) if slot else free for slot in slots]
        return constant([np.broadcast_to(unit, arrays.y_N.shape[1:]) for unit in units])

    def cosine_steps(plan: Plan) -> float:
        return arrays.steps(plan) * plan.max_epochs if plan.schedule == "cosine" else 0.0

    plans = [slot[0] if slot else None for slot in slots]
    unit_masks, layer_mask_LK11 = _masks(plans, shape)
    return SlotInputs(
        learning_rate=of_plan(lambda p: p.learning_rate),
        momentum=of_plan(lambda p: p.momentum),
        schedule_steps=of_plan(cosine_steps),
        weight_decay=of_plan(lambda p: p.weight_decay),
        clip_norm=of_plan(lambda p: p.clip_norm or math.inf, math.inf),
        l1_HK=constant(_of_layers(plans, shape, lambda p: p.l1s)),
        l2_HK=constant(_of_layers(plans, shape, lambda p: p.l2s)),
        dropout_LK=constant(_of_layers(plans, shape, lambda p: (*p.dropouts, 0.0))[:-1]),
        noise=of_plan(lambda p: p.noise),
        seed=tf.constant([plan.seed if plan else 0 for plan in plans], tf.int32),
        unit_masks=unit_masks,
        layer_mask_LK11=layer_mask_LK11,
        y_shift=of_fold(lambda f: f.y_shift, 0.0),
        y_scale=of_fold(lambda f: f.y_scale, 1.0),
        bins_3K1J=constant(_bins([slot[1] if slot else None for slot in slots], shape, arrays)),
    )


def _masks(plans: Sequence[Plan | None], shape: Shape) -> tuple[tuple[Any, ...], Any]:
    """Return which units [K, 1, W] of each layer, and which layers [L, K, 1, 1], plans have."""
    units = [np.zeros((shape.slots, 1, width), dtype=bool) for width in shape.widths]
    layers = np.zeros((len(shape.widths), shape.slots, 1, 1), dtype=bool)
    for k, plan in enumerate(plans):
        for layer, width in enumerate(plan.widths if plan else ()):
            units[layer][k, 0, :width] = True
            layers[layer, k] = True
    return tuple(tf.constant(mask) for mask in units), tf.constant(layers)


def _bins(folds: Sequence[Fold | None], shape: Shape, arrays: Arrays) -> FloatArray:
    """Return starts, divisors, and which bins are there; none where the program has no bins."""
    count = len(arrays.column_J) if BINS in shape.uses else 0
    bins_3K1J = np.zeros((3, shape.slots, 1, count), dtype=np.float32)
    bins_3K1J[1] = 1
    for k, fold in enumerate(folds if count else ()):
        if fold is not None and (bins := arrays.bins_of(fold)) is not None:
            bins_3K1J[:, k, 0] = bins.start_J, bins.divisor_J, bins.is_there_J
    return bins_3K1J


def _of_layers(
    plans: Sequence[Plan | None], shape: Shape, values: Callable[[Plan], tuple[float, ...]]
) -> NDArray[np.float64]:
    """Return what plans give each layer of a program [layers, K]; the last value is the head's."""
    array_HK = np.zeros((len(shape.widths) + 1, shape.slots))
    for k, plan in enumerate(plans):
        if plan is not None:
            *hidden, array_HK[-1, k] = values(plan)
            array_HK[: len(hidden), k] = hidden
    return array_HK
