"""What stands above the names is left out, and errors count the lines of the file."""

from __future__ import annotations

import pytest

from lowloss.errors import TableRagged
from tests.unit.lowloss.tables.test_layouts import read

PAYMENTS = "".join(f'2024-01-{day:02};"shop {day % 3}";-{day},50 PLN;;\n' for day in range(1, 29))
BANK = "Bank S.A.;\n\nClient;\nJAN KOWALSKI;\n\n#Date;#What;#Amount;\n" + PAYMENTS
SETTINGS = "Model,DS1054Z\nRate,1.000E+06\nLength,200\nScale,5.000E-01,2.000E+00\n\n"
SAMPLES = "X,CH1,CH2\n" + "".join(f"{n}.5,{n % 3}.25,{n % 4}.75\n" for n in range(30))


@pytest.mark.parametrize(
    "options", [{}, {"skip_rows": 2}, {"skip_rows": 5}, {"skip_rows": 5, "header": True}], ids=str
)
def test_names_in_a_comment_above_rows_with_more_delimiters_are_names(
    options: dict[str, object],
) -> None:
    table = read(BANK, **options)

    assert table.frame.columns == ["Date", "What", "Amount"]
    assert table.frame["Amount"][0] == -1.5
    assert table.frame.height == 28


def test_header_that_was_said_to_be_one_stays_below_a_title() -> None:
    table = read("Report,2024\nname,2022,2023\nOslo,1,2\nRome,3,4\n", header=True)

    assert table.frame.columns == ["name", "2022", "2023"]


@pytest.mark.parametrize(
    ("above", "options"),
    [("", {}), ("\n\n", {}), ("a title\n\n", {"skip_rows": 1}), ("sep=,\n", {})],
    ids=repr,
)
def test_error_counts_the_lines_of_the_file(above: str, options: dict[str, object]) -> None:
    text = f"{above}a,b,c\n" + "1,2,3\n\n" * 5 + "1,2,3,4\n" + "1,2,3\n" * 5
    line = 1 + text.split("\n").index("1,2,3,4")

    with pytest.raises(TableRagged, match=rf"line {line} has 4 fields"):
        read(text, **options)


def test_error_counts_the_lines_of_the_file_above_the_rows() -> None:
    with pytest.raises(TableRagged, match=r"line 4 has 2 fields; most lines have 3") as info:
        read("\n\na title\n1,2\n" + "1.5,2.5,3.5\n" * 9)

    assert "skip_rows=4" in str(info.value.fix)


def test_error_counts_lines_that_were_split_at_blanks() -> None:
    text = "a b c\n" + "1 2 3\n\n" * 15 + "1 2 3 4\n" + "1 2 3\n" * 5

    with pytest.raises(TableRagged, match=r"line 32 has 4 fields"):
        read(text)


@pytest.mark.parametrize("skip_rows", [None, 2, 3])
def test_dates_above_numbers_are_names_where_that_of_the_rows_is_missing(
    skip_rows: int | None,
) -> None:
    names = ("Bayern", "Berlin", "Bremen", "Hamburg", "Hessen", "Saarland")
    rows = "".join(f"{name};{n}086515;{n}060011\n" for n, name in enumerate(names, 1))

    table = read(
        f"Tabelle: 12411\nStichtag\nAnzahl;;\n;31.12.2020;31.12.2021\n{rows}",
        skip_rows=skip_rows,
    )

    assert table.frame.columns == ["index", "31.12.2020", "31.12.2021"]
    assert table.frame.height == 6


def test_dates_above_dates_beside_no_name_are_data() -> None:
    rows = "".join(f"{n};{n}.12.2020;{n}.12.2021\n" for n in range(1, 9))

    assert read(f";31.12.2020;31.12.2021\n{rows}").frame.height == 9


@pytest.mark.parametrize("units", ["", "Second,Volt,Volt\n"])
def test_settings_above_the_names_of_an_oscilloscope_are_left_out(units: str) -> None:
    table = read(SETTINGS + SAMPLES.replace("CH2\n", f"CH2\n{units}"))

    assert table.frame.columns == ["X", "CH1", "CH2"]
    assert table.frame["X"].to_list() == [n + 0.5 for n in range(30)]
    assert "lines_skipped" in {warning.code for warning in table.warnings}


def test_settings_are_no_names_of_an_index() -> None:
    with pytest.raises(TableRagged, match=r"line 2 has 2 fields"):
        read("Rate,7\nLength,200\n" + "1.5,2.5,3.5\n" * 9 + "x,1.5,2.5\n")


def test_years_above_units_are_names() -> None:
    rows = "".join(f"{n},{n}.5,{n}.25\n" for n in range(9))

    assert read(f"a title\nid,2021,2022\nno,kg,kg\n{rows}").frame.columns == ["id", "2021", "2022"]


@pytest.mark.parametrize("label", ["Printed:,2024-04-02 09:30,,,,", "Store:,Oslo,,,,"])
def test_label_below_a_title_is_no_data(label: str) -> None:
    rows = "".join(f"A-{n},Paint,{n},{n}.5,{n},{n}.25\n" for n in range(9))

    table = read(
        f"Sales,,,,,\n{label}\n,,,,,\n,,2023,,2024,\nArticle,Group,Units,Sum,Units,Sum\n{rows}"
    )

    assert table.frame.columns == [
        *("Article", "Group", "2023_Units", "2023_Sum", "2024_Units", "2024_Sum")
    ]


BUOY = "".join(f"2024 04 {n:02} {n}.5 1{n}.2 {n * 7}\n" for n in range(1, 29))


def test_comment_of_units_below_one_of_names_does_not_name_the_columns() -> None:
    table = read("#YY MM DD WSPD GST WDIR\n#yr mo dy m/s m/s degT\n" + BUOY)

    assert table.frame.columns == ["YY", "MM", "DD", "WSPD", "GST", "WDIR"]
    (warning,) = [w for w in table.warnings if w.code == "lines_skipped"]
    assert (warning.count, warning.example) == (1, "#yr mo dy m/s m/s degT")


def test_last_comment_names_the_columns_where_its_names_differ() -> None:
    table = read("# made with care by us all\n# a b c d e f\n" + BUOY)

    assert table.frame.columns == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize("gap", ["", ",,,,\n"])
def test_names_below_a_title_may_have_a_gap_before_a_note(gap: str) -> None:
    rows = "".join(f"{n},{n}.5,2024-01-{n:02},,\n" for n in range(1, 20))
    table = read(f"Hall 3,,,,\n{gap}No,Value,Date,,Note: checked\n{rows}".encode())

    assert table.frame.columns[:3] == ["No", "Value", "Date"]
    assert table.frame.height == 19


def test_first_name_alone_above_words_is_no_title() -> None:
    rows = "".join(f"town {n},red,{n % 3},\n" for n in range(1, 20))
    table = read(f"name,,,\n{rows}".encode())

    assert (table.frame.columns[0], table.frame.height) == ("name", 19)
