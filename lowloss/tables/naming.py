"""Names columns whose file names none, or several alike."""

from __future__ import annotations

from collections.abc import Sequence

from lowloss.errors import TableInvalid
from lowloss.results import TableWarning
from lowloss.tables.table import NUL

INDEX = "index"
UNNAMED = "unnamed_{number}"
"""Numbered among the columns without a name: rows to predict may lack columns before it."""


def complete_names(
    names: Sequence[str], warnings: list[TableWarning], *, has_index: bool = False
) -> list[str]:
    """Return a name for each column, none twice; `has_index` where a first one may be the rows'.

    Raise TableInvalid for a name that no database can store.
    """
    _check_characters(names)
    taken = {name for name in names if name.strip()}
    may_be_title = 2 * sum(bool(name.strip()) for name in names) < len(names)
    completed: list[str] = []
    seen: set[str] = set()
    unnamed = 0
    for position, name in enumerate(names, start=1):
        if not name.strip():
            is_index = position == 1 and has_index and bool(taken)
            unnamed += not is_index
            new_name = _name_index(taken) if is_index else _number(UNNAMED, unnamed, taken)
            warnings.append(
                _warn_of_unnamed(new_name, position, is_index=is_index, may_be_title=may_be_title)
            )
        elif name in seen:
            new_name = _number(name.replace("{", "{{").replace("}", "}}") + "_{number}", 2, taken)
            warnings.append(_warn_of_repeated(new_name, name, position))
        else:
            new_name = name
        taken.add(new_name)
        seen.add(new_name)
        completed.append(new_name)
    return completed


def _check_characters(names: Sequence[str]) -> None:
    for position, name in enumerate(names, start=1):
        if NUL in name:
            raise TableInvalid(
                f"the name of column {position} holds a NUL character", fix="take it out"
            )


def _name_index(taken: set[str]) -> str:
    """Name a first column without a name: names or numbers of the rows, as pandas and R write."""
    name = INDEX
    while name in taken:
        name += "_"
    return name


def _number(pattern: str, number: int, taken: set[str]) -> str:
    """Return the first name from a number on that no column has."""
    while (name := pattern.format(number=number)) in taken:
        number += 1
    return name


def _warn_of_unnamed(
    name: str, position: int, *, is_index: bool, may_be_title: bool
) -> TableWarning:
    skip = "skip_rows if the names stand below a title, or " if may_be_title else ""
    subject = "the first column" if is_index else f"column {position}"
    return TableWarning(
        code="column_named",
        column=name,
        count=1,
        detail=f"{subject} has no name: it was named {name!r}",
        fix="name it in the file, or exclude it from the features"
        if is_index
        else f"name it in the file, or give {skip}header=false if line 1 is data",
    )


def _warn_of_repeated(new_name: str, name: str, position: int) -> TableWarning:
    return TableWarning(
        code="column_renamed",
        column=new_name,
        count=1,
        detail=f"column {position} is named {name!r} as another one is: it was named {new_name!r}",
        fix="give every column a name of its own, or header=false if line 1 is data",
    )
