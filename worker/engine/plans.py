"""A plan: everything, with the data, that the result of one training depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from worker.engine.array_types import FloatArray

T = TypeVar("T")


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
    passed without improvement, and training took so many `seconds` so far.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int | None
    waited: int
    seconds: float
    weights: tuple[FloatArray, ...]
    moments: tuple[tuple[FloatArray, ...], ...]
    best_weights: tuple[FloatArray, ...]

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        groups = [self.weights, self.best_weights, *self.moments]
        return sum(array.nbytes for group in groups for array in group)


class KernelInitializer(Protocol):
    """How a layer's kernel begins.

    `distribution` is `constant`, `normal`, `truncated_normal` (at 2 standard deviations),
    `uniform`, `orthogonal` or `identity`, and `scale` the constant, the standard deviation, the
    limit or the gain; normals and uniforms lie around `mean`. Where there is a `fan`, `fan_in`,
    `fan_out` or `fan_avg`, `scale` over the layer's is the variance.
    """

    @property
    def distribution(self) -> str:
        """The name of the distribution."""

    @property
    def scale(self) -> float:
        """Its scale."""

    @property
    def mean(self) -> float:
        """What it lies around."""

    @property
    def fan(self) -> str | None:
        """The size of a layer that the variance follows from."""


class KerasCall(Protocol):
    """A call of a class of Keras, `path` being its place in the package.

    Arguments are numbers, texts, and calls; first those by position, then those by name. Of a
    layer `starts` is the number of the skip that starts with what it gives, and `takes` that of the
    skip which it takes beside what comes before it.
    """

    @property
    def path(self) -> str:
        """Where the class is, below `keras`."""

    @property
    def positional(self) -> tuple[Any, ...]:
        """Arguments by position."""

    @property
    def options(self) -> tuple[tuple[str, Any], ...]:
        """Arguments by name."""

    @property
    def starts(self) -> int | None:
        """The skip that starts behind this layer."""

    @property
    def takes(self) -> int | None:
        """The skip that this layer takes, too."""


class Plateau(Protocol):
    """When a learning rate falls, and how far: see `lowloss.spec.schedules.Plateau`."""

    @property
    def factor(self) -> float:
        """What the rate is multiplied by."""

    @property
    def patience(self) -> int:
        """After so many epochs without improvement."""

    @property
    def min_delta(self) -> float:
        """By how much a loss must be below the least one to be an improvement."""

    @property
    def cooldown(self) -> int:
        """So many epochs after a fall are not counted."""

    @property
    def min_rate(self) -> float:
        """It falls no further."""


class StopMonitor(Protocol):
    """What early stopping watches: see `lowloss.spec.stopping.StopMonitor`."""

    @property
    def name(self) -> str:
        """Keras's name of it."""

    @property
    def mode(self) -> Literal["min", "max"]:
        """Whether small or large values are good."""

    @property
    def min_delta(self) -> float:
        """By how much it has to become better."""

    @property
    def is_validation(self) -> bool:
        """Whether rows that validate have it, not those that train."""

    @property
    def metric(self) -> str | None:
        """What Keras measures for it beside the loss, if anything."""


@dataclass(frozen=True)
class Plan:
    """One training: everything, with the data, that its result depends on.

    `activation` and `dropout` are of all hidden layers, or one each; `l1` and `l2` of all layers,
    or one each, the output layer last. `initializers` are one for each layer, and so are
    `bias_initializers`; without these biases begin at zero. `momentum` is of SGD alone. `fold` says
    which of the data's folds it trains and validates on; without `shuffle` each epoch sees its rows
    in the fold's order. `noise` is the standard
    deviation of what is added to every feature of a training batch, `mixup` the alpha of the
    distribution Beta(alpha, alpha) of the shares by which a batch's rows are mixed with one another
    (Zhang et al. 2018); 0 for none. `layers` are all layers of a network that only stock Keras has,
    Dense ones of `widths` among them; no cohort trains it. It alone may have further arguments of
    the optimizer, and a schedule of the learning rate that is built by a call. With a `plateau` the
    rate falls where the validation loss does not, or after the epochs `rate_falls` where no rows
    validate. Stock Keras alone waits for another `monitor` than the validation loss. Where it goes
    on from a `checkpoint`, its result is the same.
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
    initializers: tuple[KernelInitializer, ...]
    noise: float = 0.0
    mixup: float = 0.0
    fold: int = 0
    momentum: float = 0.0
    shuffle: bool = True
    bias_initializers: tuple[KernelInitializer, ...] = ()
    layers: tuple[KerasCall, ...] = ()
    optimizer_arguments: tuple[tuple[str, Any], ...] = ()
    rate_schedule: KerasCall | None = None
    plateau: Plateau | None = None
    rate_falls: tuple[int, ...] = ()
    monitor: StopMonitor | None = None
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        hidden = {len(self.activations), len(self.dropouts)}
        layers = {len(self.l1s), len(self.l2s), len(self.initializers)}
        layers |= {len(self.bias_initializers)} if self.bias_initializers else set()
        if hidden != {len(self.widths)} or layers != {len(self.widths) + 1}:
            raise ValueError(f"values for another number of layers: {self}")

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return per_layer(self.activation, len(self.widths))

    @property
    def dropouts(self) -> tuple[float, ...]:
        """The rate after each hidden layer."""
        return per_layer(self.dropout, len(self.widths))

    @property
    def l1s(self) -> tuple[float, ...]:
        """The L1 strength of each layer, the output layer last."""
        return per_layer(self.l1, len(self.widths) + 1)

    @property
    def l2s(self) -> tuple[float, ...]:
        """The L2 strength of each layer, the output layer last."""
        return per_layer(self.l2, len(self.widths) + 1)

    def natural_end(self, epochs: int, waited: int) -> str | None:
        """Return why training ends after `epochs`, the last `waited` of them no better.

        Return None where it goes on.
        """
        # Keras looks at patience after an epoch that was no better: 0 is as 1.
        if waited >= max(1, self.patience):
            return "early_stopping"
        return "max_epochs" if epochs >= self.max_epochs else None


def per_layer(value: T | tuple[T, ...], count: int) -> tuple[T, ...]:
    """Return one value for each of `count` layers."""
    return value if isinstance(value, tuple) else (value,) * count
