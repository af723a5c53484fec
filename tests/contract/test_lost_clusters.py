"""Jobs that lose their cluster again and again: the same on every database."""

from __future__ import annotations

from lowloss.results import JobState
from service.store.crashes import MAX_IN_A_ROW
from service.store.database import Database
from service.store.schema import AttemptOutcome
from tests.builders.store import a_claim, a_job, a_trial
from tests.contract.test_checkpoints import a_running_trial, save, saved
from tests.contract.test_full_disks import end_without_failure, read, waits_of

LOST = AttemptOutcome.cluster_lost


def test_job_that_ends_its_cluster_each_time_waits_longer_and_fails(database: Database) -> None:
    job_id = a_job(database, max_attempts=1)

    waits = waits_of(database, MAX_IN_A_ROW - 1, LOST)
    waiting = read(database, job_id)
    waits_of(database, 1, LOST)

    assert waits == [1, 2, 4, 8, 16, 32, 64]
    assert (waiting.state, waiting.failures) == (JobState.queued, 0)
    job = read(database, job_id)
    assert (job.state, job.reason, job.failures) == (JobState.failed, "cluster_lost", 0)
    assert job.attempt == MAX_IN_A_ROW
    assert {error.outcome for error in job.errors} == {"cluster_lost"}
    assert job.errors[-1].error == "no room; this happened 8 times in a row: find some"


def test_lost_cluster_is_counted_anew_after_an_attempt_that_ended_a_trial(
    database: Database,
) -> None:
    job_id = a_job(database)
    waits_of(database, MAX_IN_A_ROW - 1, LOST)
    fence = a_claim(database).fence
    a_trial(database, fence, 1)

    end_without_failure(database, fence, LOST)

    assert read(database, job_id).state is JobState.queued
    assert waits_of(database, 2, LOST) == [2, 4]


def test_running_trial_keeps_its_checkpoint_where_the_cluster_is_lost(database: Database) -> None:
    fence = a_running_trial(database)
    save(database, fence, epochs=5)

    end_without_failure(database, fence, LOST)
    a_claim(database)

    assert saved(database, fence.job_id) == [(1, 0, 5)]


def test_full_disks_and_lost_clusters_are_counted_apart(database: Database) -> None:
    a_job(database)

    assert waits_of(database, 3, LOST) == [1, 2, 4]
    assert waits_of(database, 2) == [1, 2]
    assert waits_of(database, 1, LOST) == [1]
