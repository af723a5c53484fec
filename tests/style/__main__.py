"""Prints the figures of the source's structure and words, and fails where one is over its limit."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.style.rooms import find_rooms
from tests.style.sizes import oversized_parts
from tests.style.words import (
    copied_docstrings,
    count_functions,
    dialect_bindings,
    dialect_names,
    letters_without_key,
)

ROOT = Path(__file__).parents[2]
PACKAGES = ("lowloss", "service", "worker", "migrations", "benchmarks")
MAX_ROOMS, MAX_FLOORS = 11, 7
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 40


def main() -> None:
    """Print the figures; list what is over a limit, and end with status 1."""
    faults = []
    rooms = find_rooms(ROOT / "worker")
    print(f"rooms of worker/: {len(rooms.names)} (at most {MAX_ROOMS})")  # noqa: T201
    print(f"arrows between them: {len(rooms.arrows)}")  # noqa: T201
    print(f"floors: {rooms.floors} (at most {MAX_FLOORS})")  # noqa: T201
    if len(rooms.names) > MAX_ROOMS or rooms.floors > MAX_FLOORS:
        faults.append("worker/ has too many rooms or floors")

    paths = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    bindings = dialect_bindings(paths)
    share = 1000 * len(bindings) / count_functions(paths)
    print(f"dialect bindings for 1,000 functions: {share:.0f} (none)")  # noqa: T201
    faults += map(str, sorted({*bindings, *dialect_names(paths)}))

    letters = letters_without_key(paths, shared_letters())
    print(f"names with shape letters without a key: {len(letters)} (none)")  # noqa: T201
    faults += map(str, letters)
    tests = sorted((ROOT / "tests").rglob("*.py"))
    written = [path for path in [*paths, *tests] if "versions" not in path.parts]  # not by Alembic
    oversized = oversized_parts(
        written, file_lines=MAX_FILE_LINES, function_lines=MAX_FUNCTION_LINES
    )
    print(f"files over 400 lines, functions over 40: {len(oversized)} (none)")  # noqa: T201
    faults += oversized
    copies = copied_docstrings(paths)
    print(f"docstrings that two functions of one name share: {len(copies)} (none)")  # noqa: T201
    faults += copies
    sys.exit("\n".join(faults) if faults else 0)


def shared_letters() -> frozenset[str]:
    """Read the key of shape letters in the glossary."""
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    match = re.search(r"^## Shape letters\n(.*?)(?=^## |\Z)", glossary, re.DOTALL | re.MULTILINE)
    return frozenset(re.findall(r"^- ([A-Z]) ", match[1], re.MULTILINE) if match else ())


if __name__ == "__main__":
    main()
