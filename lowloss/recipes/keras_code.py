"""A recipe as Keras code: the whole script, and what a change to it looks like."""

from __future__ import annotations

from collections.abc import Callable

from lowloss.recipes import code_data as data
from lowloss.recipes import code_network as network
from lowloss.recipes.code_layout import Section, script
from lowloss.spec import Recipe, RecipeLayer, Task
from lowloss.tables.cells import shown

MAX_LAYERS_ONE_BY_ONE = 3
"""Changed layers that are shown each on its own; of more, the whole network is shown."""


def training_code(recipe: Recipe, *, target: str, task: Task) -> str:
    """A Keras 3 script that trains the recipe on numpy arrays.

    It takes `x`, rows of numbers; `y`, a number for each row, of classes those from 0; and, where
    columns are excluded, `columns`, the names of those of `x`.
    """
    sections = [
        data.exclusion(recipe),
        data.split(recipe),
        data.feature_scaling(recipe),
        data.imputation(recipe),
        data.target_scaling(recipe, task),
        data.class_weights(recipe, task),
        data.labels(recipe, task),
        network.network(recipe),
        network.compilation(recipe, task),
        network.early_stopping(recipe),
        network.mixup(recipe),
        network.fitting(recipe, task),
        data.prediction(recipe, task),
    ]
    heading = (
        f"# Predicts {shown(target)} ({task}).\n"
        f"# x: a row of numbers for each row of the table; y: {_Y[task]}.\n"
    )
    return f"{heading}\n{script(sections)}"


_Y = {
    Task.regression: "the target",
    Task.binary: "the class of each row, 0 or 1",
    Task.multiclass: "the class of each row, from 0",
}


def change_code(before: Recipe, after: Recipe, *, task: Task) -> str:
    """The lines of the script that make one recipe the other; empty where nothing differs."""
    # Rows set aside change how all that follows is written, and not what it does.
    alike = before.model_copy(update={"validation_split": after.validation_split})

    def changed(section: Callable[[Recipe], Section], removed: str) -> Section:
        now = section(after)
        if now == section(alike):
            return Section()
        return now if now.lines else Section((f"# {removed}",))

    return script(
        [
            changed(data.exclusion, "Feed all columns to the network: exclude none."),
            data.split(after) if before.validation_split != after.validation_split else Section(),
            changed(data.feature_scaling, "Feed the features as they are: leave the scaler out."),
            changed(data.imputation, "Leave missing numbers as they are."),
            changed(lambda r: _scaled_target(r, task), "Train on the target as it is."),
            changed(lambda r: data.class_weights(r, task), "Weigh all rows the same."),
            changed(lambda r: data.labels(r, task), "Give the classes as whole numbers from 0."),
            _changed_layers(before, after),
            changed(lambda r: network.compilation(r, task), ""),
            changed(network.early_stopping, "Train all epochs: leave EarlyStopping out."),
            changed(network.mixup, "Train on the rows as they are, unmixed."),
            network.fitting(after, task)
            if network.fitting(after, task) != network.fitting(before, task)
            else Section(),
        ]
    )


def _scaled_target(recipe: Recipe, task: Task) -> Section:
    """The target's scaling, and the way back."""
    scaling = data.target_scaling(recipe, task)
    if not scaling.lines:
        return scaling
    back = "# After the training, back to the target's own units:"
    rows = "x_val" if data.is_validated(recipe) else "x_train"
    answer = f"predictions = y_scaler.inverse_transform(model.predict({rows}))"
    return Section((*scaling.lines, back, answer), scaling.imports)


def _changed_layers(before: Recipe, after: Recipe) -> Section:
    """Layers that differ, each on its own; the whole network where that is shorter to read."""
    if (before.layers, before.noise) == (after.layers, after.noise):
        return Section()
    pairs = list(zip(before.layers, after.layers, strict=False))
    places = [place for place, (old, new) in enumerate(pairs) if old != new]
    if len(before.layers) != len(after.layers) or len(places) > MAX_LAYERS_ONE_BY_ONE:
        return network.network(after)
    lines: list[str] = []
    if before.noise != after.noise:
        first = network.noise_line(after) if after.noise else "leave GaussianNoise out"
        lines += ["# Before the first layer:", first] if after.noise else [f"# Noise: {first}."]
    for place in places:
        lines += _layer(place, after, before.layers[place])
    return Section(tuple(lines), (network.KERAS,))


def _layer(place: int, after: Recipe, before: RecipeLayer) -> list[str]:
    layer = after.layers[place]
    is_output = place == len(after.layers) - 1
    name = "The output layer" if is_output else f"Layer {place + 1}"
    ending = ", without Dropout" if before.dropout and not layer.dropout else ""
    return [f"# {name}{ending}:", *network.layer_lines(layer)]
