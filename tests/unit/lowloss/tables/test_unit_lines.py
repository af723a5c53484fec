"""Lines of units below the names, and comments that name the columns."""

from __future__ import annotations

import pytest

from lowloss.errors import TableRagged
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table


def read(text: str) -> Table:
    return read_csv(text.encode(), ParseOptions(), limits=TableLimits())


def read_rows(names: str, second: str, row: str = "S{0},A,{0}.5,{1}") -> Table:
    rows = "".join(row.format(n, n % 7 + 7.5) + "\n" for n in range(20))
    return read(f"{names}\n{second}\n{rows}")


@pytest.mark.parametrize("unit", ["mg/L", "[mg/L]", "(mM)", "°C", "h"])
@pytest.mark.parametrize("other", ["", "-", "(s)"])
def test_one_unit_alone_is_no_row(unit: str, other: str) -> None:
    table = read_rows("sample,site,lead,ph", f",,{unit},{other}")

    assert table.frame.height == 20
    assert [warning.code for warning in table.warnings] == ["row_skipped"]


@pytest.mark.parametrize("second", ["(s),(V),(A)", "(s),(s),(V)", "s,(d),(A)", "-,(V),(A)"])
def test_units_in_brackets_are_no_missing_marks(second: str) -> None:
    table = read_rows("time,voltage,current", second, "{0}.25,{0}.5,{1}")

    assert table.frame.height == 20


@pytest.mark.parametrize(
    ("second", "row"),
    [
        ("S99,,mg/L,", "S{0},A,{0}.5,{1}"),
        (",,mg/L,7.5", "S{0},A,{0}.5,{1}"),
        (",,mg/L,NA", "S{0},A,{0}.5,{1}"),
        (",,mg/L,(X)", "S{0},A,{0}.5,(X)"),
    ],
)
def test_row_that_says_something_else_stays(second: str, row: str) -> None:
    assert read_rows("sample,site,lead,ph", second, row).frame.height == 21


FIELDS = "#Software: IIS 10.0\n#Version: 1.0\n#{}: date time sc-status time-taken\n"


@pytest.mark.parametrize("mark", [" ", "\t"])
@pytest.mark.parametrize("label", ["Fields", "fields"])
def test_comment_of_a_log_names_its_fields(mark: str, label: str) -> None:
    rows = [mark.join(("2024-01-01", f"{h:02}:00:00", "200", f"{h}75")) for h in range(24)]
    table = read(
        FIELDS.format(label) + "\n".join(rows) + "\n#Software: IIS 10.0\n" + rows[0] + "\n"
    )

    assert table.frame.columns == ["date", "time", "sc-status", "time-taken"]
    assert table.frame.height == 25
    assert [w.count for w in table.warnings if w.code == "lines_skipped"] == [3]


@pytest.mark.parametrize("mark", [" ", "\t"])
def test_comments_that_a_server_writes_at_each_start_are_left_out(mark: str) -> None:
    rows = [mark.join(("2024-01-01", f"{h:02}:00:00", "200", f"{h}75")) for h in range(24)]
    head = FIELDS.format("Fields")
    table = read(head + "\n".join(rows) + "\n" + head + "\n".join(rows) + "\n#close")

    assert table.frame.columns == ["date", "time", "sc-status", "time-taken"]
    assert table.frame.rows() == table.frame.rows()[:24] * 2
    assert [w.count for w in table.warnings if w.code == "lines_skipped"] == [5]


def test_server_that_names_other_fields_at_a_later_start_is_told() -> None:
    rows = "".join(f"2024-01-01 {h:02}:00:00 200 {h}75\n" for h in range(24))
    head = FIELDS.format("Fields")

    with pytest.raises(TableRagged, match=r"names other fields.*sc-bytes"):
        read(head + rows + head.replace("sc-status", "sc-bytes") + rows)


def test_comment_with_other_fields_than_the_rows_names_none() -> None:
    table = read(FIELDS.format("Fields") + "".join(f"{n} {n}.5 7\n" for n in range(20)))

    assert table.frame.columns == ["column_1", "column_2", "column_3"]
