"""Keras's serialized objects, read as data: class, config, and whether Keras's own."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.bounded_json import wrong_description
from lowloss.spec.keras_names import ALIASES, snake_case
from lowloss.tables.cells import MAX_SHOWN, show_value

LAYERS = "recipe.layers"
_KERAS_PACKAGES = ("keras", "tf_keras", "keras_core", "tensorflow.keras", "tensorflow.python.keras")
_FUNCTIONS = frozenset({"function", "builtin_function_or_method"})


@dataclass(frozen=True)
class KerasObject:
    """A serialized object: its class, its `config`, and the whole `document` around it."""

    class_name: str
    config: Mapping[str, Any]
    is_custom: bool
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The object's name in its model."""
        return str(self.config.get("name") or self.document.get("name") or self.class_name)

    @property
    def title(self) -> str:
        """The layer's name and class, for errors."""
        return f"layer {quote_name(self.name)} ({_format_plain(self.class_name)})"

    def read_number(self, key: str, default: float) -> float:
        """Return a number of the config; the default where it is missing or null."""
        return read_number(self.config.get(key), default, f"{key} of {quote_name(self.name)}")

    def is_set(self, key: str) -> bool:
        """Return whether an option is set, neither null nor false."""
        return self.config.get(key) not in (None, False)

    def require(self, key: str, default: Any, fix: str) -> None:
        """Raise RecipeUnsupported where a layer's option differs from Keras's default."""
        value = self.config.get(key, default)
        if value is not None and value != default:
            raise RecipeUnsupported(
                f"{self.title} has {key}={show_value(value)}, which is not reproduced",
                field=LAYERS,
                fix=fix,
            )


def parse_object(value: Any, what: str) -> KerasObject:
    """Parse an object with `class_name` and `config`; raise RecipeUnreadable."""
    if not (
        isinstance(value, dict)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), dict)
    ):
        raise wrong_description(
            f"{what} is no object as Keras writes it: it needs class_name and config"
        )
    return KerasObject(value["class_name"], value["config"], _is_custom(value), value)


def function_name(value: Any) -> str | None:
    """Return the name of a function, plain or serialized; None where the value is no function.

    Keras's other names become those of LossName and LayerActivation.
    """
    if isinstance(value, dict) and str(value.get("class_name")) in _FUNCTIONS:
        value = value.get("config")
        if isinstance(value, dict):
            return None
    if not isinstance(value, str):
        return None
    name = snake_case(value)
    return ALIASES.get(name, name)


def read_number(value: Any, default: float, what: str) -> float:
    """Return a finite number as it was before Keras rounded it to float32."""
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or abs(value) > 1e300 or math.isnan(value):
        raise wrong_description(f"{what} is {show_value(value)}, which is no number")
    return _restore_float64(float(value))


def _restore_float64(value: float) -> float:
    """Turn 0.0010000000474974513 into 0.001: Keras writes values rounded to float32."""
    short = float(f"{value:.7g}")
    try:
        (as_float32,) = struct.unpack("f", struct.pack("f", value))
        is_same = struct.pack("f", short) == struct.pack("f", value)
    except OverflowError:
        return value
    return short if is_same and as_float32 == value else value


def quote_name(text: Any) -> str:
    """Quote a user's name for an error."""
    plain = _format_plain(text)
    return f"'{plain}'" if plain == text else plain


def _format_plain(text: Any) -> str:
    """Return an identifier as it is, other values as JSON."""
    is_name = isinstance(text, str) and text.isidentifier() and len(text) <= MAX_SHOWN
    return str(text) if is_name else show_value(text)


def _is_custom(value: Mapping[str, Any]) -> bool:
    module, registered = value.get("module"), value.get("registered_name")
    if any(isinstance(name, str) and ">" in name for name in (registered, value["class_name"])):
        return True
    if module is None:
        return registered is not None
    return not isinstance(module, str) or not any(
        module == package or module.startswith(f"{package}.") for package in _KERAS_PACKAGES
    )
