"""From Keras layers in order to the layers of a Recipe, or a refusal that names the layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_activations import activation_of, activation_of_layer, combined
from lowloss.recipes.keras_kernels import initializer_of, is_zero, penalties_of
from lowloss.recipes.keras_objects import LAYERS, KerasObject
from lowloss.spec import RecipeScaling
from lowloss.tables.cells import shown

MAX_UNITS = 65_536
KEPT = "Dense, Dropout, activations, Flatten, and at the front Normalization and GaussianNoise"


@dataclass
class _Dense:
    """What is known so far of a Dense layer and of what comes after it."""

    units: int
    activation: str
    kernel_initializer: Mapping[str, Any]
    l1: float
    l2: float
    dropout: float = 0.0


@dataclass
class Network:
    """What the layers read so far amount to.

    `axes` is how many a row has, null where that is not written; `scaling` what the model itself
    does to its features.
    """

    dense: list[_Dense] = field(default_factory=list)
    noise: float = 0.0
    scaling: RecipeScaling = "none"
    axes: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def layers(self) -> list[dict[str, Any]]:
        """As fields of a Recipe."""
        return [asdict(each) for each in self.dense]

    def note(self, text: str) -> None:
        """Say what is taken otherwise, once."""
        if text not in self.notes:
            self.notes.append(text)


def read_layers(layers: list[KerasObject]) -> Network:
    """The network that the layers are. Raises RecipeUnsupported and RecipeUnreadable."""
    network = Network()
    for layer in layers:
        if layer.is_custom:
            _refuse(
                layer,
                "is a class of your own, whose code is not run",
                f"describe the network with Keras's own layers: {KEPT}",
            )
        _READERS.get(layer.class_name, _other)(network, layer)
    if not network.dense:
        raise RecipeUnsupported(
            "the model has no Dense layer", field=LAYERS, fix="end it with a Dense layer"
        )
    return network


def _input(network: Network, layer: KerasObject) -> None:
    network.axes = _axes(layer.config.get("batch_shape", layer.config.get("batch_input_shape")))


def _dense(network: Network, layer: KerasObject) -> None:
    units = layer.config.get("units")
    if not isinstance(units, int) or isinstance(units, bool) or not 1 <= units <= MAX_UNITS:
        _refuse(layer, f"has {shown(units)} units", f"give it 1 to {MAX_UNITS} units")
    _check_dense(network, layer)
    l1, l2 = penalties_of(layer)
    network.dense.append(
        _Dense(
            units,
            activation_of(layer, network.note),
            initializer_of(layer),
            l1=l1,
            l2=l2,
        )
    )
    network.axes = 1


def _check_dense(network: Network, layer: KerasObject) -> None:
    """Refuse what a Recipe has no word for."""
    built = layer.beside.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    axes = _axes(shape or layer.config.get("batch_input_shape")) or network.axes
    if axes is not None and axes != 1:
        _refuse(layer, f"takes rows of {axes} axes", "put a Flatten before it")
    if layer.config.get("use_bias", True) is not True:
        _refuse(layer, "has no bias", "set use_bias=True: every layer that is trained here has one")
    if not is_zero(layer.config.get("bias_initializer")):
        _refuse(layer, "has biases that do not begin at zero", "leave bias_initializer out")
    for key in _NEVER:
        if layer.is_on(key):
            _refuse(layer, f"has a {key}, which is not reproduced", "leave it out")
    if layer.config.get("trainable") is False:
        _refuse(layer, "is frozen: its trainable is false", "set trainable = True")
    dtype = layer.config.get("dtype")
    policy = dtype.get("config", {}) if isinstance(dtype, dict) else {"name": dtype}
    if isinstance(policy, dict) and policy.get("name") not in (None, "float32"):
        network.note(f"computed in float32, not in {shown(policy.get('name'))}")


_NEVER = (
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
    "lora_rank",
    "quantization_config",
)


def _activation(network: Network, layer: KerasObject) -> None:
    name = activation_of_layer(layer, network.note)
    if name == "linear":
        return
    if not network.dense:
        _refuse(layer, "comes before the first Dense layer", "put it after one")
    last = network.dense[-1]
    if last.dropout and name not in {"relu", "leaky_relu"}:
        # Dropout multiplies by what is not negative: these two give the same before and after.
        _refuse(layer, "comes after a Dropout", "put the Dropout after the activation")
    both = combined(last.activation, name)
    if both is None:
        _refuse(
            layer,
            f"comes after the activation {last.activation}: two in a row are not reproduced",
            "leave one of them out",
        )
    last.activation = both


def _dropout(network: Network, layer: KerasObject) -> None:
    rate = layer.number("rate", 0.0)
    if rate == 0:
        return
    layer.require("noise_shape", None, "leave it out")
    if not network.dense:
        _refuse(layer, "drops features, before the first Dense layer", "put it after a Dense layer")
    if not 0 < rate < 1:
        _refuse(layer, f"has a rate of {rate:g}", "give it a rate from 0 to below 1")
    last = network.dense[-1]
    # What one keeps of what another kept: as one Dropout of the joint rate.
    last.dropout = rate if not last.dropout else 1 - (1 - last.dropout) * (1 - rate)


def _noise(network: Network, layer: KerasObject) -> None:
    deviation = layer.number("stddev", 0.0)
    if deviation == 0:
        return
    if network.dense or deviation < 0:
        _refuse(layer, "is not at the input", "put it before the first Dense layer")
    network.noise = math.hypot(network.noise, deviation)


def _normalization(network: Network, layer: KerasObject) -> None:
    _check_front(network, layer)
    layer.require("invert", False, "leave it out")
    if layer.config.get("axis", -1) not in (-1, 1, [-1], [1]):
        _refuse(layer, "normalises all features with one mean", "leave axis out")
    network.scaling = "standard"
    network.note(
        f"{layer.title} is taken as scale_features 'standard': mean and deviation are those of "
        "the training rows"
    )


def _rescaling(network: Network, layer: KerasObject) -> None:
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


def _flatten(network: Network, _layer: KerasObject) -> None:
    network.axes = 1


def _reshape(network: Network, layer: KerasObject) -> None:
    shape = layer.config.get("target_shape")
    network.axes = len(shape) if isinstance(shape, list) else None


def _nothing(_network: Network, _layer: KerasObject) -> None:
    """A layer that gives what it takes."""


def _lambda(_network: Network, layer: KerasObject) -> None:
    _refuse(
        layer,
        "holds code, which is never run",
        f"describe the network with Keras's own layers: {KEPT}",
    )


def _other(_network: Network, layer: KerasObject) -> None:
    _refuse(layer, "is not reproduced", f"describe a network of what is: {KEPT}")


def _refuse(layer: KerasObject, why: str, fix: str) -> NoReturn:
    raise RecipeUnsupported(f"{layer.title} {why}", field=LAYERS, fix=fix)


def _axes(shape: Any) -> int | None:
    """How many axes a row has, of a shape that begins with that of the batch."""
    return len(shape) - 1 if isinstance(shape, list) else None


_READERS: dict[str, Callable[[Network, KerasObject], None]] = {
    "InputLayer": _input,
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _activation,
    "LeakyReLU": _activation,
    "ELU": _activation,
    "Softmax": _activation,
    "Dropout": _dropout,
    "GaussianNoise": _noise,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Identity": _nothing,
    "Lambda": _lambda,
}
