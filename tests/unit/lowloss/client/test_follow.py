"""Events, followed to their end over as many connections as it takes."""

from __future__ import annotations

import itertools

import httpx2
import pytest

from lowloss.client.follow import parse_events
from lowloss.errors import JobNotFound, NotReady, ServerUnreachable
from tests.builders.scripted_server import Server, a_busy_answer, a_stream

SSE = {"content_type": "text/event-stream; charset=utf-8"}


def an_event(number: int, kind: str = "epoch") -> bytes:
    data = f'{{"n": {number}, "created_at": "2026-11-23T12:00:00Z"}}'
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()


LAST = an_event(9, "job.finished")


def test_events_are_read_until_the_job_has_finished() -> None:
    server = Server(a_stream(an_event(1), b": keep-alive\n\n", LAST, an_event(10), **SSE))

    events = list(server.client().follow("job_1"))

    assert [(event.number, event.kind, event.data) for event in events] == [
        (1, "epoch", {"n": 1}),
        (9, "job.finished", {"n": 9}),
    ]


def test_broken_stream_is_taken_up_after_the_last_event() -> None:
    cut = an_event(3)[:-10]
    server = Server(
        a_stream(an_event(1), an_event(2), cut, httpx2.ReadError("reset"), **SSE),
        httpx2.ConnectError("refused"),
        a_stream(an_event(3), **SSE),
        a_stream(LAST, **SSE),
    )

    numbers = [event.number for event in server.client().follow("job_1")]

    assert numbers == [1, 2, 3, 9]
    assert [request.headers["last-event-id"] for request in server.requests] == ["0", "2", "2", "3"]


def test_job_that_ended_in_between_has_no_more_events() -> None:
    server = Server(a_stream(an_event(1), **SSE), httpx2.Response(204))

    assert [event.number for event in server.client().follow("job_1")] == [1]


def test_following_starts_where_one_wants() -> None:
    server = Server(httpx2.Response(204))

    events = list(server.client().follow("job_1", after=41))

    assert events == []
    assert server.requests[0].headers["last-event-id"] == "41"


def test_server_that_was_never_there_is_given_up_soon() -> None:
    server = Server(*[httpx2.ConnectError("refused")] * 5)

    with pytest.raises(ServerUnreachable, match="refused"):
        list(server.client().follow("job_1"))

    assert sum(server.slept) < 5


def test_server_that_was_there_is_given_up_late() -> None:
    server = Server(a_stream(an_event(1), **SSE), *[httpx2.ConnectError("refused")] * 20)

    with pytest.raises(ServerUnreachable, match="refused"):
        list(server.client().follow("job_1"))

    assert 30 < sum(server.slept) < 120


def test_busy_server_is_asked_again_but_not_for_ever() -> None:
    server = Server(a_busy_answer(**{"Retry-After": "2"}), a_stream(LAST, **SSE))
    always_busy = Server(*[a_busy_answer() for _ in range(5)])

    events = list(server.client().follow("job_1"))
    with pytest.raises(NotReady):
        list(always_busy.client().follow("job_1"))

    assert [event.number for event in events] == [9]
    assert server.slept == [2.2]


def test_problem_is_raised_at_once() -> None:
    server = Server(httpx2.Response(404, json=JobNotFound("no such job").to_document()))

    with pytest.raises(JobNotFound):
        next(server.client().follow("x"))

    assert server.slept == []


def test_page_that_is_no_stream_is_not_waited_for() -> None:
    server = Server(httpx2.Response(200, text="<html></html>"))

    with pytest.raises(ServerUnreachable, match="not as lowloss does"):
        next(server.client().follow("job_1"))


def test_any_cut_of_the_lines_gives_the_events_that_were_whole() -> None:
    lines = (an_event(1) + b": note\n\n" + an_event(2) + LAST).decode().split("\n")[:-1]
    ends = [position for position, line in enumerate(lines) if not line]

    for cut in range(len(lines) + 1):
        numbers = [event.number for event in parse_events(lines[:cut])]
        whole = sum(1 for end in (ends[0], ends[2], ends[3]) if end < cut)
        assert numbers == [1, 2, 9][:whole]


def test_connection_is_closed_when_one_stops_to_follow() -> None:
    closed = []

    class Stream(httpx2.SyncByteStream):
        def __iter__(self) -> itertools.chain[bytes]:
            return itertools.chain([an_event(1)], itertools.repeat(b": keep-alive\n\n"))

        def close(self) -> None:
            closed.append(True)

    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream())
    events = Server(answer).client().follow("job_1")

    next(events)
    events.close()  # type: ignore[attr-defined]

    assert closed == [True]
