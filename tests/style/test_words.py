"""The checks of structure and words find what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.style.rooms import find_rooms
from tests.style.sizes import oversized_parts
from tests.style.words import (
    copied_docstrings,
    dialect_bindings,
    dialect_names,
    letters_of_key,
    letters_without_key,
)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_rooms_arrows_and_floors_are_counted(tmp_path: Path) -> None:
    package = tmp_path / "house"
    for name in ("", "roof/", "hall/", "cellar/"):
        write(package / f"{name}__init__.py", "")
    write(package / "roof" / "tiles.py", "from house.hall import door\nfrom house.roof import moss")
    write(package / "hall" / "door.py", "def open():\n    import house.cellar.stairs")

    rooms = find_rooms(package)

    assert rooms.names == {"roof", "hall", "cellar"}
    assert rooms.arrows == {("roof", "hall"), ("hall", "cellar")}
    assert rooms.floors == 3


def test_circle_of_rooms_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "house"
    write(package / "one.py", "from house import two")
    write(package / "two.py", "from house.one import door")

    with pytest.raises(ValueError, match="circle"):
        _ = find_rooms(package).floors


@pytest.mark.parametrize(
    "source",
    [
        "def f(given): ...",
        "def f():\n    found = 1",
        "def f(xs):\n    return [each for each in xs]",
        "def f(xs):\n    for place, x in xs: ...",
        "def f(*, some=1): ...",
        "def f():\n    with open() as held: ...",
        "f = lambda told: told",
    ],
)
def test_dialect_name_is_found_once(tmp_path: Path, source: str) -> None:
    path = write(tmp_path / "module.py", source)

    assert len(dialect_bindings([path])) == 1


def test_name_of_an_inner_function_counts_for_that_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "module.py", "def f():\n    def g():\n        found = 1\n    found = 2")

    assert [binding.line for binding in dialect_bindings([path])] == [3, 4]


def test_letters_are_explained_by_the_shared_key_or_the_module(tmp_path: Path) -> None:
    path = write(tmp_path / "module.py", '"""Q quantiles."""\nx_NQ = y_NZ = MAX_ROWS = 1')

    letters = letters_without_key([path], letters_of_key("- N rows"))

    assert [letter.name for letter in letters] == ["y_NZ"]


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    told: str",
        "def f(self):\n    self.found = 1",
        "def known(): ...",
        "found_TC = 1",
    ],
)
def test_dialect_word_in_any_name_is_found(tmp_path: Path, source: str) -> None:
    path = write(tmp_path / "module.py", source)

    assert len(dialect_names([path])) == 1


def test_docstring_of_another_function_of_that_name_is_found(tmp_path: Path) -> None:
    text = 'def f():\n    """Return what nobody needs to know of this."""'
    paths = [write(tmp_path / name, text) for name in ("one.py", "two.py")]

    assert len(copied_docstrings(paths)) == 1


def test_long_file_and_function_are_found(tmp_path: Path) -> None:
    path = write(tmp_path / "module.py", "def f():\n" + "    x = 1\n" * 9)

    assert oversized_parts([path], file_lines=9, function_lines=9) == [
        f"{path}: 10 lines",
        f"{path}:1: f has 10 lines",
    ]
