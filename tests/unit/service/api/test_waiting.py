"""`wait=`, the event stream, and the one poller behind both."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Collection
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.api import events as events_module
from service.resources import changes as changes_module
from service.resources import feeds as feeds_module
from service.resources.changes import Changes
from service.store.database import Database
from service.store.jobs import Change
from service.store.queue import finish_job, renew_lease
from service.store.requests import cancel_job
from tests.builders.live_server import counted_statements, note_waits, serving
from tests.builders.store import a_claim, a_job, a_trial


def test_wait_ends_when_another_process_changes_the_state(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    waits = note_waits(app.state.resources.changes, 1)

    async def scenario() -> Any:
        async with serving(app) as client:
            held = asyncio.create_task(client.get(f"/v1/jobs/{job_id}?wait=60"))
            await waits.wait()
            with store.transaction() as session:
                cancel_job(session, job_id)
            return await asyncio.wait_for(held, 10)

    answer = asyncio.run(scenario())

    assert answer.json()["state"] == "cancelled"


def test_wait_ends_at_a_better_trial(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    waits = note_waits(app.state.resources.changes, 1)

    async def scenario() -> Any:
        async with serving(app) as client:
            held = asyncio.create_task(client.get(f"/v1/jobs/{job_id}?wait=60"))
            await waits.wait()
            await asyncio.to_thread(a_trial, store, fence, 1, score=0.5)
            return await asyncio.wait_for(held, 10)

    answer = asyncio.run(scenario())

    assert answer.json()["best"]["trial"] == 1


def test_wait_ends_at_once_when_this_process_changes_the_job(
    app: FastAPI, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = a_job(store)
    # The poller alone would come too late.
    app.state.resources.changes._poll_seconds = 3600.0
    waits = note_waits(app.state.resources.changes, 2)

    async def scenario() -> Any:
        async with serving(app) as client:
            paths = [f"/v1/jobs/{job_id}?wait=60"] * 2
            held = [asyncio.create_task(client.get(path)) for path in paths]
            await waits.wait()
            await client.post(f"/v1/jobs/{job_id}/cancel")
            return await asyncio.wait_for(asyncio.gather(*held), 10)

    answers = asyncio.run(scenario())

    assert [answer.json()["state"] for answer in answers] == ["cancelled", "cancelled"]


def test_wait_that_sees_no_change_answers_when_its_time_is_up(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.running)

    answer = client.get(f"/v1/jobs/{job_id}?wait=0.05")

    assert answer.json()["state"] == "running"


def test_wait_for_a_finished_job_is_answered_at_once(
    app: FastAPI, client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.succeeded)
    waits = note_waits(app.state.resources.changes, 1)

    answer = client.get(f"/v1/jobs/{job_id}?wait=60")

    assert answer.json()["state"] == "succeeded"
    assert not waits.is_set()


def test_wait_is_not_ended_by_a_renewal_that_changes_nothing(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    changes: Changes = app.state.resources.changes
    changes._poll_seconds = 0.01

    async def scenario() -> Change | None:
        poller = asyncio.create_task(changes.run())
        version = await asyncio.to_thread(_version, changes, job_id)
        with store.transaction() as session:
            renew_lease(session, fence, lease_seconds=30)
        changes.nudge()
        found = await changes.wait(job_id, lambda change: change.version != version, seconds=0.2)
        poller.cancel()
        return found

    assert asyncio.run(scenario()) is None


def _version(changes: Changes, job_id: str) -> int:
    return changes._read([job_id])[job_id].version


def test_five_hundred_waiters_cost_one_query_a_look_and_no_threads(
    app: FastAPI, store: Database
) -> None:
    job_id = a_job(store, state=JobState.running)
    changes: Changes = app.state.resources.changes
    looks: list[int] = []
    read = changes._read

    def noted(job_ids: Collection[str]) -> dict[str, Change]:
        looks.append(len(job_ids))
        return read(job_ids)

    changes._read = noted
    waits = note_waits(changes, 500)

    async def scenario() -> tuple[list[Any], int, int]:
        async with serving(app) as client:
            path = f"/v1/jobs/{job_id}?wait=60"
            held = [asyncio.create_task(client.get(path)) for _ in range(500)]
            await waits.wait()
            threads = threading.active_count()
            # What is held for the others does not keep a newcomer waiting.
            alive = await asyncio.wait_for(client.get("/healthz"), 5)
            await client.post(f"/v1/jobs/{job_id}/cancel")
            answers = await asyncio.wait_for(asyncio.gather(*held), 60)
            return answers, threads, alive.status_code

    answers, threads, alive = asyncio.run(scenario())

    assert {answer.json()["requested"] for answer in answers} == {"cancel"}
    assert alive == 200
    assert threads < 60
    assert set(looks) == {1}
    assert len(looks) < 100
    assert changes.waiting == 0


def test_poller_asks_nothing_while_nobody_waits(app: FastAPI, store: Database) -> None:
    job_id = a_job(store)
    app.state.resources.changes._poll_seconds = 0.001

    async def scenario() -> int:
        async with serving(app) as client:
            await client.get(f"/v1/jobs/{job_id}?wait=0.05")
            with counted_statements(store) as statements:
                # That nothing happens cannot be awaited: this is time for a hundred looks.
                await asyncio.sleep(0.1)
            return len(statements)

    # One look may have been under way.
    assert asyncio.run(scenario()) <= 1


def test_poller_outlives_errors_of_the_database(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(changes_module, "RETRY_SECONDS", 0.01)
    outcomes: list[Any] = [OSError("gone"), ValueError("broken"), Change(2, 1, is_finished=False)]

    def read(job_ids: Collection[str]) -> dict[str, Change]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return dict.fromkeys(job_ids, outcome)

    async def scenario() -> Change | None:
        changes = Changes(read)
        poller = asyncio.create_task(changes.run())
        found = await changes.wait("job_1", lambda change: change.version == 2, seconds=10)
        poller.cancel()
        return found

    found = asyncio.run(scenario())

    assert found == Change(2, 1, is_finished=False)
    assert caplog.text.count("looking for changes failed") == 2


def test_stop_sends_all_waiters_home() -> None:
    async def scenario() -> list[Change | None]:
        changes = Changes(lambda _: {})
        held = [
            asyncio.create_task(changes.wait("job_1", lambda _: False, seconds=60))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        changes.stop()
        late = await changes.wait("job_1", lambda _: False, seconds=60)
        return [*await asyncio.wait_for(asyncio.gather(*held), 5), late]

    assert asyncio.run(scenario()) == [None, None, None, None]


# The event stream


def _parse(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """The events of a stream: number, kind, data."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def test_stream_tells_all_that_happened_and_ends_with_the_job(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1, score=0.5)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    answer = client.get(f"/v1/jobs/{job_id}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = _parse(answer.text)
    assert [number for number, _, _ in events] == [1, 2, 3, 4, 5, 6]
    assert [kind for _, kind, _ in events] == [
        "job.queued",
        "job.started",
        "trial.started",
        "trial.finished",
        "best.changed",
        "job.finished",
    ]
    assert events[4][2] | {"created_at": "…"} == {"trial": 1, "score": 0.5, "created_at": "…"}
    assert events[4][2]["created_at"].endswith("Z")


def test_stream_resumes_after_the_last_event_that_was_seen(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.succeeded)

    answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "2"})

    assert [kind for _, kind, _ in _parse(answer.text)] == ["job.finished"]


def test_stream_that_was_seen_to_its_end_tells_a_browser_not_to_come_back(
    client: TestClient, store: Database
) -> None:
    job_id = a_job(store, state=JobState.succeeded)

    answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "3"})

    assert (answer.status_code, answer.content) == (204, b"")


def test_stream_is_longer_than_one_read_of_it(
    client: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "EVENTS_PER_READ", 2)
    job_id = a_job(store, state=JobState.succeeded)

    answer = client.get(f"/v1/jobs/{job_id}/events")

    assert [number for number, _, _ in _parse(answer.text)] == [1, 2, 3]


def test_stream_follows_a_job_and_keeps_the_connection_alive(
    app: FastAPI, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "KEEP_ALIVE_SECONDS", 0.01)
    job_id = a_job(store)
    waits = note_waits(app.state.resources.changes, 3)

    async def scenario() -> Any:
        async with serving(app) as client:
            followed = asyncio.create_task(client.get(f"/v1/jobs/{job_id}/events"))
            await waits.wait()
            await client.post(f"/v1/jobs/{job_id}/cancel")
            return await asyncio.wait_for(followed, 10)

    answer = asyncio.run(scenario())

    assert ": keep-alive\n\n" in answer.text
    assert [kind for _, kind, _ in _parse(answer.text)] == ["job.queued", "job.finished"]


@pytest.mark.parametrize("value", ["-1", "last", "1e3", str(10**20)])
def test_wrong_last_event_id_is_refused(client: TestClient, store: Database, value: str) -> None:
    job_id = a_job(store)

    answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": value})

    assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")
