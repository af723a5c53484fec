"""A Dense layer of a recipe: its initializers, its activation, and what stands behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from lowloss.spec.activations import LayerActivation
from lowloss.spec.extra_layers import ExtraLayers
from lowloss.spec.initializers import (
    INITIALIZERS,
    Distribution,
    Fan,
    InitializerName,
    InitializerRecord,
)
from lowloss.spec.keras_names import KerasName
from lowloss.spec.parameters import Dropout, Number, Penalty
from lowloss.spec.parts import Spec, wrong_value

CENTRED = frozenset({"random_normal", "random_uniform", "truncated_normal"})


class Initializer(Spec):
    """The initial values of a kernel, or of biases.

    `scale` is the standard deviation of a normal, the limit of a uniform around `mean`, the
    constant, the gain, or the scale of Keras's VarianceScaling, which alone takes `mode` and
    `distribution`; null for Keras's default. The other initializers follow from the layer's sizes,
    and take no scale.
    """

    name: Annotated[InitializerName, KerasName]
    scale: float | None = None
    mean: float = 0.0
    mode: Fan | None = None
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] | None = None

    @model_validator(mode="after")
    def _check_arguments(self) -> Self:
        is_scaling = self.name == "variance_scaling"
        fits = {
            "scale": self.scale is None or INITIALIZERS[self.name].argument is not None,
            "mean": not self.mean or self.name in CENTRED,
            "mode": self.mode is None or is_scaling,
            "distribution": self.distribution is None or is_scaling,
        }
        for argument, does_fit in fits.items():
            if not does_fit:
                raise wrong_value(
                    "argument_does_not_fit", f"{self.name} takes no {argument}", fix="leave it out"
                )
        return self

    @property
    def record(self) -> InitializerRecord:
        """How it draws, with these arguments."""
        record = replace(INITIALIZERS[self.name].with_scale(self.scale), mean=self.mean)
        if self.name != "variance_scaling":
            return record
        return replace(record, fan=self.mode or record.fan, distribution=self._drawn)

    @property
    def _drawn(self) -> Distribution:
        """The distribution of Keras's VarianceScaling, by the name of a record's."""
        if self.distribution == "untruncated_normal":
            return "normal"
        return self.distribution or "truncated_normal"


def _expand_initializer(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


AnyInitializer = Annotated[Initializer, BeforeValidator(_expand_initializer)]


class RecipeLayer(Spec):
    """A Dense layer, its activation, and the Dropout after it.

    `after_dense`, `after_activation` and `after_dropout` are further layers behind each of these.
    """

    units: Annotated[int, Field(ge=1), Number]
    use_bias: bool = True
    activation: Annotated[LayerActivation, KerasName] = "linear"
    kernel_initializer: AnyInitializer = Initializer(name="glorot_uniform")
    bias_initializer: AnyInitializer = Initializer(name="zeros")
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    dropout: Dropout = 0.0
    after_dense: ExtraLayers = ()
    after_activation: ExtraLayers = ()
    after_dropout: ExtraLayers = ()

    @field_validator("activation", mode="before")
    @classmethod
    def _none_is_linear(cls, value: Any) -> Any:
        return "linear" if value is None else value

    @property
    def extra_layers(self) -> ExtraLayers:
        """All further layers, in their order."""
        return self.after_dense + self.after_activation + self.after_dropout

    @property
    def nonlinearity(self) -> str:
        """Its activation; where that is linear the one that a further layer is nearest to."""
        if self.activation != "linear":
            return self.activation
        computed = (layer.computes for layer in self.extra_layers)
        return next((name for name in computed if name), "linear")
