"""Finds rows in JSON that are lists of cells, and their names, which stand elsewhere in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 6
"""How deep rows and their names may lie."""
NAMES = ("name", "fieldName", "field", "label", "title", "id", "text")
"""What the name of a column is called where more is said of each."""


@dataclass(frozen=True)
class TitledRows:
    """Rows as lists of cells, the names of their columns, and how to get there."""

    path: str
    names: tuple[str, ...]
    rows: list[list[Any]]


def find_titled_rows(value: dict[str, Any]) -> Iterator[TitledRows]:
    """Yield lists of rows with as many names: beside them, or else anywhere in the object."""
    for path, owner, rows in _find_rows(value):
        names = _find_names(owner, len(rows[0])) or _find_names(value, len(rows[0]))
        if names is not None:
            yield TitledRows(path, names, rows)


def _find_rows(
    value: Any, path: str = "", depth: int = 0
) -> Iterator[tuple[str, dict[str, Any], list[list[Any]]]]:
    """Yield lists of lists of plain cells, equally long, and the objects that they are in."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for position, part in enumerate(value if _are_objects(value) else ()):
            yield from _find_rows(part, f"{path}[{position}]", depth + 1)
    if not isinstance(value, dict):
        return
    for key, part in value.items():
        inside = f"{path}.{key}" if path else key
        if _are_rows(part):
            yield inside, value, part
        else:
            yield from _find_rows(part, inside, depth + 1)


def _find_names(value: Any, width: int, depth: int = 0) -> tuple[str, ...] | None:
    """Return the first list of as many different names."""
    parts: Sequence[Any] = list(value.values()) if isinstance(value, dict) else ()
    for part in parts:
        if isinstance(part, list) and len(part) == width and (names := _to_names(part)):
            return names
    if depth < MAX_DEPTH:
        for part in parts:
            if (names := _find_names(part, width, depth + 1)) is not None:
                return names
    return None


def _to_names(cells: list[Any]) -> tuple[str, ...] | None:
    """Return names, or what objects say is theirs; None where they are none, or one comes again."""
    key = next((key for key in NAMES if all(isinstance(c, dict) and key in c for c in cells)), None)
    names = [cell[key] for cell in cells] if key else cells
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return tuple(names)


def _are_objects(value: list[Any]) -> bool:
    return len(value) == 1 and isinstance(value[0], dict)


def _are_rows(value: Any) -> bool:
    """Return whether something is a list of lists of plain cells, equally long."""
    if not isinstance(value, list) or not value or not isinstance(value[0], list):
        return False
    width = len(value[0])
    return width > 0 and all(
        isinstance(row, list)
        and len(row) == width
        and not any(isinstance(cell, dict) for cell in row)
        for row in value
    )
