"""Changes to a recipe: each returns the fields that differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lowloss.recipes import fitting_output
from lowloss.spec import Recipe, RecipeLayer, Task
from lowloss.spec.activations import ACTIVATIONS

Change = dict[str, Any]
MakeChange = Callable[[Recipe], Change]

NUMBERS = frozenset({"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"})
"""Losses that suit any target of numbers."""
PLACES = ("after_dense", "after_activation", "after_dropout")
PLAIN: Change = dict.fromkeys(PLACES, ())
"""No layers but the Dense one, its activation and its Dropout."""
HE_NORMAL = {"name": "he_normal"}
USUAL_MONITOR = {"monitor": "val_loss", "mode": "auto", "min_delta": 0.0}
SPLIT = 0.2
PATIENCE, MIN_PATIENCE = 20, 10
MAX_UNITS, MIN_UNITS = 512, 4


def set_fields(**fields: Any) -> MakeChange:
    """Set these fields, whatever the recipe."""
    return lambda _: fields


def set_hidden(**fields: Any) -> MakeChange:
    """Set these fields for every hidden layer."""
    return lambda recipe: _layers(recipe, lambda position, _: fields if position else {})


def set_activation(name: str, initializer: Change) -> MakeChange:
    """Set the activation of every hidden layer, in place of any other, and how kernels begin."""

    def change(position: int, layer: Change) -> Change:
        fields = {"activation": name, "kernel_initializer": initializer}
        return fields | _without_activations(layer) if position else {}

    return lambda recipe: _layers(recipe, change)


def leave_out_extra_layers(recipe: Recipe) -> Change:
    """Keep the Dense layers with the activation of each, and the Dropout after hidden ones."""
    return {"front_layers": []} | _layers(recipe, _make_plain)


def leave_out_behind_output(recipe: Recipe) -> Change:
    """Keep nothing behind the output layer but its activation."""
    return _layers(recipe, lambda position, layer: {} if position else _make_plain(0, layer))


def _make_plain(position: int, layer: Change) -> Change:
    fields = {"activation": RecipeLayer.model_validate(layer).nonlinearity, "use_bias": True}
    return PLAIN | fields | ({} if position else {"dropout": 0.0})


def set_all_layers(**fields: Any) -> MakeChange:
    """Set these fields for every layer, the output layer included."""
    return lambda recipe: _layers(recipe, lambda _, __: fields)


def raise_all_layers(name: str, value: float, *, hidden_only: bool = False) -> MakeChange:
    """Raise a field of every layer to at least a value; of hidden layers only where asked."""

    def make(recipe: Recipe) -> Change:
        return _layers(
            recipe,
            lambda position, layer: (
                {name: max(layer[name], value)} if position or not hidden_only else {}
            ),
        )

    return make


def set_output(layer: Change, loss: str, **fields: Any) -> MakeChange:
    """Set these fields for the output layer, a loss, and other fields of the recipe."""
    other = {"loss": loss, "label_smoothing": 0.0} | fields
    return lambda recipe: _layers(recipe, lambda position, _: {} if position else layer) | other


def scale_learning_rate(factor: float) -> MakeChange:
    """Multiply the learning rate by a factor."""
    return lambda recipe: {"optimizer": {"learning_rate": recipe.optimizer.rate * factor}}


def clip_gradient(recipe: Recipe) -> Change:
    """Clip the gradient's norm at 1, whatever clipped it."""
    arguments = recipe.optimizer.arguments.model_dump(exclude={"clipnorm", "clipvalue"})
    return {"optimizer": {"clip_norm": 1.0, "arguments": arguments}}


def raise_epochs(epochs: int) -> MakeChange:
    """Train for at least so many epochs."""
    return lambda recipe: {"epochs": max(recipe.epochs, epochs)}


def exclude_columns(columns: tuple[str, ...]) -> MakeChange:
    """Leave these columns out."""
    return lambda recipe: {"exclude": sorted({*recipe.exclude, *columns})}


def use_usual_initializers(recipe: Recipe) -> Change:
    """Initialise kernels as suits each layer's activation."""
    return _layers(
        recipe,
        lambda _, layer: {
            "bias_initializer": {"name": "zeros"},
            "kernel_initializer": {
                "name": ACTIVATIONS[RecipeLayer.model_validate(layer).nonlinearity].initializer
            },
        },
    )


def resize_layers(factor: float) -> MakeChange:
    """Multiply the units of hidden layers; two of 64 where there are none to grow."""

    def make(recipe: Recipe) -> Change:
        if factor > 1 and not recipe.hidden:
            layer = {"units": 64, "activation": "relu", "kernel_initializer": HE_NORMAL}
            return {"layers": [layer, layer, recipe.output.model_dump(mode="json")]}
        return _layers(recipe, lambda position, layer: _resized(layer, factor) if position else {})

    return make


def _resized(layer: Change, factor: float) -> Change:
    units = round(layer["units"] * factor)
    if factor > 1:
        return {"units": max(layer["units"], min(MAX_UNITS, max(32, units)))}
    return {"units": min(layer["units"], max(MIN_UNITS, units))}


def make_shallower(recipe: Recipe) -> Change:
    """Keep the first two hidden layers at most, of at most 64 units."""
    layers = [layer.model_dump(mode="json") for layer in recipe.hidden[:2]]
    layers = [layer | {"units": min(64, layer["units"])} for layer in layers]
    return {"layers": [*layers, recipe.output.model_dump(mode="json")]}


def stop_early(recipe: Recipe) -> Change:
    """Hold rows out, stop early on them, and put the best weights back."""
    stopping = recipe.early_stopping
    patience = PATIENCE if stopping is None else max(MIN_PATIENCE, stopping.patience)
    return {
        "validation_split": recipe.validation_split or SPLIT,
        "early_stopping": {"patience": patience, "restore_best_weights": True} | USUAL_MONITOR,
    }


def restore_best_weights(recipe: Recipe) -> Change:
    """Put the best weights back, where early stopping knows them."""
    return {"early_stopping": {"restore_best_weights": True}} if recipe.early_stopping else {}


def usual_output(task: Task, classes: int, loss: str, targets: int = 1) -> tuple[Change, str]:
    """Return the output layer and the loss that fit a target, or several.

    A regression keeps a `loss` that fits.
    """
    begun: Change = PLAIN | {"kernel_initializer": {"name": "glorot_uniform"}, "dropout": 0.0}
    units, activation, fitting_loss = fitting_output(task, classes, targets)
    fits = task is Task.regression and loss in NUMBERS
    return begun | {"units": units, "activation": activation}, loss if fits else fitting_loss


def _without_activations(layer: Change) -> Change:
    """Return a layer's further layers but those that are activations."""
    parts = RecipeLayer.model_validate(layer)
    return {
        field: [
            extra.model_dump(mode="json")
            for extra in getattr(parts, field)
            if extra.computes is None
        ]
        for field in PLACES
    }


def _layers(recipe: Recipe, change: Callable[[int, Change], Change]) -> Change:
    """Change all layers; `change` gets how many layers come after one: 0 for the output."""
    layers = [layer.model_dump(mode="json") for layer in recipe.layers]
    behind = range(len(layers) - 1, -1, -1)
    pairs = zip(behind, layers, strict=True)
    return {"layers": [layer | change(position, layer) for position, layer in pairs]}
