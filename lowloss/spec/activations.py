"""The activations, one record each: what a specification, Keras code and the checks say of them.

The engine computes Keras's own function of the same name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lowloss.spec.initializers import INITIALIZERS, InitializerRecord


@dataclass(frozen=True)
class ActivationRecord:
    """An activation of Keras; its values lie between `low` and `high`.

    `initializer` is the usual one of a layer that it follows. A squashing one is a smooth step,
    flat on both sides of 0; `relu6` is flat, too, but not where inputs usually lie. One that
    `can_die` is 0 below 0: a unit that is 0 for every row learns no more. A search may choose those
    that are `is_searched`.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    initializer: str = "glorot_uniform"
    is_squashing: bool = False
    can_die: bool = False
    is_searched: bool = False


_RECORDS = (
    ActivationRecord("linear"),
    ActivationRecord("relu", 0.0, initializer="he_normal", can_die=True, is_searched=True),
    ActivationRecord("relu6", 0.0, 6.0, initializer="he_normal", can_die=True),
    ActivationRecord("leaky_relu", initializer="he_normal", is_searched=True),
    ActivationRecord("elu", -1.0, initializer="he_normal", is_searched=True),
    # Klambauer et al. 2017.
    ActivationRecord("selu", -1.7581, initializer="lecun_normal", is_searched=True),
    ActivationRecord("gelu", -0.17, initializer="he_normal", is_searched=True),
    ActivationRecord("silu", -0.2785, initializer="he_normal", is_searched=True),
    ActivationRecord("mish", -0.3089, initializer="he_normal", is_searched=True),
    ActivationRecord("softplus", 0.0),
    ActivationRecord("softsign", -1.0, 1.0, is_squashing=True),
    ActivationRecord("tanh", -1.0, 1.0, is_squashing=True, is_searched=True),
    ActivationRecord("sigmoid", 0.0, 1.0, is_squashing=True),
    ActivationRecord("hard_sigmoid", 0.0, 1.0, is_squashing=True),
    ActivationRecord("exponential", 0.0),
    ActivationRecord("softmax", 0.0, 1.0, is_squashing=True),
)
ACTIVATIONS: Mapping[str, ActivationRecord] = {record.name: record for record in _RECORDS}

if TYPE_CHECKING:
    Activation = str
    LayerActivation = str
else:
    Activation = Literal[tuple(record.name for record in _RECORDS if record.is_searched)]
    LayerActivation = Literal[tuple(ACTIVATIONS)]


def usual_initializers(activations: Sequence[str]) -> tuple[InitializerRecord, ...]:
    """Return the usual initializer of each hidden layer, and of a linear output layer."""
    return tuple(INITIALIZERS[ACTIVATIONS[name].initializer] for name in (*activations, "linear"))
