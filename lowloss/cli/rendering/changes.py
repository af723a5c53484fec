"""A change to a recipe on the terminal: of layers, the fields that differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lowloss.pages.changes import write_change
from lowloss.spec import Recipe
from lowloss.spec.recipe_layer import RecipeLayer
from lowloss.wording import in_words


def describe_change(change: Mapping[str, Any], recipe: Recipe) -> str:
    """Describe a change: its fields as JSON, and of layers only what differs from the recipe's."""
    try:
        layers = [RecipeLayer.model_validate(layer) for layer in change.get("layers", ())]
    except ValidationError:
        # Of another version, whose layers had other fields.
        return write_change(change)
    if len(layers) != len(recipe.layers):
        return write_change(change)
    pairs = enumerate(zip(recipe.layers, layers, strict=True), start=1)
    parts = [part for number, pair in pairs if (part := _describe_layer(number, *pair))]
    others = {name: value for name, value in change.items() if name != "layers"}
    if others:
        parts.append(write_change(others))
    return "; ".join(parts) or write_change(change)


def _describe_layer(number: int, before: RecipeLayer, after: RecipeLayer) -> str:
    """Describe what differs between two layers; nothing where they are the same."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    fields = [
        f"{in_words(name)} {_write(old[name])} → {_write(value)}"
        for name, value in new.items()
        if value != old[name]
    ]
    return f"layer {number}: {', '.join(fields)}" if fields else ""


def _write(value: object) -> str:
    match value:
        case None:
            return "none"
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
