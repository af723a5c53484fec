"""Changes to a recipe as a reader's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lowloss.spec.recipe_layer import RecipeLayer


def write_change(change: Mapping[str, Any]) -> str:
    """Write a change as JSON, its layers without what Keras has by default."""
    try:
        layers = [RecipeLayer.model_validate(layer) for layer in change.get("layers", ())]
    except ValidationError:
        # Of another version, whose layers had other fields.
        return json.dumps(change, ensure_ascii=False)
    written = [layer.model_dump(mode="json", exclude_defaults=True) for layer in layers]
    return json.dumps({**change, **({"layers": written} if layers else {})}, ensure_ascii=False)
