"""Reads the initializer and the regularizer of a Dense layer's kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_objects import LAYERS, KerasObject, parse_object, read_number
from lowloss.spec.initializers import INITIALIZERS, InitializerRecord
from lowloss.spec.keras_names import snake_case
from lowloss.tables.cells import show_value

DEFAULT_PENALTY = 0.01
"""The strength of Keras's L1 and L2 that are named without one."""


def read_initializer(layer: KerasObject) -> Mapping[str, Any]:
    """Return an Initializer's fields."""
    value = layer.config.get("kernel_initializer")
    if value is None:
        return {"name": "glorot_uniform"}
    if isinstance(value, str):
        name = snake_case(value)
        if name not in INITIALIZERS:
            raise _unsupported_initializer(layer, value)
        return {"name": name}
    inner = parse_object(value, f"the kernel_initializer of {layer.title}")
    record = _find_record(inner)
    if inner.is_custom or record is None:
        raise _unsupported_initializer(layer, inner.class_name)
    if record.argument is None:
        return {"name": record.name}
    return {"name": record.name, "scale": _read_scale(layer, inner, record)}


def _find_record(initializer: KerasObject) -> InitializerRecord | None:
    if initializer.class_name != "VarianceScaling":
        return INITIALIZERS.get(snake_case(initializer.class_name))
    distribution = initializer.config.get("distribution", "truncated_normal")
    # The normal of Keras's VarianceScaling is truncated, too.
    shape = "truncated_normal" if distribution == "normal" else str(distribution)
    mode = str(initializer.config.get("mode", "fan_in"))
    scaling = (initializer.read_number("scale", 1.0), mode, shape)
    for record in INITIALIZERS.values():
        if (record.scale, record.fan, record.distribution) == scaling:
            return record
    return None


def _read_scale(layer: KerasObject, initializer: KerasObject, record: InitializerRecord) -> float:
    scale = initializer.read_number(str(record.argument), record.scale)
    low = initializer.read_number("minval", -record.scale)
    if record.distribution == "uniform" and low != -scale:
        raise _unsupported_initializer(layer, f"a uniform from {low:g} to {scale:g}")
    if mean := initializer.read_number("mean", 0.0):
        raise _unsupported_initializer(layer, f"a normal around {mean:g}")
    return scale


def _unsupported_initializer(layer: KerasObject, name: str) -> RecipeUnsupported:
    return RecipeUnsupported(
        f"{layer.title} has the kernel_initializer {show_value(name)}, which is not reproduced",
        field=LAYERS,
        fix=f"use one of {', '.join(INITIALIZERS)}, around zero",
    )


def read_penalties(layer: KerasObject) -> tuple[float, float]:
    """Return the strengths of L1 and L2."""
    value = layer.config.get("kernel_regularizer")
    if value is None:
        return 0.0, 0.0
    name = snake_case(value) if isinstance(value, str) else None
    if name in {"l1", "l2", "l1_l2", "l1l2"}:
        return DEFAULT_PENALTY * (name != "l2"), DEFAULT_PENALTY * (name != "l1")
    if name is None:
        inner = parse_object(value, f"the kernel_regularizer of {layer.title}")
        if not inner.is_custom and inner.class_name in {"L1", "L2", "L1L2"}:
            return _read_strength(layer, inner, "l1"), _read_strength(layer, inner, "l2")
        name = inner.class_name
    raise RecipeUnsupported(
        f"{layer.title} has the kernel_regularizer {show_value(name)}, which is not reproduced",
        field=LAYERS,
        fix="use keras.regularizers.L1, L2 or L1L2",
    )


def _read_strength(layer: KerasObject, regularizer: KerasObject, key: str) -> float:
    strength = regularizer.read_number(key, 0.0)
    if strength < 0:
        raise RecipeUnsupported(
            f"{layer.title} has a negative penalty, {key}={strength:g}",
            field=LAYERS,
            fix="give 0 or more",
        )
    return strength


def is_zero(initializer: Any) -> bool:
    """Return whether an initializer of biases starts them at zero, as Keras's default does."""
    if initializer is None:
        return True
    if isinstance(initializer, str):
        return snake_case(initializer) == "zeros"
    inner = parse_object(initializer, "a bias_initializer")
    if inner.is_custom:
        return False
    is_constant = inner.class_name == "Constant"
    return inner.class_name == "Zeros" or (
        is_constant and read_number(inner.config.get("value"), 0.0, "value") == 0
    )
