"""The layers that may stand between Dense layers, one class each, with Keras's arguments.

A skip is a way past layers: it starts at a place of the chain, and a merge takes it up further on.

They are trained by stock Keras: the cohorts of the engine have only Dense, activation and Dropout.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from lowloss.spec.activations import ACTIVATIONS, LayerActivation
from lowloss.spec.keras_names import KerasName, find_keras_name
from lowloss.spec.parameters import Deviation, Number, Penalty, Rate, Share
from lowloss.spec.parts import Spec, wrong_value

MAX_SHOWN = 40
SkipNumber = Annotated[int, Field(ge=1, le=100), Number]


class LayerSpec(Spec):
    """A layer of Keras; `computes` is the activation that it is, or is nearest to."""

    keras_class: ClassVar[str]

    @classmethod
    def layer_name(cls) -> str:
        """Return the name that stands for the class."""
        return str(get_args(cls.model_fields["name"].annotation)[0])

    @property
    def computes(self) -> str | None:
        """The activation that it computes, or the nearest one; None where it is none."""
        return None

    @property
    def arguments(self) -> dict[str, Any]:
        """Its arguments that differ from Keras's defaults."""
        return {
            name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if name != "name" and getattr(self, name) != info.default
        }


class BatchNormalization(LayerSpec):
    """Standardises every unit over the batch; over running means when it predicts."""

    keras_class: ClassVar[str] = "BatchNormalization"
    name: Literal["batch_normalization"]
    momentum: Share = 0.99
    epsilon: Rate = 0.001
    center: bool = True
    scale: bool = True


class LayerNormalization(LayerSpec):
    """Standardises every row over its units."""

    keras_class: ClassVar[str] = "LayerNormalization"
    name: Literal["layer_normalization"]
    epsilon: Rate = 0.001
    center: bool = True
    scale: bool = True


class UnitNormalization(LayerSpec):
    """Scales every row to a length of 1."""

    keras_class: ClassVar[str] = "UnitNormalization"
    name: Literal["unit_normalization"]


class Activation(LayerSpec):
    """An activation behind another one, or apart from its Dense layer."""

    keras_class: ClassVar[str] = "Activation"
    name: Literal["activation"]
    activation: Annotated[LayerActivation, KerasName]

    @property
    def computes(self) -> str | None:
        """The activation."""
        return self.activation


class LeakyReLU(LayerSpec):
    """A relu of another slope below zero than the activation `leaky_relu`, which has 0.2."""

    keras_class: ClassVar[str] = "LeakyReLU"
    name: Literal["leaky_relu"]
    negative_slope: Penalty = 0.3

    @property
    def computes(self) -> str | None:
        """The nearest activation."""
        return "leaky_relu"


class ReLU(LayerSpec):
    """A relu of other corners than the activations `relu` and `relu6`."""

    keras_class: ClassVar[str] = "ReLU"
    name: Literal["relu"]
    max_value: Penalty | None = None
    negative_slope: Penalty = 0.0
    threshold: Penalty = 0.0

    @property
    def computes(self) -> str | None:
        """The nearest activation."""
        return "leaky_relu" if self.negative_slope else "relu"


class PReLU(LayerSpec):
    """A relu that learns its slope below zero."""

    keras_class: ClassVar[str] = "PReLU"
    name: Literal["prelu"]

    @property
    def computes(self) -> str | None:
        """The nearest activation."""
        return "leaky_relu"


class ELU(LayerSpec):
    """An exponential linear unit of another depth than the activation `elu`."""

    keras_class: ClassVar[str] = "ELU"
    name: Literal["elu"]
    alpha: Penalty = 1.0

    @property
    def computes(self) -> str | None:
        """The nearest activation."""
        return "elu"


class ExtraDropout(LayerSpec):
    """A Dropout that does not stand behind an activation."""

    keras_class: ClassVar[str] = "Dropout"
    name: Literal["dropout"]
    rate: Share


class AlphaDropout(LayerSpec):
    """A Dropout that keeps mean and variance, for selu."""

    keras_class: ClassVar[str] = "AlphaDropout"
    name: Literal["alpha_dropout"]
    rate: Share


class GaussianDropout(LayerSpec):
    """Noise in proportion to what it multiplies."""

    keras_class: ClassVar[str] = "GaussianDropout"
    name: Literal["gaussian_dropout"]
    rate: Share


class GaussianNoise(LayerSpec):
    """Noise that is added in training."""

    keras_class: ClassVar[str] = "GaussianNoise"
    name: Literal["gaussian_noise"]
    stddev: Deviation


class Rescaling(LayerSpec):
    """A fixed factor and a fixed summand."""

    keras_class: ClassVar[str] = "Rescaling"
    name: Literal["rescaling"]
    scale: Annotated[float, Number]
    offset: Annotated[float, Number] = 0.0


class SkipStart(LayerSpec):
    """The place where a skip starts: of two with one number, the last before a merge counts."""

    keras_class: ClassVar[str] = "Identity"
    name: Literal["skip_start"]
    skip: SkipNumber = 1


class Merge(LayerSpec):
    """A layer that takes a skip, by its number, beside what comes before it."""

    skip: SkipNumber = 1


class Add(Merge):
    """Adds a skip of as many units."""

    keras_class: ClassVar[str] = "Add"
    name: Literal["add"]


class Concatenate(Merge):
    """Puts a skip's units before those that come before it."""

    keras_class: ClassVar[str] = "Concatenate"
    name: Literal["concatenate"]


ExtraLayer = (
    BatchNormalization
    | LayerNormalization
    | UnitNormalization
    | Activation
    | LeakyReLU
    | ReLU
    | PReLU
    | ELU
    | ExtraDropout
    | AlphaDropout
    | GaussianDropout
    | GaussianNoise
    | Rescaling
    | SkipStart
    | Add
    | Concatenate
)
LAYER_CLASSES: dict[str, type[LayerSpec]] = {
    layer.keras_class: layer for layer in get_args(ExtraLayer)
}
"""The classes of extra layers, by the names of Keras's."""
LAYER_NAMES = tuple(layer.layer_name() for layer in LAYER_CLASSES.values())


def _expand_name(value: Any) -> Any:
    """Read a name alone as a layer or an activation, and a class's name as the function's."""
    if isinstance(value, str) and find_keras_name(value) in ACTIVATIONS:
        return {"name": "activation", "activation": value}
    fields = {"name": value} if isinstance(value, str) else value
    if not (isinstance(fields, dict) and isinstance(fields.get("name"), str)):
        return fields
    name = find_keras_name(fields["name"])
    if name not in LAYER_NAMES:
        raise wrong_value(
            "layer_unknown",
            f"{fields['name'][:MAX_SHOWN]!r} is no layer that may stand here",
            fix=f"use one of {', '.join(LAYER_NAMES)}",
        )
    return fields | {"name": name}


ExtraLayers = Annotated[
    tuple[Annotated[ExtraLayer, Field(discriminator="name"), BeforeValidator(_expand_name)], ...],
    Field(max_length=20),
]
