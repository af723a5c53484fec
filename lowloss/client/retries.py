"""Sends requests, and repeats those that are safe to repeat."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from lowloss.errors import InternalError, ServerUnreachable, UnknownProblem
from lowloss.problem_codes import problem_from_document
from lowloss.results import Page, Result

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R", bound=Result)

ATTEMPTS = 5
PATIENT_ATTEMPTS, PATIENT_SECONDS = 12, 60.0
"""Tries of a client that waits for a job, and their total time: they outlast a restart."""
FIRST_WAIT_SECONDS = 0.2
MAX_WAIT_SECONDS = 10.0
MAX_RETRY_AFTER_SECONDS = 60.0
"""The longest Retry-After that is obeyed."""
BUSY = {502, 503, 504}
TRIES = "lowloss_tries"
"""The extension of a response that says how often its request was sent."""
HOPELESS = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
"""Errors of the client itself: the next try would fail as well."""


@dataclass(frozen=True)
class Clock:
    """Time and randomness, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = field(default_factory=lambda: random.Random().random)


@dataclass(frozen=True)
class Retries:
    """An HTTP client that repeats failed requests a few times; each wait is twice the last."""

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
        **options: Any,
    ) -> httpx2.Response:
        """Send a request and return the response; raise its problem where it is no success.

        `make_content` makes a new body for every try; `seconds` is how long the response may take
        where that is longer than usual. `options` are httpx's.
        """
        if seconds is not None:
            usual = self.http.timeout.as_dict()
            options["timeout"] = httpx2.Timeout(**usual | {"read": seconds})
        for attempt in range(attempts):
            if make_content is not None:
                options["content"] = make_content()
            try:
                response = self.http.request(method, path, **options)
            except httpx2.RequestError as error:
                if attempt == attempts - 1 or isinstance(error, HOPELESS):
                    raise self.unreachable(error) from error
                self.wait(attempt)
                continue
            if response.status_code not in BUSY or attempt == attempts - 1:
                self.raise_problem(response)
                response.extensions[TRIES] = attempt + 1
                return response
            self.wait(attempt, response)
        raise AssertionError("the last attempt returns or raises")

    def read(self, method: str, path: str, model: type[M], **options: Any) -> M:
        """Send a request and parse the response as a model."""
        return self.parse(self.send(method, path, **options), model)

    def parse(self, response: httpx2.Response, model: type[M]) -> M:
        """Parse a response as a model."""
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise self.unexpected_response(response) from error

    def read_pages(
        self, path: str, item: type[R], params: Mapping[str, str] | None = None
    ) -> Iterator[R]:
        """Yield the items of a list, a page after another."""
        page_model: type[Page[R]] = Page[item]  # type: ignore[valid-type]
        cursor: dict[str, str] = {}
        while True:
            page = self.read("GET", path, page_model, params=dict(params or {}) | cursor)
            yield from page.items
            if page.next is None:
                return
            cursor = {"cursor": page.next}

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Open a response that is read piece by piece, in one try."""
        with self.http.stream("GET", path, headers=dict(headers)) as response:
            if not response.is_success:
                response.read()
            yield response

    def wait(self, attempt: int, response: httpx2.Response | None = None) -> None:
        """Wait before the next try: twice as long as before, plus the server's Retry-After."""
        retry_after = "" if response is None else response.headers.get("retry-after", "")
        backoff = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
        # Clients that failed together should not come back together.
        seconds = backoff * (0.5 + self.clock.random() / 2)
        if retry_after.isascii() and retry_after.isdigit():
            seconds += min(MAX_RETRY_AFTER_SECONDS, float(retry_after))
        self.clock.sleep(seconds)

    def unreachable(self, error: Exception) -> ServerUnreachable:
        """Turn a transport's error into a ServerUnreachable with one plain sentence."""
        if isinstance(error, httpx2.TimeoutException):
            return ServerUnreachable(f"{self.url} did not respond in time: try again later")
        if isinstance(error, httpx2.UnsupportedProtocol):
            return ServerUnreachable(f"{self.url} is no URL of a server: write http://HOST:PORT")
        reason = str(error) or type(error).__name__
        return ServerUnreachable(
            f"{self.url} cannot be reached ({reason}): start it with `lowloss serve`, "
            "or set LOWLOSS_URL"
        )

    def raise_problem(self, response: httpx2.Response) -> None:
        """Raise the problem that a response describes, unless it is a success."""
        if response.is_success:
            return
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("code"), str):
            raise self.unexpected_response(response)
        problem = problem_from_document(document)
        if isinstance(problem, UnknownProblem) and response.is_server_error:
            raise InternalError(problem.detail, field=problem.field, fix=problem.fix)
        raise problem

    def unexpected_response(self, response: httpx2.Response) -> ServerUnreachable:
        """Describe a response that does not come from a lowloss server but, say, from a proxy."""
        return ServerUnreachable(
            f"{self.url} answered {response.status_code} {response.reason_phrase}, and not as "
            "lowloss does: check the URL, and any proxy before it"
        )
