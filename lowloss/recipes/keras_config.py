"""From the description that Keras writes of a model to a Recipe: read as data, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowloss.errors import InvalidRequest, RecipeUnreadable, RecipeUnsupported
from lowloss.recipes.faults import checked_recipe, unknown_field
from lowloss.recipes.imported import ImportedRecipe
from lowloss.recipes.keras_chain import layers_in_order
from lowloss.recipes.keras_compile import loss_of, optimizer_of
from lowloss.recipes.keras_layers import Network, read_layers
from lowloss.recipes.keras_objects import serialized
from lowloss.spec import Recipe
from lowloss.tables.cells import shown

FIT = frozenset(Recipe.model_fields) - {"layers"}
"""What a model's description leaves open, or what may be said otherwise."""
_DEFAULTS = ("epochs", "batch_size", "validation_split")


def is_description(document: Any) -> bool:
    """Whether JSON describes a Keras model: its `to_json()`, or its `get_config()`."""
    return isinstance(document, dict) and ("class_name" in document or _is_bare(document))


def recipe_of_description(document: Any, fit: Mapping[str, Any]) -> ImportedRecipe:
    """The recipe of a Keras model; `fit` are fields that its description does not hold.

    Raises RecipeUnreadable, RecipeUnsupported, and InvalidRequest where a field is wrong.
    """
    _check_fit(fit)
    if isinstance(document, dict) and _is_bare(document):
        kind = "Functional" if "input_layers" in document else "Sequential"
        document = {"class_name": kind, "config": document}
    model = serialized(document, "the text")
    network = read_layers(layers_in_order(model))
    compiled = model.beside.get("compile_config") or {}
    if not isinstance(compiled, dict):
        raise RecipeUnreadable(
            "compile_config is no object",
            field="recipe",
            fix="send the text of model.to_json() as it is",
        )
    given = {**_of_network(network, fit), **_of_compile(network, compiled, fit)}
    for name in _DEFAULTS:
        if name not in fit:
            default = Recipe.model_fields[name].default
            network.note(f"{name} is not in a model's file: taken as Keras's default, {default}")
    return ImportedRecipe(checked_recipe({**fit, **given}), tuple(network.notes))


def _is_bare(document: Mapping[str, Any]) -> bool:
    layers = document.get("layers")
    return (
        "class_name" not in document
        and isinstance(layers, list)
        and bool(layers)
        and all(isinstance(each, dict) and "class_name" in each for each in layers)
    )


def _check_fit(fit: Mapping[str, Any]) -> None:
    for name in fit:
        if name == "layers":
            raise InvalidRequest(
                "the layers are those of the model", field="recipe.layers", fix="leave layers out"
            )
        if name not in FIT:
            raise unknown_field(f"recipe.{name}", name, FIT)


def _of_network(network: Network, fit: Mapping[str, Any]) -> dict[str, Any]:
    """The layers, and what the model itself does to its input."""
    given: dict[str, Any] = {"layers": network.layers}
    outside = fit.get("scale_features", "none")
    if network.scaling == "minmax" and outside != "none":
        raise RecipeUnsupported(
            f"the features are scaled twice: by {shown(outside)}, and by a layer Rescaling",
            field="recipe.scale_features",
            fix="leave one of them out",
        )
    if network.scaling != "none" and outside != "quantile":
        # Standardising undoes what any scaling but that by quantiles has done.
        given["scale_features"] = network.scaling
    if network.noise and fit.get("noise"):
        raise InvalidRequest(
            "the model has its own noise", field="recipe.noise", fix="leave noise out"
        )
    return given | ({"noise": network.noise} if network.noise else {})


def _of_compile(
    network: Network, compiled: Mapping[str, Any], fit: Mapping[str, Any]
) -> dict[str, Any]:
    """The optimizer and the loss; those of `fit` stand in for the model's own."""
    given: dict[str, Any] = {}
    _check_weights(compiled)
    for name in ("optimizer", "loss"):
        if name in fit and compiled.get(name) is not None:
            network.note(f"the {name} is the one given, not the model's own")
    if "optimizer" not in fit:
        if (optimizer := compiled.get("optimizer")) is not None:
            given["optimizer"] = optimizer_of(optimizer, network.note)
        else:
            network.note("the model was saved without an optimizer: taken as Keras's, rmsprop")
    if "loss" not in fit:
        if (loss := compiled.get("loss")) is None:
            raise InvalidRequest(
                "the model was saved without a loss",
                field="recipe.loss",
                fix="name the loss, or compile the model before it is saved",
            )
        last = network.dense[-1]
        given["loss"], last.activation = loss_of(loss, last.activation, network.note)
        given["layers"] = network.layers
    return given


def _check_weights(compiled: Mapping[str, Any]) -> None:
    if compiled.get("loss_weights") not in (None, 1, [1.0]):
        raise RecipeUnsupported(
            f"the loss is weighted by {shown(compiled['loss_weights'])}, which is not reproduced",
            field="recipe.loss",
            fix="leave loss_weights out",
        )
