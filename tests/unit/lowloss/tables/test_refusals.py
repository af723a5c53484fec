"""What looks like another table, or cannot be used, is refused with the fix."""

from __future__ import annotations

import pytest

from lowloss.errors import InvalidRequest, TableRagged
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table
from tests.builders.tables import LIMITS


def read(text: str, **options: object) -> Table:
    return read_csv(text.encode(), ParseOptions.model_validate(options), limits=LIMITS)


@pytest.mark.parametrize(
    "text", ["a,b\n1,5,2\n3,7,9\n4,1,8\n", "a,b\n1,5,2\n1,7,9\n1,1,8\n", "a,b\n1,5,2,5\n3,7,9,1\n"]
)
def test_numbers_split_at_decimal_commas_are_no_row_names(text: str) -> None:
    with pytest.raises(TableRagged, match="line 1 has 2 fields; most lines have") as caught:
        read(text)

    assert "quote numbers with decimal commas" in str(caught.value.fix)


@pytest.mark.parametrize("names", [("1", "2", "3"), ("7", "8", "9"), ("Fiat", "Audi", "Opel")])
def test_names_of_rows_as_r_writes_them_are_an_index(names: tuple[str, ...]) -> None:
    table = read("a,b\n" + "".join(f"{name},5,{len(name)}\n" for name in names))

    assert table.frame.columns == ["index", "a", "b"]


@pytest.mark.parametrize("pattern", ["%H", "%d.%m.%Y %H"])
def test_format_of_dates_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="date_format") as caught:
        read("d,y\n1.2.2024,1\n3.2.2024,2\n", date_format=pattern)

    assert caught.value.field == "date_format"


def test_column_that_is_told_to_be_numbers_counts_the_cells_that_are_none() -> None:
    text = 'v,y\n1.5,1\n"1,5",2\n"1.234,5",3\n"1,234.5",4\nred,5\n'

    table = read(text, types={"v": "number"})

    assert table.frame["v"].to_list() == [1.5, 1.5, None, 1234.5, None]
    (warning,) = [w for w in table.warnings if w.code == "unreadable_cells"]
    assert (warning.count, warning.rows) == (2, (3, 5))
