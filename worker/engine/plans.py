"""What an engine is given and what it answers.

V views, N rows, D features, C outputs (1 for regression and binary); of a fold: N training rows,
M validation rows.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
RowNumbers = NDArray[np.int64]
T = TypeVar("T")


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


HEADS = dict.fromkeys(Loss, "linear") | {
    Loss.poisson: "exponential",
    Loss.binary: "sigmoid",
    Loss.categorical: "softmax",
    Loss.multiclass: "softmax",
}
"""The usual activation of the output layer."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch of one trial measured. Epochs count from 1.

    `loss` is the training data loss, `val_loss` that of the validation rows without penalties or
    class weights, `penalised_loss` what the optimizer minimised; all in units of `loss_unit`.
    `val_loss` is NaN where there are no validation rows.
    """

    epoch: int
    loss: float
    val_loss: float
    penalised_loss: float


@dataclass(frozen=True)
class Checkpoint:
    """All that a training goes on from after some epochs, to the same end as without a break.

    `weights` and `best_weights` are those of the last and of the best epoch, `moments` what the
    optimizer keeps of each weight, all in the order of `TrainedTrial.weights`. `waited` epochs have
    passed without improvement, and training took so many `seconds` so far. `seeds` are the states
    of Keras's random numbers; a cohort has none.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    waited: int
    seconds: float
    weights: tuple[FloatArray, ...]
    moments: tuple[tuple[FloatArray, ...], ...]
    best_weights: tuple[FloatArray, ...]
    seeds: tuple[NDArray[np.int64], ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        groups: list[tuple[NDArray[Any], ...]] = [self.weights, self.best_weights, self.seeds]
        return sum(array.nbytes for group in groups + list(self.moments) for array in group)


@dataclass(frozen=True)
class Initializer:
    """How a layer's kernel begins: Keras's initializer of that name.

    `scale` is the standard deviation of a normal, the limit of a uniform, or the constant; Keras's
    own default where it is None.
    """

    name: str
    scale: float | None = None


@dataclass(frozen=True)
class Plan:
    """One training: everything, with the data, that its result depends on.

    `activation` and `dropout` are of all hidden layers, or one each; `l1` and `l2` of all layers,
    or one each, the output layer last. `initializers` are one for each layer; where there are none
    they follow from the activations. `momentum` is of SGD alone.
    `fold` says which of the data's folds it trains and validates on. `noise` is the standard
    deviation of what is added to every feature of a training batch, `mixup` the alpha of the
    distribution Beta(alpha, alpha) of the shares by which a batch's rows are mixed with one another
    (Zhang et al. 2018); 0 for none. Where it goes on from a `checkpoint`, its result is the same.
    """

    number: int
    seed: int
    widths: tuple[int, ...]
    activation: str | tuple[str, ...]
    optimizer: str
    learning_rate: float
    schedule: str
    weight_decay: float
    clip_norm: float | None
    l1: float | tuple[float, ...]
    l2: float | tuple[float, ...]
    dropout: float | tuple[float, ...]
    batch_size: int
    patience: int
    max_epochs: int
    noise: float = 0.0
    mixup: float = 0.0
    fold: int = 0
    initializers: tuple[Initializer, ...] = ()
    momentum: float = 0.9
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        hidden = {len(self.activations), len(self.dropouts)}
        layers = {len(self.l1s), len(self.l2s), len(self.initializers) or len(self.l1s)}
        if hidden != {len(self.widths)} or layers != {len(self.widths) + 1}:
            raise ValueError(f"values for another number of layers: {self}")

    @property
    def activations(self) -> tuple[str, ...]:
        """That of each hidden layer."""
        return each(self.activation, len(self.widths))

    @property
    def dropouts(self) -> tuple[float, ...]:
        """The rate after each hidden layer."""
        return each(self.dropout, len(self.widths))

    @property
    def l1s(self) -> tuple[float, ...]:
        """That of each layer, last the output layer's."""
        return each(self.l1, len(self.widths) + 1)

    @property
    def l2s(self) -> tuple[float, ...]:
        """That of each layer, last the output layer's."""
        return each(self.l2, len(self.widths) + 1)

    def natural_end(self, epochs: int, waited: int) -> str | None:
        """Why training ends after some epochs, the last `waited` of which were no better."""
        # Keras looks at patience after an epoch that was no better: 0 is as 1.
        if waited >= max(1, self.patience):
            return "early_stopping"
        return "max_epochs" if epochs >= self.max_epochs else None


def each(value: T | tuple[T, ...], count: int) -> tuple[T, ...]:
    """One value for each of some layers."""
    return value if isinstance(value, tuple) else (value,) * count


@dataclass(frozen=True)
class Fold:
    """The rows that a plan trains and validates on, and what it sees of them.

    Holdout is one fold; subsets of the rows, and the same rows in another view, are more.
    `weight_N` weighs the training rows' losses, one for each of `train_N`. The target is seen as
    (y - y_shift) / y_scale, but for class indices. `loss_unit` is what a data loss is divided by,
    so that losses of one job are in one unit: the variance of the training target where it is not
    standardised, else 1. Without validation rows a plan trains for all its epochs, and keeps its
    last weights.
    """

    train_N: RowNumbers
    validation_M: RowNumbers
    weight_N: FloatArray | None = None
    view: int = 0
    y_shift: float = 0.0
    y_scale: float = 1.0
    loss_unit: float = 1.0

    @property
    def is_validated(self) -> bool:
        """Whether it has validation rows."""
        return self.validation_M.size > 0

    def is_finite(self, epoch: Epoch) -> bool:
        """Whether an epoch measured what training can go on from."""
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
    columns are codes, one for each of `embeddings`; all others are numbers.

    The loss compares the target as it is with one output, class indices where it is `multiclass`;
    with several outputs any other loss compares class indices as one-hot codes, and is the mean
    over the outputs where Keras's is. `head` is the activation of the output layer, the usual one
    of the loss where it is None.
    """

    x_VND: FloatArray
    y_N: FloatArray
    loss: Loss
    outputs: int
    folds: tuple[Fold, ...]
    embeddings: tuple[Embedding, ...] = ()
    head: str | None = None

    @property
    def output_activation(self) -> str:
        """That of the output layer."""
        return self.head or HEADS[self.loss]

    @property
    def is_one_hot(self) -> bool:
        """Whether the loss compares one-hot codes of the classes."""
        return self.outputs > 1 and self.loss is not Loss.multiclass

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
    def inputs(self) -> int:
        """What the first layer sees: numbers, and what stands for the codes."""
        return self.numbers + sum(embedding.size for embedding in self.embeddings)

    @property
    def is_weighted(self) -> bool:
        """Whether some fold weighs its rows."""
        return any(fold.weight_N is not None for fold in self.folds)

    def steps(self, plan: Plan) -> int:
        """Training steps of one epoch."""
        return math.ceil(len(self.folds[plan.fold].train_N) / plan.batch_size)

    def rows(self, number: int = 0) -> FoldRows:
        """A copy of a fold's rows."""
        fold = self.folds[number]
        return FoldRows(
            x_train_ND=self.x_of(fold, fold.train_N),
            y_train_N=self.y_of(fold, fold.train_N),
            weight_train_N=fold.weight_N,
            x_val_MD=self.x_of(fold, fold.validation_M),
            y_val_M=self.y_of(fold, fold.validation_M),
        )

    def x_of(self, fold: Fold, rows: RowNumbers) -> FloatArray:
        """Features of some rows, as a fold sees them."""
        x_ND: FloatArray = self.x_VND[fold.view, rows]
        return x_ND

    def y_of(self, fold: Fold, rows: RowNumbers) -> FloatArray:
        """Targets of some rows, as a fold sees them."""
        y_N = self.y_N[rows]
        if not self.is_scaled:
            return y_N
        return ((y_N - np.float32(fold.y_shift)) / np.float32(fold.y_scale)).astype(np.float32)


class Outcome(StrEnum):
    """How a training ended."""

    completed = "completed"
    diverged = "diverged"
    stopped = "stopped"


@dataclass(frozen=True)
class TrainedTrial:
    """A finished training, with the weights of its best epoch.

    `weights` alternate kernel [in, out] and bias [out], first layer to head, and end with a table
    [codes, size] for each embedding; `val_output_MC` is
    what they answer on the validation rows: the standardised target, or probabilities. Both are
    empty where no epoch had a finite validation loss. `reason` says why training ended:
    `early_stopping`, `max_epochs`, `stopped`, `loss_not_finite`. `program` says what trained it,
    `checkpoint` what it would go on from; a diverged one has none.
    """

    plan: Plan
    outcome: Outcome
    reason: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    weights: tuple[FloatArray, ...]
    val_output_MC: FloatArray
    seconds: float
    program: str
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it has weights, and did not diverge after them."""
        return self.best_epoch is not None and self.outcome is not Outcome.diverged


@dataclass(frozen=True)
class FailedTrial:
    """A trial that its engine could not train."""

    plan: Plan
    reason: str
    error: str


def failed(plan: Plan, error: Exception) -> FailedTrial:
    """What is told of an engine's own error. MemoryError is raised: it is the machine's."""
    if isinstance(error, MemoryError):
        raise error
    return FailedTrial(plan, type(error).__name__, "".join(traceback.format_exception(error)))


NextPlans = Callable[[int], list[Plan]]
"""Up to n plans to train; an empty list means none for now, and none ever once all have ended."""

TakeCheckpoint = Callable[[], Checkpoint]
"""Copies what a training goes on from; to be called before the next epoch begins."""

OnEpoch = Callable[[Plan, Epoch, TakeCheckpoint], bool]
"""Told of every epoch as it ends; answers whether its training goes on.

One whose patience or epochs are used up, or that diverged, ends whatever the answer.
"""

OnBatch = Callable[[], None]
"""Called now and then inside an epoch: a sign of life."""


def hand_out(plans: Sequence[Plan]) -> NextPlans:
    """Plans in their order."""
    waiting = list(plans)

    def next_plans(n: int) -> list[Plan]:
        some, waiting[:] = waiting[:n], waiting[n:]
        return some

    return next_plans


class Engine(Protocol):
    """What trains plans on a job's arrays."""

    def run(
        self, next_plans: NextPlans, *, on_epoch: OnEpoch, on_batch: OnBatch
    ) -> Iterator[TrainedTrial | FailedTrial]:
        """Train plans until there are none; yields each training as it ends."""
