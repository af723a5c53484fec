"""Writes a recipe, or a change to one, as Keras code."""

from __future__ import annotations

from collections.abc import Callable

from lowloss.recipes import code_data as data
from lowloss.recipes import code_network as network
from lowloss.recipes.code_layout import Section, format_script
from lowloss.recipes.code_table import ScriptTable, reading
from lowloss.recipes.keras_calls import format_keras_call, network_calls
from lowloss.spec import PredictedTargets, Recipe, RecipeLayer
from lowloss.tables.cells import show_value
from lowloss.wording import list_first

MAX_TARGETS = 3
"""How many the heading names."""
MAX_LAYERS_ONE_BY_ONE = 3
"""Where more layers than these changed, the whole network is shown."""


def training_code(recipe: Recipe, table: ScriptTable) -> str:
    """Write a Keras 3 script that reads a table and trains the recipe on it.

    It runs as it is beside the table's file, or with another file of the same columns as argument.
    """
    predicted = table.predicted
    # What is left out is not read, and what is read is encoded.
    read = recipe.with_changes({"exclude": [], "categorical": [], "encode_labels": False})
    seen = table.seen_by(recipe)
    if not seen.numbers:
        read = read.with_changes({"scale_features": "none"})
    sections = [
        reading(recipe, table),
        data.split(read),
        *data.feature_transforms(
            read, predicted, numbers="len(NUMBERS)" if seen.categories else ""
        ),
        data.target_scaling(read, predicted),
        data.class_weights(read, predicted),
        data.labels(read, predicted),
        network.network(read),
        network.compilation(read, predicted),
        network.early_stopping(read),
        network.plateau(read),
        network.mixup(read),
        network.fitting(read, predicted),
        data.prediction(read, predicted),
        data.result(read, predicted),
    ]
    heading = (
        f"# Predicts {_name_targets(table)} ({table.task}): python train.py [FILE]\n"
        "# FILE is a CSV: numbers with points, dates as days since 1970, empty where missing.\n"
    )
    if table.rows_left_out:
        heading += f"# {table.file} lacks the table's last {table.rows_left_out:,} rows.\n"
    return f"{heading}\n{format_script(sections)}"


def _name_targets(table: ScriptTable) -> str:
    return list_first([target.name for target in table.targets], MAX_TARGETS, show_value)


def change_code(before: Recipe, after: Recipe, predicted: PredictedTargets) -> str:
    """Write the lines of the script that turn one recipe into the other; "" where none differ."""
    # A validation split changes how the sections after it are written, but not what they do.
    comparable = before.model_copy(update={"validation_split": after.validation_split})

    def changed(section: Callable[[Recipe], Section], removed: str) -> Section:
        new = section(after)
        if new == section(comparable):
            return Section()
        return new if new.lines else Section((f"# {removed}",))

    return format_script(
        [
            changed(data.exclusion, "Feed all columns to the network: exclude none."),
            changed(data.encode_categories, "Feed the codes of categories as numbers."),
            data.split(after) if data.split(before) != data.split(after) else Section(),
            changed(_scaled_features, "Feed the features as they are: leave the scaler out."),
            changed(data.imputation, "Leave missing numbers as they are."),
            changed(lambda r: data.selection(r, predicted), "Feed all inputs: select none."),
            changed(lambda r: _scaled_target(r, predicted), "Train on the target as it is."),
            changed(lambda r: data.label_encoding(r, predicted), "Feed the labels as they are."),
            changed(lambda r: data.class_weights(r, predicted), "Weigh all rows the same."),
            changed(
                lambda r: data.labels(r, predicted), "Give the classes as whole numbers from 0."
            ),
            _changed_layers(before, after),
            changed(lambda r: network.compilation(r, predicted), ""),
            changed(network.early_stopping, "Train all epochs: leave EarlyStopping out."),
            changed(network.plateau, "Keep the learning rate: leave ReduceLROnPlateau out."),
            changed(network.mixup, "Train on the rows as they are, unmixed."),
            network.fitting(after, predicted)
            if network.fitting(after, predicted) != network.fitting(before, predicted)
            else Section(),
        ]
    )


def _scaled_features(recipe: Recipe) -> Section:
    return data.feature_scaling(recipe, numbers="(~is_code).sum()" if recipe.categorical else "")


def _scaled_target(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that scale the target, and scale the predictions back."""
    scaling = data.target_scaling(recipe, predicted)
    if not scaling.lines:
        return scaling
    comment = "# After the training, back to the target's own units:"
    rows = "x_val" if data.is_validated(recipe) else "x_train"
    prediction = f"predictions = y_scaler.inverse_transform(model.predict({rows}))"
    return Section((*scaling.lines, comment, prediction), scaling.imports)


def _changed_layers(before: Recipe, after: Recipe) -> Section:
    """Return the lines of each layer that differs, or of the whole network where many differ."""
    has_skips = before.has_skips or after.has_skips
    is_front_same = before.front_layers == after.front_layers
    if is_front_same and (before.layers, before.noise) == (after.layers, after.noise):
        return Section()
    pairs = list(zip(before.layers, after.layers, strict=False))
    indices = [index for index, (old, new) in enumerate(pairs) if old != new]
    is_other_network = has_skips or not is_front_same or len(before.layers) != len(after.layers)
    if is_other_network or len(indices) > MAX_LAYERS_ONE_BY_ONE:
        return network.network(after)
    lines: list[str] = []
    if before.noise != after.noise:
        (first, *_) = network_calls(after)
        lines += (
            ["# Before the first layer:", *format_keras_call(first, end=",")]
            if after.noise
            else ["# Noise: leave GaussianNoise out."]
        )
    for index in indices:
        lines += _format_changed_layer(index, after, before.layers[index])
    return Section(tuple(lines), (network.KERAS,))


def _format_changed_layer(index: int, after: Recipe, before: RecipeLayer) -> list[str]:
    layer = after.layers[index]
    is_output = index == len(after.layers) - 1
    name = "The output layer" if is_output else f"Layer {index + 1}"
    ending = ", without Dropout" if before.dropout and not layer.dropout else ""
    return [f"# {name}{ending}:", *network.format_layer(layer)]
