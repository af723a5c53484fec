"""When a job is to end, what is left out then, and who is listened to meanwhile."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from service.store.database import Database, Session
from service.store.objects import BytesLost, ObjectStoreAway
from service.store.queue import Fence
from service.store.requests import cancel_job, pause_job
from tests.builders.outages import QuietChannel, gone_away
from tests.builders.store import a_claim, a_job
from worker.execution import beside
from worker.progress import reporter as reporter_module
from worker.progress.channel import Channel
from worker.progress.reporter import JobCancelled, JobSuspended, Reporter, StopCause


class Clock:
    """Seconds that pass only where a test lets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Supervisor:
    """The other end of a channel, as far as a reporter sees it."""

    is_stopping = False
    must_finish = False

    def __init__(self) -> None:
        self.signs = 0

    def alive(self) -> None:
        self.signs += 1


class Job:
    """A claimed job, its reporter, and those whom that listens to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = a_job(database)
        self.fence: Fence = a_claim(database).fence
        self.clock, self.supervisor = Clock(), Supervisor()
        channel = cast("Channel", self.supervisor)
        self.reporter = Reporter(database, self.fence, channel, clock=self.clock)

    def cancel(self) -> None:
        with self.database.transaction() as session:
            cancel_job(session, self.id)

    def pause(self) -> None:
        with self.database.transaction() as session:
            pause_job(session, self.id)


@pytest.fixture
def job(sqlite_database: Database) -> Job:
    return Job(sqlite_database)


def test_cancel_is_heard_with_the_next_look_a_second_later(job: Job) -> None:
    assert job.reporter.should_continue()
    job.cancel()
    assert job.reporter.should_continue()

    job.clock.now += 1.0

    assert not job.reporter.should_continue()
    assert job.reporter.stop_cause is StopCause.cancel


def test_cancel_is_heard_with_the_next_phase(job: Job) -> None:
    job.cancel()

    job.reporter.phase("prepare")

    assert job.reporter.is_finishing
    with pytest.raises(JobCancelled):
        job.reporter.raise_if_cancelled()


def test_pause_ends_what_listens(job: Job) -> None:
    job.pause()

    with pytest.raises(JobSuspended):
        job.reporter.should_continue()
    assert not job.reporter.is_finishing


def test_job_that_its_supervisor_asks_to_finish_is_late(job: Job) -> None:
    job.supervisor.must_finish = True

    assert job.reporter.stop_cause is StopCause.time_limit
    assert job.reporter.is_finishing
    assert not job.reporter.should_continue()
    job.reporter.raise_if_cancelled()


def test_deadline_of_the_search_leaves_nothing_out(job: Job) -> None:
    job.reporter.set_deadline(10.0)

    job.clock.now = 11.0

    assert job.reporter.stop_cause is StopCause.time_limit
    assert job.reporter.should_continue()


def test_what_a_model_can_do_without_is_left_as_the_job_is_to_end(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "LISTEN_SECONDS", 0.01)
    is_over = threading.Event()

    def compute() -> str:
        job.supervisor.must_finish = True
        is_over.wait(20)
        return "computed"

    before = job.reporter.if_not_finishing(lambda: "computed")
    during = job.reporter.if_not_finishing(compute)
    is_over.set()

    assert (before, during) == ("computed", None)
    assert job.supervisor.signs > 2


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> QuietChannel:
    """A channel of a reporter that tries again at once."""
    monkeypatch.setattr(reporter_module, "WRITE_SECONDS", 0.01)
    return QuietChannel()


def a_reporter(database: Database, channel: QuietChannel) -> Reporter:
    a_job(database)
    return Reporter(database, a_claim(database).fence, cast("Channel", channel))


def test_wait_that_ends_with_an_error_is_over(
    sqlite_database: Database, channel: QuietChannel
) -> None:
    reporter = a_reporter(sqlite_database, channel)
    errors = iter([ObjectStoreAway("away"), BytesLost("s3://models/ab/1/000000")])

    def read(_session: Session) -> None:
        raise next(errors)

    with pytest.raises(BytesLost):
        reporter.read(read)

    assert channel.waits == ["the object store", None]


def test_wait_of_another_thread_goes_on_after_a_shorter_one(
    sqlite_database: Database, channel: QuietChannel
) -> None:
    reporter = a_reporter(sqlite_database, channel)
    is_back = threading.Event()
    errors = iter([gone_away()])

    def read_objects(_session: Session) -> None:
        if not is_back.is_set():
            raise ObjectStoreAway("away")

    def read_database(_session: Session) -> None:
        for error in errors:
            raise error

    thread = threading.Thread(target=reporter.read, args=[read_objects])
    thread.start()
    assert channel.has_waited.wait(20)
    reporter.read(read_database)
    meanwhile = list(channel.waits)
    is_back.set()
    thread.join()

    assert meanwhile == ["the object store", "the database", "the object store"]
    assert channel.waits == [*meanwhile, None]
