"""Orders the layers of a Keras model along its data flow, where they form a chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.bounded_json import wrong_description
from lowloss.recipes.keras_objects import LAYERS, KerasObject, parse_object, quote_name

MAX_LAYERS = 100
_CHAIN_FIX = "describe one chain of layers from one input to one output"
_MODELS = frozenset({"Sequential", "Functional", "Model"})


def order_layers(model: KerasObject) -> list[KerasObject]:
    """Return all layers in order; a model inside the model is replaced by its layers.

    Raise RecipeUnsupported where they do not form a chain, and RecipeUnreadable.
    """
    layers: list[KerasObject] = []
    for layer in _flatten_model(model):
        layers.append(layer)
        if len(layers) > MAX_LAYERS:
            raise RecipeUnsupported(
                f"the model has more than {MAX_LAYERS} layers",
                field=LAYERS,
                fix="describe a smaller network",
            )
    return layers


def _flatten_model(model: KerasObject) -> Iterator[KerasObject]:
    if model.is_custom or model.class_name not in _MODELS:
        raise RecipeUnsupported(
            f"the model is a {quote_name(model.class_name)}, a class of your own, "
            "whose code is not run",
            field=LAYERS,
            fix="build the same network with keras.Sequential, or keras.Model(inputs, outputs)",
        )
    if model.config.get("trainable") is False:
        raise RecipeUnsupported(
            f"the model {quote_name(model.name)} is frozen: its trainable is false",
            field=LAYERS,
            fix="set trainable = True",
        )
    entries = model.config.get("layers")
    if not isinstance(entries, list):
        raise wrong_description(f"the model {quote_name(model.name)} has no list of layers")
    layers = [parse_object(entry, "a layer") for entry in entries]
    if model.class_name != "Sequential":
        layers = _follow_layers(model, layers)
    for layer in layers:
        is_model = layer.class_name in _MODELS and not layer.is_custom
        yield from _flatten_model(layer) if is_model else (layer,)


def _follow_layers(model: KerasObject, layers: list[KerasObject]) -> list[KerasObject]:
    """Return a functional model's layers from its input to its output."""
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) < len(layers):
        raise wrong_description("two layers have the same name")
    successors: dict[str, str] = {}
    for layer in layers:
        for source in _find_sources(layer):
            if source in successors:
                raise _branching_error(f"two layers take what {quote_name(source)} gives")
            successors[source] = layer.name
    name = _find_only_end(model, "input_layers")
    last = _find_only_end(model, "output_layers")
    ordered: list[KerasObject] = []
    while name in by_name:
        ordered.append(by_name.pop(name))
        name = successors.get(name, "")
    if by_name or not ordered:
        stray = next(iter(by_name), "the input")
        raise _branching_error(f"{quote_name(stray)} is on no way from the input to the output")
    if ordered[-1].name != last:
        raise _branching_error(
            f"the output is that of {quote_name(last)}, which is not the last layer"
        )
    return ordered


def _find_sources(layer: KerasObject) -> list[str]:
    """Return the names of a layer's input layers: none for an input, one in a chain."""
    nodes = layer.document.get("inbound_nodes")
    if not isinstance(nodes, list):
        raise wrong_description(
            f"{layer.title} does not say what it takes: it has no inbound_nodes"
        )
    if len(nodes) > 1:
        raise _branching_error(f"{layer.title} is used {len(nodes)} times")
    if _is_always_training(nodes):
        raise RecipeUnsupported(
            f"{layer.title} is called with training=True, which is not reproduced",
            field=LAYERS,
            fix="leave the argument out",
        )
    names = [name for node in nodes for name in _find_layer_names(node)]
    if len(names) > 1:
        raise _branching_error(f"{layer.title} takes {len(names)} inputs")
    if nodes and not names:
        raise wrong_description(f"what {layer.title} takes cannot be told")
    return names


def _find_layer_names(node: Any) -> Iterator[str]:
    """Yield names of layers in a node: `keras_history`, or Keras 2's [name, 0, 0, {}]."""
    if isinstance(node, dict):
        history = node.get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            yield history[0]
            return
        for value in node.values():
            yield from _find_layer_names(value)
    elif isinstance(node, list):
        if _is_reference(node):
            yield node[0]
            return
        for value in node:
            yield from _find_layer_names(value)


def _is_reference(value: Any) -> TypeGuard[list[Any]]:
    """Return whether a value is [name, 0, 0], with or without the arguments that Keras 2 adds."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(index, int) for index in value[1:3])
    )


def _is_always_training(nodes: Any) -> bool:
    """Return whether a layer is called with training=True."""
    if isinstance(nodes, dict):
        return nodes.get("training") is True or any(map(_is_always_training, nodes.values()))
    return isinstance(nodes, list) and any(map(_is_always_training, nodes))


def _find_only_end(model: KerasObject, key: str) -> str:
    """Return the only input, or the only output, of a functional model."""
    value = model.config.get(key)
    names = [value[0]] if _is_reference(value) else list(_find_layer_names(_list_values(value)))
    if len(names) != 1:
        ends = key.removesuffix("_layers")
        raise _branching_error(f"the model {quote_name(model.name)} has {len(names)} {ends}s")
    return str(names[0])


def _list_values(value: Any) -> Any:
    return list(value.values()) if isinstance(value, Mapping) else value


def _branching_error(detail: str) -> RecipeUnsupported:
    return RecipeUnsupported(f"the model is no chain: {detail}", field=LAYERS, fix=_CHAIN_FIX)
