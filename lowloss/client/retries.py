"""Sends requests, and sends again what is safe to resend."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from lowloss.client.problems import problem_from_document
from lowloss.errors import InternalError, ServerUnreachable, UnknownProblem

M = TypeVar("M", bound=BaseModel)

ATTEMPTS = 5
PATIENT_ATTEMPTS, PATIENT_SECONDS = 12, 60.0
"""Tries of a client that waits for a job, and their time at most: they outlast a restart."""
FIRST_WAIT_SECONDS = 0.2
MAX_WAIT_SECONDS = 10.0
MAX_ASKED_SECONDS = 60.0
"""The longest Retry-After that is waited for."""
BUSY = {502, 503, 504}
HOPELESS = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
"""Errors of our own making: the next try would fail as well."""


@dataclass(frozen=True)
class Clock:
    """Time and chance, so that tests need neither."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default_factory=lambda: random.Random().random)


@dataclass(frozen=True)
class Retries:
    """An HTTP client that tries again, a bounded number of times, each wait twice the last."""

    http: httpx2.Client
    url: str
    clock: Clock

    def send(
        self,
        method: str,
        path: str,
        *,
        make_content: Callable[[], Iterator[bytes]] | None = None,
        attempts: int = ATTEMPTS,
        seconds: float | None = None,
        **given: Any,
    ) -> httpx2.Response:
        """The answer, if it is a success; its problem is raised otherwise.

        `make_content` makes the body anew for every try; `seconds` is how long the answer may take
        where that is longer than usual.
        """
        if seconds is not None:
            usual = self.http.timeout.as_dict()
            given["timeout"] = httpx2.Timeout(**usual | {"read": seconds})
        for attempt in range(attempts):
            if make_content is not None:
                given["content"] = make_content()
            try:
                answer = self.http.request(method, path, **given)
            except httpx2.RequestError as error:
                if attempt == attempts - 1 or isinstance(error, HOPELESS):
                    raise self.unreachable(error) from error
                self.wait(attempt)
                continue
            if answer.status_code not in BUSY or attempt == attempts - 1:
                self.raise_problem(answer)
                return answer
            self.wait(attempt, answer)
        raise AssertionError("the last attempt answers or raises")

    def read(self, method: str, path: str, kind: type[M], **given: Any) -> M:
        """The answer as a model."""
        answer = self.send(method, path, **given)
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise self.not_ours(answer) from error

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """One try at an answer that is read piece by piece."""
        with self.http.stream("GET", path, headers=dict(headers)) as answer:
            if not answer.is_success:
                answer.read()
            yield answer

    def wait(self, attempt: int, answer: httpx2.Response | None = None) -> None:
        """Wait before the next try: twice as long as before, and what the server asked for."""
        asked = "" if answer is None else answer.headers.get("retry-after", "")
        backoff = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
        # Clients that failed together should not come back together.
        seconds = backoff * (0.5 + self.clock.random() / 2)
        if asked.isascii() and asked.isdigit():
            seconds += min(MAX_ASKED_SECONDS, float(asked))
        self.clock.sleep(seconds)

    def unreachable(self, error: Exception) -> ServerUnreachable:
        """A transport's error in one plain sentence."""
        if isinstance(error, httpx2.TimeoutException):
            return ServerUnreachable(f"{self.url} did not answer in time: try again later")
        if isinstance(error, httpx2.UnsupportedProtocol):
            return ServerUnreachable(f"{self.url} is no URL of a server: write http://HOST:PORT")
        reason = str(error) or type(error).__name__
        return ServerUnreachable(
            f"{self.url} cannot be reached ({reason}): start it with `lowloss serve`, "
            "or set LOWLOSS_URL"
        )

    def raise_problem(self, answer: httpx2.Response) -> None:
        """Raise the problem that an answer tells of, unless it is a success."""
        if answer.is_success:
            return
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("code"), str):
            raise self.not_ours(answer)
        problem = problem_from_document(document)
        if isinstance(problem, UnknownProblem) and answer.is_server_error:
            raise InternalError(problem.detail, field=problem.field, fix=problem.fix)
        raise problem

    def not_ours(self, answer: httpx2.Response) -> ServerUnreachable:
        """Something between us and the server answered, or another server did."""
        return ServerUnreachable(
            f"{self.url} answered {answer.status_code} {answer.reason_phrase}, and not as lowloss "
            "does: check the URL, and any proxy before it"
        )
