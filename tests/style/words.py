"""Counts what makes source hard to search: dialect names, and shape letters without a key."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DIALECT = frozenset(
    "found each given place told some wanted known named most least held kept asked left made".split()  # noqa: SIM905  # a line is read at once
)
"""Names that say nothing of the thing which they hold."""
SHAPED = re.compile(r"_?[a-z][a-z0-9_]*_([A-Z][A-Z0-9]*)")
KEY = re.compile(r"\b([B-HJ-Z])(?:,| and)? [a-z(]")
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


SHARED_NAMES = frozenset({"run", "list_datasets", "delete_dataset", "delete_job", "resume"})
"""Functions of which two implementations, or two sides of one request, say the same."""
ALLOWED = re.compile(r"_?(?:\w+_)?(?:seconds_left|left_out)|connection_made")
"""Names in which such a word is the plain one; a method of asyncio's protocols."""


@dataclass(frozen=True, order=True)
class Binding:
    """A name that is bound, by where it stands."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}"


def count_functions(paths: Iterable[Path]) -> int:
    """Count functions and methods, nested ones included."""
    nodes = (node for path in paths for node in ast.walk(_parse(path)))
    return sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes)


def dialect_names(paths: Iterable[Path]) -> list[Binding]:
    """Find names with a dialect word: of functions, classes, attributes and variables."""
    bindings = set()
    for path in paths:
        for node in ast.walk(_parse(path)):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    pass
                case ast.ClassDef(name=name) | ast.arg(arg=name):
                    pass
                case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                    pass
                case _:
                    continue
            if DIALECT & set(name.lower().split("_")) and not ALLOWED.fullmatch(name):
                bindings.add(Binding(path, getattr(node, "lineno", 0), name))
    return sorted(bindings)


def dialect_bindings(paths: Iterable[Path]) -> list[Binding]:
    """Find parameters and local variables with a dialect name, once for each function.

    This is the measure of the first count, 288 for 1,000 functions; `dialect_names` finds more.
    """
    bindings: set[Binding] = set()
    for path in paths:
        seen: dict[tuple[int, str], int] = {}
        for number, function in enumerate(_functions(_parse(path))):
            for name, line in _bound_names(function):
                if name.strip("_") in DIALECT:
                    seen.setdefault((number, name), line)
        bindings |= {Binding(path, line, name) for (_, name), line in seen.items()}
    return sorted(bindings)


def copied_docstrings(paths: Iterable[Path]) -> list[str]:
    """List docstrings of over six words that stand on functions of one name in one package.

    Two functions do not do the same; one of the two docstrings is of the other. Implementations of
    a protocol, and the store's, the API's and the client's functions of one request, may agree.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if len(text.split()) > 6 and node.name not in SHARED_NAMES:
                    places.setdefault((node.name, text), []).append(f"{path}:{node.lineno}")
    return [f"{' '.join(where)}: {text}" for (_, text), where in places.items() if len(where) > 1]


def letters_without_key(paths: Iterable[Path], shared: frozenset[str]) -> list[Binding]:
    """Find names whose shape letters neither the shared key nor their module's docstring has."""
    bindings = set()
    for path in paths:
        tree = _parse(path)
        keyed = shared | letters_of_key(ast.get_docstring(tree) or "")
        for name, line in _all_names(tree):
            if (match := SHAPED.fullmatch(name)) is None:
                continue
            if {letter for letter in match[1] if letter.isalpha()} - keyed:
                bindings.add(Binding(path, line, name))
    return sorted(bindings)


def letters_of_key(text: str) -> frozenset[str]:
    """Read the letters that a text explains: "K slots, B rows of a batch"."""
    return frozenset(KEY.findall(text))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _bound_names(function: Function) -> Iterator[tuple[str, int]]:
    """Yield the names that a function binds itself, without those of functions inside it."""
    arguments = function.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    for parameter in parameters:
        yield parameter.arg, parameter.lineno
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno
        waiting += ast.iter_child_nodes(node)


def _all_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
