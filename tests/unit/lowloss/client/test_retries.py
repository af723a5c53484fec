"""What is sent again, how often, and what is told in the end."""

from __future__ import annotations

import httpx2
import pytest

from lowloss.errors import InternalError, NotReady, Problem, ServerUnreachable, UnknownProblem
from tests.builders.scripted_server import Server, a_busy_answer, a_job, a_json, a_page


def test_busy_server_is_asked_again_with_longer_and_longer_waits() -> None:
    server = Server(*[a_busy_answer() for _ in range(4)], a_json(a_job()))

    job = server.client().job("job_1")

    assert job == a_job()
    assert server.slept == [0.2, 0.4, 0.8, 1.6]


def test_server_that_stays_busy_is_given_up() -> None:
    server = Server(*[a_busy_answer() for _ in range(5)])

    with pytest.raises(NotReady, match="not now"):
        server.client().job("job_1")

    assert len(server.requests) == 5


def test_server_is_not_asked_before_it_wants_to_be() -> None:
    server = Server(
        a_busy_answer(**{"Retry-After": "7"}),
        a_busy_answer(**{"Retry-After": "86400"}),
        a_busy_answer(**{"Retry-After": "Mon, 23 Nov 2026 12:00:00 GMT"}),
        a_json(a_job()),
    )

    server.client().job("job_1")

    # A little more, each client another: those that were sent away together come back apart.
    assert server.slept == [7.2, 60.4, 0.8]


def test_server_that_is_not_there_is_told_in_a_sentence() -> None:
    server = Server(*[httpx2.ConnectError("Connection refused")] * 5)

    with pytest.raises(ServerUnreachable) as caught:
        server.client().job("job_1")

    assert str(caught.value) == (
        "http://lowloss.test cannot be reached (Connection refused): start it with "
        "`lowloss serve`, or set LOWLOSS_URL"
    )
    assert len(server.slept) == 4


def test_request_that_can_never_be_sent_is_not_tried_again() -> None:
    server = Server(httpx2.LocalProtocolError("illegal header"))

    with pytest.raises(ServerUnreachable, match="illegal header"):
        server.client().job("job_1")

    assert server.slept == []


def test_error_of_the_server_is_not_asked_for_again() -> None:
    document = InternalError("it broke").to_document()
    server = Server(httpx2.Response(500, json=document))

    with pytest.raises(InternalError, match="it broke"):
        server.client().cancel("job_1")

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>Welcome to nginx!</html>"),
        httpx2.Response(200, json={"id": 3}),
        httpx2.Response(404, json={"detail": "Not Found"}),
        httpx2.Response(404, json=["code"]),
        httpx2.Response(413, content=b"\xff\xfe"),
        httpx2.Response(302, headers={"Location": "/login"}),
    ],
    ids=lambda answer: f"{answer.status_code}",
)
def test_answer_of_something_else_is_told_as_such(answer: httpx2.Response) -> None:
    server = Server(answer)

    with pytest.raises(ServerUnreachable, match="not as lowloss does"):
        server.client().job("job_1")


def test_answer_that_cannot_be_decoded_is_told_in_a_sentence() -> None:
    def garbled(request: httpx2.Request) -> httpx2.Response:
        stream = httpx2.ByteStream(b"this is no gzip")
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)

    server = Server(*[garbled] * 5)

    with pytest.raises(ServerUnreachable, match="cannot be reached"):
        server.client().job("job_1")


@pytest.mark.parametrize(("status", "kind"), [(418, UnknownProblem), (599, InternalError)])
def test_problem_of_a_newer_server_keeps_its_words(status: int, kind: type[Problem]) -> None:
    document = {"code": "teapot", "detail": "short and stout", "field": "a.b", "fix": "pour"}
    server = Server(httpx2.Response(status, json=document))

    with pytest.raises(kind) as caught:
        server.client().job("job_1")

    assert str(caught.value) == "a.b: short and stout (pour)"


def test_every_request_has_a_time_out() -> None:
    server = Server(a_page(), a_json(a_job()))
    client = server.client()

    list(client.trials("job_1"))
    client.pause("job_1")

    for request in server.requests:
        assert set(request.extensions["timeout"].values()) == {30.0}
