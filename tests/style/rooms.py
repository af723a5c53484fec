"""Counts the rooms of a package, the arrows between them, and the floors that they make.

A room is a module or folder directly in the package, an arrow a pair of rooms of which one imports
the other (imports inside functions and for types alone count, too), and the floors are the longest
chain of arrows, in rooms.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rooms:
    """The rooms of a package; `arrows` are pairs (importer, imported)."""

    names: frozenset[str]
    arrows: frozenset[tuple[str, str]]

    @property
    def floors(self) -> int:
        """The rooms of the longest chain of imports; ValueError where there is a circle."""
        heights: dict[str, int] = {}

        def height(room: str, above: tuple[str, ...]) -> int:
            if room in above:
                raise ValueError(f"a circle: {' → '.join([*above, room])}")
            if room not in heights:
                below = [imported for importer, imported in self.arrows if importer == room]
                heights[room] = 1 + max((height(r, (*above, room)) for r in below), default=0)
            return heights[room]

        return max(height(room, ()) for room in self.names)


def find_rooms(package: Path) -> Rooms:
    """Read a package's rooms and arrows from its source."""
    names = frozenset(
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    )
    arrows = {
        (_room(path, package), imported)
        for path in package.rglob("*.py")
        for imported in _imported_rooms(path, package.name)
        if path != package / "__init__.py"
    }
    return Rooms(names, frozenset((a, b) for a, b in arrows if a != b and b in names))


def _room(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def _imported_rooms(path: Path, package: str) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from worker import trials` names the room only in what it imports.
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [module.split(".") for module in modules]
    return {part[1] for part in parts if part[0] == package and len(part) > 1}
