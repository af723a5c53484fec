"""Numbers as people read them."""

from __future__ import annotations

import pytest

from lowloss.wording import format_bytes


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (1_536_000, "1.54 MB"),
        (999_700, "1 MB"),
        (2**27, "134 MB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_bytes_have_three_digits_and_the_unit_that_fits(size: float, text: str) -> None:
    assert format_bytes(size) == text
