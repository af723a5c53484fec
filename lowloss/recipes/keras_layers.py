"""Turns ordered Keras layers into a Recipe's layers, or refuses a layer by its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_activations import (
    combine_activations,
    read_activation,
    read_activation_layer,
)
from lowloss.recipes.keras_kernels import is_zero, read_initializer, read_penalties
from lowloss.recipes.keras_objects import LAYERS, KerasObject
from lowloss.spec import RecipeScaling
from lowloss.tables.cells import show_value

MAX_UNITS = 65_536
SUPPORTED_LAYERS = (
    "Dense, Dropout, activations, Flatten, and at the front Normalization and GaussianNoise"
)


@dataclass
class _DenseLayer:
    """A Dense layer, with the activation and the dropout that follow it so far."""

    units: int
    activation: str
    kernel_initializer: Mapping[str, Any]
    l1: float
    l2: float
    dropout: float = 0.0


@dataclass
class Network:
    """The network of the layers that were read so far.

    `axes` is how many axes a row has, None where no layer says so; `scaling` is done by the model
    itself to its features.
    """

    dense: list[_DenseLayer] = field(default_factory=list)
    noise: float = 0.0
    scaling: RecipeScaling = "none"
    axes: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The layers as fields of a Recipe."""
        return [asdict(layer) for layer in self.dense]

    def note(self, text: str) -> None:
        """Note a difference between recipe and model, once."""
        if text not in self.notes:
            self.notes.append(text)


def read_layers(layers: list[KerasObject]) -> Network:
    """Read the network of these layers; raise RecipeUnsupported and RecipeUnreadable."""
    network = Network()
    for layer in layers:
        if layer.is_custom:
            _refuse(
                layer,
                "is a class of your own, whose code is not run",
                f"describe the network with Keras's own layers: {SUPPORTED_LAYERS}",
            )
        _READERS.get(layer.class_name, _refuse_other)(network, layer)
    if not network.dense:
        raise RecipeUnsupported(
            "the model has no Dense layer", field=LAYERS, fix="end it with a Dense layer"
        )
    return network


def _read_input(network: Network, layer: KerasObject) -> None:
    network.axes = _count_axes(
        layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    )


def _read_dense(network: Network, layer: KerasObject) -> None:
    units = layer.config.get("units")
    if not isinstance(units, int) or isinstance(units, bool) or not 1 <= units <= MAX_UNITS:
        _refuse(layer, f"has {show_value(units)} units", f"give it 1 to {MAX_UNITS} units")
    _check_dense(network, layer)
    l1, l2 = read_penalties(layer)
    network.dense.append(
        _DenseLayer(
            units,
            read_activation(layer, network.note),
            read_initializer(layer),
            l1=l1,
            l2=l2,
        )
    )
    network.axes = 1


def _check_dense(network: Network, layer: KerasObject) -> None:
    """Refuse options that a Recipe cannot express."""
    built = layer.document.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    axes = _count_axes(shape or layer.config.get("batch_input_shape")) or network.axes
    if axes is not None and axes != 1:
        _refuse(layer, f"takes rows of {axes} axes", "put a Flatten before it")
    if layer.config.get("use_bias", True) is not True:
        _refuse(layer, "has no bias", "set use_bias=True: every layer that is trained here has one")
    if not is_zero(layer.config.get("bias_initializer")):
        _refuse(layer, "has biases that do not begin at zero", "leave bias_initializer out")
    for key in _UNSUPPORTED_OPTIONS:
        if layer.is_set(key):
            _refuse(layer, f"has a {key}, which is not reproduced", "leave it out")
    if layer.config.get("trainable") is False:
        _refuse(layer, "is frozen: its trainable is false", "set trainable = True")
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
    name = read_activation_layer(layer, network.note)
    if name == "linear":
        return
    if not network.dense:
        _refuse(layer, "comes before the first Dense layer", "put it after one")
    last = network.dense[-1]
    if last.dropout and name not in {"relu", "leaky_relu"}:
        # Dropout's factor is never negative: these two commute with it.
        _refuse(layer, "comes after a Dropout", "put the Dropout after the activation")
    combination = combine_activations(last.activation, name)
    if combination is None:
        _refuse(
            layer,
            f"comes after the activation {last.activation}: two in a row are not reproduced",
            "leave one of them out",
        )
    last.activation = combination


def _read_dropout(network: Network, layer: KerasObject) -> None:
    rate = layer.read_number("rate", 0.0)
    if rate == 0:
        return
    layer.require("noise_shape", None, "leave it out")
    if not network.dense:
        _refuse(layer, "drops features, before the first Dense layer", "put it after a Dense layer")
    if not 0 < rate < 1:
        _refuse(layer, f"has a rate of {rate:g}", "give it a rate from 0 to below 1")
    last = network.dense[-1]
    # Two Dropouts in a row act as one: their shares of surviving values multiply.
    last.dropout = rate if not last.dropout else 1 - (1 - last.dropout) * (1 - rate)


def _read_noise(network: Network, layer: KerasObject) -> None:
    deviation = layer.read_number("stddev", 0.0)
    if deviation == 0:
        return
    if network.dense or deviation < 0:
        _refuse(layer, "is not at the input", "put it before the first Dense layer")
    network.noise = math.hypot(network.noise, deviation)


def _read_normalization(network: Network, layer: KerasObject) -> None:
    _check_front(network, layer)
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
    _check_front(network, layer)
    is_of_pixels = isinstance(scale, int | float) and math.isclose(1 / (scale or 1), 255)
    network.scaling = "minmax" if is_of_pixels else "standard"
    network.note(
        f"{layer.title} is taken as scale_features '{network.scaling}', fitted to the training rows"
    )


def _check_front(network: Network, layer: KerasObject) -> None:
    if network.dense or network.noise or network.scaling != "none":
        _refuse(layer, "is not the first layer", "scale the features before all else")


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
    "ELU": _read_activation,
    "Softmax": _read_activation,
    "Dropout": _read_dropout,
    "GaussianNoise": _read_noise,
    "Normalization": _read_normalization,
    "Rescaling": _read_rescaling,
    "Flatten": _read_flatten,
    "Reshape": _read_reshape,
    "Identity": _skip,
    "Lambda": _refuse_lambda,
}
