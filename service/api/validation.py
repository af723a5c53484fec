"""Turns pydantic's errors into problems that say which field is wrong and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

from lowloss.errors import InvalidJson, InvalidRequest, Problem, UnknownField
from lowloss.problem_codes import PROBLEMS
from lowloss.tables.cells import show_value

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One error of a request."""

    kind: type[Problem]
    field: str | None
    detail: str
    fix: str


def problem_from_errors(
    errors: Iterable[Mapping[str, Any]], model: type[BaseModel] | None
) -> Problem:
    """Build the problem of pydantic's errors; `model` is the request body's."""
    faults = _merge_faults(_build_fault(error, model) for error in errors)
    first = faults[0]
    listed = tuple(
        {"code": fault.kind.code, "field": fault.field, "detail": fault.detail, "fix": fault.fix}
        for fault in faults
    )
    return first.kind(
        first.detail, field=first.field, fix=first.fix, errors=listed if len(listed) > 1 else ()
    )


def suggest_field(name: str, fields: Iterable[str]) -> str:
    """Suggest what to do about a field that does not exist; `fields` are the names that do."""
    names = sorted(fields)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"leave it out; what is known here: {', '.join(names)}" if names else "leave it out"


def _merge_faults(faults: Iterable[Fault]) -> list[Fault]:
    """Merge the faults of a field: pydantic reports each member of a union that does not fit."""
    merged: dict[tuple[type[Problem], str | None], Fault] = {}
    for fault in faults:
        key = fault.kind, fault.field
        if (earlier := merged.get(key)) is not None:
            fix = f"{earlier.fix}, or {fault.fix}"
            merged[key] = Fault(fault.kind, fault.field, earlier.detail, fix)
        else:
            merged[key] = fault
    return list(merged.values())


def _build_fault(error: Mapping[str, Any], model: type[BaseModel] | None) -> Fault:
    source, *rest = error["loc"]
    if error["type"] == "json_invalid":
        position = f"character {rest[0]}" if rest else "its start"
        reason = error.get("ctx", {}).get("error", "it cannot be parsed")
        return Fault(
            InvalidJson, None, f"the body is not JSON: {reason} at {position}", "send JSON"
        )
    if source != "body" or model is None:
        return _describe(error, ".".join(map(str, rest)) or None, fields=())
    path, models = _walk(tuple(rest), [model], is_unknown=error["type"] == "extra_forbidden")
    fields = [name for inner in models for name in inner.model_fields]
    return _describe(error, ".".join(map(str, path)) or None, fields=fields)


def _describe(error: Mapping[str, Any], field: str | None, *, fields: Iterable[str]) -> Fault:
    value, message = error.get("input"), str(error["msg"])
    match error["type"]:
        case "extra_forbidden":
            name = str(error["loc"][-1])
            return Fault(
                UnknownField, field, f"there is no field {name!r}", suggest_field(name, fields)
            )
        case "missing":
            return Fault(InvalidRequest, field, *_missing(field))
        case "union_tag_invalid":
            return Fault(
                InvalidRequest,
                field,
                f"{show_value(value)} is not accepted here: this takes no range",
                'give a fixed value or {"choices": […]}',
            )
        case "model_attributes_type" | "model_type" if field is None:
            return Fault(
                InvalidRequest,
                None,
                "the body is not a JSON object",
                "send an object, with the header Content-Type: application/json",
            )
        case _ if (match := re.fullmatch(r"\w+ (should .*)", message, re.DOTALL)) is not None:
            advice = match[1].replace("None", "null").replace("dictionary", "object")
            detail = f"{show_value(value)} is not accepted"
            return Fault(InvalidRequest, field, detail, f"it {advice}")
    # Errors raised in lowloss.spec say what is wrong and, after the last colon, what to do.
    detail, _, fix = message.rpartition(": ")
    kind = PROBLEMS.get(error["type"], InvalidRequest)
    return Fault(kind, field, detail or message, fix if detail else "give a value that fits")


def _missing(field: str | None) -> tuple[str, str]:
    if field is None:
        return "the body is missing", "send a JSON object"
    return "this field is missing", "add it"


def _walk(
    location: Location, models: list[type[BaseModel]], *, is_unknown: bool
) -> tuple[Location, list[type[BaseModel]]]:
    """Return an error's path without the tags of unions, and the models whose field it ends at."""
    path: list[str | int] = []
    current = models
    for position, part in enumerate(location):
        if is_unknown and position == len(location) - 1:
            return (*path, part), current
        if isinstance(part, int):
            path.append(part)
            continue
        fields = [inner.model_fields[part] for inner in current if part in inner.model_fields]
        if fields:
            path.append(part)
            current = [model for field in fields for model in _find_models(field.annotation)]
    return tuple(path), current


def _find_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _find_models(part)
