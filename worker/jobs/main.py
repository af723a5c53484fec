"""The child process: runs one job after another. Started ahead of a job by the supervisor.

It ends when its standard input closes.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from lowloss.errors import BytesMissing, JobFailed, LeaseLost, LowlossError, Problem
from lowloss.processes.logs import logging_about, set_up_logs
from lowloss.spec import DiagnosisSpec
from service.settings import Settings
from service.store.database import Database, is_out_of_space
from service.store.endings import find_cancel_reason
from service.store.jobs import get_job
from service.store.objects import BytesLost, LibraryMissing
from service.store.queue import Fence
from service.store.specs import find_kind
from worker.execution.executor import Executor, NoActorsError
from worker.execution.local import LocalExecutor
from worker.jobs.diagnosis_job import run_diagnosis_job
from worker.jobs.loading import JobResources
from worker.jobs.search_job import run_search_job
from worker.progress.channel import Channel
from worker.progress.protocol import Ended, Ending
from worker.progress.reporter import JobCancelled, JobSuspended, Reporter

log = logging.getLogger(__name__)

RECONNECT_SECONDS = 3.0
"""Ray asks a head that stands still for 40 s (2.60); with this, a child is silent for less than the
LOWLOSS_HANG_SECONDS after which its supervisor ends it."""
BYTES_LOST = (
    "the bytes with the SHA-256 {sha256} are not in the object store, or not as they were written "
    "(the worker's log names the object): upload the same table again, which writes them anew, and "
    "submit the job again"
)
NO_LIBRARY = (
    "bytes of the job are in an object store, and its worker cannot read that: install lowloss[s3] "
    "where the worker is, and submit the job again"
)
NO_ROOM = "the worker has no room for temporary files (TMPDIR)"


def main() -> None:
    """Take jobs from the supervisor until it goes."""
    # A terminal sends Ctrl-C to both: the supervisor decides what becomes of the job.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(Path(sys.argv[1]))
    settings = Settings()
    set_up_logs(settings.log_format, level=logging.INFO)
    database = Database(settings.url, blob_store=settings.blob_store)
    executor = make_executor(settings, channel)
    channel.count_cpu(lambda: executor.remote_cpu_seconds)
    resources = JobResources(settings.limits, executor, channel.folder)
    channel.ready()
    for fence in channel.jobs():
        with logging_about(job=fence.job_id, attempt=fence.attempt):
            ended = run_safely(database, fence, channel, resources)
            if ended.ending is Ending.cluster_lost:
                leave_cluster(channel, str(ended.error))
            channel.ended(ended)
            executor.release()


def make_executor(settings: Settings, channel: Channel) -> Executor:
    """Return where jobs train; wait for a cluster that is away, as long as it is.

    No job is claimed meanwhile. Later the supervisor hears what the cluster is waited for.
    """
    if settings.ray_address is None:
        return LocalExecutor(memory_bytes=settings.machine_bytes)
    # Ray is an extra: who trains on one machine has none.
    try:
        from worker.execution.ray.executor import RayExecutor
        from worker.execution.ray.needs import ActorNeeds
    except ModuleNotFoundError as error:
        raise LowlossError(f"LOWLOSS_RAY_ADDRESS needs lowloss[ray]: {error}") from error

    needs = ActorNeeds(
        settings.ray_cores, settings.ray_gpus, settings.ray_memory_bytes, settings.ray_resources
    )
    while True:
        try:
            executor = RayExecutor(
                settings.ray_address,
                needs,
                max_actors=settings.ray_actors,
                on_waiting=channel.wait_for,
                on_silence=channel.tell_silence,
                on_loss=partial(leave_cluster, channel),
            )
            channel.tell_cluster(executor.addresses)
            channel.wait_for(None)
            return executor
        except ConnectionError as error:
            log.warning("no job is claimed: %s (LOWLOSS_RAY_ADDRESS)", error)
            channel.wait_for(f"its Ray cluster: {error}")
            time.sleep(RECONNECT_SECONDS)


def leave_cluster(channel: Channel, error: str) -> NoReturn:
    """Say that the cluster is lost, and end this process, with or without a job."""
    log.warning("%s", error)
    channel.ended(Ended(Ending.cluster_lost, error=error))
    # Only a new process can connect anew. The job's thread may be in a call of Ray (2.60) that
    # returns only once the head answers, and is not waited for.
    os._exit(1)


def run_safely(
    database: Database, fence: Fence, channel: Channel, resources: JobResources
) -> Ended:
    """Run a job; every way in which it can end becomes an Ended."""
    try:
        return run_job(database, fence, channel, resources)
    except LeaseLost:
        return Ended(Ending.lease_lost)
    except JobFailed as failure:
        return Ended(Ending.failed, reason=failure.reason, error=str(failure))
    except Problem as problem:
        return Ended(Ending.failed, reason=problem.code, error=str(problem))
    except Exception as error:
        return end_of_error(error, resources.executor)


def end_of_error(error: Exception, executor: Executor) -> Ended:
    """Return how an error that nobody expected ends a job, and whose fault it was."""
    if isinstance(error, NoActorsError):
        return Ended(Ending.cluster_full, error=str(error))
    if (loss := executor.explain_loss(error)) is not None:
        return Ended(Ending.cluster_lost, error=f"{loss}: {error}")
    if isinstance(error, BytesLost):
        # Where the store is, is for its operator; the project reads the job's error.
        log.error("%s", error)
        return Ended(
            Ending.failed, reason=BytesMissing.code, error=BYTES_LOST.format(sha256=error.sha256)
        )
    if isinstance(error, LibraryMissing):
        log.error("%s", error)
        return Ended(Ending.failed, reason="s3_extra_missing", error=NO_LIBRARY)
    if is_out_of_space(error):
        return Ended(Ending.disk_full, error=f"{NO_ROOM}: {error}")
    return Ended(Ending.crashed, error="".join(traceback.format_exception(error)))


def run_job(database: Database, fence: Fence, channel: Channel, resources: JobResources) -> Ended:
    """Run a claimed job of either kind, and return how it ended."""
    reporter = Reporter(database, fence, channel)
    spec = reporter.read(lambda session: get_job(session, fence.job_id)).spec
    # What a job abandoned may still write there.
    with tempfile.TemporaryDirectory(dir=channel.folder, ignore_cleanup_errors=True) as name:
        resources = replace(resources, folder=Path(name))
        resources.executor.request_actors(spec.needs.actors)
        try:
            if isinstance(spec, DiagnosisSpec):
                return run_diagnosis_job(spec, reporter, resources)
            return run_search_job(reporter, resources)
        except JobSuspended:
            return Ended(Ending(str(reporter.stop_cause)))
        except JobCancelled:
            return Ended(Ending.cancelled, reason=find_cancel_reason(find_kind(spec)))


if __name__ == "__main__":
    main()
