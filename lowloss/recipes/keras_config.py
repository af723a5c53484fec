"""Reads a Recipe from Keras's description of a model: as data, its code is never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowloss.errors import InvalidRequest, RecipeUnsupported
from lowloss.recipes.bounded_json import wrong_description
from lowloss.recipes.imported import ImportedRecipe
from lowloss.recipes.keras_chain import order_layers
from lowloss.recipes.keras_compile import read_loss, read_optimizer
from lowloss.recipes.keras_layers import read_layers
from lowloss.recipes.keras_network import Network
from lowloss.recipes.keras_objects import parse_object
from lowloss.spec import Recipe, RecipeOptimizer
from lowloss.tables.cells import show_value
from lowloss.validation import unknown_field, validate

FIT = frozenset(Recipe.model_fields) - {"layers", "front_layers"}
"""Fields that a model's description lacks, or that the user may override."""
_DEFAULTS = ("epochs", "batch_size", "validation_split")


def is_description(document: Any) -> bool:
    """Return whether JSON describes a Keras model: its `to_json()`, or its `get_config()`."""
    return isinstance(document, dict) and ("class_name" in document or _is_bare(document))


def read_description(document: Any, fit: Mapping[str, Any]) -> ImportedRecipe:
    """Read the recipe of a Keras model; `fit` are fields that its description lacks.

    Raise RecipeUnreadable, RecipeUnsupported, and InvalidRequest where a field is wrong.
    """
    _check_fit(fit)
    if isinstance(document, dict) and _is_bare(document):
        class_name = "Functional" if "input_layers" in document else "Sequential"
        document = {"class_name": class_name, "config": document}
    model = parse_object(document, "the text")
    network = read_layers(order_layers(model))
    compiled = model.document.get("compile_config") or {}
    if not isinstance(compiled, dict):
        raise wrong_description("compile_config is no object")
    fields = {**_read_network_fields(network, fit), **_read_compile_fields(network, compiled, fit)}
    for name in _DEFAULTS:
        if name not in fit:
            default = Recipe.model_fields[name].default
            network.note(f"{name} is not in a model's file: taken as Keras's default, {default}")
    if fit.get("validation_split") and "validation_rows" not in fit:
        network.note(
            "validation_rows is not in a model's file: taken as random; say last where fit itself "
            "split off its validation rows and nobody had shuffled them"
        )
    return ImportedRecipe(validate(Recipe, {**fit, **fields}, field="recipe"), tuple(network.notes))


def _is_bare(document: Mapping[str, Any]) -> bool:
    layers = document.get("layers")
    return (
        "class_name" not in document
        and isinstance(layers, list)
        and bool(layers)
        and all(isinstance(layer, dict) and "class_name" in layer for layer in layers)
    )


def _check_fit(fit: Mapping[str, Any]) -> None:
    for name in fit:
        if name in {"layers", "front_layers"}:
            raise InvalidRequest(
                "the layers are those of the model", field=f"recipe.{name}", fix="leave it out"
            )
        if name not in FIT:
            raise unknown_field(f"recipe.{name}", name, FIT)


def _read_network_fields(network: Network, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's layers, and the scaling and noise inside the model."""
    fields: dict[str, Any] = {"layers": network.layers, "front_layers": network.front}
    if network.inputs is not None:
        fields["inputs"] = network.inputs
    if network.categorical and "categorical" not in fit:
        fields["categorical"] = network.categorical
    requested = fit.get("scale_features", "none")
    if network.scaling == "minmax" and requested != "none":
        raise RecipeUnsupported(
            f"the features are scaled twice: by {show_value(requested)}, and by a layer Rescaling",
            field="recipe.scale_features",
            fix="leave one of them out",
        )
    if network.scaling != "none" and requested not in {"quantile", "piecewise"}:
        # Standardising cancels every earlier scaling that is a straight line.
        fields["scale_features"] = network.scaling
    if network.noise and fit.get("noise"):
        raise InvalidRequest(
            "the model has its own noise", field="recipe.noise", fix="leave noise out"
        )
    return fields | ({"noise": network.noise} if network.noise else {})


def _read_compile_fields(
    network: Network, compiled: Mapping[str, Any], fit: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the optimizer and the loss; those of `fit` replace the model's own."""
    fields: dict[str, Any] = {}
    _check_weights(compiled)
    for name in ("optimizer", "loss"):
        if name in fit and compiled.get(name) is not None:
            network.note(f"the {name} is the one given, not the model's own")
    if "optimizer" not in fit:
        if (optimizer := compiled.get("optimizer")) is not None:
            fields["optimizer"] = read_optimizer(optimizer, network.note)
        else:
            default = RecipeOptimizer().name
            network.note(f"the model was saved without an optimizer: taken as Keras's, {default}")
    if "loss" not in fit:
        if (loss := compiled.get("loss")) is None:
            raise InvalidRequest(
                "the model was saved without a loss",
                field="recipe.loss",
                fix="name the loss, or compile the model before it is saved",
            )
        last = network.dense[-1]
        of_loss, activation = read_loss(loss, last.activation, network.note)
        fields |= of_loss
        if activation != last.activation:
            last.add_activation(activation)
        fields["layers"] = network.layers
    return fields


def _check_weights(compiled: Mapping[str, Any]) -> None:
    if compiled.get("loss_weights") not in (None, 1, [1.0]):
        raise RecipeUnsupported(
            f"the loss is weighted by {show_value(compiled['loss_weights'])}, "
            "which is not reproduced",
            field="recipe.loss",
            fix="leave loss_weights out",
        )
