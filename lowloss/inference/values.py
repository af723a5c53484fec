"""Reads the values of a column for a model, or says which one cannot be read and why.

The rules are those by which the service reads a table, so that a value means the same to a model
at training and here. N rows of a request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from lowloss.inference.signature import Input
from lowloss.results import Reading
from lowloss.tables.cells import EPOCH_DAYS, MAX_DAYS, format_label, show_value
from lowloss.tables.marks import MISSING, MISSING_LOWER
from lowloss.tables.null_values import match_null_values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
OR_NULL = "or null where it is missing"


class UnreadableValue(ValueError):
    """A value that a column of its kind cannot hold. `row` counts from 0."""

    def __init__(self, row: int, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.row = row
        self.detail = detail
        self.fix = fix


def read_column(values: Sequence[object], column: Input) -> NDArray[Any]:
    """Return [N, 1] values of the input's type, NaN or "" if missing; raise UnreadableValue."""
    if column.reading is not None and column.reading.null_values:
        values = _drop_nulls(values, column.reading.null_values)
    if column.dtype == "string":
        keeps_marks = column.reading is not None and column.reading.keeps_marks
        parse = _parse_level if keeps_marks else _parse_text
        return np.array(_read_values(values, parse), dtype=object).reshape(-1, 1)
    if column.reading is not None and column.reading.is_serial:
        # As the training table had them: days of a spreadsheet, not since 1970.
        values = [v - EPOCH_DAYS if _is_number(v) else v for v in values]
    if column.reading is not None and any(isinstance(value, str) for value in values):
        values = _read_texts(values, column.reading)
    numbers = _read_numbers(values, column.kind)
    if column.dtype == "float64":
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers.reshape(-1, 1)
    return _to_float32(numbers).reshape(-1, 1)


def _drop_nulls(values: Sequence[object], null_values: Sequence[str]) -> list[object]:
    """Replace the values that stood for a missing one in the training table by None."""
    pattern = re.compile(match_null_values(null_values))

    def is_null(value: object) -> bool:
        if isinstance(value, str):
            return pattern.fullmatch(value.strip()) is not None
        return _is_number(value) and pattern.fullmatch(format_label(value)) is not None

    return [None if is_null(value) else value for value in values]


def _read_texts(values: Sequence[object], reading: Reading) -> list[object]:
    """Read texts as those of the training table were; what is none of its kind stays a text."""
    # Imported here: most rows have no texts among numbers.
    import polars as pl

    from lowloss.tables.readings import apply_reading

    texts = [value.strip() if isinstance(value, str) else None for value in values]
    results = apply_reading(pl.Series(texts, dtype=pl.String), reading)
    if results.dtype.is_temporal():
        results = results.dt.to_string("iso")
    return [
        value if result is None else result
        for value, result in zip(values, results.to_list(), strict=True)
    ]


def _read_numbers(values: Sequence[object], kind: str) -> NDArray[np.float64]:
    if kind == "boolean":
        return np.array(_read_values(values, _parse_boolean), dtype=np.float64)
    if set(map(type, values)) <= {int, float, type(None)}:
        # All at once; None becomes NaN. An integer beyond float64 is read by the slow path below.
        with suppress(OverflowError):
            numbers = np.array(values, dtype=np.float64)
            if kind != "date" or not (np.abs(numbers[np.isfinite(numbers)]) > MAX_DAYS).any():
                return numbers
    read = _parse_days if kind == "date" else _parse_number
    return np.array(_read_values(values, read), dtype=np.float64)


def _to_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a value beyond float32 counts as missing
        numbers = values.astype(np.float32)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


class _ValueError(ValueError):
    """A value that cannot be read, with what to give instead."""

    def __init__(self, value: object, expected: str, fix: str) -> None:
        super().__init__(f"{show_value(value)} is not {expected}")
        self.fix = fix


def _read_values(values: Sequence[object], read: Callable[[object], Any]) -> list[Any]:
    results = []
    for row, value in enumerate(values):
        try:
            results.append(read(value))
        except _ValueError as error:
            raise UnreadableValue(row, str(error), error.fix) from error
    return results


def _is_missing(value: object) -> bool:
    """Return whether a value is missing in a column of text."""
    return value is None or (isinstance(value, str) and value.strip() in MISSING)


def _is_no_number(value: object) -> bool:
    """Return whether a value is missing in a column of numbers, dates or booleans."""
    return value is None or (isinstance(value, str) and value.strip().lower() in MISSING_LOWER)


def _parse_number(value: object) -> float:
    if _is_no_number(value):
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        # Python reads 1_000 and other scripts' digits as numbers; the service does not.
        if text.isascii() and "_" not in text:
            with suppress(ValueError):
                return float(text)
    elif _is_number(value):
        return _to_float(value)
    raise _ValueError(value, "a number", f"give a number with a decimal point, {OR_NULL}")


def _parse_boolean(value: object) -> float:
    if _is_no_number(value):
        return math.nan
    if isinstance(value, str):
        if (number := BOOLEANS.get(value.strip().lower())) is not None:
            return number
    elif isinstance(value, bool) or (_is_number(value) and value in (0, 1)):
        return float(value)
    elif isinstance(value, float) and not math.isfinite(value):
        return math.nan
    raise _ValueError(value, "a boolean", f"give true or false, {OR_NULL}")


def _parse_days(value: object) -> float:
    """Return days since 1970-01-01; a time without a zone is in UTC."""
    if _is_no_number(value):
        return math.nan
    if isinstance(value, str):
        with suppress(ValueError):
            time = datetime.fromisoformat(value.strip())
            return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) / DAY
    elif _is_number(value):
        days = _to_float(value)
        if abs(days) <= MAX_DAYS or not math.isfinite(days):
            return days
    fix = f"give a date or a time in ISO 8601 like 2026-11-23 or 2026-11-23T12:00:00Z, {OR_NULL}"
    raise _ValueError(value, "a date", fix)


def _parse_text(value: object) -> str:
    return "" if _is_missing(value) else _parse_level(value)


def _parse_level(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.strip()
        if not _is_unicode(text):
            raise _ValueError(value, "text that UTF-8 can hold", "remove half surrogate pairs")
        return text
    if isinstance(value, bool):
        return format_label(value)
    if _is_number(value):
        return format_label(value) if math.isfinite(_to_float(value)) else ""
    raise _ValueError(value, "a category", f"give a string, {OR_NULL}")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_float(value: float) -> float:
    """Convert a number to float64; NaN for an integer beyond its range."""
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
