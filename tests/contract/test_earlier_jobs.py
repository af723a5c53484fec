"""Jobs that learn from others, and jobs that wait more or less urgently: on every database."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import StateConflict
from lowloss.results import JobState, TrialState
from service.store.database import Database
from service.store.earlier_jobs import EarlierJob, list_earlier_jobs
from service.store.events import list_events
from service.store.jobs import get_job
from service.store.queue import finish_job
from service.store.requests import set_priority
from tests.builders.store import a_claim, a_job, a_trial


def a_finished_job(database: Database, *scores: float | None, **given: Any) -> str:
    """A job of completed trials, diverged ones where there is no score."""
    job_id = a_job(database, **given)
    fence = a_claim(database).fence
    for number, score in enumerate(scores, start=1):
        state = TrialState.diverged if score is None else TrialState.completed
        a_trial(database, fence, number, state=state, score=score)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def earlier(database: Database, *job_ids: str) -> list[EarlierJob]:
    with database.reading() as session:
        return list(list_earlier_jobs(session, job_ids))


def prioritise(database: Database, job_id: str, priority: int) -> None:
    with database.transaction() as session:
        set_priority(session, job_id, priority)


def test_earlier_job_comes_with_its_finished_trials(database: Database) -> None:
    job_id = a_finished_job(database, 0.5, None, 0.3, seed=7)

    (job,) = earlier(database, job_id)

    assert job.spec.seed == 7
    assert [(trial.number, trial.score) for trial in job.trials] == [(1, 0.5), (2, None), (3, 0.3)]


def test_what_an_earlier_job_learned_from_comes_after_it(database: Database) -> None:
    first = a_finished_job(database, 0.5, seed=1)
    second = a_finished_job(database, 0.4, seed=2, warm_start_from=(first,))
    third = a_finished_job(database, 0.3, seed=3, warm_start_from=(second, first))

    seeds = [job.spec.seed for job in earlier(database, third, second)]

    assert seeds == [3, 2, 1]


def test_job_that_does_not_exist_is_left_out(database: Database) -> None:
    assert earlier(database, "job_nowhere") == []


def test_claims_follow_a_priority_that_was_changed(database: Database) -> None:
    first, second = a_job(database), a_job(database)

    prioritise(database, second, 5)

    with database.reading() as session:
        assert get_job(session, second).spec.priority == 5
        kinds = [e.kind for e in list_events(session, second, after=0, limit=9)]
    assert kinds == ["job.queued", "job.priority"]
    assert [a_claim(database).fence.job_id for _ in range(2)] == [second, first]


@pytest.mark.parametrize(
    "state", [JobState.running, JobState.succeeded, JobState.failed, JobState.cancelled]
)
def test_job_that_does_not_wait_keeps_its_priority(database: Database, state: JobState) -> None:
    job_id = a_job(database, state=state)

    with pytest.raises(StateConflict, match=state.value):
        prioritise(database, job_id, 5)


def test_paused_job_may_be_made_urgent(database: Database) -> None:
    job_id = a_job(database, state=JobState.paused)

    prioritise(database, job_id, -3)

    with database.reading() as session:
        assert get_job(session, job_id).spec.priority == -3
