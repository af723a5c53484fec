"""A header of two lines, as pandas writes columns of two levels, is joined and told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lowloss.results import TableFormat
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv, read_table
from lowloss.tables.table import Table

SOURCE = pd.DataFrame(
    {
        "shop": list("aabbccdd") * 3,
        "day": ["mo", "tu"] * 12,
        "year": [2023, 2024, 2025] * 8,
        "sales": range(24),
        "cost": [number / 4 for number in range(24)],
    }
)
SUMMARY = SOURCE.groupby("shop").agg({"sales": ["mean", "max"], "cost": ["sum"]})
PIVOT = SOURCE.pivot_table(index="shop", columns="day", values=["sales", "cost"])
YEARS = SOURCE.pivot_table(index="shop", columns="year", values=["sales", "cost"])


def read(text: str, **options: object) -> Table:
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (SUMMARY, ["shop", "sales_mean", "sales_max", "cost_sum"]),
        (PIVOT, ["shop", "cost_mo", "cost_tu", "sales_mo", "sales_tu"]),
        (YEARS, ["shop", *(f"{n}_{y}" for n in ("cost", "sales") for y in (2023, 2024, 2025))]),
        (SOURCE.groupby("shop").agg({"sales": ["mean"]}), ["shop", "sales_mean"]),
        (
            SOURCE.groupby(["shop", "day"]).agg({"sales": ["min", "std"]}),
            ["shop", "day", "sales_min", "sales_std"],
        ),
    ],
    ids=["summary", "pivot", "years", "one column", "two indexes"],
)
@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_two_levels_of_pandas_become_joined_names(
    frame: pd.DataFrame, names: list[str], sep: str
) -> None:
    table = read(frame.to_csv(sep=sep))

    assert table.frame.columns == names
    assert table.frame.rows() == [tuple(row) for row in frame.reset_index().to_numpy().tolist()]
    assert "header_joined" in {warning.code for warning in table.warnings}


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (lambda f: f.to_csv(index=False), ["shop", "sales_mean", "sales_max", "cost_sum"]),
        (lambda f: f.to_csv(), ["index", "shop", "sales_mean", "sales_max", "cost_sum"]),
    ],
    ids=["without an index", "with one"],
)
def test_levels_beside_a_column_of_one_are_joined(
    write: Callable[[pd.DataFrame], str], names: list[str]
) -> None:
    table = read(write(SUMMARY.reset_index()))

    assert table.frame.columns == names
    assert table.frame["sales_max"].to_list() == SUMMARY["sales"]["max"].tolist()


def test_summaries_alone_are_a_second_line_however_few_rows_there_are() -> None:
    table = read("shop,sales,cost\n,mean,sum\na,1.5,7\nb,2.5,9\n")

    assert table.frame.columns == ["shop", "sales_mean", "cost_sum"]
    assert table.frame.rows() == [("a", 1.5, 7), ("b", 2.5, 9)]


@pytest.mark.parametrize("lines", ["region,2023,,2024,\n,Q1,Q2", ",2023,,2024,\nregion,Q1,Q2"])
def test_merged_cells_name_all_columns_below_them(lines: str) -> None:
    table = read(f"{lines},Q1,Q2\nN,1,2,3,4\nS,5,6,7,8\nE,9,1,2,3\n")

    assert table.frame.columns == ["region", "2023_Q1", "2023_Q2", "2024_Q1", "2024_Q2"]
    assert table.frame.row(0) == ("N", 1, 2, 3, 4)


@pytest.mark.parametrize("frame", [SUMMARY, PIVOT], ids=["summary", "pivot"])
def test_merged_cells_of_a_workbook_are_joined(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    frame.to_excel(path)

    table = read_table(path, TableFormat.xlsx, ParseOptions(), limits=TableLimits())

    assert table.frame.columns == ["shop", *("_".join(pair) for pair in frame.columns)]
    assert table.frame.height == len(frame)


def test_rows_to_predict_have_the_same_names() -> None:
    first = read(SUMMARY.to_csv())

    again = read_csv(
        SUMMARY.head(2).to_csv().encode(),
        ParseOptions(),
        limits=TableLimits(),
        earlier=first.readings,
    )

    assert again.frame.rows() == first.frame.rows()[:2]


@pytest.mark.parametrize(
    "text",
    [
        "a,a\n1,2\n2,3\n4,5\n",
        "a,a\nx,y\nz,w\nu,v\n",
        "a,,b\nx,1,2\ny,2,3\nz,3,4\n",
        "n,v,v\nred,1,2\nblue,2,3\ngreen,3,4\n",
        "n,v,v\nred,unknown,n/a\nblue,2,3\ngreen,3,4\n",
        "Report,\na,b\n1,2\n3,4\n5,6\n",
        ",Report,\na,b,c\n1,2,3\n3,4,5\n5,6,7\n",
        "name,total\nmean,3\nmax,4\nmin,5\n",
    ],
)
def test_header_of_one_line_is_none_of_two(text: str) -> None:
    table = read(text)

    assert table.frame.height == 3
    assert "header_joined" not in {warning.code for warning in table.warnings}


def test_first_line_can_be_left_out() -> None:
    table = read(SUMMARY.reset_index().to_csv(index=False), skip_rows=1)

    assert table.frame.columns[1:] == ["mean", "max", "sum"]
