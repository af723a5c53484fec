"""Commands for a job's results: its trials, the best trial, and files to download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lowloss.cli.errors import PlainErrors
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson, JobId
from lowloss.cli.rendering import results as render
from lowloss.cli.rendering.lists import show_trials
from lowloss.errors import LowlossError
from lowloss.results import Job, JobKind
from lowloss.wording import format_metric

app = typer.Typer(cls=PlainErrors)


@app.command()
def trials(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """List a job's trials."""
    job: Job = ctx.obj.job(job_id)
    if job.kind is JobKind.diagnosis:
        raise LowlossError(
            f"{job_id} is a diagnosis, which has no trials: lowloss diagnosis {job_id} shows it"
        )
    listed = list(ctx.obj.trials(job_id))
    print_json(listed) if as_json else show_trials(listed, job, out)


@app.command()
def best(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job's best trial: its hyperparameters and metrics."""
    job: Job = ctx.obj.job(job_id)
    if job.kind is JobKind.diagnosis:
        raise LowlossError(
            f"{job_id} is a diagnosis, which makes no model: lowloss diagnosis {job_id} shows it"
        )
    if job.best is None:
        raise LowlossError(f"{job_id}: no trial has completed yet (the job is {job.state})")
    if as_json:
        print_json(job.best)
        return
    out.print(render.hyperparameter_table(job.best.trial, job.best.hyperparameters))
    if job.outcome.test_metrics:
        render.show_scores(job, out)
    else:
        metrics = "  ".join(f"{k} {format_metric(v, k)}" for k, v in job.best.metrics.items())
        out.print(f"validation: {metrics}")
    render.show_insights(job, out)


@app.command()
def download(
    ctx: typer.Context,
    job_id: JobId,
    to: Annotated[Path, typer.Option("--to", "-o", help="A file or a folder.")] = Path(),
    artifact: Annotated[
        str | None, typer.Option(help="An artifact's name; the best model if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download the best model, also the best so far of a search that runs, or another artifact."""
    path = ctx.obj.download(job_id, to, artifact=artifact)
    typer.echo(json.dumps({"path": str(path)}) if as_json else str(path))
