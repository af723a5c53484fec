"""What goes wrong in a recipe: each edit answers a recipe with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lowloss.spec import Recipe, RecipeLayer

Edit = Callable[[Recipe], Recipe]
SMALL_NETWORK = RecipeLayer(units=64, activation="relu")


def with_fields(**fields: Any) -> Edit:
    """Set these fields."""
    return lambda recipe: recipe.with_changes(fields)


def optimizer(name: str, rate: float, momentum: float = 0.0) -> Edit:
    """Use another optimizer, with its learning rate."""
    fields = {"name": name, "learning_rate": rate, "momentum": momentum, "weight_decay": 0.0}
    return with_fields(optimizer=fields)


def rate_times(factor: float) -> Edit:
    """Multiply the learning rate."""
    return lambda recipe: recipe.with_changes(
        {"optimizer": {"learning_rate": recipe.optimizer.rate * factor}}
    )


def every_layer(**fields: Any) -> Edit:
    """Set these fields for all layers, the output's too."""
    return lambda recipe: _with_layers(recipe, [_with(layer, fields) for layer in recipe.layers])


def hidden(**fields: Any) -> Edit:
    """Set these fields for all hidden layers."""
    return lambda recipe: _with_layers(
        recipe, [*(_with(layer, fields) for layer in recipe.hidden), recipe.output]
    )


def stacked(layers: int, **fields: Any) -> Edit:
    """Use as many hidden layers, all like the first with these fields set."""

    def edit(recipe: Recipe) -> Recipe:
        first = recipe.hidden[0] if recipe.hidden else SMALL_NETWORK
        return _with_layers(recipe, [*([_with(first, fields)] * layers), recipe.output])

    return edit


def output(activation: str, *, units: int | None = None, loss: str | None = None) -> Edit:
    """Use another activation of the output layer, and other units and loss where they are given."""

    def edit(recipe: Recipe) -> Recipe:
        fields = {"activation": activation, "units": units or recipe.output.units}
        changed = _with_layers(recipe, [*recipe.hidden, _with(recipe.output, fields)])
        return changed if loss is None else changed.with_changes({"loss": loss})

    return edit


def stopping(patience: int, *, restores: bool) -> Edit:
    """Use another early stopping."""
    fields = {"patience": patience, "restore_best_weights": restores}
    return with_fields(early_stopping=fields)


def both(first: Edit, second: Edit) -> Edit:
    """Apply one edit after another."""
    return lambda recipe: second(first(recipe))


def unregularised(recipe: Recipe) -> Recipe:
    """Train without L1, L2, dropout and weight decay."""
    bare = every_layer(l1=0.0, l2=0.0, dropout=0.0)(recipe)
    return bare.with_changes({"optimizer": {"weight_decay": 0.0}})


def unchanged(recipe: Recipe) -> Recipe:
    """Leave the recipe as it is."""
    return recipe


def _with(layer: RecipeLayer, fields: dict[str, Any]) -> RecipeLayer:
    return RecipeLayer.model_validate(layer.model_dump() | fields)


def _with_layers(recipe: Recipe, layers: list[RecipeLayer]) -> Recipe:
    return recipe.with_changes({"layers": [layer.model_dump(mode="json") for layer in layers]})
