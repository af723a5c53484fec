"""The page of tables says what the reader does, row by row."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import cycle, islice
from pathlib import Path

import polars as pl
import pytest

from lowloss.tables.batches import read_columns
from lowloss.tables.columns import ColumnReader
from lowloss.tables.decode import ENCODINGS
from lowloss.tables.options import ParseOptions

PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
CODE = re.compile(r"`([^`]*)`")


def example_rows() -> list[tuple[str, list[str], list[str]]]:
    """The rows of the table of cells: what they show, the cells, and their values."""
    lines = PAGE.split("## Cells")[1].split("## Options")[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return [
        (row[0].strip(), CODE.findall(row[1]), CODE.findall(row[2]))
        for row in rows
        if len(row) == 3 and "`" in row[1]
    ]


def show(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case datetime() | date():
            return str(value)
    return f"{value:.15g}"


@pytest.mark.parametrize(("name", "cells", "values"), example_rows(), ids=lambda v: str(v)[:30])
def test_cells_are_read_as_the_page_says(name: str, cells: list[str], values: list[str]) -> None:
    many = len(cells) if "missing" in name else 40
    column = pl.Series("x", [*islice(cycle(cells), many), *(["7"] * (40 - many))])

    (read,) = read_columns([column], ColumnReader(ParseOptions()))

    assert [show(value) for value in read.head(len(cells))] == values


def test_every_option_is_on_the_page() -> None:
    listed = CODE.findall(PAGE.split("## Options")[1])

    assert set(ParseOptions.model_fields) <= set(listed)


def test_every_encoding_is_on_the_page() -> None:
    text = PAGE.split("## Encodings")[1].replace(" without 12", "")
    for first, last in re.findall(r"`([a-z0-9-]+?\d+)` to `([a-z0-9-]+)`", text):
        stem = re.split(r"(?<=[-p])(?=\d+$)", first)[0]
        numbers = range(int(first.removeprefix(stem)), int(last.removeprefix(stem)) + 1)
        text += "".join(f" `{stem}{number}`" for number in numbers)

    assert {*CODE.findall(text)} - {"encoding", "iso8859-12"} == ENCODINGS
