"""The initializers, one record each: how a kernel's first values are drawn, in Keras's names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

Distribution = Literal[
    "constant", "normal", "truncated_normal", "uniform", "orthogonal", "identity"
]
Fan = Literal["fan_in", "fan_out", "fan_avg"]


@dataclass(frozen=True)
class InitializerRecord:
    """An initializer of Keras.

    `scale` is the constant, the standard deviation of a normal, the limit of a uniform around
    `mean`, or the gain of an orthogonal or identity matrix. Where there is a `fan` it is the
    variance times the fan, as in Keras's VarianceScaling. `argument` is Keras's name of a scale
    that users may choose.
    """

    name: str
    distribution: Distribution
    scale: float
    fan: Fan | None = None
    argument: str | None = None
    mean: float = 0.0

    def with_scale(self, scale: float | None) -> InitializerRecord:
        """Return the initializer with a scale; None stands for Keras's default."""
        return self if scale is None else replace(self, scale=scale)

    @property
    def standard_deviation(self) -> float | None:
        """The standard deviation of its values; None where it follows from the layer's sizes."""
        if self.fan is not None:
            return None
        match self.distribution:
            case "constant":
                return 0.0
            case "uniform":
                return self.scale / math.sqrt(3)
            case "orthogonal" | "identity":
                return None
            case _:
                return self.scale

    def mean_square(self, fan_in: int, fan_out: int) -> float:
        """Return the mean square of the first values of a kernel of these sizes."""
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        if self.fan is not None:
            return self.scale / fans[self.fan]
        match self.distribution:
            case "orthogonal" | "identity":
                # Its rows or columns, whichever are fewer, have the length of the gain.
                return self.scale**2 / max(fan_in, fan_out)
            case "constant":
                return self.scale**2
            case "uniform":
                return self.scale**2 / 3 + self.mean**2
            case "truncated_normal":
                # What is left of a normal's variance within two standard deviations.
                return 0.774 * self.scale**2 + self.mean**2
            case _:
                return self.scale**2 + self.mean**2


_RECORDS = (
    # Glorot and Bengio 2010.
    InitializerRecord("glorot_uniform", "uniform", 1.0, "fan_avg"),
    InitializerRecord("glorot_normal", "truncated_normal", 1.0, "fan_avg"),
    # He et al. 2015.
    InitializerRecord("he_uniform", "uniform", 2.0, "fan_in"),
    InitializerRecord("he_normal", "truncated_normal", 2.0, "fan_in"),
    # LeCun et al. 1998.
    InitializerRecord("lecun_uniform", "uniform", 1.0, "fan_in"),
    InitializerRecord("lecun_normal", "truncated_normal", 1.0, "fan_in"),
    InitializerRecord("random_normal", "normal", 0.05, argument="stddev"),
    InitializerRecord("random_uniform", "uniform", 0.05, argument="maxval"),
    InitializerRecord("truncated_normal", "truncated_normal", 0.05, argument="stddev"),
    InitializerRecord("variance_scaling", "truncated_normal", 1.0, "fan_in", argument="scale"),
    # Saxe et al. 2014.
    InitializerRecord("orthogonal", "orthogonal", 1.0, argument="gain"),
    InitializerRecord("identity", "identity", 1.0, argument="gain"),
    InitializerRecord("zeros", "constant", 0.0),
    InitializerRecord("ones", "constant", 1.0),
    InitializerRecord("constant", "constant", 0.0, argument="value"),
)
INITIALIZERS: Mapping[str, InitializerRecord] = {record.name: record for record in _RECORDS}

if TYPE_CHECKING:
    InitializerName = str
else:
    InitializerName = Literal[tuple(INITIALIZERS)]
