"""Totals above the rows are left out, those among them are told; so are groups named once."""

from __future__ import annotations

import pytest

from lowloss.results import TableWarning
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table

ROWS = [(f"town {number}", number + 1, number + 0.5) for number in range(8)]
LINES = [f"{a},{b},{c}" for a, b, c in ROWS]
SUM = (36, 32.0)


def read(lines: list[str], header: str = "town,n,x", **options: object) -> Table:
    text = "\n".join([header, *lines]) + "\n"
    return read_csv(text.encode(), ParseOptions(**options), limits=TableLimits())


def told(table: Table) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(w.code, w.count, w.rows) for w in table.warnings]


@pytest.mark.parametrize(
    "label",
    ["Total", "TOTAL", "Summe", "Total général", "Insgesamt", "Grand total:", "Итого", "合计"],
)
def test_total_below_the_header_is_left_out_and_told(label: str) -> None:
    table = read([f"{label},36,32", *LINES])

    assert table.frame.rows() == ROWS
    assert told(table) == [("row_skipped", 1, (1,))]


def test_total_and_mean_below_the_header_are_both_left_out() -> None:
    table = read(["Total,36,32", "Mean,4.5,4", *LINES])

    assert table.frame.rows() == ROWS
    assert told(table) == [("row_skipped", 1, (1,)), ("row_skipped", 1, (2,))]


@pytest.mark.parametrize("label", ["Mittelwert", "Durchschnitt:", "Moyenne", "Promedio", "Ø"])
def test_sum_and_mean_at_the_end_are_both_left_out(label: str) -> None:
    table = read([*LINES, "Summe,36,32", f"{label},4.5,4"])

    assert table.frame.rows() == ROWS
    assert told(table) == [("row_skipped", 1, (10,)), ("row_skipped", 1, (9,))]


def test_total_below_units_is_named_by_its_row_in_the_file() -> None:
    table = read(["-,pieces,kg", "Total,36,32", *LINES])

    assert table.frame.rows() == ROWS
    assert told(table) == [("row_skipped", 1, (1,)), ("row_skipped", 1, (2,))]


@pytest.mark.parametrize(
    ("labels", "last"),
    [
        (("Subtotal", "Subtotal"), "Grand total"),
        (("A Total", "B total"), "Grand Total"),
        (("Zwischensumme", "Zwischensumme"), "Gesamtsumme"),
        (("Sous-total:", "Sous-total:"), "Total général"),
        (("A Ergebnis", "B Summe"), "Gesamtergebnis"),
    ],
)
def test_totals_among_rows_stay_and_are_told(labels: tuple[str, str], last: str) -> None:
    first, second = (f"{label},{n},{n}" for label, n in zip(labels, (6, 30), strict=True))
    rows = [f"{'A' if row < 3 else 'B'}{line[line.index(',') :]}" for row, line in enumerate(LINES)]

    table = read([*rows[:3], first, *rows[3:], second, f"{last},36,32"])

    assert table.frame.height == 10
    assert told(table) == [("row_skipped", 1, (11,)), ("totals_among_rows", 2, (4, 10))]


def test_totals_are_told_by_the_first_column_of_labels() -> None:
    numbered = [f"{row},{line}" for row, line in enumerate(LINES, start=1)]
    subtotal = "Subtotal,6,6"

    with_ids = read([*numbered[:3], f",{subtotal}", *numbered[3:]], "id,town,n,x")
    unnamed = read([f",{line}" for line in [*LINES[:3], subtotal, *LINES[3:]]], "note,town,n,x")
    with_numbers = read([*numbered[:3], f"4,{subtotal}", *numbered[3:]], "id,town,n,x")

    assert told(with_ids) == told(with_numbers) == [("totals_among_rows", 1, (4,))]
    assert ("totals_among_rows", 1, (4,)) in told(unnamed)
    among_ids = read([*numbered[:3], "Subtotal,,6,6", *numbered[3:]], "id,town,n,x")
    assert ("totals_among_rows", 1, (4,)) in told(among_ids)


@pytest.mark.parametrize(
    "label", ["Total War", "North Total", "Totally", "Summer", "town 1 totals"]
)
def test_labels_with_the_word_of_a_total_are_data(label: str) -> None:
    table = read([*LINES[:4], f"{label},77,1.5", *LINES[4:]])

    assert table.frame.height == 9
    assert not table.warnings


def test_column_of_totals_is_data() -> None:
    table = read([f"Total,{n},1.5" for n in range(8)])

    assert table.frame.height == 8
    assert not table.warnings


def test_rows_to_predict_have_no_totals() -> None:
    text = "town,n,x\n" + "\n".join(["Total,36,32", *LINES[:3], "Subtotal,6,4.5", *LINES[3:]])
    readings = read(LINES).readings

    table = read_csv(text.encode(), ParseOptions(), limits=TableLimits(), earlier=readings)

    assert table.frame.height == 10


def find(table: Table, code: str) -> TableWarning:
    return next(warning for warning in table.warnings if warning.code == code)


def test_warnings_name_rows_as_the_file_counts_them() -> None:
    many = [f"town {i},{i},{i}.5" for i in range(40)]
    lines = ["-,pieces,kg", *many[:20], "town,n,x", *many[20:], "odd,?!,1", "Total,780,800"]

    table = read(lines)

    assert [(w.code, w.rows) for w in table.warnings] == [
        ("header_repeated", (22,)),
        ("row_skipped", (1,)),
        ("row_skipped", (44,)),
        ("unreadable_cells", (43,)),
    ]
    assert "'?!' in row 43" in find(table, "unreadable_cells").detail


@pytest.mark.parametrize("names", [("North", "South"), ("2023", "2024"), ("a b", "c", "d")])
def test_groups_that_are_named_once_are_told(names: tuple[str, ...]) -> None:
    lines = [f"{name},{i},{i}.5\n,7,1.5\n,8,2.5" for i, name in enumerate(names)]

    table = read("\n".join(lines).split("\n"), header="region,n,x")

    assert table.frame["region"].count() == len(names)
    warning = find(table, "groups_named_once")
    assert (warning.column, warning.count) == ("region", 2 * len(names))
    assert warning.rows[:3] == (2, 3, 5)
    assert f"{names[0]!r} in row 1" in warning.detail


def test_groups_in_quotes_are_told() -> None:
    table = read(['"N","1"', '"","2"', '"","3"', '"S","4"', '"","5"', '"","6"'], header="a,n")

    assert [(w.code, w.count) for w in table.warnings] == [("groups_named_once", 4)]


def test_groups_of_groups_are_both_told() -> None:
    lines = ["N,a,1", ",,2", ",b,3", ",,4", "S,c,5", ",,6", ",d,7", ",,8"]

    table = read(lines, header="region,shop,n")

    assert [w.column for w in table.warnings] == ["region", "shop"]


@pytest.mark.parametrize(
    "lines",
    [
        ["N,1,2", "N,2,3", ",3,4", ",4,5", ",5,6", ",6,7", ",7,8"],
        [",1,2", "N,2,3", ",3,4", ",4,5", "S,5,6", ",6,7", ",7,8"],
        ["N,1,2", "S,2,3", "E,3,4", "W,4,5", ",5,6", ",6,7"],
        ["N,1,2", "S,2,3", *(f",{n},7" for n in range(9))],
    ],
)
def test_other_gaps_are_not_groups(lines: list[str]) -> None:
    table = read(lines, header="region,n,x")

    assert "groups_named_once" not in {w.code for w in table.warnings}


@pytest.mark.parametrize("label", ["Total Oslo", "Subtotal Oslo", "Summe Oslo"])
def test_total_of_a_group_that_another_column_names_is_told(label: str) -> None:
    lines = [f"shop {n},{'Oslo' if n < 4 else 'Bergen'},{n}" for n in range(8)]
    table = read([*lines[:4], f"{label},,6", *lines[4:]], header="shop,town,x")

    assert told(table) == [("totals_among_rows", 1, (5,))]


def test_name_that_begins_as_a_total_does_is_not_told() -> None:
    lines = [f"shop {n},{'Oslo' if n < 4 else 'Bergen'},{n}" for n in range(8)]

    assert told(read([*lines, "Total Recall,Oslo,6"], header="shop,town,x")) == []


PAYMENTS = [f"0{n}/01/2024,shop {n},-{n}.5" for n in range(1, 9)]


@pytest.mark.parametrize("label", ["Saldo finale", "Closing balance", "Endsaldo:", "Solde final"])
def test_balance_below_payments_is_no_payment(label: str) -> None:
    table = read([*PAYMENTS, f",{label},12345.67"], "date,what,amount")

    assert table.frame.height == 8
    assert "row_skipped" in {warning.code for warning in table.warnings}


@pytest.mark.parametrize("row", ["09/01/2024,Saldo finale,1.5", "Saldo finale,x,1.5"])
def test_balance_with_a_date_or_in_the_place_of_one_stays(row: str) -> None:
    assert read([*PAYMENTS, row], "date,what,amount").frame.height == 9


NUMBERED = [f"{number},{number}.5,7" for number in range(8)]


def test_least_and_largest_values_above_the_means_of_numbered_rows_are_left_out() -> None:
    table = read([*NUMBERED, "Min,0.5,7", "Max,7.5,7", "Average,4,7"], header="time,n,x")

    assert table.frame.height == 8
    assert told(table) == [("row_skipped", 1, (row,)) for row in (11, 10, 9)]
    assert "('Min, 0.5, 7')" in table.warnings[2].detail


@pytest.mark.parametrize("last", [[], ["Average,4,7"]])
def test_max_is_a_name_among_names_and_without_a_mean_below(last: list[str]) -> None:
    assert read([*LINES, "Max,7,7.5", *last]).frame.height == 9
    assert read([*NUMBERED, "Max,7.5,7"], header="time,n,x").frame.height == 9


STATISTICS = {"Min": "1,0.5", "Max": "8,7.5", "Mean": "4.5,4", "Std Dev": "2,2", "Count": "8,8"}
ORDERS = [
    ["Mean", "Min", "Max"],
    ["Min", "Mean", "Max"],
    ["Max", "Min", "Mean"],
    ["Count", "Mean"],
    ["Mean", "Count"],
    ["Min", "Max"],
]


@pytest.mark.parametrize("names", ORDERS, ids=str)
@pytest.mark.parametrize("form", ["{}", "town {}", "2024-01-0{}"])
@pytest.mark.parametrize("is_first", [False, True])
def test_statistics_in_any_order_are_left_out(
    names: list[str], form: str, *, is_first: bool
) -> None:
    rows = [f"{form.format(row)},{line.split(',', 1)[1]}" for row, line in enumerate(LINES, 1)]
    last = [f"{name},{STATISTICS[name]}" for name in names]
    table = read([*last, *rows] if is_first else [*rows, *last])

    assert table.frame["n"].to_list() == [n for _, n, _ in ROWS]
    assert told(table) == [
        ("row_skipped", 1, (row,))
        for row in (range(1, len(names) + 1) if is_first else range(8 + len(names), 8, -1))
    ]


@pytest.mark.parametrize(
    "last", [["Min,2,3", "Max,7,6.5"], ["Mia,2,3", "Max,8,7.5"], ["Sd,2,2", "N,8,8"]], ids=str
)
def test_names_that_are_no_statistics_of_the_rows_stay(last: list[str]) -> None:
    assert read([*LINES, *last]).frame.height == 10


def test_table_of_statistics_stays() -> None:
    names = ["count", "mean", "std", "min", *(f"{share}%" for share in range(5, 45, 5)), "max"]
    table = read([f"{name},{n},{n}.5" for n, name in enumerate(names)])

    assert table.frame.height == 13
