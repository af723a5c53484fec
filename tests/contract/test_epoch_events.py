"""Events of epochs go a while after their job's end; all else stays, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from lowloss.results import JobState
from service.store import events
from service.store.database import Database
from service.store.events import EventKind, list_events, list_job_events, thin_events
from service.store.queue import Fence, finish_job
from service.store.schema import EventRow, JobRow
from service.store.trials import list_curves, record_epochs
from tests.builders.store import a_claim, a_curve, a_job, a_trial
from worker.supervisor import collector
from worker.supervisor.collector import Collector

EPOCHS = 25


def a_job_with_epochs(database: Database) -> Fence:
    """A running job of one trial that has written an event an epoch."""
    a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    a_trial(database, fence, 2)
    with database.transaction() as session:
        for epochs in range(1, EPOCHS + 1):
            record_epochs(session, fence, {1: a_curve(epochs)})
    return fence


def finish(database: Database, fence: Fence, *, hours_ago: float) -> None:
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    with database.transaction() as session:
        job = session.get_one(JobRow, fence.job_id)
        assert job.finished_at is not None
        job.finished_at -= timedelta(hours=hours_ago)


def list_numbers(database: Database, job_id: str) -> dict[int, str]:
    with database.reading() as session:
        return {e.number: e.kind for e in list_events(session, job_id, after=0, limit=999)}


def test_epochs_go_an_hour_after_the_end_and_all_else_keeps_its_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "TURN_SECONDS", 600.0)
    monkeypatch.setattr(events, "THIN_EVENTS", 10)
    ended, recent = a_job_with_epochs(database), a_job_with_epochs(database)
    running = a_job_with_epochs(database)
    finish(database, ended, hours_ago=1.1)
    finish(database, recent, hours_ago=0.9)
    before = {fence: list_numbers(database, fence.job_id) for fence in (ended, recent, running)}

    Collector(database).collect()

    after = {fence: list_numbers(database, fence.job_id) for fence in (ended, recent, running)}
    assert list(before[ended].values()).count(EventKind.trial_epoch) == EPOCHS
    assert after[ended] == {
        number: kind for number, kind in before[ended].items() if kind != EventKind.trial_epoch
    }
    assert (after[recent], after[running]) == (before[recent], before[running])
    with database.reading() as session:
        assert len(list_curves(session, ended.job_id)[1].val_loss) == EPOCHS
        assert list_job_events(session, ended.job_id, limit=1)[0].kind == EventKind.job_finished
        count = session.scalar(select(func.count()).where(EventRow.job_id == ended.job_id))
    assert count == len(after[ended])


def test_a_job_is_thinned_in_small_steps_and_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "THIN_EVENTS", 10)
    fence = a_job_with_epochs(database)
    finish(database, fence, hours_ago=2)
    counts, is_more = [], True

    while is_more:
        with database.transaction() as session:
            is_more = thin_events(session)
        counts.append(list(list_numbers(database, fence.job_id).values()).count("epoch"))

    assert counts == [15, 5, 0, 0]
