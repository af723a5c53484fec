"""Rows of texts that know their numbers in the file, from which some are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from lowloss.results import TableWarning
from lowloss.results.datasets import MAX_EXAMPLE
from lowloss.tables.sentences import CellWarning, find_rows


@dataclass(frozen=True)
class NumberedRows:
    """Columns of texts; `numbers` are those of the rows, from 1, or None where all are there."""

    strings: pl.DataFrame
    numbers: pl.Series | None = None

    @property
    def height(self) -> int:
        """How many rows there are."""
        return self.strings.height

    def number(self, row: int) -> int:
        """Return the number of a row that is counted from 0."""
        return row + 1 if self.numbers is None else int(self.numbers[row])

    def find(self, is_row: pl.Series) -> tuple[int, ...]:
        """Return the numbers of the first rows where something holds."""
        return tuple(self.number(row - 1) for row in find_rows(is_row))

    def drop(self, is_odd: pl.Series) -> NumberedRows:
        """Return the other rows."""
        numbers = self.numbers
        if numbers is None:
            numbers = pl.int_range(1, self.height + 1, dtype=pl.UInt32, eager=True)
        return NumberedRows(self.strings.filter(~is_odd), numbers.filter(~is_odd))


def make_row_warning(cells: Sequence[str | None], row: int, reason: str) -> TableWarning:
    """Say that one row was left out."""
    example = ", ".join(cell or "" for cell in cells)
    return TableWarning(
        code="row_skipped",
        count=1,
        rows=(row,),
        example=example,
        detail=f"row {row} {reason}: it was left out ({example[:MAX_EXAMPLE]!r})",
        fix="take it out of the file, or change its label if it is data",
    )


def renumber(warnings: list[TableWarning], numbers: pl.Series | None) -> None:
    """Name rows as the file counts them in warnings of cells, which count those that are left."""
    if numbers is not None:
        warnings[:] = [
            warning.renumber(numbers) if isinstance(warning, CellWarning) else warning
            for warning in warnings
        ]
