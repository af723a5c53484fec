"""What an engine is given and what it answers.

N training rows, M validation rows, D features, C outputs (1 for regression and binary).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Loss(StrEnum):
    """The data loss, named as Keras names it."""

    mse = "mean_squared_error"
    binary = "binary_crossentropy"
    multiclass = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Plan:
    """One trial to train: everything, with the data, that its result depends on."""

    number: int
    seed: int
    widths: tuple[int, ...]
    activation: str
    optimizer: str
    learning_rate: float
    schedule: str
    weight_decay: float
    clip_norm: float | None
    l1: float
    l2: float
    dropout: float
    batch_size: int
    patience: int
    max_epochs: int


@dataclass(frozen=True)
class Arrays:
    """Prepared rows. Targets: float for regression and binary (0 or 1), class index for multiclass.

    `loss_unit` is what a data loss is divided by, so that losses of one job are in one unit: the
    variance of the training target where it is not standardised, else 1.
    """

    x_train_ND: FloatArray
    y_train_N: FloatArray
    weight_train_N: FloatArray | None
    x_val_MD: FloatArray
    y_val_M: FloatArray
    loss: Loss
    outputs: int
    loss_unit: float = 1.0


@dataclass(frozen=True)
class Epoch:
    """What one epoch of one trial measured. Epochs count from 1.

    `loss` is the training data loss, `val_loss` that of the validation rows without penalties or
    class weights, `penalised_loss` what the optimizer minimised; all in units of `loss_unit`.
    """

    number: int
    epoch: int
    loss: float
    val_loss: float
    penalised_loss: float


class Outcome(StrEnum):
    """How a training ended."""

    completed = "completed"
    diverged = "diverged"
    stopped = "stopped"


@dataclass(frozen=True)
class TrainedTrial:
    """A finished training, with the weights of its best epoch.

    `weights` alternate kernel [in, out] and bias [out], first layer to head; `val_output_MC` is
    what they answer on the validation rows: the standardised target, or probabilities. Both are
    empty where no epoch had a finite validation loss. `reason` says why training ended:
    `early_stopping`, `max_epochs`, `stopped`, `loss_not_finite`.
    """

    plan: Plan
    outcome: Outcome
    reason: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    weights: tuple[FloatArray, ...]
    val_output_MC: FloatArray
    seconds: float


OnEpoch = Callable[[Epoch], bool]
"""Told of every epoch as it ends; answers whether training goes on."""

OnBatch = Callable[[], None]
"""Called now and then inside an epoch: a sign of life."""
