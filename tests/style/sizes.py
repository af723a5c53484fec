"""Finds files and functions that are too long to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path


def oversized_parts(paths: Iterable[Path], *, file_lines: int, function_lines: int) -> list[str]:
    """List files and functions over their limits; a docstring's lines do not count."""
    oversized = []
    for path in paths:
        source = path.read_text(encoding="utf-8")
        if (count := source.count("\n")) > file_lines:
            oversized.append(f"{path}: {count} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = _code_lines(node)
                if count > function_lines:
                    oversized.append(f"{path}:{node.lineno}: {node.name} has {count} lines")
    return oversized


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring
