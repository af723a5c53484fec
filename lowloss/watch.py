"""Shows a job as it runs."""

from __future__ import annotations

from rich.console import Console

from lowloss.client import Client
from lowloss.render import progress_bar
from lowloss.results import Job

REFRESH = {"trial.finished", "best.changed", "epoch", "job.phase", "job.finished", "job.started"}


def watch_job(client: Client, job_id: str, console: Console) -> Job:
    """Follow a job's events to its end, showing its progress; answers the finished job."""
    job, phase = client.job(job_id), "waiting"
    with progress_bar(console) as show:
        show(job, phase)
        if not job.state.is_finished:
            for event in client.follow(job_id):
                phase = event.data["phase"] if event.kind == "job.phase" else phase
                if event.kind in REFRESH:
                    job = client.job(job_id)
                    show(job, phase)
    return client.job(job_id)
