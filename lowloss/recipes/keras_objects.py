"""Keras's serialized objects, read as data: class, config, and whose they are."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lowloss.errors import RecipeUnreadable, RecipeUnsupported
from lowloss.spec.recipe import ALIASES, snake
from lowloss.tables.cells import MAX_SHOWN, shown

LAYERS = "recipe.layers"
_OURS = ("keras", "tf_keras", "keras_core", "tensorflow.keras", "tensorflow.python.keras")
_FUNCTIONS = frozenset({"function", "builtin_function_or_method"})


@dataclass(frozen=True)
class KerasObject:
    """A serialized object: what is of `config`, and what is written beside it."""

    class_name: str
    config: Mapping[str, Any]
    is_custom: bool
    beside: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the object is called in its model."""
        return str(self.config.get("name") or self.beside.get("name") or self.class_name)

    @property
    def title(self) -> str:
        """What an error calls a layer."""
        return f"layer {named(self.name)} ({_plain(self.class_name)})"

    def number(self, key: str, default: float) -> float:
        """A number of the config; the default where it is missing or null."""
        return number(self.config.get(key), default, f"{key} of {named(self.name)}")

    def is_on(self, key: str) -> bool:
        """Whether something is set that is otherwise null or false."""
        return self.config.get(key) not in (None, False)

    def require(self, key: str, default: Any, fix: str) -> None:
        """Refuse a layer whose config has something else than Keras's default."""
        value = self.config.get(key, default)
        if value is not None and value != default:
            raise RecipeUnsupported(
                f"{self.title} has {key}={shown(value)}, which is not reproduced",
                field=LAYERS,
                fix=fix,
            )


def serialized(value: Any, what: str) -> KerasObject:
    """An object of `class_name` and `config`. Raises RecipeUnreadable where it is none."""
    if not (
        isinstance(value, dict)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), dict)
    ):
        raise RecipeUnreadable(
            f"{what} is no object as Keras writes it: it needs class_name and config",
            field="recipe",
            fix="send the text of model.to_json() as it is",
        )
    return KerasObject(value["class_name"], value["config"], _is_custom(value), value)


def function_name(value: Any) -> str | None:
    """The name of a function, plain or serialized; null where the value is none.

    Names as LossName and LayerActivation have them, whatever else Keras knows them by.
    """
    if isinstance(value, dict) and value.get("class_name") in _FUNCTIONS:
        value = value.get("config")
        if isinstance(value, dict):
            return None
    if not isinstance(value, str):
        return None
    name = snake(value)
    return ALIASES.get(name, name)


def number(value: Any, default: float, what: str) -> float:
    """A finite number, as it was before Keras made a float32 of it."""
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or abs(value) > 1e300 or math.isnan(value):
        raise RecipeUnreadable(
            f"{what} is {shown(value)}, which is no number",
            field="recipe",
            fix="send the text of model.to_json() as it is",
        )
    return _before_float32(float(value))


def _before_float32(value: float) -> float:
    """0.001 of 0.0010000000474974513: Keras writes what a float32 holds."""
    short = float(f"{value:.7g}")
    try:
        (kept,) = struct.unpack("f", struct.pack("f", value))
        is_same = struct.pack("f", short) == struct.pack("f", value)
    except OverflowError:
        return value
    return short if is_same and kept == value else value


def named(text: Any) -> str:
    """A name of the user's, as an error quotes it."""
    plain = _plain(text)
    return f"'{plain}'" if plain == text else plain


def _plain(text: Any) -> str:
    """A name as it is where it is one, else as JSON."""
    is_name = isinstance(text, str) and text.isidentifier() and len(text) <= MAX_SHOWN
    return str(text) if is_name else shown(text)


def _is_custom(value: Mapping[str, Any]) -> bool:
    module, registered = value.get("module"), value.get("registered_name")
    if any(isinstance(each, str) and ">" in each for each in (registered, value["class_name"])):
        return True
    if module is None:
        return registered is not None
    return not isinstance(module, str) or not any(
        module == each or module.startswith(f"{each}.") for each in _OURS
    )
