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
