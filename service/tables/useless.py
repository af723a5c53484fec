"""Columns of which a model learns nothing: why, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from lowloss.results import NOT_A_FEATURE, Column, ColumnKind, TableWarning
from lowloss.wording import counted, list_first

SHOWN_NAMES = 5


class Uselessness(Enum):
    """Why a column is no feature: what all such columns have, and what to do about it."""

    missing = ("every value is missing", "fill them in, or take them out of the table")
    constant = ("every value is the same", "check where they come from if they should vary")
    text = (
        "texts of which hardly any comes again",
        "replace them by categories or numbers if they say what the target depends on",
    )
    number = (
        "numbers that count the rows, or name them: an identifier",
        "quantities are features where features.include names them, with all other features",
    )
    identifier = (
        "texts that name the rows: an identifier",
        "cut them down to parts that repeat, if those say something",
    )

    @property
    def reason(self) -> str:
        """What the columns hold."""
        return self.value[0]

    @property
    def fix(self) -> str:
        """How to change it."""
        return self.value[1]


def find_uselessness(column: Column, rows: int) -> Uselessness | None:
    """Return why a column is of no use to a model; None where it is of use."""
    if column.missing == rows:
        return Uselessness.missing
    match column.kind:
        case ColumnKind.constant:
            return Uselessness.constant
        case ColumnKind.text:
            return Uselessness.text
        case ColumnKind.identifier:
            return Uselessness.identifier if column.min is None else Uselessness.number
        case _:
            return None


def explain_uselessness(column: Column, rows: int) -> str | None:
    """Explain why a column is left out of a job; None where it is a feature."""
    match find_uselessness(column, rows):
        case None:
            return None
        case Uselessness.missing:
            return Uselessness.missing.reason
        case Uselessness.constant:
            return f"every value is {column.levels[0].value!r}"
        case Uselessness.text:
            return f"text: {column.distinct} distinct values in {rows} rows"
        case Uselessness.identifier:
            return f"an identifier: {column.distinct} distinct values in {rows} rows"
        case Uselessness.number:
            return (
                f"an identifier: {column.distinct} distinct numbers in {rows} rows "
                f"({Uselessness.number.fix})"
            )


def warn_of_useless(profile: Sequence[Column], rows: int) -> tuple[TableWarning, ...]:
    """Say which columns no job uses as features, those of one reason together."""
    by_reason: dict[Uselessness, list[str]] = {}
    for column in profile:
        if (reason := find_uselessness(column, rows)) is not None:
            by_reason.setdefault(reason, []).append(column.name)
    return tuple(
        TableWarning(
            code=NOT_A_FEATURE,
            column=names[0] if len(names) == 1 else None,
            count=len(names),
            detail=f"{counted(len(names), 'column')} ({list_first(names, SHOWN_NAMES, repr)}): "
            f"{reason.reason}; no model has such a column as a feature",
            fix=reason.fix,
        )
        for reason, names in by_reason.items()
    )
