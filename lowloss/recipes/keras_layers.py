"""Turns ordered Keras layers into a Recipe's layers, or refuses a layer by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_activations import (
    read_activation,
    read_activation_layer,
)
from lowloss.recipes.keras_chain import MERGES, ChainLayer
from lowloss.recipes.keras_columns import CATEGORY_LAYERS, read_category_layer, read_column_layer
from lowloss.recipes.keras_extras import check_trainable, read_extra_layer
from lowloss.recipes.keras_kernels import read_initializer, read_penalties
from lowloss.recipes.keras_network import DenseLayer, Network
from lowloss.recipes.keras_objects import LAYERS, KerasObject
from lowloss.spec.extra_layers import LAYER_CLASSES
from lowloss.tables.cells import show_value

MAX_UNITS = 65_536
SUPPORTED_LAYERS = (
    "Dense, Dropout, activations, BatchNormalization, LayerNormalization, noise, Rescaling, "
    "Flatten, Add and Concatenate of skips, and Normalization or Embedding at the front"
)


def read_layers(chain: Sequence[ChainLayer]) -> Network:
    """Read the network of these layers; raise RecipeUnsupported and RecipeUnreadable."""
    network = Network()
    starts = sorted({index for link in chain for index in link.skips})
    numbers = {index: number for number, index in enumerate(starts, start=1)}
    network.inputs = _count_inputs(chain[0].layer) if chain else None
    for index, link in enumerate(chain):
        layer = link.layer
        if layer.is_custom:
            _refuse(
                layer,
                "is a class of your own, whose code is not run",
                f"describe the network with Keras's own layers: {SUPPORTED_LAYERS}",
            )
        if link.column is not None:
            read_column_layer(network, layer, link.column)
        elif layer.class_name in MERGES:
            _read_merge(network, layer, [numbers[skip] for skip in link.skips])
        else:
            _READERS.get(layer.class_name, _refuse_other)(network, layer)
        if index in numbers:
            network.add({"name": "skip_start", "skip": numbers[index]})
    if not network.dense:
        raise RecipeUnsupported(
            "the model has no Dense layer", field=LAYERS, fix="end it with a Dense layer"
        )
    return network


def _read_merge(network: Network, layer: KerasObject, skips: list[int]) -> None:
    if not skips:
        _refuse(layer, "takes no other layer's output", "leave it out, or use Rescaling")
    if layer.config.get("axis", -1) not in (-1, 1):
        _refuse(layer, "does not put units beside units", "leave axis out")
    merge = LAYER_CLASSES[layer.class_name].layer_name()
    # The last to be taken stands before the others.
    for skip in reversed(skips):
        network.add({"name": merge, "skip": skip})


def _read_input(network: Network, layer: KerasObject) -> None:
    network.axes = _count_axes(_shape_of(layer))


def _shape_of(layer: KerasObject) -> Any:
    """Return the shape of what a layer is given, as far as it says one."""
    built = layer.document.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    config = layer.config
    return config.get("batch_shape") or config.get("batch_input_shape") or shape


def _count_inputs(first: KerasObject) -> int | None:
    """Return how many numbers a row has, by the first layer."""
    shape = _shape_of(first)
    sizes = shape[1:] if isinstance(shape, list) else []
    if not all(isinstance(size, int) and not isinstance(size, bool) for size in sizes):
        return None
    return (math.prod(sizes) or None) if sizes else None


def _read_dense(network: Network, layer: KerasObject) -> None:
    units = layer.config.get("units")
    if not isinstance(units, int) or isinstance(units, bool) or not 1 <= units <= MAX_UNITS:
        _refuse(layer, f"has {show_value(units)} units", f"give it 1 to {MAX_UNITS} units")
    _check_dense(network, layer)
    l1, l2 = read_penalties(layer)
    use_bias = layer.config.get("use_bias", True) is True
    kernel = read_initializer(layer, "kernel_initializer", "glorot_uniform")
    bias = read_initializer(layer, "bias_initializer", "zeros")
    network.dense.append(DenseLayer(units, use_bias, kernel, bias, l1=l1, l2=l2))
    network.add_activation(read_activation(layer, network.note))
    network.axes = 1


def _check_dense(network: Network, layer: KerasObject) -> None:
    """Refuse options that a Recipe cannot express."""
    axes = _count_axes(_shape_of(layer)) or network.axes
    if axes is not None and axes != 1:
        _refuse(layer, f"takes rows of {axes} axes", "put a Flatten before it")
    for key in _UNSUPPORTED_OPTIONS:
        if layer.is_set(key):
            _refuse(layer, f"has a {key}, which is not reproduced", "leave it out")
    check_trainable(layer)
    dtype = layer.config.get("dtype")
    policy = dtype.get("config", {}) if isinstance(dtype, dict) else {"name": dtype}
    if isinstance(policy, dict) and policy.get("name") not in (None, "float32"):
        network.note(f"computed in float32, not in {show_value(policy.get('name'))}")


_UNSUPPORTED_OPTIONS = (
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "lora_rank",
    "quantization_config",
)


def _read_activation(network: Network, layer: KerasObject) -> None:
    network.add_activation(read_activation_layer(layer, network.note))


def _read_dropout(network: Network, layer: KerasObject) -> None:
    rate = layer.read_number("rate", 0.0)
    if rate == 0:
        return
    layer.require("noise_shape", None, "leave it out")
    if not 0 < rate < 1:
        _refuse(layer, f"has a rate of {rate:g}", "give it a rate from 0 to below 1")
    if network.dense:
        network.dense[-1].add_dropout(rate)
    else:
        network.add({"name": "dropout", "rate": rate})


def _read_noise(network: Network, layer: KerasObject) -> None:
    deviation = layer.read_number("stddev", 0.0)
    if deviation < 0:
        _refuse(layer, f"has a stddev of {deviation:g}", "give it 0 or more")
    if deviation == 0:
        return
    if network.dense or network.front:
        network.add(read_extra_layer(layer))
    else:
        network.noise = math.hypot(network.noise, deviation)


def _read_extra(network: Network, layer: KerasObject) -> None:
    network.add(read_extra_layer(layer))


def _read_normalization(network: Network, layer: KerasObject) -> None:
    if network.is_begun:
        _refuse(layer, "is not the first layer", "scale the features before all else")
    layer.require("invert", False, "leave it out")
    if layer.config.get("axis", -1) not in (-1, 1, [-1], [1]):
        _refuse(layer, "normalises all features with one mean", "leave axis out")
    network.scaling = "standard"
    network.note(
        f"{layer.title} is taken as scale_features 'standard': mean and deviation are those of "
        "the training rows"
    )


def _read_rescaling(network: Network, layer: KerasObject) -> None:
    scale, offset = layer.config.get("scale", 1.0), layer.config.get("offset", 0.0)
    if scale == 1 and offset == 0:
        return
    is_front = not network.is_begun
    is_of_pixels = isinstance(scale, int | float) and math.isclose(1 / (scale or 1), 255)
    if is_front and is_of_pixels and offset == 0:
        network.scaling = "minmax"
    elif is_front and isinstance(scale, list):
        network.scaling = "standard"
    else:
        network.add(read_extra_layer(layer))
        return
    network.note(
        f"{layer.title} is taken as scale_features '{network.scaling}', fitted to the training rows"
    )


def _read_flatten(network: Network, _layer: KerasObject) -> None:
    network.axes = 1


def _read_reshape(network: Network, layer: KerasObject) -> None:
    shape = layer.config.get("target_shape")
    network.axes = len(shape) if isinstance(shape, list) else None


def _skip(_network: Network, _layer: KerasObject) -> None:
    """Skip a layer that changes nothing."""


def _refuse_lambda(_network: Network, layer: KerasObject) -> None:
    _refuse(
        layer,
        "holds code, which is never run",
        f"describe the network with Keras's own layers: {SUPPORTED_LAYERS}",
    )


def _refuse_other(_network: Network, layer: KerasObject) -> None:
    _refuse(layer, "is not reproduced", f"describe a network of what is: {SUPPORTED_LAYERS}")


def _refuse(layer: KerasObject, reason: str, fix: str) -> NoReturn:
    raise RecipeUnsupported(f"{layer.title} {reason}", field=LAYERS, fix=fix)


def _count_axes(shape: Any) -> int | None:
    """Return how many axes a row has; the first axis of `shape` is the batch's."""
    return len(shape) - 1 if isinstance(shape, list) else None


_READERS: dict[str, Callable[[Network, KerasObject], None]] = {
    "InputLayer": _read_input,
    "Dense": _read_dense,
    "Activation": _read_activation,
    "ReLU": _read_activation,
    "LeakyReLU": _read_activation,
    "PReLU": _read_activation,
    "ELU": _read_activation,
    "Softmax": _read_activation,
    "Dropout": _read_dropout,
    "GaussianNoise": _read_noise,
    "BatchNormalization": _read_extra,
    "LayerNormalization": _read_extra,
    "UnitNormalization": _read_extra,
    "AlphaDropout": _read_extra,
    "GaussianDropout": _read_extra,
    "Normalization": _read_normalization,
    "Rescaling": _read_rescaling,
    "Flatten": _read_flatten,
    "Reshape": _read_reshape,
    "Identity": _skip,
    "Lambda": _refuse_lambda,
    **dict.fromkeys(CATEGORY_LAYERS, read_category_layer),
}
