"""Lines of names with values, as logs have them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lowloss.results import TableWarning
from lowloss.tables.pairs import read_pairs
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


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("chr1\texon\t{0}\tID=g{0};Name=n{0}", ("chr1", "exon", 3, "ID=g3;Name=n3")),
        ("2024-01-1{0},4{0},15,status: ok", (date(2024, 1, 13), 43, 15, "status: ok")),
        ("2024-01-1{0},Oslo,note: {0}", (date(2024, 1, 13), "Oslo", "note: 3")),
        ("10:30:0{0},18,8{0}.5,mode=a", (37_803, 18, 83.5, "mode=a")),
        ("10:30:0{0},118,8{0}.5,mode=a", (37_803, 118, 83.5, "mode=a")),
        (
            "2024-01-05 10:30:0{0},12,2{0},mode=a",
            (datetime(2024, 1, 5, 10, 30, 3), 12, 23, "mode=a"),
        ),
        ("2024-01-1{0} 41 6{0} 60.5 mode=a", (date(2024, 1, 13), 41, 63, 60.5, "mode=a")),
        ("1{0}:30:00 4{0} a=1 b={0}", (48_600, 43, "a=1", "b=3")),
    ],
)
def test_last_column_of_another_table_stays_as_it_is(line: str, row: tuple[object, ...]) -> None:
    table = read("".join(line.format(number) + "\n" for number in range(10)))

    assert table.frame.row(3) == row
    assert "names_in_lines" not in {warning.code for warning in table.warnings}


def test_numbers_in_the_texts_of_a_few_lines_are_no_fields() -> None:
    texts = ["slow request", "retry 3 of 5, again", "connection from 10.0.0.1", "done"]
    lines = (f"2024-01-05 10:{row:02} INFO {texts[row % 4]} took={row} n=2\n" for row in range(40))

    assert read("".join(lines)).frame.columns == ["timestamp", "level", "prefix", "took", "n"]


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("2024-01-05 10:30:00 epoch {0} loss: {0}.5, acc: 0.9", ["timestamp", "epoch"]),
        ("INFO step {0}, loss=0.5 acc=0.9", ["level", "step"]),
        ("Epoch {0} - loss=0.5 acc=0.9", ["Epoch"]),
    ],
)
def test_number_behind_the_same_word_in_all_lines_is_a_column(
    line: str, columns: list[str]
) -> None:
    table = read("".join(line.format(row) + "\n" for row in range(10)))

    assert table.frame.columns == [*columns, "loss", "acc"]
    assert table.frame[columns[-1]].to_list() == list(range(10))


def test_numbers_behind_different_words_are_fields() -> None:
    lines = (f"2024-01-05 {('Oslo', 'Rome')[row % 2]} 4{row} a=1 b=2\n" for row in range(24))

    assert read("".join(lines)).frame.row(1) == (date(2024, 1, 5), "Rome", 41, "a=1", "b=2")


def test_fraction_of_a_second_may_stand_behind_a_comma() -> None:
    lines = (f"2024-01-05 10:30:05,{row:03} took={row} n=2\n" for row in range(12))

    assert read("".join(lines)).frame["timestamp"][7] == datetime(2024, 1, 5, 10, 30, 5, 7000)


CHAT = "".join(f"10:{row:02} {('Ada', 'Bob', 'Eve')[row % 3]}: hello {row}\n" for row in range(30))
MANY_NAMES = "".join(f"10:30:05 user{row}= logged in\n" for row in range(400))


@pytest.mark.parametrize("text", [CHAT, MANY_NAMES, MANY_NAMES + "10:30:05 end=a\n" * 40])
def test_those_who_speak_in_lines_are_no_columns(text: str) -> None:
    warnings: list[TableWarning] = []

    assert read_pairs(text.encode(), warnings) is None
    assert warnings == []


def test_more_names_than_a_table_has_columns_are_none() -> None:
    names = [" ".join(f"a{line}_{name}=1" for name in range(300)) for line in range(4)]

    assert read_pairs("\n".join(names[:3]).encode(), []) is not None
    assert read_pairs("\n".join(names).encode(), []) is None


def test_name_that_few_lines_have_is_a_column() -> None:
    lines = (f"took={row} n=2{' error=late' if row == 30 else ''}\n" for row in range(100))

    assert read("".join(lines)).frame.columns == ["took", "n", "error"]


@pytest.mark.parametrize("size", [10, 300_000])
def test_open_quote_is_passed_once_however_long_the_line_is(size: int) -> None:
    """Of 300,000 marks each beside each other one takes minutes."""
    line = '10:30:05 took=35 note="' + '\\"' * size + " n=2"

    lines = read_pairs(f"{line}\n{line}\n".encode(), [])

    assert lines is not None
    assert lines.startswith(b"timestamp,took,note,n\n10:30:05,35,")


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (
            "10:30:0{0} INFO main took={0} n=2",
            "(name=value) were read as 2 columns of these names, what stands before them as "
            "'timestamp', 'level', 'prefix'",
        ),
        ("took: {0}, n: 2", "(name: value) were read as 2 columns of these names"),
    ],
)
def test_warning_says_how_names_and_values_are_written(line: str, detail: str) -> None:
    table = read("".join(line.format(row) + "\n" for row in range(10)))

    assert table.warnings[0].detail == f"lines of names with values {detail}"
