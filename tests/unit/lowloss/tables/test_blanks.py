"""Runs of blanks and tabs as the delimiter."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.unit.lowloss.tables.test_layouts import read

CODES = "".join(f"A{row % 3} {row} A{row % 4 + 10} B{row % 2} {row % 5 + 1}\n" for row in range(40))
CARS = "".join(
    f'{row}.5   {row % 3 + 4}   {row}.  {row}  70\t"ford {row % 4}"\n' for row in range(40)
)
TABS = ("\t", "\t\t")
SEEDS = "".join(f"{row}.5\t{row % 3}.25{TABS[row % 2]}{row}\n" for row in range(40))
NOTES = "note\n" + "".join(f"{word} is here today\n" for word in ("Anna", "Bo", "Carl"))
WORDS = "a\tb\tc\n" + "".join(f"New York\t{row}\t{row % 3}\n" for row in range(40))
TIMES = "at\tcity\n" + "".join(f"2024-01-{row + 1:02d} 08:30\tOslo\n" for row in range(28))
TITLED = "A title of it\n\n" + "".join(
    f'"row w{row}"\t{row}\t{row % 3 + 1}\t""\n' for row in range(40)
)
PEOPLE = "name\n" + "".join(f"{name} B. Smith\n" for name in ("Anna", "Bo", "Carl") * 10)
GAPS = "a\tb\tc\n" + "".join(f"{row}\t{row if row % 3 else ''}\t{row % 5}\n" for row in range(40))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (CODES, ("A0", 0, "A10", "B0", 1)),
        (CARS, (0.5, 4, 0.0, 0, 70, "ford 0")),
        (SEEDS, (0.5, 0.25, 0)),
        (NOTES, ("Anna is here today",)),
        (WORDS, ("New York", 0, 0)),
        (GAPS, (0, None, 0)),
        (PEOPLE, ("Anna B. Smith",)),
        (TITLED, ("row w1", 1, 2)),
        (TIMES, (datetime(2024, 1, 1, 8, 30), "Oslo")),
    ],
    ids=[
        "codes",
        "a tab before a name",
        "two tabs",
        "notes",
        "words",
        "empty fields",
        "people",
        "a title",
        "times",
    ],
)
def test_lines_are_split_at_blanks_where_these_fit(text: str, first: tuple[object, ...]) -> None:
    assert read(text).frame.row(0) == first


COMMAS = "".join(f"st{row % 9} {row},5 {900 + row},25 {row}\n" for row in range(30))
ONE_COMMA = "town temp\n" + "".join(f"Oslo {row},5\n" for row in range(30))
ALIGNED = "   a      b\n" + "".join(f"  {row:>2},5   {-row},25\n" for row in range(10, 40))


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("station temp press n\n" + COMMAS, ("st2", 29.5, 929.25, 29)),
        (ONE_COMMA, ("Oslo", 29.5)),
        (ALIGNED, (39.5, -39.25)),
        (ALIGNED.split("\n", 1)[1], (39.5, -39.25)),
        ("day b\n" + "".join(f"2024-01-{day:02} {day},5\n" for day in range(1, 29)), None),
    ],
    ids=["stations", "one comma", "aligned", "no header", "days"],
)
def test_commas_within_numbers_between_blanks_are_decimal(
    text: str, last: tuple[object, ...] | None
) -> None:
    frame = read(text).frame

    assert frame.row(-1) == (last or (date(2024, 1, 28), 28.5))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("a,b\n" + "New York,5\n" * 20, ("New York", 5)),
        ("a,b,c\n" + "1,2024-01-05 10:00,7\n" * 20, (1, datetime(2024, 1, 5, 10), 7)),
        ("a,b\n" + "5 kg,7\n" * 20, (5, 7)),
        ("a, b, c\n" + "1, 2, 3\n" * 20, (1, 2, 3)),
        ("a b,c,d\n" + "4 7,5 8,6\n" * 20, ("4 7", "5 8", 6)),
        ("Oslo 5,3\n" + "Bonn 7,2\n" * 20, ("Bonn 7", 2)),
    ],
)
def test_commas_between_fields_stay_delimiters(text: str, row: tuple[object, ...]) -> None:
    assert read(text).frame.row(0) == row
