"""A letter behind a number is a multiple where the column shows it; else it is a unit, and told."""

from __future__ import annotations

import pytest

from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table


def read(*cells: str) -> Table:
    text = "x,y\n" + "".join(f"{cell},{row}.5\n" for row, cell in enumerate(cells))
    return read_csv(text.encode(), ParseOptions(), limits=TableLimits())


@pytest.mark.parametrize("unit", ["m", "b", "T", "B", "G"])
def test_doubtful_letter_alone_is_a_unit(unit: str) -> None:
    table = read(f"5 {unit}", f"12 {unit}", "7", f"8 {unit}")

    assert table.frame["x"].to_list() == [5, 12, 7, 8]
    assert table.readings["x"].unit == unit
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.rows) == ("units_removed", 3, (1, 2, 4))
    assert "1 cell without it, such as '7' in row 3" in warning.detail


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("5 K", "12 K", "7"), [5000, 12_000, 7]),
        (("5 M", "12 M", "7"), [5e6, 12e6, 7]),
        (("5 m", "12 K", "7"), [5e6, 12_000, 7]),
        (("5 m", "2 b", "7"), [5e6, 2e9, 7]),
        (("$5 m", "$12 m", "$7"), [5e6, 12e6, 7]),
        (("€5 T", "€12 T", "€7"), [5e12, 12e12, 7]),
        (("5 B", "12 KB", "7"), [5, 12_000, 7]),
        (("1.2G", "12K", "512"), [1.2e9, 12_000, 512]),
    ],
)
def test_letter_beside_another_multiple_or_a_currency_is_a_multiple(
    cells: tuple[str, ...], values: list[float]
) -> None:
    table = read(*cells)

    assert table.frame["x"].to_list() == values
    (warning,) = [warning for warning in table.warnings if warning.code == "units_removed"]
    assert (warning.count, warning.rows) == (2, (1, 2))
    assert "multiplied out" in warning.detail


def test_column_with_a_doubtful_letter_in_few_cells_is_text_and_told() -> None:
    cells = ("12", "12b", "13", "14b", "15")

    table = read(*cells)

    assert table.frame["x"].to_list() == list(cells)
    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.example) == ("mixed_cells", 2, "12b")


def test_only_cells_with_a_unit_are_counted() -> None:
    cells = [f"{number} kg" for number in range(1, 40)]

    table = read(*cells, "7", "")

    (warning,) = table.warnings
    assert (warning.code, warning.count, warning.rows) == ("units_removed", 39, (1, 2, 3, 4, 5))
    assert "1 cell without it, such as '7' in row 40" in warning.detail


def test_unit_of_all_cells_has_none_without_it() -> None:
    table = read("36 months", "1 month", "60 months")

    (warning,) = table.warnings
    assert (warning.code, warning.count) == ("units_removed", 3)
    assert "without it" not in warning.detail
