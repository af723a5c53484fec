"""What a program is given at run time."""

from __future__ import annotations

from typing import Any, NamedTuple


class SlotInputs(NamedTuple):
    """The run-time values of K slots, each a tensor [K] unless another shape is given.

    `unit_masks` are of each layer [K, 1, W]; `schedule_steps` is 0 for a constant rate, `clip_norm`
    infinite for none; `y_*` are the target's units. The last of the penalties is the head's.
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


class Rows(NamedTuple):
    """The rows of one call.

    `x_ND` and `y_N` are the data, or the piece of them that `chosen_KI` numbers: each slot's rows
    in the order in which they are used. `weight_KI` weighs their losses, [K, 0] where none of the
    job's folds has weights. `share_KS` is each step's share of its own rows in mixup, [K, 0] where
    the program has none. `rows_K` counts the rows of a slot's whole epoch or validation, of
    which this call begins with number `first` and takes `count` batches.
    """

    x_ND: Any
    y_N: Any
    chosen_KI: Any
    weight_KI: Any
    share_KS: Any
    rows_K: Any
    first: Any
    count: Any
