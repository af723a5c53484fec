"""A browser's session: for whom it is valid, and until when."""

from __future__ import annotations

import pytest

from service.access.sessions import SESSION_SECONDS, find_session, make_session

NOW = 1_000_000.0
TOKENS = (b"first", b"second")


def test_session_is_of_the_token_that_signed_it() -> None:
    session = make_session(b"second", now=NOW)

    assert find_session(session, TOKENS, now=NOW) == 1
    assert b"second" not in session.encode()


def test_session_ends_with_its_time_and_with_its_token() -> None:
    session = make_session(b"first", now=NOW)

    assert find_session(session, TOKENS, now=NOW + SESSION_SECONDS - 1) == 0
    assert find_session(session, TOKENS, now=NOW + SESSION_SECONDS) is None
    assert find_session(session, (b"second",), now=NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "1.",
        "x.y",
        "-5.abc",
        "1e9.abc",
        "\N{FULLWIDTH DIGIT NINE}" * 10 + "\N{FULLWIDTH DIGIT NINE}.abc",
        "9" * 5000 + "\N{FULLWIDTH DIGIT NINE}.abc",
        "9999999999.ü",
    ],
)
def test_what_is_no_session_is_refused(value: str) -> None:
    assert find_session(value, TOKENS, now=NOW) is None


def test_time_that_was_prolonged_is_refused() -> None:
    ends_at, _, signature = make_session(b"first", now=NOW).partition(".")

    assert find_session(f"{int(ends_at) + 1}.{signature}", TOKENS, now=NOW) is None
