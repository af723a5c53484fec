"""Jobs as users see them, their events and answers: the same on every database."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, update

from lowloss.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
)
from lowloss.results import JobSort, JobState, TrialState
from lowloss.results.predictions import PredictionSummary
from lowloss.spec import DEFAULT_PROJECT
from service.store.database import Database
from service.store.events import list_events
from service.store.idempotency import find_response, save_response
from service.store.jobs import (
    get_job,
    list_jobs,
    read_changes,
    record_outcome,
)
from service.store.schema import JobRow
from service.store.totals import read_measures
from tests.builders.store import a_claim, a_job, a_trial, expire_lease


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_job_takes_at_most_two_statements_to_read(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    expire_lease(database, job_id)
    a_claim(database)

    with counted_statements(database) as seen, database.reading() as session:
        job = get_job(session, job_id)

    assert job.errors
    assert len([s for s in seen if not s.startswith("BEGIN")]) == 2


def test_jobs_are_listed_newest_first_in_pages_and_by_state(database: Database) -> None:
    jobs = [a_job(database) for _ in range(5)]
    a_claim(database)

    with database.reading() as session:
        first = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=None, limit=2)
        second = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=first.next, limit=2)
        third = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=second.next, limit=2)
        running = list_jobs(session, DEFAULT_PROJECT, state=JobState.running, cursor=None, limit=9)
        counts = read_measures(session).jobs

    listed = [job.id for page in (first, second, third) for job in page.items]
    assert listed == jobs[::-1]
    assert third.next is None
    assert [job.id for job in running.items] == [jobs[0]]
    assert (counts[JobState.queued], counts[JobState.running]) == (4, 1)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (JobSort.newest, ["", "b", "a", "", "c"]),
        (JobSort.oldest, ["c", "", "a", "b", ""]),
        (JobSort.name, ["", "", "a", "b", "c"]),
    ],
)
def test_jobs_are_listed_in_the_order_that_was_chosen(
    database: Database, sort: JobSort, expected: list[str]
) -> None:
    for name in ("c", "", "a", "b", ""):
        a_job(database, name=name)

    names, cursor = [], None
    for _ in range(3):
        with database.reading() as session:
            page = list_jobs(
                session, DEFAULT_PROJECT, state=None, sort=sort, cursor=cursor, limit=2
            )
        names += [job.name for job in page.items]
        cursor = page.next

    assert cursor is None
    assert names == expected


def test_lists_lack_what_only_one_page_shows(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.transaction() as session:
        summary = PredictionSummary(pairs=((1.0, 2.0),)).model_dump()
        record_outcome(session, fence, phase=None, test_predictions=summary, threads=2)

    with database.reading() as session:
        one = get_job(session, job_id).outcome
        (listed,) = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=None, limit=2).items

    assert one.test_predictions is not None
    assert (listed.outcome.test_predictions, listed.outcome.threads) == (None, 2)


def test_cursor_of_another_order_is_refused(database: Database) -> None:
    for _ in range(3):
        a_job(database)
    with database.reading() as session:
        newest = list_jobs(session, DEFAULT_PROJECT, state=None, cursor=None, limit=2).next

        with pytest.raises(InvalidRequest):
            list_jobs(
                session, DEFAULT_PROJECT, state=None, sort=JobSort.name, cursor=newest, limit=2
            )


def a_cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize("sort", JobSort)
@pytest.mark.parametrize(
    "cursor",
    [
        *("nonsense", "WzEsMl0=", "é", a_cursor("name up", "a", 7), a_cursor("name up", None, "x")),
        *(a_cursor("name up", "\ud800", "x"), a_cursor("name up", "a\0", "x")),
        *(a_cursor("created_at down", "yesterday", "x"), a_cursor("created_at down", "a", "x", 1)),
    ],
)
def test_foreign_cursor_is_refused(database: Database, sort: JobSort, cursor: str) -> None:
    with database.reading() as session, pytest.raises(InvalidRequest) as caught:
        list_jobs(session, DEFAULT_PROJECT, state=None, sort=sort, cursor=cursor, limit=2)

    assert caught.value.field == "cursor"


def test_changes_rise_with_state_best_and_events(database: Database) -> None:
    job_id = a_job(database)

    def change() -> tuple[int, int]:
        with database.reading() as session:
            found = read_changes(session, [job_id, "job_unknown"])
        assert list(found) == [job_id]
        return found[job_id].version, found[job_id].events

    seen = [change()]
    fence = a_claim(database).fence
    seen.append(change())
    a_trial(database, fence, 1, score=0.5)
    seen.append(change())
    a_trial(database, fence, 2, score=0.9)
    worse = change()

    versions = [version for version, _ in seen]
    assert versions == sorted(set(versions))
    assert worse[0] == seen[-1][0]
    assert worse[1] > seen[-1][1]


def test_time_left_is_what_the_nearest_limit_leaves(database: Database) -> None:
    budget = {
        "max_trials": 1_000,
        "max_seconds": None,
        "max_total_epochs": 4,
        "diagnosis_seconds": 20,
    }
    job_id = a_job(database, budget=budget)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)
    with database.transaction() as session:
        session.execute(update(JobRow).values(seconds=100.0))

    with database.reading() as session:
        progress = get_job(session, job_id).progress

    # One epoch of four took these 100 seconds, and the moment since the claim; the diagnosis comes
    # beside them.
    assert progress.epochs == 1
    assert progress.seconds_left == pytest.approx(3 * progress.seconds + 20, abs=0.1)


def test_outcome_accumulates_and_the_winner_becomes_the_best(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)
    a_trial(database, fence, 2, score=0.6)

    with database.transaction() as session:
        record_outcome(session, fence, phase="search", rows={"train": 6})
        record_outcome(session, fence, phase=None, winner=2, test_metrics={"rmse": 3.0})

    with database.reading() as session:
        job = get_job(session, job_id)
    assert job.outcome.rows == {"train": 6}
    assert job.best is not None
    assert (job.best.trial, job.best.test_metrics) == (2, {"rmse": 3.0})


def test_idempotency_key_gives_the_first_answer_again(database: Database) -> None:
    with database.transaction() as session:
        assert find_response(session, DEFAULT_PROJECT, "key", request=b"a") is None
        save_response(session, DEFAULT_PROJECT, "key", request=b"a", response={"id": "job_1"})

    with database.reading() as session:
        assert find_response(session, DEFAULT_PROJECT, "key", request=b"a") == {"id": "job_1"}
        with pytest.raises(IdempotencyKeyReused):
            find_response(session, DEFAULT_PROJECT, "key", request=b"b")


def test_events_are_numbered_without_gaps_by_writers_at_once(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    numbers = range(1, 9)

    def write(number: int) -> None:
        a_trial(database, fence, number, state=TrialState.running)

    threads = [threading.Thread(target=write, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as session:
        events = list_events(session, job_id, after=0, limit=100)
        late = list_events(session, job_id, after=9, limit=100)
    assert [e.number for e in events] == list(range(1, 11))
    assert [e.number for e in late] == [10]
    assert {e.data["trial"] for e in events[2:]} == set(numbers)
