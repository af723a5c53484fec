"""The network of a Keras model as far as its layers were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lowloss.recipes.keras_activations import combine_activations
from lowloss.recipes.keras_extras import read_extra_layer
from lowloss.recipes.keras_objects import KerasObject
from lowloss.spec import RecipeScaling


@dataclass
class DenseLayer:
    """A Dense layer, with what follows it so far."""

    units: int
    use_bias: bool
    kernel_initializer: Mapping[str, Any]
    bias_initializer: Mapping[str, Any]
    l1: float
    l2: float
    activation: str = "linear"
    dropout: float = 0.0
    after_dense: list[Mapping[str, Any]] = field(default_factory=list)
    after_activation: list[Mapping[str, Any]] = field(default_factory=list)
    after_dropout: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, extra: Mapping[str, Any]) -> None:
        """Put a further layer behind what is there."""
        self._last.append(extra)

    def add_activation(self, name: str) -> None:
        """Put an activation behind what is there."""
        # Dropout's factor is never negative: these two commute with it.
        commutes = not self.dropout or name in {"relu", "leaky_relu"}
        combination = combine_activations(self.activation, name)
        if commutes and combination and not (self.after_activation or self.after_dropout):
            self.activation = combination
        else:
            self.add({"name": "activation", "activation": name})

    def add_dropout(self, rate: float) -> None:
        """Put a Dropout behind what is there."""
        if self.after_dropout:
            self.add({"name": "dropout", "rate": rate})
        else:
            # Two in a row act as one: their shares of surviving values multiply.
            self.dropout = rate if not self.dropout else 1 - (1 - self.dropout) * (1 - rate)

    @property
    def _last(self) -> list[Mapping[str, Any]]:
        """Where the next layer stands."""
        if self.dropout or self.after_dropout:
            return self.after_dropout
        has_activation = self.activation != "linear" or self.after_activation
        return self.after_activation if has_activation else self.after_dense


@dataclass
class Network:
    """The network of the layers that were read so far.

    `axes` is how many axes a row has, and `inputs` how many numbers, None where no layer says so;
    `scaling` is done by the model itself to its features, and `categorical` are the inputs that it
    takes as such.
    """

    dense: list[DenseLayer] = field(default_factory=list)
    front: list[Mapping[str, Any]] = field(default_factory=list)
    noise: float = 0.0
    scaling: RecipeScaling = "none"
    categorical: tuple[str, ...] | Literal["all"] = ()
    axes: int | None = None
    inputs: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_begun(self) -> bool:
        """Whether there is more than an input."""
        return bool(self.dense or self.front or self.noise) or self.scaling != "none"

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The layers as fields of a Recipe."""
        return [asdict(layer) for layer in self.dense]

    def add(self, extra: Mapping[str, Any]) -> None:
        """Put a further layer behind the last Dense one, or before the first."""
        (self.dense[-1].add if self.dense else self.front.append)(extra)

    def add_activation(self, activation: str | KerasObject) -> None:
        """Put an activation there; a layer where it has no name."""
        if isinstance(activation, KerasObject):
            self.add(read_extra_layer(activation))
        elif activation != "linear":
            if self.dense:
                self.dense[-1].add_activation(activation)
            else:
                self.add({"name": "activation", "activation": activation})

    def note(self, text: str) -> None:
        """Note a difference between recipe and model, once."""
        if text not in self.notes:
            self.notes.append(text)
