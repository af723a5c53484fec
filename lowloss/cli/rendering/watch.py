"""Shows a job as it runs."""

from __future__ import annotations

import time

from rich.console import Console

from lowloss.cli.rendering.results import progress_bar
from lowloss.client.client import Client
from lowloss.results import Job, JobState

REFRESH_SECONDS = 0.5
"""A job that is watched late has thousands of events, which arrive at once."""


def watch_job(client: Client, job_id: str, console: Console) -> Job:
    """Follow a job's events to its end, showing its progress; answers the finished job."""
    job, phase = client.job(job_id), ""
    with progress_bar(console) as show:
        show(job, _stage(job, phase))
        if job.state.is_finished:
            return job
        shown_at = time.monotonic()
        for event in client.follow(job_id):
            phase = event.data["phase"] if event.kind == "job.phase" else phase
            if time.monotonic() - shown_at >= REFRESH_SECONDS:
                job, shown_at = client.job(job_id), time.monotonic()
                show(job, _stage(job, phase))
        job = client.job(job_id)
        show(job, _stage(job, phase))
    return job


def _stage(job: Job, phase: str) -> str:
    """What a job does now: its phase where it runs, else its state."""
    return phase if job.state is JobState.running and phase else job.state
