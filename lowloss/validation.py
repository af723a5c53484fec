"""Turns pydantic's errors into problems that say which field is wrong and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lowloss.errors import InvalidRequest, Problem, UnknownField
from lowloss.problem_codes import PROBLEMS
from lowloss.tables.cells import show_value

M = TypeVar("M", bound=BaseModel)
Location = tuple[str | int, ...]

JSON_NAMES = {"None": "null", "dictionary": "object", "tuple": "list"}
"""What pydantic names as Python does."""
MAX_LISTED = 20
"""How many of the names that exist an error lists."""


@dataclass(frozen=True)
class Fault:
    """One error of a request."""

    kind: type[Problem]
    field: str | None
    detail: str
    fix: str


def validate(model: type[M], content: Any, *, field: str | None = None) -> M:
    """Build a model; raise InvalidRequest. `field` is where the request has it."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise problem_from_error(error, model, field=field) from error


def problem_from_error(
    error: ValidationError, model: type[BaseModel], *, field: str | None = None
) -> Problem:
    """Build the problem of a model's errors; `field` is where the request has the model."""
    entries = [entry for entry in error.errors() if not _is_short_of_faulty(entry, error)]
    return join_faults(find_fault(entry, model, field=field) for entry in entries)


def _is_short_of_faulty(entry: Mapping[str, Any], error: ValidationError) -> bool:
    """Return whether a list is said to be too short whose items pydantic could not read."""
    path = entry["loc"]
    return entry["type"] == "too_short" and any(
        other["loc"][: len(path)] == path and len(other["loc"]) > len(path)
        for other in error.errors()
    )


def join_faults(faults: Iterable[Fault]) -> Problem:
    """Build the problem of a request's faults: the first, with a list of all."""
    merged = _merge_faults(faults)
    first = merged[0]
    listed = tuple(
        {"code": fault.kind.code, "field": fault.field, "detail": fault.detail, "fix": fault.fix}
        for fault in merged
    )
    return first.kind(
        first.detail, field=first.field, fix=first.fix, errors=listed if len(listed) > 1 else ()
    )


def find_fault(
    error: Mapping[str, Any], model: type[BaseModel] | None, *, field: str | None = None
) -> Fault:
    """Return what one of pydantic's errors says; None for `model` where there is none."""
    path: Location = error["loc"]
    names: list[str] = []
    if model is not None:
        path, models = _walk(path, [model], is_unknown=error["type"] == "extra_forbidden")
        names = [name for inner in models for name in inner.model_fields]
    inner = error.get("ctx", {}).get("field")
    parts = (field, *map(str, path), inner)
    field = ".".join(part for part in parts if part is not None) or None
    value = error.get("input")
    if "fixed" in error["loc"] and isinstance(value, list):
        detail = f"{show_value(value)} is a list, where one value, choices or a range stand"
        return Fault(InvalidRequest, field, detail, f'give {{"choices": {json.dumps(value)}}}')
    return _describe(error, field, names)


def unknown_field(field: str, name: str, names: Iterable[str]) -> UnknownField:
    """Build the problem of a field that does not exist; `names` are those that do."""
    fault = _describe_unknown(field, name, names)
    return UnknownField(fault.detail, field=field, fix=fault.fix)


def find_closest(name: str, names: Iterable[str]) -> str | None:
    """Return which of the names somebody may have meant."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1)), None)


def suggest_name(name: str, names: Collection[str], *, otherwise: str) -> str:
    """Suggest the closest name, or `otherwise` and the names that exist."""
    if (close := find_closest(name, names)) is not None:
        return f"did you mean {close!r}?"
    listed = ", ".join(list(names)[:MAX_LISTED]) + (", …" if len(names) > MAX_LISTED else "")
    return f"{otherwise} {listed}"


def suggest_field(name: str, names: Iterable[str]) -> str:
    """Suggest what to do about a field that does not exist; `names` are those that do."""
    ordered = sorted(names)
    if not ordered:
        return "leave it out"
    return suggest_name(name, ordered, otherwise="leave it out; what is known here:")


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


def _describe(error: Mapping[str, Any], field: str | None, names: Iterable[str]) -> Fault:
    value, message = error.get("input"), str(error["msg"])
    match error["type"]:
        case "extra_forbidden":
            return _describe_unknown(field, str(error["loc"][-1]), names)
        case "missing":
            missing = ("the body is missing", "send a JSON object")
            return Fault(
                InvalidRequest, field, *(("this field is missing", "add it") if field else missing)
            )
        case "union_tag_invalid":
            return Fault(
                InvalidRequest,
                field,
                f"{show_value(value)} is not accepted here: this takes no range",
                'give a fixed value or {"choices": […]}',
            )
        case "model_attributes_type" | "model_type" if field is None:
            # Text is what came without the header.
            header = ", with the header Content-Type: application/json"
            return Fault(
                InvalidRequest,
                None,
                "the body is not a JSON object",
                f"send an object{header if isinstance(value, str | bytes) else ''}",
            )
        case _ if (match := re.fullmatch(r"\w+ (should .*)", message, re.DOTALL)) is not None:
            advice = re.sub(r" or (instance of \w+|object to extract fields from)", "", match[1])
            for python, json_name in JSON_NAMES.items():
                advice = advice.replace(python, json_name)
            return Fault(
                InvalidRequest, field, f"{show_value(value)} is not accepted", f"it {advice}"
            )
    # Our own errors have both (`lowloss.spec.parts.wrong_value`).
    context = {"detail": message, "fix": "give a value that fits"} | error.get("ctx", {})
    kind = PROBLEMS.get(error["type"], InvalidRequest)
    return Fault(kind, field, str(context["detail"]), str(context["fix"]))


def _describe_unknown(field: str | None, name: str, names: Iterable[str]) -> Fault:
    return Fault(UnknownField, field, f"there is no field {name!r}", suggest_field(name, names))


def _walk(
    location: Location, models: list[type[BaseModel]], *, is_unknown: bool
) -> tuple[Location, list[type[BaseModel]]]:
    """Return an error's path without the tags of unions, and the models whose field it ends at."""
    path: list[str | int] = []
    current, is_mapping = models, False
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
        elif is_mapping:
            path.append(part)
        is_mapping = any(_holds_mapping(field.annotation) for field in fields)
    return tuple(path), current


def _holds_mapping(annotation: Any) -> bool:
    """Return whether a field may hold an object of any names."""
    return get_origin(annotation) is dict or any(map(_holds_mapping, get_args(annotation)))


def _find_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _find_models(part)
