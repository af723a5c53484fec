"""Orders the layers of a Keras model along its data flow, where they form a chain with skips.

A model may have an input for each column: what lies before the Concatenate that they meet in is of
columns, not of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.bounded_json import wrong_description
from lowloss.recipes.keras_objects import LAYERS, KerasObject, parse_object, quote_name

MAX_LAYERS = 100
"""Those that are of a column alone not counted."""
MERGES = frozenset({"Add", "Concatenate"})
"""Classes of Keras that take several inputs, and operations of the same names."""
_CHAIN_FIX = (
    "describe one chain of layers from one input to one output; a skip may go past some of them, "
    "straight to an Add or a Concatenate"
)
_MODELS = frozenset({"Sequential", "Functional", "Model"})
_SUMS = frozenset({"__operators__.add", "math.add"})
"""Functions that Keras 2 writes as layers of the class TFOpLambda."""


@dataclass(frozen=True)
class ChainLayer:
    """A layer of a chain; `skips` are the indices of earlier ones whose output it takes, too.

    `column` is the input that it is given alone, where the model has several.
    """

    layer: KerasObject
    skips: tuple[int, ...] = ()
    column: str | None = None


def order_layers(model: KerasObject) -> list[ChainLayer]:
    """Return all layers in order; a model inside the model is replaced by its layers.

    Of several inputs, what is done to each comes first. Raise RecipeUnsupported where the rest do
    not form a chain, and RecipeUnreadable.
    """
    chain: list[ChainLayer] = []
    _append_model(chain, model)
    return chain


def _append_model(chain: list[ChainLayer], model: KerasObject) -> None:
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
    layers = [_read_sum(parse_object(entry, "a layer")) for entry in entries]
    if model.class_name == "Sequential":
        for layer in layers:
            _append_layer(chain, layer, ())
        return
    _check_names(layers)
    sources = {layer.name: _find_sources(layer) for layer in layers}
    inputs = _find_ends(model, "input_layers")
    waiting = {layer.name: layer for layer in layers}
    if not inputs or not waiting.keys() >= set(inputs):
        raise wrong_description(f"the model {quote_name(model.name)} has no input")
    has_several = len(inputs) > 1
    first = _append_columns(chain, inputs, waiting, sources) if has_several else inputs[0]
    ends = {first: len(chain) - 1}
    for layer, skips in _follow_layers(model, waiting, sources, first):
        if has_several and layer.name == first:
            continue  # What is done to the columns is in the chain.
        _append_layer(chain, layer, tuple(ends[name] for name in skips))
        ends[layer.name] = len(chain) - 1


def _check_names(layers: list[KerasObject]) -> None:
    if len({layer.name for layer in layers}) < len(layers):
        raise wrong_description("two layers have the same name")


def _append_columns(
    chain: list[ChainLayer],
    inputs: list[str],
    waiting: dict[str, KerasObject],
    sources: Mapping[str, list[str]],
) -> str:
    """Append what is done to each of several inputs, and return the name of what they meet in.

    Those layers, and merges of a part of the inputs, are waiting no more. Raise RecipeUnsupported
    where the inputs do not meet in a Concatenate.
    """
    ends = set()
    for column in inputs:
        name = column
        while name in waiting and waiting[name].class_name not in MERGES:
            _append_layer(chain, waiting.pop(name), (), column=column)
            last = name
            name = _find_only_user(last, waiting, sources)
        ends.add(last)
    while True:
        # Columns may meet in several steps: embeddings first, numbers then.
        ready = [name for name in waiting if sources[name] and ends.issuperset(sources[name])]
        meeting = next((one for one in ready if waiting[one].class_name == "Concatenate"), None)
        if meeting is None:
            raise _branching_error(f"its {len(inputs)} inputs do not meet in a Concatenate")
        if waiting[meeting].config.get("axis", -1) not in (-1, 1):
            raise _branching_error(f"{quote_name(meeting)} does not put columns beside columns")
        ends = ends.difference(sources[meeting]) | {meeting}
        if len(ends) == 1:
            return meeting
        del waiting[meeting]


def _find_only_user(
    name: str, waiting: Mapping[str, KerasObject], sources: Mapping[str, list[str]]
) -> str:
    """Return the only layer that takes what a layer gives, while its column is alone."""
    users = [other for other in waiting if name in sources[other]]
    if len(users) != 1:
        raise _branching_error(f"{len(users)} layers take what {quote_name(name)} gives")
    return users[0]


def _append_layer(
    chain: list[ChainLayer],
    layer: KerasObject,
    skips: tuple[int, ...],
    *,
    column: str | None = None,
) -> None:
    if layer.class_name in _MODELS and not layer.is_custom and column is None:
        _append_model(chain, layer)
    else:
        chain.append(ChainLayer(layer, skips, column))
    if sum(link.column is None for link in chain) > MAX_LAYERS:
        raise RecipeUnsupported(
            f"the model has more than {MAX_LAYERS} layers",
            field=LAYERS,
            fix="describe a smaller network",
        )


def _read_sum(layer: KerasObject) -> KerasObject:
    """Return Keras 2's `x + y` as the Add that it is; any other layer as it is."""
    is_sum = layer.class_name == "TFOpLambda" and layer.config.get("function") in _SUMS
    return replace(layer, class_name="Add") if is_sum else layer


def _follow_layers(
    model: KerasObject,
    waiting: dict[str, KerasObject],
    sources: Mapping[str, list[str]],
    first: str,
) -> Iterator[tuple[KerasObject, list[str]]]:
    """Yield a functional model's layers from the first to its output.

    With each come the names of the layers whose output it takes beside that of the one before it.
    """
    name = first
    last = _find_only_output(model)
    skips: list[str] = []
    done: list[str] = []
    while name in waiting:
        yield waiting.pop(name), skips
        done.append(name)
        following = [other for other in waiting if _is_ready(sources[other], done)]
        if len(following) > 1:
            names = " and ".join(map(quote_name, following[:2]))
            raise _branching_error(f"{names} both go on from what {quote_name(name)} gives")
        if following:
            # It waited for this layer alone, or it would have come before.
            skips = list(sources[following[0]])
            skips.remove(name)
        name = "".join(following)
    if waiting or not done:
        stray = next(iter(waiting), "the input")
        raise _branching_error(f"{quote_name(stray)} is on no way from the input to the output")
    if done[-1] != last:
        raise _branching_error(
            f"the output is that of {quote_name(last)}, which is not the last layer"
        )


def _is_ready(sources: list[str], done: list[str]) -> bool:
    return bool(sources) and all(name in done for name in sources)


def _find_sources(layer: KerasObject) -> list[str]:
    """Return the names of a layer's input layers: none for an input, several for a merge."""
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
    if len(names) > 1 and layer.class_name not in MERGES:
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
            # The second summand of Keras 2's `x + y` is an argument by name.
            yield from _find_layer_names(node[3:])
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


def _find_ends(model: KerasObject, key: str) -> list[str]:
    """Return the inputs, or the outputs, of a functional model."""
    value = model.config.get(key)
    names = [value[0]] if _is_reference(value) else list(_find_layer_names(_list_values(value)))
    return [str(name) for name in names]


def _find_only_output(model: KerasObject) -> str:
    outputs = _find_ends(model, "output_layers")
    if len(outputs) != 1:
        raise _branching_error(f"the model {quote_name(model.name)} has {len(outputs)} outputs")
    return outputs[0]


def _list_values(value: Any) -> Any:
    return list(value.values()) if isinstance(value, Mapping) else value


def _branching_error(detail: str) -> RecipeUnsupported:
    return RecipeUnsupported(f"the model is no chain: {detail}", field=LAYERS, fix=_CHAIN_FIX)
