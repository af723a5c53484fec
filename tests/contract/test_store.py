"""Trials, blobs, datasets, artifacts, events and jobs as users see them: the same everywhere."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, select, update
from sqlalchemy.exc import IntegrityError, StatementError

from lowloss.errors import (
    ArtifactNotFound,
    BestModelNotReady,
    DatasetInUse,
    DatasetNotFound,
    IdempotencyKeyReused,
    InvalidRequest,
    JobNotFound,
    LeaseLost,
    TrialNotFound,
)
from lowloss.results import Curve, JobState, Requested, TrialState
from service.store.artifacts import (
    NewArtifact,
    add_artifact,
    get_artifact,
    get_best_model,
    list_artifacts,
)
from service.store.blobs import CHUNK_BYTES, hash_file, read_blob, reap_blobs, write_blob
from service.store.database import Database, utc_now
from service.store.datasets import delete_dataset, find_dataset, get_dataset, list_datasets
from service.store.events import list_events
from service.store.jobs import (
    count_jobs,
    find_answer,
    get_job,
    keep_answer,
    list_jobs,
    read_changes,
    record_outcome,
)
from service.store.queue import Fence, cancel_job, finish_job, release_job
from service.store.schema import BlobChunkRow, BlobRow, TrialRow
from service.store.trials import get_trial, list_trials, record_epochs, start_trial
from tests.factories import (
    a_blob,
    a_claim,
    a_dataset,
    a_job,
    a_trial,
    expire_lease,
    some_hyperparameters,
)


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


# Trials


def test_best_trial_follows_the_objective_downwards(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    for number, score in enumerate([0.5, 0.7, 0.3, 0.4], start=1):
        a_trial(database, fence, number, score=score)

    with database.reading() as session:
        best = get_job(session, job_id).best
    assert best is not None
    assert (best.trial, best.score) == (3, 0.3)


def test_best_trial_follows_the_objective_upwards(database: Database) -> None:
    job_id = a_job(database, objective="val_r2")
    fence = a_claim(database).fence

    for number, score in enumerate([0.5, 0.7, 0.3], start=1):
        a_trial(database, fence, number, score=score)

    with database.reading() as session:
        best = get_job(session, job_id).best
    assert best is not None
    assert best.trial == 2


@pytest.mark.parametrize("state", [TrialState.diverged, TrialState.failed])
def test_trial_without_a_score_is_never_the_best(database: Database, state: TrialState) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence

    a_trial(database, fence, 1, state=state)

    with database.reading() as session:
        job = get_job(session, job_id)
    assert job.best is None
    assert job.progress.trials_failed == 1


def test_curve_grows_while_the_trial_runs_and_tells_what_is_requested(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.running)
    with database.transaction() as session:
        cancel_job(session, job_id)

    for epochs in (2, 5):
        values = tuple(1.0 / e for e in range(1, epochs + 1))
        with database.transaction() as session:
            curve = Curve(loss=values, val_loss=values, penalised_loss=values)
            requested = record_epochs(session, fence, 1, curve)

    assert requested is Requested.cancel
    with database.reading() as session:
        trial = get_trial(session, job_id, 1)
    assert trial.epochs == 5
    assert trial.curve is not None
    assert trial.curve.val_loss == (1.0, 0.5, 1 / 3, 0.25, 0.2)


def test_trial_left_running_starts_over_under_the_next_attempt(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    a_trial(database, first, 1, state=TrialState.running)
    expire_lease(database, job_id)
    second = a_claim(database).fence

    a_trial(database, second, 1)

    with database.reading() as session:
        trials = list_trials(session, job_id).items
    assert [(t.number, t.state, t.attempt) for t in trials] == [(1, TrialState.completed, 2)]


def test_finished_trial_is_not_started_or_finished_again(database: Database) -> None:
    a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)

    with pytest.raises(ValueError, match="has ended"):
        a_trial(database, fence, 1)


def test_stale_worker_records_no_trial(database: Database) -> None:
    job_id = a_job(database)
    stale = a_claim(database).fence
    a_trial(database, stale, 1, state=TrialState.running)
    expire_lease(database, job_id)
    a_claim(database)

    with pytest.raises(LeaseLost), database.transaction() as session:
        record_epochs(session, stale, 1, Curve())
    with pytest.raises(LeaseLost), database.transaction() as session:
        start_trial(session, stale, 2, seed=0, hyperparameters=some_hyperparameters())

    with database.reading() as session:
        assert len(list_trials(session, job_id).items) == 1


def test_nan_never_reaches_the_database(database: Database) -> None:
    a_job(database)
    fence = a_claim(database).fence

    with pytest.raises((StatementError, ValueError), match="JSON compliant"):
        a_trial(database, fence, 1, score=float("nan"))


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "lost"},
        {"state": "running"},
        {"score": None},
        {"state": "diverged", "reason": "loss_not_finite"},
        {"state": "failed", "score": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_trial_that_cannot_be(
    database: Database, broken: dict[str, object]
) -> None:
    a_job(database)
    a_trial(database, a_claim(database).fence, 1)

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(update(TrialRow).values(**broken))


def test_trials_are_listed_in_pages(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    for number in range(1, 6):
        a_trial(database, fence, number)

    with database.reading() as session:
        first = list_trials(session, job_id, limit=3)
        rest = list_trials(session, job_id, after=int(first.next or 0), limit=3)

    assert [t.number for t in first.items] == [1, 2, 3]
    assert [t.number for t in rest.items] == [4, 5]
    assert rest.next is None


def test_unknown_trial_and_job_are_told_apart(database: Database) -> None:
    job_id = a_job(database)

    with database.reading() as session:
        with pytest.raises(TrialNotFound):
            get_trial(session, job_id, 1)
        with pytest.raises(JobNotFound):
            get_trial(session, "job_unknown", 1)
        with pytest.raises(JobNotFound):
            list_trials(session, "job_unknown")
        assert list_trials(session, job_id).items == ()


# Jobs


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
        first = list_jobs(session, state=None, cursor=None, limit=2)
        second = list_jobs(session, state=None, cursor=first.next, limit=2)
        third = list_jobs(session, state=None, cursor=second.next, limit=2)
        running = list_jobs(session, state=JobState.running, cursor=None, limit=9)
        counts = count_jobs(session)

    listed = [job.id for page in (first, second, third) for job in page.items]
    assert listed == jobs[::-1]
    assert third.next is None
    assert [job.id for job in running.items] == [jobs[0]]
    assert (counts[JobState.queued], counts[JobState.running]) == (4, 1)


@pytest.mark.parametrize("cursor", ["nonsense", "WzEsMl0=", "é"])
def test_foreign_cursor_is_refused(database: Database, cursor: str) -> None:
    with database.reading() as session, pytest.raises(InvalidRequest) as caught:
        list_jobs(session, state=None, cursor=cursor, limit=2)

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
        assert find_answer(session, "key", request=b"a") is None
        keep_answer(session, "key", request=b"a", answer={"id": "job_1"})

    with database.reading() as session:
        assert find_answer(session, "key", request=b"a") == {"id": "job_1"}
        with pytest.raises(IdempotencyKeyReused):
            find_answer(session, "key", request=b"b")


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


# Blobs


def test_blob_reads_back_whole_and_in_ranges(database: Database, tmp_path: Path) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"the end"
    path = tmp_path / "bytes"
    path.write_bytes(data)
    sha256 = hash_file(path)

    for _ in range(2):
        write_blob(database, path, sha256=sha256)

    assert sha256 == hashlib.sha256(data).hexdigest()
    assert b"".join(read_blob(database, sha256)) == data
    for start, stop in [(0, 1), (5, CHUNK_BYTES + 5), (2 * CHUNK_BYTES, len(data)), (7, 7)]:
        read = b"".join(read_blob(database, sha256, start=start, stop=stop))
        assert read == data[start:stop]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(BlobChunkRow)) == 3


def test_blob_is_written_whole_by_two_writers_at_once(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"x" * (CHUNK_BYTES * 20))
    sha256 = hash_file(path)
    threads = [
        threading.Thread(target=write_blob, args=(database, path), kwargs={"sha256": sha256})
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert b"".join(read_blob(database, sha256)) == path.read_bytes()


def test_only_old_leftovers_are_reaped(database: Database) -> None:
    kept = get_sha256(database, a_dataset(database, b"kept"))
    fresh = a_blob(database, b"fresh")
    old = a_blob(database, b"old" * CHUNK_BYTES * 30)
    with database.transaction() as session:
        session.execute(
            update(BlobRow).where(BlobRow.sha256.in_([kept, old])).values(touched_at=utc_now(-7200))
        )

    reaped = reap_blobs(database)

    assert reaped == 1
    assert b"".join(read_blob(database, kept)) == b"kept"
    assert b"".join(read_blob(database, fresh)) == b"fresh"
    assert b"".join(read_blob(database, old)) == b""


def get_sha256(database: Database, dataset: str) -> str:
    with database.reading() as session:
        return get_dataset(session, dataset).sha256


def test_dataset_of_a_reaped_blob_is_refused(database: Database) -> None:
    sha256 = a_blob(database, b"x")
    with database.transaction() as session:
        session.execute(delete(BlobChunkRow))

    with pytest.raises(RuntimeError, match="incomplete"):
        a_dataset(database, b"", sha256=sha256)


# Datasets


def test_equal_bytes_parsed_equally_are_one_dataset(database: Database) -> None:
    first = a_dataset(database, b"a", name="first")
    again = a_dataset(database, b"a", name="second")
    other = a_dataset(database, b"a", options={"delimiter": ";"})

    assert first == again != other
    with database.reading() as session:
        found = find_dataset(session, first)
        page = list_datasets(session, cursor=None, limit=10)
    assert found is not None
    assert found.name == "first"
    assert [c.name for c in found.profile] == ["x", "y"]
    assert {d.id for d in page.items} == {first, other}


def test_dataset_is_not_deleted_while_a_job_needs_it(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    with database.reading() as session:
        dataset = get_job(session, job_id).dataset
    with pytest.raises(DatasetInUse), database.transaction() as session:
        delete_dataset(session, dataset)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with database.transaction() as session:
        delete_dataset(session, dataset)

    with database.reading() as session:
        assert find_dataset(session, dataset) is None
        assert get_job(session, job_id).dataset == dataset
    with pytest.raises(DatasetNotFound), database.transaction() as session:
        delete_dataset(session, dataset)


# Artifacts


def an_artifact(database: Database, fence: Fence, data: bytes = b"model") -> None:
    new = NewArtifact("model.keras", "application/zip", a_blob(database, data), len(data))
    with database.transaction() as session:
        add_artifact(session, fence, new)


def test_artifact_is_visible_once_its_job_is_settled(database: Database) -> None:
    job_id = a_job(database)
    fence = a_claim(database).fence
    an_artifact(database, fence)
    with database.reading() as session:
        assert list_artifacts(session, job_id) == ()
        with pytest.raises(BestModelNotReady):
            get_best_model(session, job_id)

    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)

    with database.reading() as session:
        artifact = get_best_model(session, job_id)
        assert list_artifacts(session, job_id) == (artifact,)
        assert get_artifact(session, job_id, "model.keras") == artifact
        with pytest.raises(ArtifactNotFound):
            get_artifact(session, job_id, "other")
    assert b"".join(read_blob(database, artifact.sha256)) == b"model"


def test_artifact_of_an_earlier_attempt_is_replaced(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    an_artifact(database, first, b"first")
    with database.transaction() as session:
        release_job(session, first)
    second = a_claim(database).fence
    an_artifact(database, second, b"second")

    with database.transaction() as session:
        finish_job(session, second, state=JobState.succeeded)

    with database.reading() as session:
        artifact = get_best_model(session, job_id)
    assert b"".join(read_blob(database, artifact.sha256)) == b"second"


def test_artifact_that_only_an_earlier_attempt_made_stays_hidden(database: Database) -> None:
    job_id = a_job(database)
    first = a_claim(database).fence
    an_artifact(database, first)
    with database.transaction() as session:
        release_job(session, first)
    second = a_claim(database).fence

    with database.transaction() as session:
        finish_job(session, second, state=JobState.failed, reason="because")

    with database.reading() as session, pytest.raises(BestModelNotReady):
        get_best_model(session, job_id)


def test_stale_worker_adds_no_artifact(database: Database) -> None:
    job_id = a_job(database)
    stale = a_claim(database).fence
    expire_lease(database, job_id)
    a_claim(database)

    with pytest.raises(LeaseLost):
        an_artifact(database, stale)
