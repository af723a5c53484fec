"""The migrations make exactly the schema that the code was written for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lowloss.errors import JobNotFound, NotReady
from lowloss.results import JobKind, JobState, TrialState
from lowloss.spec import DEFAULT_PROJECT
from service.store.artifacts import get_artifact
from service.store.blobs import read_blob
from service.store.database import Database, alembic_config
from service.store.datasets import get_dataset
from service.store.idempotency import find_response, save_response
from service.store.jobs import get_job
from service.store.projects import create_project, owns_dataset, owns_job
from service.store.queue import finish_job, retry_job
from service.store.schema import AttemptOutcome
from service.store.trials import list_curves, list_trials
from tests.builders.store import (
    a_claim,
    a_diagnosis_job,
    a_job,
    a_trial,
    an_artifact,
    use_later_schema,
)
from tests.conftest import NewUrl

REVISIONS = [
    script.revision
    for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()
    if not script.is_head
]


def downgrade(database: Database, revision: str) -> None:
    """Take schema and data down to an earlier revision."""
    config = alembic_config()
    with database.engine.execution_options(rebuilds_tables=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_migrated_schema_is_the_one_in_the_code(database: Database) -> None:
    config = alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection

        command.check(config)  # raises where the two differ


def test_database_is_ready_only_with_the_newest_schema(database: Database) -> None:
    assert database.is_ready()
    downgrade(database, "base")
    assert not database.is_ready()

    database.migrate()

    assert database.is_ready()


def test_processes_that_start_at_once_migrate_once(database: Database) -> None:
    downgrade(database, "base")
    errors: list[Exception] = []

    def migrate() -> None:
        other = Database(database.url.render_as_string(hide_password=False))
        try:
            other.migrate()
        except Exception as error:
            errors.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert database.is_ready()


def test_there_is_one_newest_migration() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_jobs_of_an_older_schema_are_searches(database: Database) -> None:
    search, diagnosis = a_job(database), a_diagnosis_job(database)
    downgrade(database, "20261126_checkpoints")

    database.migrate()

    with database.reading() as session:
        assert get_job(session, search).kind is JobKind.search
        with pytest.raises(JobNotFound):
            get_job(session, diagnosis)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("UPDATE jobs SET kind = 'study'"))


def test_blobs_in_an_object_store_are_not_given_to_a_version_that_does_not_read_them(
    database: Database,
) -> None:
    a_job(database)
    with database.transaction() as session:
        session.execute(text("UPDATE blobs SET objects_url = 's3://bucket/blob'"))

    with pytest.raises(RuntimeError, match="1 blobs are in an object store"):
        downgrade(database, "20261224_lost_clusters")

    assert database.is_ready()


def test_jobs_keep_their_dataset_where_its_table_is_rebuilt(database: Database) -> None:
    job_id = a_job(database)
    downgrade(database, "20261124_program")

    database.migrate()

    with database.reading() as session:
        job = get_job(session, job_id)
        assert get_dataset(session, job.dataset).rows > 0
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("UPDATE datasets SET format = 'nonsense'"))
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("DELETE FROM blobs"))


@pytest.fixture(params=["sqlite", pytest.param("postgres_18", marks=pytest.mark.slow)])
def either_database(request: pytest.FixtureRequest, new_database_url: NewUrl) -> Iterator[Database]:
    opened = Database(new_database_url(request.param))
    yield opened
    opened.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_database_of_each_past_version_is_upgraded_with_its_data(
    either_database: Database, revision: str
) -> None:
    database, data = either_database, b"x,y\n1,2\n"
    job_id = a_job(database)
    fence = a_claim(database).fence
    a_trial(database, fence, 1, score=0.5)
    an_artifact(database, fence, data, name="model.onnx", media_type="application/vnd.onnx")
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    downgrade(database, revision)
    assert not database.is_ready()

    database.migrate()

    assert database.is_ready()
    with database.reading() as session:
        job, curves = get_job(session, job_id), list_curves(session, job_id)
        (trial,) = list_trials(session, job_id).items
        artifact = get_artifact(session, job_id, "model.onnx")
        assert get_dataset(session, job.dataset).rows > 0
    assert (job.state, job.best and job.best.score) == (JobState.succeeded, 0.5)
    assert (trial.state, curves[1].val_loss) == (TrialState.completed, (0.5,))
    assert b"".join(read_blob(database, artifact.sha256)) == data


def test_all_that_was_there_before_projects_is_of_the_default_one(database: Database) -> None:
    job_id = a_job(database)
    with database.transaction() as session:
        create_project(session, "vision")
        for project in (DEFAULT_PROJECT, "vision"):
            answer = {"of": project}
            save_response(session, project, "monday", request=b"r", response=answer)
    downgrade(database, "20261210_jobs_by_name")

    database.migrate()

    with database.reading() as session:
        dataset = get_job(session, job_id).dataset
        assert owns_job(session, DEFAULT_PROJECT, job_id)
        assert owns_dataset(session, DEFAULT_PROJECT, dataset)
        assert find_response(session, DEFAULT_PROJECT, "monday", request=b"r") == {"of": "default"}
        assert find_response(session, "vision", "monday", request=b"r") is None
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("UPDATE jobs SET project = 'nowhere'"))


def test_database_of_a_later_version_is_refused(sqlite_database: Database) -> None:
    use_later_schema(sqlite_database)

    with pytest.raises(NotReady, match="another version of lowloss"):
        sqlite_database.prepare()


def test_insights_of_before_are_read_under_their_new_name(database: Database) -> None:
    job_id = a_job(database)
    consumed = {"epochs": 1, "trial_seconds": 1.0, "rows": 1, "cpu_seconds": 1.0}
    config = alembic_config()
    with database.engine.execution_options(rebuilds_tables=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "20261126_diagnoses")
        outcome = json.dumps({"insights": {"near_best_after": 7, "consumed": consumed}})
        connection.execute(text("UPDATE jobs SET outcome = :outcome"), {"outcome": outcome})

    database.migrate()

    with database.reading() as session:
        insights = get_job(session, job_id).outcome.insights
    assert insights is not None
    assert insights.trials_to_near_best == 7


def test_process_that_starts_over_the_newest_schema_waits_for_no_writer(
    sqlite_database: Database,
) -> None:
    starting = Database(sqlite_database.url.render_as_string())

    with sqlite_database.transaction():
        # With the lock it would raise NotReady after the busy timeout.
        starting.prepare()

    assert starting.is_ready()
    starting.close()


def test_new_ends_of_attempts_have_names_that_an_older_version_has(database: Database) -> None:
    outcomes = (AttemptOutcome.out_of_time, AttemptOutcome.disk_full, AttemptOutcome.worker_died)
    for outcome in outcomes:
        a_job(database)
        fence = a_claim(database).fence
        with database.transaction() as session:
            retry_job(session, fence, error="", retry_seconds=600, outcome=outcome)
    config = alembic_config()

    with database.engine.execution_options(rebuilds_tables=True).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "20261205_crashes")
        older = connection.execute(text("SELECT outcome FROM attempts")).scalars().all()

    assert sorted(older) == ["crashed", "lease_expired", "stopped"]
    database.migrate()
    for broken in ("outcome = 'nonsense'", "outcome = NULL"):
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.execute(text(f"UPDATE attempts SET {broken}"))
