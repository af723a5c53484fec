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
