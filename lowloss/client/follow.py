"""Reads a job's events as they happen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2

from lowloss.client.retries import ATTEMPTS, BUSY, PATIENT_ATTEMPTS, Retries
from lowloss.results import Event

MEDIA_TYPE = "text/event-stream"
LAST_EVENT = "job.finished"


def read_events(retries: Retries, path: str, *, after: int) -> Iterator[Event]:
    """Yield the events after a number, until the job has ended; resume a broken stream.

    A server that was never reached gets fewer tries than one that may be restarting.
    """
    attempts, failures = ATTEMPTS, 0
    while True:
        busy_response = None
        try:
            with retries.stream(
                path, {"Last-Event-ID": str(after), "Accept": MEDIA_TYPE}
            ) as response:
                if response.status_code == httpx2.codes.NO_CONTENT:
                    return
                if response.status_code in BUSY and failures < attempts - 1:
                    busy_response = response
                else:
                    retries.raise_problem(response)
                    if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
                        raise retries.unexpected_response(response)
                    attempts, failures = PATIENT_ATTEMPTS, 0
                    for event in parse_events(response.iter_lines()):
                        yield event
                        after = event.number
                        if event.kind == LAST_EVENT:
                            return
        except httpx2.RequestError as error:
            if failures >= attempts - 1:
                raise retries.unreachable(error) from error
        # A stream that ends before the job does was ended by a server that stops.
        retries.wait(failures, busy_response)
        failures += 1


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Parse lines of server-sent events (WHATWG HTML, section 9.2); skip comments.

    Lines after the last blank line are an event that was cut off: it will be sent again.
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "data" in fields:
                yield _parse_event(fields)
            fields = {}


def _parse_event(fields: dict[str, str]) -> Event:
    data: dict[str, Any] = json.loads(fields["data"])
    created_at = data.pop("created_at")
    return Event(number=int(fields["id"]), kind=fields["event"], data=data, created_at=created_at)
