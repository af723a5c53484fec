"""Reads activations, named or as layers, as a Recipe names them."""

from __future__ import annotations

from collections.abc import Callable

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_objects import LAYERS, KerasObject, function_name, parse_object
from lowloss.spec.activations import ACTIVATIONS
from lowloss.tables.cells import show_value

SLOPE = 0.2
"""The slope below zero of Keras's function `leaky_relu`."""
NEAR_SLOPES = (0.01, 0.3)
"""The slopes between these train much alike: Keras's LeakyReLU has 0.3, PyTorch's 0.01."""
ACTIVATION_LAYERS = frozenset({"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"})

Note = Callable[[str], None]


def read_activation(layer: KerasObject, note: Note) -> str | KerasObject:
    """Return the activation that a Dense or an Activation layer names; a layer where it is one."""
    value = layer.config.get("activation")
    if value is None:
        return "linear"
    name = function_name(value)
    if name in ACTIVATIONS:
        return str(name)
    if isinstance(value, dict) and name is None:
        inner = parse_object(value, f"the activation of {layer.title}")
        if not inner.is_custom and inner.class_name in ACTIVATION_LAYERS:
            return read_activation_layer(inner, note)
        name = inner.class_name
    raise _unsupported(
        layer, f"has the activation {show_value(name or value)}, which is not reproduced"
    )


def read_activation_layer(layer: KerasObject, note: Note) -> str | KerasObject:
    """Return the activation that a layer computes; the layer where no activation is the same."""
    match layer.class_name:
        case "ReLU":
            return _name_relu(layer, note) or layer
        case "LeakyReLU":
            slope = layer.read_number("negative_slope", layer.read_number("alpha", 0.3))
            return _name_leaky_relu(slope, note) or layer
        case "ELU":
            return "elu" if layer.read_number("alpha", 1.0) == 1 else layer
        case "PReLU":
            return layer
        case "Softmax":
            layer.require("axis", -1, "leave axis out")
            return "softmax"
        case _:
            return read_activation(layer, note)


def combine_activations(first: str, second: str) -> str | None:
    """Return one activation that equals two in a row; None where there is none."""
    if first == "linear":
        return second
    if second == "relu" and first in {"leaky_relu", "elu"}:
        return "relu"
    if second == "relu" and ACTIVATIONS[first].low >= 0:
        return first
    return first if first == second == "relu6" else None


def _name_relu(layer: KerasObject, note: Note) -> str | None:
    slope = layer.read_number("negative_slope", 0.0)
    cap = layer.config.get("max_value")
    if layer.read_number("threshold", 0.0):
        return None
    if cap is None:
        return _name_leaky_relu(slope, note) if slope else "relu"
    return "relu6" if cap == 6 and not slope else None


def _name_leaky_relu(slope: float, note: Note) -> str | None:
    if slope != SLOPE and not NEAR_SLOPES[0] <= slope <= NEAR_SLOPES[1]:
        return None
    if slope != SLOPE:
        note(f"a leaky ReLU's negative slope is taken as {SLOPE}, not as {slope:g}")
    return "leaky_relu"


def _unsupported(layer: KerasObject, reason: str) -> RecipeUnsupported:
    return RecipeUnsupported(
        f"{layer.title} {reason}",
        field=LAYERS,
        fix=f"use one of {', '.join(ACTIVATIONS)}",
    )
