"""A recipe's network as calls of Keras: what its code says, and what stock Keras trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lowloss.recipes.code_layout import format_call, format_literal
from lowloss.spec import Initializer, Recipe, RecipeLayer, RecipeOptimizer
from lowloss.spec.extra_layers import LayerSpec, Merge, SkipStart


@dataclass(frozen=True)
class KerasCall:
    """A call of a class of Keras, `path` being its place in the package.

    Arguments are numbers, texts, and calls; first those by position, then those by name. Of a
    layer `starts` is the number of the skip that starts with what it gives, and `takes` that of the
    skip which it takes beside what comes before it.
    """

    path: str
    positional: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    starts: int | None = None
    takes: int | None = None


def network_calls(recipe: Recipe) -> tuple[KerasCall, ...]:
    """Return the layers of a recipe's network, in order."""
    calls = [KerasCall("layers.GaussianNoise", (recipe.noise,))] if recipe.noise else []
    calls += map(_extra_call, recipe.front_layers)
    for layer in recipe.layers:
        calls += layer_calls(layer)
    return tuple(calls)


def layer_calls(layer: RecipeLayer) -> tuple[KerasCall, ...]:
    """Return a Dense layer, and what stands behind it until the next one."""
    return tuple(_layer_calls(layer))


def rate_call(optimizer: RecipeOptimizer) -> KerasCall | None:
    """Return the schedule of a learning rate that falls with every step; None where it does not."""
    decay = optimizer.decay
    if decay is None:
        return None
    options = {"decay_steps": decay.decay_steps, "decay_rate": decay.decay_rate}
    flags = {"staircase": True} if decay.staircase else {}
    path = f"optimizers.schedules.{decay.keras_class}"
    return KerasCall(path, (optimizer.rate,), tuple((options | flags).items()))


def format_keras_call(
    call: KerasCall, *, indent: str = "", start: str = "", end: str = ""
) -> list[str]:
    """Return the lines of a call, as Python, between what stands before and behind it."""
    options = {name: _format_value(value) for name, value in call.options}
    positional = map(_format_value, call.positional)
    name = f"{start}keras.{call.path}"
    return format_call(name, *positional, options=options, indent=indent, end=end)


def _format_value(value: Any) -> str:
    return (
        "".join(format_keras_call(value)) if isinstance(value, KerasCall) else format_literal(value)
    )


def _layer_calls(layer: RecipeLayer) -> Iterator[KerasCall]:
    # What comes between a Dense layer and its activation makes this a layer of its own.
    is_apart = bool(layer.after_dense) and layer.activation != "linear"
    yield _dense_call(layer, activation="linear" if is_apart else layer.activation)
    yield from map(_extra_call, layer.after_dense)
    if is_apart:
        yield KerasCall("layers.Activation", (layer.activation,))
    yield from map(_extra_call, layer.after_activation)
    if layer.dropout:
        yield KerasCall("layers.Dropout", (layer.dropout,))
    yield from map(_extra_call, layer.after_dropout)


def _dense_call(layer: RecipeLayer, *, activation: str) -> KerasCall:
    options = {
        "use_bias": None if layer.use_bias else False,
        "activation": None if activation == "linear" else activation,
        "kernel_initializer": _initializer(layer.kernel_initializer, "glorot_uniform"),
        "bias_initializer": _initializer(layer.bias_initializer, "zeros"),
        "kernel_regularizer": _regularizer(layer),
    }
    return KerasCall("layers.Dense", (layer.units,), _without_defaults(options))


def _extra_call(layer: LayerSpec) -> KerasCall:
    path = f"layers.{layer.keras_class}"
    match layer:
        case SkipStart():
            return KerasCall(path, starts=layer.skip)
        case Merge():
            return KerasCall(path, takes=layer.skip)
        case _:
            return KerasCall(path, (), tuple(layer.arguments.items()))


def _without_defaults(options: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in options.items() if value is not None)


def _initializer(initializer: Initializer, default: str) -> str | KerasCall | None:
    """Return an initializer's name, or its call; None for Keras's default."""
    name, record = initializer.name, initializer.record
    arguments = initializer.model_dump(exclude={"name"}, exclude_defaults=True)
    if not arguments:
        return None if name == default else name
    scale = arguments.pop("scale", None)
    if record.distribution == "uniform" and record.fan is None:
        low, high = record.mean - record.scale, record.mean + record.scale
        arguments = {"minval": low, "maxval": high}
    elif scale is not None:
        arguments[str(record.argument)] = scale
    keras_class = "".join(word.capitalize() for word in name.split("_"))
    return KerasCall(f"initializers.{keras_class}", (), tuple(arguments.items()))


def _regularizer(layer: RecipeLayer) -> KerasCall | None:
    if not (layer.l1 or layer.l2):
        return None
    if not layer.l1:
        return KerasCall("regularizers.L2", (layer.l2,))
    if not layer.l2:
        return KerasCall("regularizers.L1", (layer.l1,))
    return KerasCall("regularizers.L1L2", (), (("l1", layer.l1), ("l2", layer.l2)))
