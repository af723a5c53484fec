"""Lines of names with values, as logs have them."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.unit.lowloss.tables.test_layouts import read

LOG = "".join(
    f'time=2024-01-05T10:{row:02}:00Z level={("info", "warn")[row % 2]} msg="slow \\"{row}\\""'
    f" took={row}\n"
    for row in range(40)
)


def test_lines_of_names_with_values_are_a_table_and_told() -> None:
    table = read(LOG)

    assert table.frame.columns == ["time", "level", "msg", "took"]
    assert table.frame.row(1) == (datetime(2024, 1, 5, 10, 1), "warn", 'slow "1"', 1)
    (warning,) = table.warnings
    assert (warning.code, warning.count) == ("names_in_lines", 40)
    assert warning.example is not None
    assert warning.example.startswith("time=2024-01-05T10:00:00Z level=info")
    assert warning.detail.endswith("were read as 4 columns of these names")


@pytest.mark.parametrize("separator", [", ", ",", "; ", "\t", "  "])
def test_any_mark_stands_between_them(separator: str) -> None:
    text = "".join(separator.join(("a=x", f"b={row}", f"c={row}.5")) + "\n" for row in range(10))

    assert read(text).frame.row(7) == ("x", 7, 7.5)


def test_name_that_a_line_has_not_is_missing_there() -> None:
    text = "a=1 b=2\na=3 c=x\nb=5 a=4\n"

    assert read(text).frame.rows() == [(1, 2, None), (3, None, "x"), (4, 5, None)]


@pytest.mark.parametrize(
    "text",
    [
        "x\n" + "a=1\nb=2\n" * 10,
        "note\n" + "a=1 b=2\n" * 10,
        "a=1 b=2\na=1 a=2\n",
        "a=1 b=2\nThe server stopped\n" * 5,
    ],
)
def test_other_lines_are_no_pairs(text: str) -> None:
    assert "names_in_lines" not in {warning.code for warning in read(text).warnings}


@pytest.mark.parametrize(
    ("front", "columns"),
    [
        ("2024-01-05 10:00:05,250 ", {"timestamp": datetime(2024, 1, 5, 10, 0, 5, 250_000)}),
        ("[2024-01-05T10:00:05Z] ", {"timestamp": datetime(2024, 1, 5, 10, 0, 5)}),
        ("2024-01-05 10:00:05, ", {"timestamp": datetime(2024, 1, 5, 10, 0, 5)}),
        ("10:00:05 [INFO] ", {"timestamp": 36_005, "level": "INFO"}),
        ("WARN app.db: ", {"level": "WARN", "prefix": "app.db"}),
        ("Reading {", {"prefix": "Reading"}),
        (
            "2024-01-05 10:00:05 ERROR main - slow request ",
            {
                "timestamp": datetime(2024, 1, 5, 10, 0, 5),
                "level": "ERROR",
                "prefix": "main - slow request",
            },
        ),
    ],
)
def test_what_stands_before_the_names_is_in_columns(front: str, columns: dict[str, object]) -> None:
    end = "}" if "{" in front else ""
    table = read("".join(f"{front}temp={row}.5, hum={row}{end}\n" for row in range(12)))

    names = ("names_in_lines", "read_as_seconds")
    assert table.frame.row(3, named=True) == {**columns, "temp": 3.5, "hum": 3}
    assert {warning.code for warning in table.warnings} <= set(names)
    assert "what stands before them as" in table.warnings[0].detail


def test_names_of_the_values_stay_where_the_front_has_the_same() -> None:
    table = read("".join(f"INFO level={row} took={row}\n" for row in range(12)))

    assert table.frame.columns == ["log_level", "level", "took"]


def test_one_value_behind_a_time_is_one() -> None:
    table = read("".join(f"2024-01-05 10:{row:02} temp={row}.5\n" for row in range(12)))

    assert table.frame.columns == ["timestamp", "temp"]


@pytest.mark.parametrize("line", ["temp = {0}.5 C, hum = {0} %", "temp: {0}.5 C, hum: {0} %"])
def test_values_have_units_and_blanks_around_their_mark(line: str) -> None:
    table = read("".join(line.format(row) + "\n" for row in range(12)))

    assert table.frame.row(3, named=True) == {"temp": 3.5, "hum": 3}


def test_last_column_of_another_table_stays_as_it_is() -> None:
    table = read("".join(f"chr1\texon\t{row}\tID=g{row};Name=n{row}\n" for row in range(12)))

    assert table.frame.row(3) == ("chr1", "exon", 3, "ID=g3;Name=n3")
