"""Formats generated Python: literals, calls, and sections of a script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_WIDTH = 88
INDENT = "    "
OF_PYTHON = ("import csv", "import sys")
"""Imports of the standard library, which stand before the others."""


@dataclass(frozen=True)
class Section:
    """Some lines of a script, and their imports."""

    lines: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def format_literal(value: object) -> str:
    """Format a text, a number, or a tuple of them as a Python literal."""
    if isinstance(value, tuple):
        inside = ", ".join(map(format_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    # JSON's escapes are valid in Python when characters outside ASCII stay unescaped.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def format_call(
    name: str,
    *positional: str,
    options: Mapping[str, Any] | None = None,
    indent: str = "",
    end: str = "",
) -> list[str]:
    """Format a call on one line, or with one argument per line where that is too long.

    `options` are keyword arguments; their texts are code. An option that is None is left out.
    """
    keywords = [f"{key}={value}" for key, value in (options or {}).items() if value is not None]
    arguments = [*positional, *keywords]
    line = f"{indent}{name}({', '.join(arguments)}){end}"
    if len(line) <= MAX_WIDTH:
        return [line]
    argument_lines = [f"{indent}{INDENT}{argument}," for argument in arguments]
    return [f"{indent}{name}(", *argument_lines, f"{indent}){end}"]


def format_script(sections: Iterable[Section]) -> str:
    """Join the sections with blank lines between them, below their imports."""
    filled = [section for section in sections if section.lines]
    imports = sorted({line for section in filled for line in section.imports}, key=_import_order)
    blocks = ["\n".join(section.lines) for section in filled]
    own = [line for line in imports if line in OF_PYTHON]
    others = [line for line in imports if line not in OF_PYTHON]
    blocks = ["\n".join(lines) for lines in (own, others) if lines] + blocks
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _import_order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line
