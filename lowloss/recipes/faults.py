"""Validates recipes: turns pydantic's errors into problems."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from lowloss.errors import InvalidRequest, UnknownField
from lowloss.spec import Initializer, Recipe, RecipeEarlyStopping, RecipeLayer, RecipeOptimizer
from lowloss.tables.cells import show_value

_FIELDS = {
    "": Recipe.model_fields,
    "layers": RecipeLayer.model_fields,
    "optimizer": RecipeOptimizer.model_fields,
    "early_stopping": RecipeEarlyStopping.model_fields,
    "kernel_initializer": Initializer.model_fields,
}
"""The fields of each object of a recipe, by the name of the field that holds it."""


def validate_recipe(fields: Mapping[str, Any]) -> Recipe:
    """Build a recipe from its fields; raise InvalidRequest or UnknownField."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise _build_problem(error) from error


def unknown_field(field: str, name: str, fields: Iterable[str]) -> UnknownField:
    """Build the problem of a field that does not exist; `fields` are the names that do."""
    names = sorted(fields)
    close = difflib.get_close_matches(name, names, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"what is known here: {', '.join(names)}"
    return UnknownField(f"there is no field {show_value(name)}", field=field, fix=fix)


def _build_problem(error: ValidationError) -> InvalidRequest:
    faults = [_build_fault(entry) for entry in error.errors()]
    first = faults[0]
    listed = tuple(
        {"code": fault.code, "field": fault.field, "detail": fault.detail, "fix": fault.fix}
        for fault in faults
    )
    return type(first)(
        first.detail, field=first.field, fix=first.fix, errors=listed if len(listed) > 1 else ()
    )


def _build_fault(error: Mapping[str, Any]) -> InvalidRequest:
    path = error["loc"]
    field = ".".join(map(str, ("recipe", *path)))
    message = str(error["msg"])
    match error["type"]:
        case "extra_forbidden":
            parents = [key for key in path[:-1] if isinstance(key, str)]
            fields = _FIELDS[parents[-1] if parents else ""]
            return unknown_field(field, str(path[-1]), fields)
        case "missing":
            return InvalidRequest("this field is missing", field=field, fix="add it")
        case _ if " should " in message:
            advice = message.partition(" should ")[2].replace("None", "null")
            return InvalidRequest(
                f"{show_value(error.get('input'))} is not accepted",
                field=field,
                fix=f"it should {advice}",
            )
    # Errors raised in lowloss.spec say what is wrong and, after the last colon, what to do.
    detail, _, fix = message.rpartition(": ")
    return InvalidRequest(detail or message, field=field, fix=fix or "give a value that fits")
