"""Polls of a job: their ETag, and what is answered from memory."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.resources import job_memory
from service.store.database import Database
from service.store.events import list_events
from service.store.jobs import record_outcome
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
    changes = app.state.resources.changes
    changes._poll_seconds = 0.2

    async def scenario() -> int:
        async with serving(app) as client:
            for _ in range(2):
                await client.get(f"/v1/jobs/{job_id}")
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
