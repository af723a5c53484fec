"""Turns pydantic's errors about a Recipe into problems."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from lowloss.errors import InvalidRequest, UnknownField
from lowloss.spec import Initializer, Recipe, RecipeEarlyStopping, RecipeLayer, RecipeOptimizer
from lowloss.tables.cells import shown

_KNOWN = {
    "": Recipe.model_fields,
    "layers": RecipeLayer.model_fields,
    "optimizer": RecipeOptimizer.model_fields,
    "early_stopping": RecipeEarlyStopping.model_fields,
    "kernel_initializer": Initializer.model_fields,
}
"""The fields of each object of a recipe, by the name of the field that holds it."""


def checked_recipe(given: Mapping[str, Any]) -> Recipe:
    """The recipe of these fields. Raises InvalidRequest or UnknownField."""
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        raise _problem(error) from error


def unknown_field(field: str, name: str, known: Iterable[str]) -> UnknownField:
    """The problem of a field that does not exist."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"what is known here: {', '.join(names)}"
    return UnknownField(f"there is no field {shown(name)}", field=field, fix=fix)


def _problem(error: ValidationError) -> InvalidRequest:
    faults = [_fault(each) for each in error.errors()]
    first = faults[0]
    listed = tuple(
        {"code": each.code, "field": each.field, "detail": each.detail, "fix": each.fix}
        for each in faults
    )
    return type(first)(
        first.detail, field=first.field, fix=first.fix, errors=listed if len(listed) > 1 else ()
    )


def _fault(error: Mapping[str, Any]) -> InvalidRequest:
    path = error["loc"]
    field = ".".join(map(str, ("recipe", *path)))
    message = str(error["msg"])
    match error["type"]:
        case "extra_forbidden":
            parents = [each for each in path[:-1] if isinstance(each, str)]
            known = _KNOWN[parents[-1] if parents else ""]
            return unknown_field(field, str(path[-1]), known)
        case "missing":
            return InvalidRequest("this field is missing", field=field, fix="add it")
        case _ if " should " in message:
            advice = message.partition(" should ")[2].replace("None", "null")
            return InvalidRequest(
                f"{shown(error.get('input'))} is not accepted",
                field=field,
                fix=f"it should {advice}",
            )
    # Ours, raised in lowloss.spec, say what is wrong and, after the last colon, what to do.
    detail, _, fix = message.rpartition(": ")
    return InvalidRequest(detail or message, field=field, fix=fix or "give a value that fits")
