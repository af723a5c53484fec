"""What is looked at of a long line or cell has a bound."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lowloss.tables import footers, lines, values
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_csv

LONG = 100_000
ROWS = "".join(f"{number},{number}.5\n" for number in range(9))


class Watch:
    """A pattern that notes the longest text that it is given."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self.pattern, self.longest = pattern, 0

    def fullmatch(self, text: str) -> re.Match[Any] | None:
        self.longest = max(self.longest, len(text))
        return self.pattern.fullmatch(text)

    def search(self, text: str) -> re.Match[Any] | None:
        self.longest = max(self.longest, len(text))
        return self.pattern.search(text)


@pytest.mark.parametrize("name", ["NUMBER", "DATE"])
def test_long_cell_is_no_value_without_a_look(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(getattr(values, name))
    monkeypatch.setattr(values, name, watch)

    assert values.is_value("1.5")
    assert not values.is_value("1" + " " * LONG + "!")
    assert watch.longest <= 200


def test_note_is_known_by_its_first_words(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(footers.NOTE)
    monkeypatch.setattr(footers, "NOTE", watch)

    table = read_csv(
        f"a,b\n{ROWS}Source: {'x' * LONG}\n".encode(), ParseOptions(), limits=TableLimits()
    )

    assert table.frame.height == 9
    assert 0 < watch.longest <= 200


def test_lines_at_the_top_are_skipped_in_one_copy() -> None:
    class Lines(bytes):
        """Bytes that must not be split line by line."""

        def partition(self, separator: Any) -> Any:
            pytest.fail("all that follows was copied")

    data = Lines(b"junk\n" * LONG + b"a,b\n" + ROWS.encode())

    assert lines.skip_lines(data, LONG) == b"a,b\n" + ROWS.encode()
    assert lines.skip_lines(data, 2 * LONG) == b""
    assert lines.skip_lines(b"a\nb", 1) == b"b"
    assert lines.skip_lines(b"a\nb", 2) == b""


def test_long_run_of_blanks_parts_two_fields() -> None:
    rows = ROWS.replace(",", " " * LONG)

    table = read_csv(f"a  b\n{rows}".encode(), ParseOptions(), limits=TableLimits())

    assert table.frame.rows() == [(number, number + 0.5) for number in range(9)]


def test_long_line_of_hyphens_is_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"-" * LONG

    assert lines.RULER.fullmatch(line)
    assert not lines.RULER.fullmatch(line + b"!")
