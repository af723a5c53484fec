"""Sessions of browsers that signed in with a token: a signed cookie, and nothing stored."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

COOKIE = "lowloss_session"
SESSION_SECONDS = 7 * 24 * 3600


def make_session(token: bytes, *, now: float) -> str:
    """Return the cookie's value: when the session ends, and a signature with the token.

    It does not reveal the token, and ends with it.
    """
    ends_at = int(now) + SESSION_SECONDS
    return f"{ends_at}.{_sign(token, ends_at)}"


def find_session(value: str, tokens: Sequence[bytes], *, now: float) -> int | None:
    """Return the position of the token that signed a session; None where it is not valid."""
    ends_at, _, signature = value.partition(".")
    if not (ends_at.isascii() and ends_at.isdigit()) or len(ends_at) > 12 or int(ends_at) <= now:
        return None
    # All are compared, each in constant time.
    matches = [
        hmac.compare_digest(signature.encode(), _sign(t, int(ends_at)).encode()) for t in tokens
    ]
    return matches.index(True) if any(matches) else None


def _sign(token: bytes, ends_at: int) -> str:
    return hmac.new(token, f"lowloss session {ends_at}".encode(), "sha256").hexdigest()
