"""What is older than its project keeps goes, and its bytes come back, on each database."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from pathlib import Path

import pysqlite3.dbapi2
import pytest
from sqlalchemy import func, select, text

from lowloss.errors import DatasetNotFound, JobNotFound, LowlossError
from lowloss.results import JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT, Quotas, Task
from lowloss.wording import format_bytes
from service.maintenance import doctor
from service.maintenance.__main__ import REFUSED, main
from service.settings import Settings
from service.store.artifacts import get_artifact
from service.store.audit import list_entries
from service.store.blobs import read_blob
from service.store.database import Database
from service.store.datasets import get_dataset, record_upload
from service.store.jobs import get_job
from service.store.projects import create_project
from service.store.queue import claim_job, enqueue_job, finish_job
from service.store.quotas import set_quotas
from service.store.retention import delete_expired_dataset, delete_expired_job
from service.store.schema import BlobChunkRow, BlobRow, DatasetRow, JobRow
from service.store.space import SPARE_PAGES, compact, give_back_pages, measure_space
from tests.builders.store import (
    LEASE_SECONDS,
    a_blob,
    a_claim,
    a_dataset,
    a_job,
    a_job_of,
    a_spec,
    a_trial,
    an_artifact,
)
from worker.supervisor import collector
from worker.supervisor.collector import Collector

VISION, DAYS = "vision", 30
CHUNK = 1024**2


def keep_days(database: Database, project: str, days: int | None) -> None:
    with database.transaction() as session:
        set_quotas(session, project, Quotas(max_age_days=days))


def make_older(database: Database, row: type[JobRow | DatasetRow], id_: str, days: float) -> None:
    """Move all times of a job or a dataset into the past."""
    with database.transaction() as session:
        stored = session.get_one(row, id_)
        for name in ("created_at", "finished_at", "uploaded_at"):
            if getattr(stored, name, None) is not None:
                setattr(stored, name, getattr(stored, name) - timedelta(days=days))


def a_finished_job(database: Database, dataset: str, data: bytes, *, days: float = 0) -> str:
    """A job that ended some days ago, with a model of its own."""
    with database.reading() as session:
        project = session.get_one(DatasetRow, dataset).project
    job_id = a_job_of(database, a_spec(dataset), project=project)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, state=TrialState.completed)
    an_artifact(database, fence, data)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    make_older(database, JobRow, job_id, days)
    return job_id


def has(database: Database, row: type[JobRow | DatasetRow], id_: str) -> bool:
    with database.reading() as session:
        return session.get(row, id_) is not None


def collect_all(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an idle worker collect until nothing is left to do."""
    monkeypatch.setattr(collector, "TURN_SECONDS", 600.0)
    Collector(database).collect()


def forget_touches(database: Database) -> None:
    """Let an hour pass for all blobs."""
    with database.transaction() as session:
        for row in session.scalars(select(BlobRow)):
            row.touched_at -= timedelta(hours=2)


def test_only_what_is_older_than_its_own_project_keeps_is_deleted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        create_project(session, VISION)
    keep_days(database, VISION, DAYS)
    old, unused, fresh, foreign = (
        a_dataset(database, name.encode(), project=project)
        for name, project in [
            ("old", VISION),
            ("unused", VISION),
            ("fresh", VISION),
            ("old", DEFAULT_PROJECT),
        ]
    )
    expired = a_finished_job(database, old, b"1", days=DAYS + 0.1)
    recent = a_finished_job(database, fresh, b"2", days=DAYS - 0.1)
    other = a_finished_job(database, foreign, b"3", days=10 * DAYS)
    waiting = a_job_of(database, a_spec(fresh), project=VISION)
    make_older(database, JobRow, waiting, 10 * DAYS)
    for dataset in (old, unused, fresh, foreign):
        make_older(database, DatasetRow, dataset, DAYS + 1)

    collect_all(database, monkeypatch)

    assert [has(database, JobRow, job) for job in (expired, recent, other, waiting)] == [
        *(False, True, True, True)
    ]
    assert [has(database, DatasetRow, d) for d in (old, unused, fresh, foreign)] == [
        *(False, False, True, True)
    ]
    with database.reading() as session:
        entries = list_entries(session, project=VISION, cursor=None, limit=9).items
    assert {(e.name, e.method, e.path) for e in entries} == {
        ("retention", "DELETE", f"/v1/jobs/{expired}"),
        ("retention", "DELETE", f"/v1/datasets/{old}"),
        ("retention", "DELETE", f"/v1/datasets/{unused}"),
    }


def test_nothing_is_deleted_where_no_project_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(database)
    job = a_finished_job(database, dataset, b"1", days=5000)
    make_older(database, DatasetRow, dataset, 5000)
    keep_days(database, DEFAULT_PROJECT, 10)
    keep_days(database, DEFAULT_PROJECT, None)

    collect_all(database, monkeypatch)

    assert has(database, JobRow, job)
    assert has(database, DatasetRow, dataset)


def test_dataset_that_was_uploaded_again_is_young(database: Database) -> None:
    keep_days(database, DEFAULT_PROJECT, DAYS)
    dataset = a_dataset(database)
    make_older(database, DatasetRow, dataset, DAYS + 1)
    with database.transaction() as session:
        record_upload(session, dataset, "")

    with database.transaction() as session:
        assert delete_expired_dataset(session) is None

    make_older(database, DatasetRow, dataset, DAYS + 1)
    with database.transaction() as session:
        assert delete_expired_dataset(session) == dataset
    with database.reading() as session, pytest.raises(DatasetNotFound):
        get_dataset(session, dataset)


def test_job_that_another_one_learns_from_stays_and_stops_no_other(database: Database) -> None:
    keep_days(database, DEFAULT_PROJECT, DAYS)
    dataset = a_dataset(database)
    teacher = a_finished_job(database, dataset, b"1", days=DAYS + 2)
    other = a_finished_job(database, dataset, b"2", days=DAYS + 1)
    learner = a_job(database, warm_start_from=[teacher])

    deleted = []
    for _ in range(3):
        with database.transaction() as session:
            deleted.append(delete_expired_job(session))

    assert deleted == [other, None, None]
    with database.transaction() as session:
        fence = claim_job(session, "worker", lease_seconds=LEASE_SECONDS)
        assert fence is not None
        finish_job(session, fence.fence, state=JobState.cancelled)
    with database.transaction() as session:
        assert delete_expired_job(session) == teacher
    with database.reading() as session, pytest.raises(JobNotFound):
        get_job(session, teacher)
    assert has(database, JobRow, learner)


def run_jobs(database: Database, dataset: str, made: dict[str, bytes], number: int) -> None:
    """Submit, claim and finish jobs with models, as servers and workers do at once."""
    rng = random.Random(number)
    for _ in range(5):
        with database.transaction() as session:
            spec = a_spec(dataset)
            enqueue_job(
                session, spec, project=DEFAULT_PROJECT, task=Task.regression, max_attempts=3
            )
            claim = claim_job(session, f"worker-{number}", lease_seconds=LEASE_SECONDS)
        assert claim is not None
        data = rng.randbytes(CHUNK + 17)
        an_artifact(database, claim.fence, data)
        with database.transaction() as session:
            finish_job(session, claim.fence, state=JobState.succeeded)
        made[claim.fence.job_id] = data


def measure_disk(database: Database) -> int:
    """The bytes of the database on disk: SQLite's file, or the tables after an (auto)vacuum."""
    if database.is_sqlite:
        return Path(database.url.database or "").stat().st_size
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM blob_chunks"))
        size = connection.scalar(text("SELECT pg_total_relation_size('blob_chunks')"))
    return int(size or 0)


def check_all_is_whole(database: Database, models: dict[str, bytes]) -> None:
    """These jobs are there, with their models, and no byte that nothing needs."""
    with database.reading() as session:
        jobs = set(session.scalars(select(JobRow.id)))
        digests = {job: get_artifact(session, job, "model.keras").sha256 for job in models}
        stored = session.scalar(select(func.sum(func.length(BlobChunkRow.data))))
        needed = session.scalar(select(func.sum(BlobRow.size_bytes)))
        blobs = set(session.scalars(select(BlobRow.sha256)))
        (table,) = session.scalars(select(DatasetRow.sha256))
    assert jobs == set(models)
    for job, data in models.items():
        assert b"".join(read_blob(database, digests[job])) == data
    assert blobs == {table, *digests.values()}
    assert stored == needed


def test_deletion_under_load_loses_nothing_else_and_the_bytes_come_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, rng = a_dataset(database), random.Random(0)
    old = [
        a_finished_job(database, dataset, rng.randbytes(3 * CHUNK), days=DAYS + 1)
        for _ in range(10)
    ]
    recent_data = rng.randbytes(2 * CHUNK)
    made = {a_finished_job(database, dataset, recent_data): recent_data}
    shared = a_finished_job(database, dataset, recent_data, days=DAYS + 1)
    before = measure_disk(database)
    keep_days(database, DEFAULT_PROJECT, DAYS)
    threads = [
        threading.Thread(target=run_jobs, args=(database, dataset, made, number))
        for number in (1, 2)
    ]

    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        collect_all(database, monkeypatch)
    forget_touches(database)
    collect_all(database, monkeypatch)

    after = measure_disk(database)
    print(f"{database.engine.dialect.name}: {before:,} bytes before, {after:,} after")  # noqa: T201
    check_all_is_whole(database, made)
    assert len(made) == 11
    assert not {*old, shared} & set(made)
    if database.is_sqlite:
        assert after < before - 15 * CHUNK
        return
    # PostgreSQL keeps the file, whose end is in use, and writes the next rows into the gaps.
    a_blob(database, rng.randbytes(20 * CHUNK))
    assert measure_disk(database) < after + CHUNK


def test_worker_looks_again_after_a_minute_and_goes_on_where_there_is_more(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_days(sqlite_database, DEFAULT_PROJECT, DAYS)
    dataset = a_dataset(sqlite_database)
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.3
        return now

    worker = Collector(sqlite_database, clock=clock)
    worker.collect()
    jobs = [a_finished_job(sqlite_database, dataset, b"1", days=DAYS + 1) for _ in range(9)]

    def count() -> int:
        return sum(has(sqlite_database, JobRow, job) for job in jobs)

    worker.collect()
    assert count() == 9
    now += 61
    worker.collect()
    one_turn = 9 - count()
    assert 0 < one_turn < 5
    worker.collect()
    assert count() < 9 - one_turn


def test_collector_that_fails_says_so_and_goes_on_with_the_rest(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite_database.transaction() as session:
        session.execute(text("ALTER TABLE audit RENAME TO elsewhere"))
    keep_days(sqlite_database, DEFAULT_PROJECT, DAYS)
    job = a_finished_job(sqlite_database, a_dataset(sqlite_database), b"1", days=DAYS + 1)
    leftover = a_blob(sqlite_database, b"leftover")
    with sqlite_database.transaction() as session:
        session.get_one(BlobRow, leftover).touched_at -= timedelta(hours=2)

    Collector(sqlite_database).collect()

    assert "something is not collected for a while" in caplog.text
    with sqlite_database.reading() as session:
        assert session.get(BlobRow, leftover) is None
    # What cannot be told is not done.
    assert has(sqlite_database, JobRow, job)


def old_file(folder: Path, database: Database) -> str:
    """The file of a version that did not set `auto_vacuum`."""
    path = folder / "old.sqlite3"
    source = pysqlite3.dbapi2.connect(str(database.url.database), isolation_level=None)
    source.execute("PRAGMA auto_vacuum=NONE")
    source.execute(f"VACUUM INTO '{path}'")
    source.close()
    return f"sqlite:///{path}"


def a_file_with_free_pages(database: Database) -> None:
    a_dataset(database, random.Random(1).randbytes(20 * CHUNK))
    with database.transaction() as session:
        session.execute(text("DELETE FROM blob_chunks"))


def test_file_of_an_older_version_is_told_and_converted(
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "old").mkdir()
    url = old_file(tmp_path / "old", sqlite_database)
    database = Database(url)
    a_file_with_free_pages(database)
    settings = Settings(database_url=url, data_dir=tmp_path)
    check = {c.name: c for c in doctor.examine(settings)}["space"]
    assert check.verdict is doctor.Verdict.warning
    assert "lowloss vacuum" in check.fix
    assert give_back_pages(database) is False
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", url)
    with database.reading() as session:
        before = measure_space(session).total_bytes

    code = main(["vacuum"])

    after = Path(database.url.database or "").stat().st_size
    said = f"{format_bytes(before)} before, {format_bytes(after)} after\n"
    assert (code, capsys.readouterr().out) == (0, said)
    assert after < before - 15 * CHUNK
    assert {c.name: c for c in doctor.examine(settings)}["space"].verdict is doctor.Verdict.ok
    a_file_with_free_pages(database)
    while give_back_pages(database):
        pass
    assert Path(database.url.database or "").stat().st_size < after + (SPARE_PAGES + 512) * 4096
    database.close()


def test_space_is_that_of_the_database_on_disk(database: Database) -> None:
    a_dataset(database, random.Random(2).randbytes(CHUNK))

    with database.reading() as session:
        space = measure_space(session)

    assert space.total_bytes > CHUNK
    assert space.can_shrink
    assert (space.free_bytes is None) is not database.is_sqlite


def test_vacuum_says_why_it_does_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", url)
    if not database.is_sqlite:
        assert main(["vacuum"]) == REFUSED
        assert "autovacuum" in capsys.readouterr().err
        return
    with pytest.raises(LowlossError, match="there is no database"):
        compact(f"{url}.not")
    monkeypatch.setattr("service.store.backups.BUSY_TIMEOUT_MS", 50)
    with database.transaction() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(LowlossError, match="locked; stop server"):
            compact(url)
