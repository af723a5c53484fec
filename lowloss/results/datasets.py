"""Datasets and their columns."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lowloss.results.parts import Result
from lowloss.wording import format_day, format_number


class TableFormat(StrEnum):
    """How an uploaded table is encoded; `xlsx` are workbooks of Excel in all its formats."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    npz = "npz"
    xlsx = "xlsx"
    ods = "ods"
    jsonl = "jsonl"


class ColumnKind(StrEnum):
    """How a model reads a column.

    An `integer_category` has the values 0, 1, 2 … or 1, 2, 3 …: they may be codes of categories.
    An `identifier` names the rows.
    """

    numeric = "numeric"
    boolean = "boolean"
    integer_category = "integer_category"
    categorical = "categorical"
    date = "date"
    text = "text"
    identifier = "identifier"
    constant = "constant"


QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The probabilities of a column's `quantiles`."""


class Histogram(Result):
    """The number of values in each bin; bins have equal width, and one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Level(Result):
    """One distinct value of a column, and the number of rows with it."""

    value: str
    rows: int


ColumnType = Literal["number", "category", "boolean", "date", "duration"]
"""What a column of texts can be read as."""


InexactMark = Literal["about", "bound", "plus"]
"""What is written around a number that is not exact: `~5`, `<5`, `5+`."""


class Reading(Result):
    """How the texts of a column were read: later rows are read alike.

    Of numbers: the decimal mark, the mark between thousands, and the unit behind them, or what
    suffixes multiply by; `unread_marks` are those with which a cell is no number; `signs` are 1 or
    -1 for the words and triangles that say whether a number is positive. `has_footnotes` where
    numbers have marks of footnotes behind them, or dates notes, which are left off. Of dates: the
    order of their parts, or their format; `is_serial` where they are numbers of a spreadsheet, days
    since 1899-12-30. Of durations: what clocks of two numbers show; null where an earlier version
    read them, which decides anew. `null_values` are missing in a column of any kind. Of categories:
    `keeps_marks` where words such as `NA` are levels.
    """

    kind: ColumnType
    decimal: Literal[".", ","] = "."
    group: Literal["", ",", ".", " ", "'"] = ""
    unit: str = ""
    multiples: dict[str, float] = Field(default_factory=dict)
    unread_marks: tuple[InexactMark, ...] = ()
    has_footnotes: bool = False
    signs: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    order: Literal["ymd", "yymd", "dmy", "mdy"] | None = None
    date_format: str | None = None
    is_serial: bool = False
    clock: Literal["h:m", "m:s"] | None = None
    null_values: tuple[str, ...] = ()
    keeps_marks: bool = False


class Column(Result):
    """The profile of one column, made at upload. Missing values count only in `missing`.

    `levels` lists the most frequent values, and is complete when `distinct` equals its length.
    `mean`, `sd`, `min`, `max`, `quantiles` (at `QUANTILES`) and `histogram` are null, or empty,
    unless the column holds numbers, booleans (as 0 and 1) or dates (as days since 1970-01-01).
    `reading` is how the texts of a CSV were read.
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    is_integer: bool = False
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    sd: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    levels: tuple[Level, ...] = ()
    reading: Reading | None = None

    @property
    def may_be_codes(self) -> bool:
        """Whether it holds whole numbers that may stand for categories."""
        others = (ColumnKind.categorical, ColumnKind.boolean, ColumnKind.date)
        return self.is_integer and self.kind not in others

    def describe(self, value: float | None) -> str:
        """Format a value of the column: dates as dates."""
        if value is not None and self.kind is ColumnKind.date:
            return format_day(value)
        return format_number(value)


NOT_A_FEATURE = "not_a_feature"
"""The code of warnings of columns that jobs leave out: each job says which, too."""


MAX_EXAMPLE = 80
"""How many characters of a cell or a line a warning shows."""
Example = Annotated[str | None, AfterValidator(lambda text: text and text[:MAX_EXAMPLE])]


class TableWarning(Result):
    """What the reader of a table decided or left out, and how to change it.

    `count` is how many cells, rows or columns it concerns, `rows` are the first of these rows, from
    1 without the header, and `example` is one of the cells as written.
    """

    code: str
    column: str | None = None
    count: int
    rows: tuple[int, ...] = ()
    example: Example = None
    detail: str
    fix: str


class Dataset(Result):
    """An uploaded table; immutable, named by its SHA-256 and how it was parsed.

    `name` is its first name, `names` are all under which its bytes were uploaded, the first ones of
    many. `options` are those of parsing that were given; `warnings` say what the reader decided in
    doubt, or left out.
    """

    id: str
    name: str
    names: tuple[str, ...] = ()
    sha256: str
    format: TableFormat
    size_bytes: int
    rows: int
    columns: int
    created_at: datetime
    options: dict[str, Any] = Field(default_factory=dict)
    warnings: tuple[TableWarning, ...] = ()
    profile: tuple[Column, ...] = ()
