"""Reads the initializers of a Dense layer, and the regularizer of its kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_objects import LAYERS, KerasObject, parse_object
from lowloss.spec.initializers import INITIALIZERS, Fan
from lowloss.spec.keras_names import find_keras_name, snake_case
from lowloss.tables.cells import show_value

_DISTRIBUTIONS = frozenset({"truncated_normal", "untruncated_normal", "uniform"})
"""Those of Keras's VarianceScaling."""
DEFAULT_PENALTY = 0.01
"""The strength of Keras's L1 and L2 that are named without one."""


def read_initializer(layer: KerasObject, key: str, default: str) -> Mapping[str, Any]:
    """Return an Initializer's fields; `key` is that of a kernel or of biases."""
    value = layer.config.get(key)
    if value is None:
        return {"name": default}
    if isinstance(value, str):
        name = find_keras_name(value)
        if name not in INITIALIZERS:
            raise _unsupported_initializer(layer, key, value)
        return {"name": name}
    inner = parse_object(value, f"the {key} of {layer.title}")
    record = INITIALIZERS.get(find_keras_name(inner.class_name))
    if inner.is_custom or record is None:
        raise _unsupported_initializer(layer, key, inner.class_name)
    if record.name == "variance_scaling":
        return _read_variance_scaling(layer, key, inner)
    if record.argument is None:
        return {"name": record.name}
    scale = inner.read_number(record.argument, record.scale)
    mean = inner.read_number("mean", 0.0)
    if record.distribution == "uniform":
        low, high = inner.read_number("minval", -record.scale), scale
        mean, scale = (low + high) / 2, (high - low) / 2
    return {"name": record.name, "scale": scale} | ({"mean": mean} if mean else {})


def _read_variance_scaling(layer: KerasObject, key: str, inner: KerasObject) -> Mapping[str, Any]:
    """Return the initializer of that name, or the usual one that equals it."""
    distribution = inner.config.get("distribution", "truncated_normal")
    # The normal of Keras's VarianceScaling is truncated, too.
    distribution = "truncated_normal" if distribution == "normal" else distribution
    mode, scale = inner.config.get("mode", "fan_in"), inner.read_number("scale", 1.0)
    for record in INITIALIZERS.values():
        if (record.scale, record.fan, record.distribution) == (scale, mode, distribution):
            return {"name": record.name}
    if mode not in get_args(Fan) or distribution not in _DISTRIBUTIONS:
        raise _unsupported_initializer(layer, key, inner.class_name)
    fields = {"mode": mode, "distribution": distribution}
    return {"name": "variance_scaling", "scale": scale, **fields}


def _unsupported_initializer(layer: KerasObject, key: str, name: str) -> RecipeUnsupported:
    return RecipeUnsupported(
        f"{layer.title} has the {key} {show_value(name)}, which is not reproduced",
        field=LAYERS,
        fix=f"use one of {', '.join(INITIALIZERS)}",
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
