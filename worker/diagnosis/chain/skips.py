"""Changes to networks with skips: merges that fit no more are left out."""

from __future__ import annotations

from pydantic import TypeAdapter

from lowloss.spec import Recipe, RecipeLayer
from lowloss.spec.extra_layers import Add, ExtraLayer, ExtraLayers
from lowloss.spec.skips import Passage, SkipMisfitError
from worker.diagnosis.chain.changes import PLACES, Change

_EXTRA_LAYERS: TypeAdapter[ExtraLayers] = TypeAdapter(ExtraLayers)


def change_recipe(recipe: Recipe, change: Change) -> Recipe:
    """Return the recipe with a change to its fields, less the merges that fit no more."""
    if not {"layers", "front_layers"} & change.keys():
        return recipe.with_changes(change)
    fields = recipe.model_dump(mode="json") | change
    layers = [RecipeLayer.model_validate(layer) for layer in fields["layers"]]
    is_resized = [layer.units for layer in layers] != [layer.units for layer in recipe.layers]
    passage = Passage()
    front = _pass_fitting(
        passage, _EXTRA_LAYERS.validate_python(fields["front_layers"]), is_resized=is_resized
    )
    fitting = []
    for layer in layers:
        passage.enter(layer)
        extras = {
            name: _pass_fitting(passage, getattr(layer, name), is_resized=is_resized)
            for name in PLACES
        }
        fitting.append(layer.model_copy(update=extras).model_dump(mode="json"))
    return recipe.with_changes(change | {"front_layers": front, "layers": fitting})


def _pass_fitting(passage: Passage, extras: ExtraLayers, *, is_resized: bool) -> ExtraLayers:
    """Go through the layers that fit, and return them."""
    fitting = []
    for extra in extras:
        if _fits(passage, extra, is_resized=is_resized):
            passage.enter(extra)
            fitting.append(extra)
    return tuple(fitting)


def _fits(passage: Passage, extra: ExtraLayer, *, is_resized: bool) -> bool:
    try:
        passage.check(extra)
    except SkipMisfitError:
        return False
    if is_resized and isinstance(extra, Add):
        # Of a sum with the columns themselves nobody knows here how many they are.
        return passage.skips[extra.skip] == passage.width
    return True
