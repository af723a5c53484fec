"""Reads the layers that may stand between Dense layers, with Keras's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_objects import LAYERS, KerasObject
from lowloss.spec.extra_layers import LAYER_CLASSES, LayerSpec
from lowloss.spec.keras_names import snake_case
from lowloss.tables.cells import show_value

_NEUTRAL = frozenset(
    {
        "name",
        "dtype",
        "trainable",
        "seed",
        "batch_shape",
        "batch_input_shape",
        "synchronized",
        "fused",
        # Of `renorm`, which is refused.
        "renorm_momentum",
    }
)
"""What changes nothing of a layer's training on one machine."""
_LAST_AXIS = (-1, 1, [-1], [1])
_INITIAL = {
    "beta_initializer": "zeros",
    "gamma_initializer": "ones",
    "moving_mean_initializer": "zeros",
    "moving_variance_initializer": "ones",
    "alpha_initializer": "zeros",
}
_OLD_NAMES = {"LeakyReLU": {"alpha": "negative_slope"}}
"""Keras 2's names of arguments."""


def read_extra_layer(layer: KerasObject) -> Mapping[str, Any]:
    """Return an extra layer's fields; raise RecipeUnsupported, and RecipeUnreadable."""
    keras_class = LAYER_CLASSES[layer.class_name]
    old_names = _OLD_NAMES.get(layer.class_name, {})
    config = {old_names.get(key, key): value for key, value in layer.config.items()}
    arguments = {
        name: _read_argument(layer, name, config[name])
        for name in keras_class.model_fields
        if name != "name" and name in config
    }
    for key, value in config.items():
        if key not in keras_class.model_fields and not _is_neutral(key, value):
            raise RecipeUnsupported(
                f"{layer.title} has {key}={show_value(value)}, which is not reproduced",
                field=LAYERS,
                fix="leave it out",
            )
    check_trainable(layer)
    return _validate(layer, keras_class, arguments)


def check_trainable(layer: KerasObject) -> None:
    """Refuse a layer that is frozen."""
    if layer.config.get("trainable") is False:
        raise RecipeUnsupported(
            f"{layer.title} is frozen: its trainable is false",
            field=LAYERS,
            fix="set trainable = True",
        )


def _validate(
    layer: KerasObject, keras_class: type[LayerSpec], arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    fields = {"name": keras_class.layer_name(), **arguments}
    try:
        return keras_class.model_validate(fields).model_dump(mode="json")
    except ValidationError as error:
        fault = error.errors()[0]
        raise RecipeUnsupported(
            f"{layer.title} has {'.'.join(map(str, fault['loc']))}={show_value(fault['input'])}, "
            "which is not reproduced",
            field=LAYERS,
            fix=str(fault["msg"]),
        ) from error


def _read_argument(layer: KerasObject, name: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return layer.read_number(name, 0.0) if is_number and name in layer.config else value


def _is_neutral(key: str, value: Any) -> bool:
    if key in _NEUTRAL or value is None or value is False:
        return True
    if key == "axis":
        return value in _LAST_AXIS
    if key in _INITIAL:
        return _initializer_name(value) == _INITIAL[key]
    return False


def _initializer_name(value: Any) -> str:
    name = value.get("class_name") if isinstance(value, dict) else value
    return snake_case(name) if isinstance(name, str) else ""
