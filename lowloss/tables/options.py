"""The options of parsing a table: a part of a dataset's identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lowloss.errors import InvalidRequest
from lowloss.results import ColumnType, TableFormat
from lowloss.spec import wrong_value


def _check_delimiter(value: str) -> str:
    # One byte, for polars; a quote would be ambiguous.
    if not (value.isascii() and (value.isprintable() or value == "\t")) or value in {"'", '"'}:
        raise wrong_value(
            "delimiter",
            "a delimiter is one byte, and no quote",
            fix="give an ASCII character or a tab",
        )
    return value


Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_check_delimiter)]
Quote = Literal['"', "'"]
Decimal = Literal[".", ","]
Thousands = Literal["", ",", ".", " ", "'"]
Encoding = Annotated[str, Field(max_length=40)]
Comment = Annotated[str, Field(min_length=1, max_length=10)]
DateFormat = Annotated[str, Field(min_length=2, max_length=100)]
NullValues = Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=100)]
SkipRows = Annotated[int, Field(ge=0, le=1_000_000)]
Types = dict[str, ColumnType]
Sheet = Annotated[str, Field(min_length=1, max_length=100)]

CLOCKS: dict[str, Literal["h:m", "m:s"]] = {"%H:%M": "h:m", "%M:%S": "m:s"}
"""The formats of clocks of two numbers."""
CELLS = frozenset({"decimal", "thousands", "date_format", "null_values", "types"})
LINES = frozenset({"delimiter", "encoding", "header", "quote", "skip_rows", "comment"})
ROWS = frozenset({"header", "skip_rows", "comment"})
ALLOWED = {
    TableFormat.csv: CELLS | LINES,
    TableFormat.xlsx: CELLS | ROWS | {"sheet"},
    TableFormat.ods: CELLS | ROWS | {"sheet"},
    TableFormat.jsonl: CELLS,
}
"""The options of each format; those that are not here have none."""


class ParseOptions(BaseModel):
    """The uploader's options for a table of texts; null means detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Delimiter | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    encoding: Encoding | None = None
    header: bool | None = None
    quote: Quote | None = None
    skip_rows: SkipRows | None = None
    comment: Comment | None = None
    date_format: DateFormat | None = None
    null_values: NullValues | None = None
    types: Types | None = None
    sheet: Sheet | None = None

    @property
    def clock(self) -> Literal["h:m", "m:s"] | None:
        """What clocks of two numbers show, where the format of dates is one of them."""
        return CLOCKS.get(self.date_format or "")

    @property
    def day_format(self) -> str | None:
        """The format of dates, unless it is that of clocks."""
        return None if self.clock else self.date_format

    def check_format(self, format: TableFormat) -> None:  # noqa: A002
        """Refuse options that a format does not have."""
        allowed = ALLOWED.get(format, frozenset())
        for name, value in self:
            if value is not None and name not in allowed:
                owner = "of format=xlsx and ods" if name == "sheet" else "of format=csv"
                raise InvalidRequest(
                    f"{name} is an option {owner}, not of {format}", field=name, fix="leave it out"
                )
        self._check_cells()

    def _check_cells(self) -> None:
        """Refuse options of cells that no cell can fit."""
        if self.decimal is not None and self.decimal == self.thousands:
            raise InvalidRequest(
                f"decimal and thousands are both {self.decimal!r}",
                field="thousands",
                fix="give two marks, or leave one out",
            )
        if self.date_format is not None and "%" not in self.date_format:
            raise InvalidRequest(
                f"date_format {self.date_format!r} has no parts of a date",
                field="date_format",
                fix="write it as strptime has it, such as %d/%m/%Y",
            )
