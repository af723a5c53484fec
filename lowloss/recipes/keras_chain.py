"""The layers of a Keras model in the order that data flows through them, where they are a chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from lowloss.errors import RecipeUnreadable, RecipeUnsupported
from lowloss.recipes.keras_objects import LAYERS, KerasObject, named, serialized

MAX_LAYERS = 100
_CHAIN_FIX = "describe one chain of layers from one input to one output"
_MODELS = frozenset({"Sequential", "Functional", "Model"})


def layers_in_order(model: KerasObject) -> list[KerasObject]:
    """All layers, those of models inside the model in their place.

    Raises RecipeUnsupported where they are no chain, and RecipeUnreadable.
    """
    layers: list[KerasObject] = []
    for layer in _flat(model):
        layers.append(layer)
        if len(layers) > MAX_LAYERS:
            raise RecipeUnsupported(
                f"the model has more than {MAX_LAYERS} layers",
                field=LAYERS,
                fix="describe a smaller network",
            )
    return layers


def _flat(model: KerasObject) -> Iterator[KerasObject]:
    if model.is_custom or model.class_name not in _MODELS:
        raise RecipeUnsupported(
            f"the model is a {named(model.class_name)}, a class of your own, whose code is not run",
            field=LAYERS,
            fix="build the same network with keras.Sequential, or keras.Model(inputs, outputs)",
        )
    if model.config.get("trainable") is False:
        raise RecipeUnsupported(
            f"the model {named(model.name)} is frozen: its trainable is false",
            field=LAYERS,
            fix="set trainable = True",
        )
    listed = model.config.get("layers")
    if not isinstance(listed, list):
        raise _unreadable(f"the model {named(model.name)} has no list of layers")
    layers = [serialized(each, "a layer") for each in listed]
    if model.class_name != "Sequential":
        layers = _followed(model, layers)
    for layer in layers:
        is_model = layer.class_name in _MODELS and not layer.is_custom
        yield from _flat(layer) if is_model else (layer,)


def _followed(model: KerasObject, layers: list[KerasObject]) -> list[KerasObject]:
    """A functional model's layers from its input to its output."""
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) < len(layers):
        raise _unreadable("two layers have the same name")
    after: dict[str, str] = {}
    for layer in layers:
        for source in _sources(layer):
            if source in after:
                raise _branches(f"two layers take what {named(source)} gives")
            after[source] = layer.name
    name = _only_end(model, "input_layers")
    last = _only_end(model, "output_layers")
    followed: list[KerasObject] = []
    while name in by_name:
        followed.append(by_name.pop(name))
        name = after.get(name, "")
    if by_name or not followed:
        stray = next(iter(by_name), "the input")
        raise _branches(f"{named(stray)} is on no way from the input to the output")
    if followed[-1].name != last:
        raise _branches(f"the output is that of {named(last)}, which is not the last layer")
    return followed


def _sources(layer: KerasObject) -> list[str]:
    """The layers that a layer takes its input from: none for an input, one within a chain."""
    nodes = layer.beside.get("inbound_nodes")
    if not isinstance(nodes, list):
        raise _unreadable(f"{layer.title} does not say what it takes: it has no inbound_nodes")
    if len(nodes) > 1:
        raise _branches(f"{layer.title} is used {len(nodes)} times")
    if _is_always_training(nodes):
        raise RecipeUnsupported(
            f"{layer.title} is called with training=True, which is not reproduced",
            field=LAYERS,
            fix="leave the argument out",
        )
    names = [name for node in nodes for name in _histories(node)]
    if len(names) > 1:
        raise _branches(f"{layer.title} takes {len(names)} inputs")
    if nodes and not names:
        raise _unreadable(f"what {layer.title} takes cannot be told")
    return names


def _histories(node: Any) -> Iterator[str]:
    """Names of layers in a node: of `keras_history`, or as Keras 2 lists [name, 0, 0, {}]."""
    if isinstance(node, dict):
        history = node.get("keras_history")
        if isinstance(history, list) and history and isinstance(history[0], str):
            yield history[0]
            return
        for value in node.values():
            yield from _histories(value)
    elif isinstance(node, list):
        if _is_reference(node):
            yield node[0]
            return
        for value in node:
            yield from _histories(value)


def _is_reference(value: Any) -> TypeGuard[list[Any]]:
    """Whether something is [name, 0, 0], with or without the arguments that Keras 2 adds."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(each, int) for each in value[1:3])
    )


def _is_always_training(nodes: Any) -> bool:
    """Whether a layer is called with training=True."""
    if isinstance(nodes, dict):
        return nodes.get("training") is True or any(map(_is_always_training, nodes.values()))
    return isinstance(nodes, list) and any(map(_is_always_training, nodes))


def _only_end(model: KerasObject, key: str) -> str:
    """The one input, or the one output, of a functional model."""
    value = model.config.get(key)
    names = [value[0]] if _is_reference(value) else list(_histories(_values(value)))
    if len(names) != 1:
        ends = key.removesuffix("_layers")
        raise _branches(f"the model {named(model.name)} has {len(names)} {ends}s")
    return str(names[0])


def _values(value: Any) -> Any:
    return list(value.values()) if isinstance(value, Mapping) else value


def _branches(detail: str) -> RecipeUnsupported:
    return RecipeUnsupported(f"the model is no chain: {detail}", field=LAYERS, fix=_CHAIN_FIX)


def _unreadable(detail: str) -> RecipeUnreadable:
    return RecipeUnreadable(detail, field="recipe", fix="send the text of model.to_json() as it is")
