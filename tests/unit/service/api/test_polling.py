"""Polls of a job: their ETag, and what is answered from memory."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from threading import Event
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from lowloss.results import JobState
from service.api import jobs
from service.app import create_app
from service.resources import job_memory
from service.resources.changes import make_changes
from service.resources.job_memory import Answer, JobMemory
from service.resources.resources import Resources
from service.settings import Settings
from service.store.database import Database
from service.store.events import list_events
from service.store.jobs import Change, record_outcome
from service.store.queue import Fence
from tests.builders.live_server import counted_statements, note_waits, serving
from tests.builders.store import a_claim, a_job, a_trial


def test_unchanged_job_is_not_sent_again(client: TestClient, store: Database) -> None:
    job_id = a_job(store, state=JobState.running)
    first = client.get(f"/v1/jobs/{job_id}")

    second = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": first.headers["etag"]})

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]


def test_every_event_of_a_job_changes_its_etag(client: TestClient, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    first = client.get(f"/v1/jobs/{job_id}")
    a_trial(store, fence, 1)

    second = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": first.headers["etag"]})

    assert second.status_code == 200
    assert second.json()["progress"]["trials_done"] == 1
    assert second.headers["etag"] != first.headers["etag"]


def test_queued_job_has_no_etag_since_its_position_depends_on_others(
    client: TestClient, store: Database
) -> None:
    first, second = a_job(store), a_job(store)
    positions = [client.get(f"/v1/jobs/{second}").json()["queue_position"] for _ in range(3)]

    client.post(f"/v1/jobs/{first}/cancel")
    answer = client.get(f"/v1/jobs/{second}")

    assert positions == [2, 2, 2]
    assert answer.json()["queue_position"] == 1
    assert "etag" not in answer.headers


def test_client_reads_what_it_wrote_whatever_was_polled_before(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.running)

    for number in range(20):
        for _ in range(3):
            client.get(f"/v1/jobs/{job_id}")
        written = client.post(f"/v1/jobs/{job_id}/{'pause' if number % 2 else 'cancel'}")
        read = client.get(f"/v1/jobs/{job_id}")
        if written.status_code == 202:
            assert read.json()["requested"] == written.json()["requested"]


def test_frequent_polls_need_no_statement_of_their_own(
    app: FastAPI, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = a_job(store, state=JobState.running)
    monkeypatch.setattr(job_memory, "BODY_SECONDS", 60.0)
    # On a busy machine the poller may be late.
    monkeypatch.setattr("service.resources.changes.FRESH_SECONDS", 60.0)
    changes = app.state.resources.changes
    changes._poll_seconds = 0.2

    async def scenario() -> int:
        async with serving(app) as client:
            for _ in range(2):
                await client.get(f"/v1/jobs/{job_id}")
            async with asyncio.timeout(20):
                while changes.recall(job_id) is None:
                    await asyncio.sleep(0.01)
            await client.get(f"/v1/jobs/{job_id}")
            with counted_statements(store) as statements:
                answers = [await client.get(f"/v1/jobs/{job_id}") for _ in range(50)]
            assert {answer.status_code for answer in answers} == {200}
            return len(statements)

    # Those of the poller.
    assert asyncio.run(scenario()) < 10


def test_all_streams_of_a_job_share_one_read_of_its_events(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    streams = 20
    waits = note_waits(app.state.resources.changes, streams)

    async def scenario() -> tuple[list[bytes], int]:
        async with serving(app) as client:
            deps = app.state.resources
            tasks = [
                asyncio.create_task(_first_after(deps, job_id, number=2)) for _ in range(streams)
            ]
            await asyncio.wait_for(waits.wait(), 20)
            with counted_statements(store) as statements:
                await asyncio.to_thread(_start_trial, store, fence)
                messages = await asyncio.wait_for(asyncio.gather(*tasks), 20)
            await client.get("/healthz")
            reads = [text for text in statements if "FROM events" in text]
            return messages, len(reads)

    messages, reads = asyncio.run(scenario())

    assert len(set(messages)) == 1
    assert b"event: trial.started" in messages[0]
    assert reads == 1


async def _first_after(deps: object, job_id: str, *, number: int) -> bytes:
    from service.api.events import _stream

    async for message in _stream(deps, job_id, number):  # type: ignore[arg-type]
        return message
    raise AssertionError("the stream ended")


def _start_trial(store: Database, fence: Fence) -> None:
    from lowloss.results import TrialState

    a_trial(store, fence, 1, state=TrialState.running)


@pytest.mark.parametrize("form", ["{}", '"other", {}', "*"])
def test_tag_is_found_among_others(client: TestClient, store: Database, form: str) -> None:
    job_id = a_job(store, state=JobState.running)
    etag = client.get(f"/v1/jobs/{job_id}").headers["etag"]

    answer = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": form.format(etag)})

    assert (answer.status_code, answer.headers["etag"]) == (304, etag)


def test_what_is_recorded_of_a_job_changes_its_etag(client: TestClient, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    first = client.get(f"/v1/jobs/{job_id}")
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, threads=2)

    second = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": first.headers["etag"]})

    assert second.json()["outcome"]["threads"] == 2
    with store.reading() as session:
        *_, event = list_events(session, job_id, after=0, limit=99)
    assert (event.kind, event.data) == ("job.outcome", {"fields": ["threads"]})


def test_polls_at_the_same_moment_share_one_read(
    app: FastAPI, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = a_job(store)
    polls, reads = 10, []
    have_begun = Event()
    memory, begun = app.state.resources.job_memory, count(1)
    read, read_shared = jobs._read, memory.read

    def read_late(deps: Resources, job_id: str) -> tuple[Change, bytes]:
        reads.append(job_id)
        assert have_begun.wait(20)
        return read(deps, job_id)

    async def note_poll(*arguments: Any) -> Answer:
        if next(begun) == polls:
            have_begun.set()
        answer: Answer = await read_shared(*arguments)
        return answer

    monkeypatch.setattr(jobs, "_read", read_late)
    monkeypatch.setattr(memory, "read", note_poll)

    async def scenario() -> list[httpx2.Response]:
        # Not started: a look of the poller between them would end the moment.
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await asyncio.gather(*(client.get(f"/v1/jobs/{job_id}") for _ in range(polls)))

    answers = asyncio.run(scenario())

    assert {answer.json()["state"] for answer in answers} == {"queued"}
    assert len(reads) == 1


def test_read_that_began_before_a_change_is_not_shared(store: Database) -> None:
    """Neither before a write of this server, nor before a change that its poller has seen."""
    changes, memory = make_changes(store), JobMemory()
    may_end = Event()

    def read(body: bytes) -> tuple[Change, bytes]:
        assert may_end.wait(20)
        return Change(1, 1, is_finished=False), body

    def begin_read(body: bytes) -> asyncio.Task[Answer]:
        return asyncio.create_task(memory.read("job", changes.moment, partial(read, body)))

    async def scenario() -> list[Answer]:
        reads = [begin_read(b"old")]
        changes.nudge()
        reads.append(begin_read(b"new"))
        await changes._poll()
        reads.append(begin_read(b"newest"))
        await asyncio.sleep(0)
        may_end.set()
        return await asyncio.gather(*reads)

    answers = asyncio.run(scenario())

    assert [answer.body for answer in answers] == [b"old", b"new", b"newest"]


def test_poll_from_memory_needs_a_token_and_is_counted_under_its_route(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings.model_copy(update={"tokens": (SecretStr("secret"),)}))
    deps: Resources = app.state.resources
    job_id = a_job(deps.database, state=JobState.running)
    path = f"/v1/jobs/{job_id}"
    token = {"Authorization": "Bearer secret", "X-Request-ID": "poll"}

    with TestClient(app, "http://127.0.0.1") as client:
        first = client.get(path, headers=token)
        change = deps.job_memory._answers[job_id].change
        monkeypatch.setattr(deps.changes, "recall", lambda _: change)
        monkeypatch.setattr(jobs, "_read", None)
        second = client.get(path, headers=token)
        unauthorized = client.get(path)
        metrics = client.get("/metrics", headers=token).text

    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers == first.headers
    assert unauthorized.status_code == 401
    assert 'requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 2.0' in metrics
