"""First lines with numbers or dates, which are names in some files and data in others."""

from __future__ import annotations

import pytest

from tests.unit.lowloss.tables.test_layouts import read


def write_below(header: str, cell: str) -> str:
    """Write rows below a header: texts in its first column, and a cell in each other one."""
    names = ("Norway", "Peru", "Chad", "Cuba", "Fiji", "Iran", "Mali", "Oman", "Togo", "Laos")
    cells = range(header.count(","))
    rows = (
        ",".join([name, *(cell.format(row * 7 % 10, (row + at) % 10) for at in cells)])
        for row, name in enumerate(names)
    )
    return f"{header}\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("id,1,10,11,12,2,3,4,5,6,7,8,9", "{0}"),
        ("Country,2020,2021,2022,2020,2021,2022", "{0}.{1}"),
        ("date,105,101,207,103,99,300", "{1}{0}"),
        ("name,0.5,0.1,0.9", "{0}.{1}"),
        ("q,1,1,2", "{0}"),
        ("day,08:00,09:00,10:00", "1{0}:2{1}"),
        ("id,2024-01-01,2024-01-02", "2024-02-1{0}"),
    ],
)
def test_names_that_are_numbers_or_dates_are_names_below_a_name_of_the_rows(
    header: str, cell: str
) -> None:
    table = read(write_below(header, cell))

    assert table.frame.height == 10
    assert table.frame.columns[:2] == header.split(",")[:2]
    codes = {warning.code for warning in table.warnings}
    # Of years alone only the names that come twice are told.
    assert codes & {"numbers_in_header", "column_renamed"}
    assert "unreadable_cells" not in codes


@pytest.mark.parametrize(
    ("first", "row"),
    [
        ("1,10,11,2,class", "{0},1{0},2{0},3{0},Setosa {1}"),
        ("5.5,1.5,7,species", "{0}.5,1{0}.5,2{0},Setosa {1}"),
        ("5.5,1.5,7,price", "{0}.5,1{0}.5,2{0},3{1}"),
        ("5.5,1.5,7,id", "{0}.5,1{0}.5,2{0},c{1}"),
    ],
)
def test_word_above_values_of_another_kind_is_a_name(first: str, row: str) -> None:
    rows = "".join(row.format(number * 7 % 10, number) + "\n" for number in range(10))

    table = read(f"{first}\n{rows}")

    assert table.frame.columns == first.split(",")
    assert table.frame.height == 10


@pytest.mark.parametrize(
    "row", ["A1{1},{0}.5,1{0}.25,{0}", "{0}.5,1{0}.25,{0},car {1} of all", "2024-01-1{1},{0},n{1}"]
)
def test_first_line_like_those_below_is_data(row: str) -> None:
    table = read("".join(row.format((number + 3) * 7 % 10, number) + "\n" for number in range(10)))

    assert table.frame.height == 10
    assert [warning.code for warning in table.warnings] == ["no_header"]


@pytest.mark.parametrize(
    ("header", "is_told"),
    [
        ("sample,400.2,402.5,405.1,410,411.5", False),
        ("sample,400.2,402.5,405.1,410", True),
        ("sample,410,405.1,402.5,400.2,399", False),
        ("sample,400.2,402.5,405.1,411.5,410", True),
        ("sample,nan,inf", False),
        ("sample,0.5", True),
    ],
)
def test_numbers_in_a_header_are_told_where_few_rise_or_fall(header: str, is_told: bool) -> None:
    table = read(write_below(header, "{0}.{1}"))

    codes = [warning.code for warning in table.warnings]
    assert ("numbers_in_header" in codes) is is_told
    assert table.frame.height == 10


AGENT = '"-" "Mozilla/5.0 (X11; Linux x86_64)"'
REQUESTS = "".join(
    f"10.0.0.{number % 7} - - [01/May/2024:08:{number:02}:00 +0000] "
    f'"GET /page{number % 5}.html HTTP/1.1" {200 + number % 2} {number * 37} {AGENT}\n'
    for number in range(40)
)
MESSAGES = "".join(
    f"May  1 08:{number:02}:00 web01 nginx[{900 + number}]: response time 0.{number} ms, "
    f"status {200 + number % 3}\n"
    for number in range(40)
)


def test_log_of_a_server_with_the_names_of_programs_is_split_at_blanks() -> None:
    table = read(REQUESTS)

    assert (table.frame.height, table.frame.width) == (40, 9)
    assert table.frame["column_7"].to_list() == [number * 37 for number in range(40)]
    assert table.frame["column_9"][0] == "Mozilla/5.0 (X11; Linux x86_64)"


def test_time_of_a_server_between_commas_splits_nothing() -> None:
    rows = REQUESTS.replace("- - ", "-, ").replace('] "', '], "').replace('1" ', '1", ')

    table = read("host,time,request,rest\n" + rows.replace("-, ", ", "))

    assert table.frame.columns == ["host", "time", "request", "rest"]


def test_messages_of_a_log_are_no_header_and_their_split_is_told() -> None:
    table = read(MESSAGES)

    assert table.frame.height == 40
    assert {"no_header", "log_lines"} <= {warning.code for warning in table.warnings}


def test_times_alone_and_remarks_are_no_lines_of_a_log() -> None:
    rows = "".join(f"2024-05-01 08:{number:02}:00,fine {number}\n" for number in range(40))

    table = read("time,remark\n" + rows)

    assert "log_lines" not in {warning.code for warning in table.warnings}


@pytest.mark.parametrize(
    ("first", "row"),
    [("run 1 of 9,seat A1", "run {0} of 9,seat A{1}"), ("N-017-3", "N-0{0}{1}-4")],
)
def test_words_that_differ_in_their_digits_alone_from_most_below_are_data(
    first: str, row: str
) -> None:
    rows = "".join(row.format(2 + number % 7, number % 10) + "\n" for number in range(10))

    assert read(f"{first}\n{rows}").frame.height == 11


@pytest.mark.parametrize(
    ("first", "row"),
    [
        ("item 1,item 2", "red {0},blue {1}"),
        ("item 1 of 2,name", "item {0} of 2,item {1}"),
        ("node1,node2", "node{0},node{1}5"),
    ],
)
def test_words_of_another_kind_than_those_below_are_names(first: str, row: str) -> None:
    rows = "".join(row.format(2 + number % 7, number % 10) + "\n" for number in range(10))

    assert read(f"{first}\n{rows}").frame.columns == first.split(",")


@pytest.mark.parametrize(
    ("first", "row", "is_told"),
    [
        ("4.0K\t./a", "{n}K\t./d{n}", True),
        ("10cm\tsite", "{n}.5\ts{n}", False),
        ("10Y\tsite", "{n}.5%\ts{n}", False),
        ("size\t./a", "{n}K\t./d{n}", False),
    ],
)
def test_measure_in_a_header_is_told_above_others(first: str, row: str, *, is_told: bool) -> None:
    text = "\n".join([first, *(row.format(n=n * 7 % 23 + 1) for n in range(20))]) + "\n"
    table = read(text.encode())

    assert ("numbers_in_header" in {warning.code for warning in table.warnings}) is is_told
