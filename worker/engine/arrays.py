"""The data of a job as an engine sees it: one copy, and the folds that are made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from worker.engine.array_types import FloatArray, RowNumbers
from worker.engine.bins import Bins
from worker.engine.plans import Epoch, Plan

Unit = float | tuple[float, ...]
"""A number, or one for each of several targets."""
NO_COLUMNS: RowNumbers = np.empty(0, dtype=np.int64)


class Loss(StrEnum):
    """The data loss, named as Keras names it. A search uses `mse`, `binary` and `multiclass`."""

    mse = "mean_squared_error"
    mae = "mean_absolute_error"
    mape = "mean_absolute_percentage_error"
    msle = "mean_squared_logarithmic_error"
    huber = "huber"
    log_cosh = "log_cosh"
    poisson = "poisson"
    binary = "binary_crossentropy"
    categorical = "categorical_crossentropy"
    multiclass = "sparse_categorical_crossentropy"
    binary_focal = "binary_focal_crossentropy"
    categorical_focal = "categorical_focal_crossentropy"
    kl_divergence = "kl_divergence"
    hinge = "hinge"
    squared_hinge = "squared_hinge"
    categorical_hinge = "categorical_hinge"


HEADS = dict.fromkeys(Loss, "linear") | {
    Loss.poisson: "exponential",
    Loss.binary: "sigmoid",
    Loss.categorical: "softmax",
    Loss.multiclass: "softmax",
    Loss.binary_focal: "sigmoid",
    Loss.categorical_focal: "softmax",
    Loss.kl_divergence: "softmax",
}
"""The usual activation of the output layer."""


@dataclass(frozen=True)
class Fold:
    """The rows that a plan trains and validates on, and what it sees of them.

    Holdout is one fold; subsets of the rows, and the same rows in another view, are more.
    `weight_N` weighs the training rows' losses, one for each of `train_N`. The target is seen as
    (y - y_shift) / y_scale, but for class indices; of several targets each has its own. `loss_unit`
    is what a data loss is divided by, so that losses of one job are in one unit: the variance of
    the training target where it is not standardised, else 1. Without validation rows a
    plan trains for all its epochs, and keeps its last weights. Of what the first layer sees the
    `unseen_inputs` are 0 in every row: it begins as wide as the others, and at 0 for these, so that
    no penalty or norm counts them.
    """

    train_N: RowNumbers
    validation_M: RowNumbers
    weight_N: FloatArray | None = None
    view: int = 0
    y_shift: Unit = 0.0
    y_scale: Unit = 1.0
    loss_unit: float = 1.0
    unseen_inputs: RowNumbers = field(default_factory=NO_COLUMNS.copy)

    @property
    def is_validated(self) -> bool:
        """Whether it has validation rows."""
        return self.validation_M.size > 0

    def is_finite(self, epoch: Epoch) -> bool:
        """Return whether training can go on from what an epoch measured."""
        measured = [epoch.loss, epoch.penalised_loss]
        return all(map(math.isfinite, measured + [epoch.val_loss] * self.is_validated))


@dataclass(frozen=True)
class FoldRows:
    """A fold's rows as the network sees them."""

    x_train_ND: FloatArray
    y_train_N: FloatArray
    weight_train_N: FloatArray | None
    x_val_MD: FloatArray
    y_val_M: FloatArray


@dataclass(frozen=True)
class Embedding:
    """A column of codes, for each of which the network learns `size` numbers.

    Codes count from 0, which is for what training rows do not hold: its numbers begin at 0.
    """

    codes: int
    size: int


@dataclass(frozen=True)
class Arrays:
    """One copy of the data, and the folds that are made of it.

    `x_VND` has one view, or several ways to write the same rows: other transforms, say. Its last
    columns are codes, one for each of `embeddings`; all others are numbers. A view that has `bins`
    shows a network these in place of its first columns.

    The loss compares the target as it is with one output, class indices where it is `multiclass`;
    with several outputs any other loss compares class indices as one-hot codes, and is the mean
    over the outputs where Keras's is. Several targets a row are the columns of `y_N` [N, T]:
    a loss compares each with an output of its own, or all with a single one. `loss_arguments` are
    Keras's. `head` is the activation of the output layer, the usual one of the loss where it is
    None.
    """

    x_VND: FloatArray
    y_N: FloatArray
    loss: Loss
    outputs: int
    folds: tuple[Fold, ...]
    embeddings: tuple[Embedding, ...] = ()
    head: str | None = None
    loss_arguments: tuple[tuple[str, float], ...] = ()
    bins: tuple[Bins | None, ...] = ()

    @property
    def output_activation(self) -> str:
        """The activation of the output layer."""
        return self.head or HEADS[self.loss]

    @property
    def is_one_hot(self) -> bool:
        """Whether the loss compares one-hot codes of the classes."""
        return self.outputs > 1 and self.loss is not Loss.multiclass and not self.has_targets

    @property
    def has_targets(self) -> bool:
        """Whether each row has several targets."""
        return self.y_N.ndim > 1

    @property
    def is_scaled(self) -> bool:
        """Whether folds may see the target in units of their own: class indices have none."""
        units = {(fold.y_shift, fold.y_scale) for fold in self.folds}
        has_units = self.loss is not Loss.binary or units != {(0.0, 1.0)}
        return has_units and self.loss is not Loss.multiclass and not self.is_one_hot

    @property
    def features(self) -> int:
        """D."""
        return int(self.x_VND.shape[2])

    @property
    def numbers(self) -> int:
        """Columns that are no codes."""
        return self.features - len(self.embeddings)

    @property
    def column_J(self) -> RowNumbers:
        """The column of each bin; the same in all views that have some."""
        return next((bins.column_J for bins in self.bins if bins is not None), NO_COLUMNS)

    @property
    def binned_columns(self) -> int:
        """How many columns, the first ones, have bins."""
        return next((bins.columns for bins in self.bins if bins is not None), 0)

    def bins_of(self, fold: Fold) -> Bins | None:
        """Return the bins that a fold's networks see."""
        return self.bins[fold.view] if self.bins else None

    def has_bins(self, plan: Plan) -> bool:
        """Return whether a plan's network sees bins."""
        return bool(self.bins) and self.bins_of(self.folds[plan.fold]) is not None

    def numbers_seen(self, *, has_bins: bool) -> int:
        """Return how many numbers a network sees, bins or the columns themselves."""
        return self.numbers + (len(self.column_J) - self.binned_columns if has_bins else 0)

    def inputs(self, *, has_bins: bool) -> int:
        """Return what the first layer sees: numbers, and what stands for the codes."""
        numbers = self.numbers_seen(has_bins=has_bins)
        return numbers + sum(embedding.size for embedding in self.embeddings)

    @property
    def is_weighted(self) -> bool:
        """Whether some fold weighs its rows."""
        return any(fold.weight_N is not None for fold in self.folds)

    def batch_size(self, plan: Plan) -> int:
        """Return a plan's batch size: no larger than the training rows of the largest fold."""
        return min(plan.batch_size, max(len(fold.train_N) for fold in self.folds))

    def steps(self, plan: Plan) -> int:
        """Count the training steps of one epoch."""
        return math.ceil(len(self.folds[plan.fold].train_N) / plan.batch_size)

    def rows(self, number: int = 0) -> FoldRows:
        """Copy a fold's rows."""
        fold = self.folds[number]
        return FoldRows(
            x_train_ND=self.x_of(fold, fold.train_N),
            y_train_N=self.y_of(fold, fold.train_N),
            weight_train_N=fold.weight_N,
            x_val_MD=self.x_of(fold, fold.validation_M),
            y_val_M=self.y_of(fold, fold.validation_M),
        )

    def x_of(self, fold: Fold, rows: RowNumbers) -> FloatArray:
        """Return the features of rows as a fold's networks see them."""
        x_ND, bins = self.columns_of(fold, rows), self.bins_of(fold)
        return x_ND if bins is None else bins.encode(x_ND)

    def columns_of(self, fold: Fold, rows: RowNumbers) -> FloatArray:
        """Return the features of rows as a fold's view has them, without bins."""
        x_ND: FloatArray = self.x_VND[fold.view, rows]
        return x_ND

    def y_of(self, fold: Fold, rows: RowNumbers) -> FloatArray:
        """Return the targets of rows as a fold sees them."""
        y_N = self.y_N[rows]
        if not self.is_scaled:
            return y_N
        shift, scale = (np.asarray(unit, dtype=np.float32) for unit in (fold.y_shift, fold.y_scale))
        return ((y_N - shift) / scale).astype(np.float32)
