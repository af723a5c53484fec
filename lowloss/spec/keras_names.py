"""Keras's names for what it computes: a class and its function have one name here."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BeforeValidator

ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "logcosh": "log_cosh",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kldivergence": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "swish": "silu",
    "adam_w": "adamw",
    "re_lu": "relu",
    "leaky_re_lu": "leaky_relu",
    "pre_lu": "prelu",
    "orthogonal_initializer": "orthogonal",
    "identity_initializer": "identity",
}
"""Keras's other names for losses, activations, optimizers, layers and initializers."""


def snake_case(name: str) -> str:
    """Convert a Keras class's name to its function's: MeanSquaredError to mean_squared_error."""
    if name.islower():
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def find_keras_name(value: Any) -> Any:
    """Return the one name for a text; any other value as it is."""
    if not isinstance(value, str):
        return value
    name = snake_case(value)
    return ALIASES.get(name, name)


KerasName = BeforeValidator(find_keras_name)
