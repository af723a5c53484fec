"""How generated Python is laid out: literals, calls, and sections of a script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_WIDTH = 88
INDENT = "    "


@dataclass(frozen=True)
class Section:
    """Some lines of a script, and what they import."""

    lines: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def literal(value: object) -> str:
    """A text, a number, or a tuple of them, as Python writes it."""
    if isinstance(value, tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    # JSON's escapes are Python's, where characters outside ASCII stay as they are.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def call(
    name: str,
    *positional: str,
    options: Mapping[str, Any] | None = None,
    indent: str = "",
    end: str = "",
) -> list[str]:
    """A call on one line, or with an argument a line where that is too long.

    `options` are arguments by name; texts among them are code. Those that are None are left out.
    """
    given = [f"{key}={value}" for key, value in (options or {}).items() if value is not None]
    arguments = [*positional, *given]
    line = f"{indent}{name}({', '.join(arguments)}){end}"
    if len(line) <= MAX_WIDTH:
        return [line]
    inside = [f"{indent}{INDENT}{each}," for each in arguments]
    return [f"{indent}{name}(", *inside, f"{indent}){end}"]


def script(sections: Iterable[Section]) -> str:
    """The sections with a blank line between them, below what they import."""
    kept = [each for each in sections if each.lines]
    imports = sorted({line for each in kept for line in each.imports}, key=_import_order)
    blocks = ["\n".join(each.lines) for each in kept]
    if imports:
        blocks.insert(0, "\n".join(imports))
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _import_order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line
