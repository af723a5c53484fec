"""Sends requests, and sends again what is safe to resend."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from lowloss.errors import ServerUnreachable, problem_from_document

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.2
MAX_WAIT_SECONDS = 10.0
BUSY = {502, 503, 504}


@dataclass
class Clock:
    """Time and chance, so that tests need neither."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default_factory=lambda: random.Random().random)


@dataclass
class Retries:
    """An HTTP client that tries again: at most 5 times, each wait twice the one before."""

    http: httpx2.Client
    url: str
    clock: Clock

    def send(
        self,
        method: str,
        path: str,
        *,
        make_content: Callable[[], Iterator[bytes]] | None = None,
        is_safe: bool = True,
        extra_seconds: float = 0.0,
        **given: Any,
    ) -> httpx2.Response:
        """The answer, if it is a success; its problem is raised otherwise.

        `make_content` makes the body anew for every try. `is_safe`: sending it twice is harmless.
        `extra_seconds` is how long the server may hold the answer back on purpose.
        """
        if extra_seconds:
            given["timeout"] = self.read_timeout + extra_seconds
        for attempt in range(ATTEMPTS):
            is_last = attempt == ATTEMPTS - 1 or not is_safe
            if make_content is not None:
                given["content"] = make_content()
            try:
                answer = self.http.request(method, path, **given)
            except httpx2.TransportError as error:
                if is_last:
                    raise self.unreachable(error) from error
                self.wait(attempt)
                continue
            if answer.status_code not in BUSY or is_last:
                return raise_problem(answer)
            self.wait(attempt, answer.headers)
        raise AssertionError("the last attempt answers or raises")

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """One try at an answer that is read piece by piece."""
        with self.http.stream("GET", path, headers=dict(headers)) as answer:
            if answer.is_error:
                answer.read()
            yield answer

    @property
    def read_timeout(self) -> float:
        """Seconds that the server has for an answer."""
        return float(self.http.timeout.read or 0.0)

    def wait(self, attempt: int, headers: Mapping[str, str] | None = None) -> None:
        """Wait before the next try, as long as the server asked or twice as long as before."""
        asked = (headers or {}).get("retry-after", "")
        seconds = float(asked) if asked.isdigit() else FIRST_WAIT_SECONDS * 2**attempt
        # Clients that failed together should not come back together.
        self.clock.sleep(min(MAX_WAIT_SECONDS, seconds) * (0.5 + self.clock.random() / 2))

    def unreachable(self, error: Exception) -> ServerUnreachable:
        """A transport's error in one plain sentence."""
        if isinstance(error, httpx2.TimeoutException):
            return ServerUnreachable(f"{self.url} did not answer in time")
        reason = str(error) or type(error).__name__
        return ServerUnreachable(
            f"{self.url} cannot be reached ({reason}): start it with `lowloss serve`, "
            "or set LOWLOSS_URL"
        )


def raise_problem(answer: httpx2.Response) -> httpx2.Response:
    """The answer, if it is a success; raises the problem that it tells of otherwise."""
    if not answer.is_error:
        return answer
    try:
        document = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        # Something between us and the server answered.
        document = {
            "code": "not_a_problem",
            "status": answer.status_code,
            "detail": f"the answer was {answer.status_code} {answer.reason_phrase}, and not "
            "lowloss's: is the URL right?",
        }
    raise problem_from_document(document)
