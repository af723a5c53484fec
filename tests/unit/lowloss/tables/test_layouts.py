"""Files in the layouts that exporters and people write have the rows that they mean."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import Any

import pytest
import zstandard

from lowloss.errors import Problem, TableUnreadable
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv
from lowloss.tables.table import Table

VALUES = [(i + 0.5, i % 4, "ABC"[i % 3]) for i in range(30)]
ROWS = "".join(f"{a},{b},{c}\n" for a, b, c in VALUES)
LINES = ROWS.splitlines()
PLAIN = "a,b,c\n" + ROWS


def read(data: str | bytes, **options: Any) -> Table:
    data = data.encode() if isinstance(data, str) else data
    return read_csv(data, ParseOptions(**options), limits=TableLimits())


def blanks(lines: list[str]) -> str:
    return "".join("  " + line.replace(",", "   ") + "\n" for line in lines)


LAYOUTS: dict[str, tuple[str, set[str]]] = {
    "plain": (PLAIN, set()),
    "windows": (PLAIN.replace("\n", "\r\n") + "\x1a", set()),
    "old macintosh": (PLAIN.replace("\n", "\r"), set()),
    "blank lines": ("\n\n" + PLAIN.replace("\n", "\n\n"), set()),
    "empty rows": (PLAIN + ",,\n,,\n", set()),
    "sep": ("sep=,\n" + PLAIN, set()),
    "sep in quotes": ('"sep=;"\n' + PLAIN.replace(",", ";"), set()),
    "sep in capitals": ("SEP=\t\n" + PLAIN.replace(",", "\t"), set()),
    "trailing in the header": (PLAIN.replace("a,b,c", "a,b,c,"), set()),
    "trailing in rows": ("a,b,c\n" + ROWS.replace("\n", ",\n"), {"empty_columns"}),
    "trailing in some rows": (PLAIN.replace("A\n", "A,\n"), set()),
    "trailing everywhere": (PLAIN.replace("\n", ",,,\n"), {"empty_columns"}),
    "title": ("My report\n" + PLAIN, {"lines_skipped"}),
    "title with a comma": ("Report, generated 2024\n" + PLAIN, {"lines_skipped"}),
    "title filled up": ("My report,,\nof 2024,,\n,,\n" + PLAIN, {"lines_skipped"}),
    "comments": ("# made by x\n# and y\n" + PLAIN, {"lines_skipped"}),
    "header as a comment": ("# " + PLAIN, set()),
    "source": (PLAIN + "Source: an agency\n", {"lines_skipped"}),
    "notes": (PLAIN + "\nTotal rows: 30\nRevised, in 2024\n", {"lines_skipped"}),
    "total": (PLAIN + "Total,45,\n", {"row_skipped"}),
    "units": ("a,b,c\nm,kg,-\n" + ROWS, {"row_skipped"}),
    "units in brackets": ("a,b,c\n(m),(kg),(x)\n" + ROWS, {"row_skipped"}),
    "ruler": ("a,b,c\n---,---,---\n" + ROWS, {"row_skipped"}),
    "psql": ("a|b|c\n---+---+---\n" + ROWS.replace(",", " | ") + "(30 rows)\n", {"lines_skipped"}),
    "markdown": (
        "| a | b | c |\n|---|---|---|\n"
        + "".join(f"| {line.replace(',', ' | ')} |\n" for line in LINES),
        {"empty_columns", "lines_skipped"},
    ),
    "header again": (PLAIN.replace("9.5,1,A\n", "9.5,1,A\na,b,c\n", 1), {"header_repeated"}),
    "joined files": (PLAIN.replace("A\n", "A\na,b,c\n"), {"header_repeated"}),
    "blanks": (blanks(["a,b,c", *LINES]), set()),
    "title and source around tabs": (
        "A title of it\n"
        + "\n".join(PLAIN.splitlines()[:9]).replace(",", "\t")
        + "\nSource: an agency of statistics\n",
        {"lines_skipped"},
    ),
    "tabs and blanks": (PLAIN.replace(",", " \t "), set()),
    "all in quotes": (PLAIN.replace(",", '","').replace("\n", '"\n"')[:-1].join(['"', ""]), set()),
    "lines in quotes": ("".join(f'"{line}"\n' for line in PLAIN.splitlines()), {"lines_unwrapped"}),
    "lines in quotes, filled up": (
        "".join(f'"{line}",,\n' for line in PLAIN.replace("A", '""A""').splitlines()),
        {"lines_unwrapped"},
    ),
    "comments among the rows": (PLAIN.replace("A\n", "A\n# a part, done\n"), {"lines_skipped"}),
    "circumflexes": (PLAIN.replace(",", "^"), set()),
    "tildes": (PLAIN.replace(",", "~"), set()),
    "Hive": (PLAIN.replace(",", "\x01"), set()),
    "unit separators": (PLAIN.replace(",", "\x1f"), set()),
    "quotes after blanks": (PLAIN.replace(",A", ', "A"').replace(",B", ', "B"'), set()),
    "single quotes": (
        "'a','b','c'\n" + "".join(f"'{line}'\n".replace(",", "','") for line in LINES),
        set(),
    ),
}


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_layout_is_read_and_what_is_left_out_is_told(name: str) -> None:
    text, codes = LAYOUTS[name]

    table = read(text)

    assert table.frame.columns == ["a", "b", "c"]
    assert table.frame.rows() == VALUES[: table.frame.height]
    assert table.frame.height in {8, len(VALUES)}
    assert {warning.code for warning in table.warnings} == codes


INDEXED: dict[str, str] = {
    "pandas": ",a,b,c\n" + "".join(f"{i},{line}\n" for i, line in enumerate(LINES)),
    "R's write.csv": '"","a","b","c"\n' + "".join(f'"{i}",{v}\n' for i, v in enumerate(LINES)),
    "R's write.table": '"a" "b" "c"\n'
    + "".join(f'"{i}" {a} {b} "{c}"\n' for i, (a, b, c) in enumerate(VALUES)),
    "R with tabs": "a\tb\tc\n"
    + "".join(f"{i}\t{a}\t{b}\t{c}\n" for i, (a, b, c) in enumerate(VALUES)),
}


@pytest.mark.parametrize("name", list(INDEXED))
def test_nameless_first_column_is_the_index(name: str) -> None:
    table = read(INDEXED[name])

    assert table.frame.columns == ["index", "a", "b", "c"]
    assert table.frame.rows() == [(i, *row) for i, row in enumerate(VALUES)]
    assert [warning.code for warning in table.warnings] == ["column_named"]


def test_delimiter_that_splits_all_lines_alike_goes_before_one_that_leaves_more_numbers() -> None:
    text = "name;flag;x\n" + "".join(f"row {i};False;{i},5\n" for i in range(9))

    assert read(text).frame.row(0) == ("row 0", False, 0.5)


def test_row_names_of_r_may_be_words() -> None:
    text = '"mpg","cyl"\n' + "".join(f'"Car {i}",{i}.5,{i % 4}\n' for i in range(30))

    frame = read(text).frame

    assert frame.columns == ["index", "mpg", "cyl"]
    assert frame.row(0) == ("Car 0", 0.5, 0)


def test_index_is_named_anew_where_the_name_is_taken() -> None:
    assert read(",index\n0,5\n1,6\n").frame.columns == ["index_", "index"]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(3, 30)),
        "p,x,s\ne,x,y\np,b,s\ne,b,y\np,x,y\ne,x,s\n",
        "".join(f"Name{i},{i}.5,{'SCQ'[i % 3]}\n" for i in range(30)),
        "".join(f"2021-04-{i + 1:02},{i}.5,{'SCQ'[i % 3]}\n" for i in range(28)),
        "5.1,?,A\n4.9,3,B\n4.7,2,A\n4.6,1,B\n5,2,A\n",
    ],
)
def test_file_without_a_header_loses_no_row(rows: str) -> None:
    table = read(rows)

    assert table.frame.columns == ["column_1", "column_2", "column_3"]
    assert table.frame.height == rows.count("\n")
    assert [warning.code for warning in table.warnings] == ["no_header"]


@pytest.mark.parametrize(
    "header", ["country,2019,2020", "a,b,c", "gene,0.5,1.0", "x,y 1,y 2", "name,1,2"]
)
def test_header_beside_numbers_is_no_row(header: str) -> None:
    rows = "".join(f"c{i % 3},{i}.25,{i}\n" for i in range(12))

    table = read(f"{header}\n{rows}")

    assert table.frame.columns == header.split(",")
    assert table.frame.height == 12


@pytest.mark.parametrize("columns", [9_000, 10_000])
def test_header_of_any_length_is_read(columns: int) -> None:
    names = [f"a column with a rather long name, {i}" for i in range(columns)]
    header = ",".join(f'"{name}"' for name in names)
    rows = "".join(",".join(str(i + row) for i in range(columns)) + "\n" for row in range(3))

    frame = read(f"{header}\n{rows}").frame

    assert frame.columns == names
    assert frame.row(1) == tuple(range(1, columns + 1))


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            # Of a fixed time: the bytes are a test's name.
            archive.writestr(zipfile.ZipInfo(name), PLAIN)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(PLAIN.encode(), mtime=0),
        gzip.compress(PLAIN[:20].encode(), mtime=0) + gzip.compress(PLAIN[20:].encode(), mtime=0),
        bz2.compress(PLAIN.encode()),
        lzma.compress(PLAIN.encode()),
        zstandard.compress(PLAIN.encode()),
        zipped("table.csv"),
        zipped("folder/", "folder/table.csv", "__MACOSX/folder/._table.csv"),
        gzip.compress(zipped("table.csv"), mtime=0),
        gzip.compress(PLAIN.encode("utf-16"), mtime=0),
    ],
)
def test_packed_table_is_unpacked(data: bytes) -> None:
    assert read(data).frame.rows() == VALUES


@pytest.mark.parametrize("stray", [b"caf\xe9", b"\x80 5", b"\x81"])
def test_bytes_of_another_encoding_do_not_change_the_others(stray: bytes) -> None:
    table = read("city,b\ncafé,1\nZürich,2\n".encode() + stray + b",3\n")

    assert table.frame["city"].to_list() == ["café", "Zürich", stray.decode("cp1252", "replace")]
    (warning,) = table.warnings
    assert (warning.code, warning.count) == ("encoding_guessed", 1)
    assert warning.example == stray.decode("cp1252", "replace") + ",3"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"],
)
def test_encoding_is_detected(encoding: str) -> None:
    table = read("Fläche,b\n1,Ä\n2,é\n".encode(encoding))

    assert table.frame.to_dict(as_series=False) == {"Fläche": [1, 2], "b": ["Ä", "é"]}
    codes = ["encoding_guessed"] if encoding in {"cp1252", "latin-1"} else []
    assert [warning.code for warning in table.warnings] == codes


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("cp1251", "Площадь"),
        ("koi8-r", "Площадь"),
        ("shift_jis", "面積"),
        ("gb18030", "面积"),
        ("big5", "面積"),
        ("euc-kr", "면적"),
        ("iso8859-2", "Płeć"),
        ("cp850", "Fläche"),
        ("mac_roman", "Fläche"),
    ],
)
def test_encoding_can_be_named(encoding: str, word: str) -> None:
    text = f"{word},b\n1,{word}\n"

    assert read(text.encode(encoding), encoding=encoding).frame.row(0) == (1, word)


@pytest.mark.parametrize("encoding", ["punycode", "idna", "hex", "rot13", "utf-7", "klingon", ""])
def test_encoding_outside_the_list_is_refused_at_once(encoding: str) -> None:
    with pytest.raises(TableUnreadable, match="is no encoding that is read") as refused:
        read(b"a,b\n" + b"1,2\n" * 100_000, encoding=encoding)

    assert refused.value.field == "encoding"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("junk,junk,junk\n" + PLAIN, {"skip_rows": 1}),
        (PLAIN.replace("A\n", "A\n! a remark, in between\n"), {"comment": "!"}),
        ("% x\n" + PLAIN, {"comment": "%"}),
        (PLAIN.replace(",", "^"), {"delimiter": "^"}),
    ],
)
def test_layout_can_be_overridden(text: str, options: dict[str, Any]) -> None:
    assert read(text, **options).frame.rows() == VALUES


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('a,b\n"say \\"hi, there\\"",1\nx,2\n"a \\"b\\" c",3\n', 'say "hi, there"'),
        ('a,b\n"say ""hi, there""",1\nx,2\n', 'say "hi, there"'),
        ('a,b\n"C:\\dir\\",1\n"C:\\x\\",2\n', "C:\\dir\\"),
        ('a,b\npipe 4",1\npipe 6",2\n', 'pipe 4"'),
        ('a,b\n1/2" x 3" bolt,1\n"6"" pipe, long",2\n', '1/2" x 3" bolt'),
        ('a, b\n"x, y", 1\n"z", 2\n', "x, y"),
        ('a,b\n"two\nlines",1\n"x",2\n', "two\nlines"),
    ],
)
def test_quotes_are_read_as_spreadsheets_python_and_databases_write_them(
    text: str, first: str
) -> None:
    assert read(text).frame.row(0) == (first, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,2,3,4\n5,6,7,8\n9,1,2,3\n", "line 1 has 2 fields"),
        ("a,b,c,d\n1,2\n3,4\n5,6\n", "line 1 has 4 fields"),
        ("a,b\n1,2\n3,4,5\n6,7\n", "line 3 has 3 fields"),
        ("a,b\n1,2\n3\n6,7\n", "line 3 has 1 fields"),
    ],
)
def test_lines_of_another_width_are_refused(text: str, line: str) -> None:
    with pytest.raises(Problem, match=line):
        read(text)


def test_table_in_a_drawn_frame_is_read() -> None:
    rows = "".join(f"| {i:2d} | Rome  | {i}.5 |\n" for i in range(12))
    rule = "+----+-------+------+\n"
    text = f"{rule}| id | city  | price |\n{rule}{rows}{rule}12 rows in set (0.01 sec)\n"

    table = read(text)

    assert table.frame.columns == ["id", "city", "price"]
    assert table.frame.row(11) == (11, "Rome", 11.5)
    assert table.frame.height == 12


@pytest.mark.parametrize("broken", ['20,"x2,232.94', '20,x"2,"232.94'])
def test_quote_that_is_closed_in_the_next_row_is_refused_with_its_line(broken: str) -> None:
    rows = [f'{i},"x{i % 3}",{i}.25' for i in range(40)]
    rows[20] = broken

    with pytest.raises(TableUnreadable, match="line 22 cannot be read: a quote in it is not"):
        read("a,b,price\n" + "\n".join(rows) + "\n")


def test_irregular_quotes_within_a_line_are_read() -> None:
    table = read('a,b\n1,6" pipe\n2,"one\nline"\n3,5" pipe\n')

    assert table.frame["b"].to_list() == ['6" pipe', "one\nline", '5" pipe']
