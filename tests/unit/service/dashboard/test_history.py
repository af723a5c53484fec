"""What happened to a job is told in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Event, JobState
from service.dashboard.history import describe_event
from service.store.database import Database
from service.store.events import EventKind, list_job_events
from service.store.jobs import record_outcome
from service.store.queue import finish_job, release_job
from service.store.requests import cancel_job
from tests.builders.store import a_claim, a_job, a_trial


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (EventKind.job_queued, {}, "queued"),
        (EventKind.job_started, {"attempt": 2}, "a worker took it (attempt 2)"),
        (EventKind.job_phase, {"phase": "export"}, "phase: export"),
        (
            EventKind.job_phase,
            {"phase": "reproduce", "within": "diagnosis"},
            "phase of the diagnosis: reproduce",
        ),
        (EventKind.job_requested, {"requested": "cancel"}, "cancel requested"),
        (EventKind.job_priority, {"priority": -5}, "priority set to -5"),
        (
            EventKind.job_retried,
            {"attempt": 1, "outcome": "lease_expired"},
            "attempt 1 lost its worker",
        ),
        (EventKind.job_finished, {"state": "succeeded", "reason": None}, "succeeded"),
        (
            EventKind.job_finished,
            {"state": "succeeded", "reason": "search_space_exhausted"},
            "succeeded: the search tried every setting of its space",
        ),
        (
            EventKind.job_finished,
            {"state": "failed", "reason": "too_many_crashes"},
            "failed: too many crashes",
        ),
        (
            EventKind.model_ready,
            {"trial": 3},
            "a model, the network of trial 3, can be downloaded, and predicts",
        ),
        (EventKind.model_ready, {"trial": None}, "its model can be downloaded, and predicts"),
        (EventKind.best_changed, {"trial": 3, "score": 0.25}, "trial 3 is the best so far: 0.25"),
        (
            EventKind.best_changed,
            {"trial": 3, "previous": 1, "reason": "confirmation"},
            "more seeds chose trial 3, not 1",
        ),
    ],
)
def test_event_has_words(kind: EventKind, data: dict[str, Any], words: str) -> None:
    event = Event(number=1, kind=kind, data=data, created_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert describe_event(event) == words


def test_all_that_the_store_records_has_words(client: TestClient, store: Database) -> None:
    job_id = a_job(store)
    first = a_claim(store).fence
    with store.transaction() as session:
        release_job(session, first)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        record_outcome(session, fence, phase="search", threads=2)
        record_outcome(session, fence, phase=None, open_trials=8)
        record_outcome(session, fence, phase="check", within="diagnosis")
        cancel_job(session, job_id)
        finish_job(session, fence, state=JobState.cancelled)

    page = client.get(f"/jobs/{job_id}/history").text

    for words in (
        "Queued",
        "A worker took it (attempt 2)",
        "Phase: search",
        "Phase of the diagnosis: check",
    ):
        assert words in page
    with store.reading() as session:
        kinds = {event.kind for event in list_job_events(session, job_id, limit=100)}
    assert "trial.finished" not in kinds
    assert page.count("<tr>") == 1 + 9


def test_job_says_what_it_used(client: TestClient, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        rows = {"train": 6_000, "validation": 2_000, "test": 2_000}
        record_outcome(session, fence, phase="search", threads=2, open_trials=8, rows=rows)

    page = client.get(f"/jobs/{job_id}").text

    for name, value in [("train rows", "6,000"), ("trials at a time", "up to 8")]:
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page


def test_equal_events_in_a_row_are_one_line(client: TestClient, store: Database) -> None:
    job_id = a_job(store)
    fence = a_claim(store).fence
    with store.transaction() as session:
        for phase in ("experiment", "experiment", "confirm", "experiment"):
            record_outcome(session, fence, phase=phase, within="diagnosis")

    page = client.get(f"/jobs/{job_id}/history").text

    assert page.count("Phase of the diagnosis: experiment") == 2
