"""Reads a job's events as they happen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2

from lowloss.results import Event
from lowloss.retries import ATTEMPTS, BUSY, Retries, raise_problem

LAST = "job.finished"


def read_events(retries: Retries, path: str, *, after: int) -> Iterator[Event]:
    """The events after a number, until the job has ended; a broken stream is taken up again."""
    failures = 0
    while True:
        try:
            with retries.stream(path, {"Last-Event-ID": str(after)}) as answer:
                if answer.status_code == httpx2.codes.NO_CONTENT:
                    return
                if answer.status_code not in BUSY:
                    raise_problem(answer)
                    for event in parse_events(answer.iter_lines()):
                        yield event
                        after, failures = event.number, 0
                        if event.kind == LAST:
                            return
        except httpx2.TransportError as error:
            if failures == ATTEMPTS - 1:
                raise retries.unreachable(error) from error
        # The server ends a stream when it stops, or when its database is busy.
        retries.wait(failures)
        failures = min(failures + 1, ATTEMPTS - 1)


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Server-sent events (WHATWG HTML, section 9.2) of lines; comments are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield _event(fields)
            fields = {}
        else:
            fields = {}


def _event(fields: dict[str, str]) -> Event:
    data: dict[str, Any] = json.loads(fields["data"])
    created_at = data.pop("created_at")
    return Event(number=int(fields["id"]), kind=fields["event"], data=data, created_at=created_at)
