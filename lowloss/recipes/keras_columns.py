"""Reads what a Keras model makes of its columns before one network sees them all.

An Embedding gives each level of a category numbers of its own, which the next Dense layer weights.
A column for each level and one Dense layer compute all that, and more where an Embedding has fewer
numbers than that layer has units, or several columns share it. So a recipe names the columns that
are categories, and has no Embedding.
"""

from __future__ import annotations

from typing import NoReturn

from lowloss.errors import RecipeUnsupported
from lowloss.recipes.keras_extras import check_trainable
from lowloss.recipes.keras_network import Network
from lowloss.recipes.keras_objects import LAYERS, KerasObject

CATEGORY_LAYERS = frozenset({"Embedding", "CategoryEncoding", "IntegerLookup", "StringLookup"})
"""Layers that take codes or texts of categories."""
_SHAPING_LAYERS = frozenset({"InputLayer", "Flatten", "Reshape", "Identity"})
_MERGING_MODES = frozenset({"multi_hot", "count", "tf_idf"})
_NOT_REPRODUCED = ("embeddings_regularizer", "embeddings_constraint", "lora_rank")


def read_category_layer(network: Network, layer: KerasObject) -> None:
    """Read an Embedding, or what encodes categories, of all columns of whole numbers."""
    if network.is_begun:
        _refuse(layer, "is not the first layer", "put it before all else")
    _note_category(network, layer)
    network.categorical = "all"
    # An Embedding gives each column a row of numbers: a Flatten puts them side by side.
    network.axes = 2 if layer.class_name == "Embedding" else network.axes
    network.inputs = None


def read_column_layer(network: Network, layer: KerasObject, column: str) -> None:
    """Read what is done to one of several inputs alone."""
    if network.dense:
        _refuse(layer, "has an input of its own inside the network", "use one model")
    if layer.class_name == "Normalization":
        network.scaling = "standard"
        network.note(
            "Normalization is taken as scale_features 'standard' of every number: mean and "
            "deviation are those of the training rows"
        )
    elif layer.class_name in CATEGORY_LAYERS:
        _note_category(network, layer)
        names = () if network.categorical == "all" else network.categorical
        network.categorical = tuple(dict.fromkeys((*names, column)))
    elif layer.class_name not in _SHAPING_LAYERS:
        _refuse(
            layer,
            f"stands between the input {column!r} and the Concatenate of all inputs",
            "put Dense layers behind the Concatenate; Embedding, lookups, Normalization and "
            "Flatten may stand before it",
        )
    network.axes, network.inputs = 1, None


def _note_category(network: Network, layer: KerasObject) -> None:
    check_trainable(layer)
    if layer.config.get("output_mode") in _MERGING_MODES:
        mode = layer.config["output_mode"]
        _refuse(layer, f"has output_mode={mode!r}, which merges columns", "use one_hot or int")
    for key in _NOT_REPRODUCED:
        if layer.is_set(key):
            _refuse(layer, f"has a {key}, which is not reproduced", "leave it out")
    network.note(
        f"{layer.class_name} is taken as a column for each level, which the next Dense layer "
        "weights: it can learn the same and more, by other steps"
    )


def _refuse(layer: KerasObject, reason: str, fix: str) -> NoReturn:
    raise RecipeUnsupported(f"{layer.title} {reason}", field=LAYERS, fix=fix)
