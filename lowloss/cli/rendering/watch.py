"""Shows a job while it runs."""

from __future__ import annotations

import time

from rich.console import Console

from lowloss.cli.rendering.results import progress_bar
from lowloss.client.client import Client
from lowloss.results import Job, JobState
from lowloss.results.notes import describe_notes

REFRESH_SECONDS = 0.5
"""The time between two displays: a job has thousands of past events, which arrive at once."""


def watch_job(client: Client, job_id: str, console: Console) -> Job:
    """Follow a job's events to its end, show its progress, and return the finished job.

    What it waits for, why it is tried again and the like is printed as it comes up.
    """
    job, phase, shown_notes = client.job(job_id), "", set[str]()

    def show_notes(job: Job) -> None:
        for note in describe_notes(job):
            if note not in shown_notes:
                shown_notes.add(note)
                console.print(note, soft_wrap=True)

    with progress_bar(console) as show:
        show(job, _find_stage(job, phase))
        show_notes(job)
        if job.state.is_finished:
            return job
        shown_at = time.monotonic()
        for event in client.follow(job_id):
            phase = event.data["phase"] if event.kind == "job.phase" else phase
            if time.monotonic() - shown_at >= REFRESH_SECONDS:
                job, shown_at = client.job(job_id), time.monotonic()
                show(job, _find_stage(job, phase))
                show_notes(job)
        job = client.job(job_id)
        show(job, _find_stage(job, phase))
    return job


def _find_stage(job: Job, phase: str) -> str:
    """Return a running job's phase, or the one within it that was last told of; else its state."""
    return (phase or job.phase or job.state) if job.state is JobState.running else job.state
