"""Commands for jobs: submit, continue, follow, list, cancel, pause, resume, delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss.cli.builtin import TARGET
from lowloss.cli.errors import FAILED, PlainErrors
from lowloss.cli.output import out, print_json, print_warnings
from lowloss.cli.parameters import AsJson, Builtin, JobId, Target
from lowloss.cli.parsing import with_parse_options
from lowloss.cli.rendering import results as render
from lowloss.cli.rendering.lists import show_jobs
from lowloss.cli.rendering.watch import watch_job
from lowloss.cli.specs import find_dataset, one_or_several, read_object, set_fields
from lowloss.client.client import Client
from lowloss.results import NOT_A_FEATURE, Job, JobKind, JobSort, JobState
from lowloss.results.notes import describe_notes, describe_stage, describe_times

ENDED_BADLY = {JobState.failed, JobState.cancelled}

app = typer.Typer(cls=PlainErrors)


@app.command()
@with_parse_options
def submit(
    ctx: typer.Context,
    dataset: Annotated[
        str | None, typer.Argument(metavar="DATASET", help="A table's file, or a dataset's id.")
    ] = None,
    target: Target = None,
    builtin: Builtin = None,
    spec: Annotated[Path | None, typer.Option(help="A JobSpec as a JSON file.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the JobSpec: --set budget.max_trials=20."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show its progress to the end.")] = False,
    as_json: AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Submit a job; a file is uploaded first."""
    client: Client = ctx.obj
    fields = set_fields(read_object(spec, field="--spec") if spec else {}, change or [])
    # Which columns the job leaves out is told with the job.
    silent = {NOT_A_FEATURE}
    dataset_id = find_dataset(client, dataset, builtin, options, silent_codes=silent)
    if dataset_id is not None:
        fields["dataset"] = dataset_id
    if builtin is not None:
        fields.setdefault("target", TARGET)
    if target:
        fields["target"] = one_or_several(target)
    _show_submitted(client, client.submit(fields), watch=watch, as_json=as_json)


@app.command("continue")
def continue_(
    ctx: typer.Context,
    job_id: JobId,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A change to its JobSpec: --set budget.max_trials=100."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show its progress to the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job that goes on from another: it learns from all its trials."""
    client: Client = ctx.obj
    job = client.continue_job(job_id, set_fields({}, change or []))
    _show_submitted(client, job, watch=watch, as_json=as_json)


def _show_submitted(client: Client, job: Job, *, watch: bool, as_json: bool) -> None:
    for column in job.outcome.excluded:
        typer.echo(f"left out: {column.column!r}, {column.reason}", err=True)
    print_warnings(job.outcome.warnings)
    if not as_json and (times := describe_times(job)) is not None:
        typer.echo(times, err=True)
    if watch:
        _watch(client, job.id, as_json=as_json)
    elif as_json:
        print_json(job)
    else:
        typer.echo(job.id)


@app.command()
def status(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show how a job stands; exit code 1 where it failed or was cancelled."""
    job: Job = ctx.obj.job(job_id)
    if as_json:
        print_json(job)
    elif job.state.is_finished:
        render.show_summary(job, out)
    else:
        out.print(f"{job.id} {describe_stage(job)}  {render.describe_progress(job)}")
        for note in describe_notes(job):
            out.print(note, soft_wrap=True)
    if job.state in ENDED_BADLY:
        raise typer.Exit(FAILED)


@app.command()
def watch(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job's progress to its end."""
    _watch(ctx.obj, job_id, as_json=as_json)


def _watch(client: Client, job_id: str, *, as_json: bool) -> None:
    job = watch_job(client, job_id, render.plain_console(stderr=True) if as_json else out)
    if as_json:
        print_json(job)
    else:
        render.show_summary(job, out)
    if job.state is not JobState.succeeded:
        raise typer.Exit(FAILED)


@app.command()
def jobs(
    ctx: typer.Context,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    kind: Annotated[JobKind | None, typer.Option(help="Only jobs of this kind.")] = None,
    name: Annotated[str, typer.Option(help="Only jobs with this in their name or id.")] = "",
    sort: Annotated[JobSort, typer.Option(help="What comes first.")] = JobSort.newest,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first, unless --sort says otherwise."""
    listed = list(ctx.obj.jobs(state, kind, name=name, sort=sort))
    print_json(listed) if as_json else show_jobs(listed, out)


@app.command()
def cancel(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """End a job; its best model so far is still exported, or what was diagnosed."""
    _show_state(ctx.obj.cancel(job_id), as_json=as_json)


@app.command()
def pause(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Put a job aside; its finished trials are kept."""
    _show_state(ctx.obj.pause(job_id), as_json=as_json)


@app.command()
def resume(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Queue a paused job again."""
    _show_state(ctx.obj.resume(job_id), as_json=as_json)


@app.command("delete")
def delete_job(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Delete a job that has ended, with its trials and artifacts; its dataset stays."""
    ctx.obj.delete_job(job_id)
    typer.echo(json.dumps({"deleted": job_id}) if as_json else f"{job_id} deleted")


# A negative number is not an option.
@app.command(context_settings={"ignore_unknown_options": True})
def priority(
    ctx: typer.Context,
    job_id: JobId,
    value: Annotated[int, typer.Argument(metavar="PRIORITY", help="From -100 to 100.")],
    as_json: AsJson = False,
) -> None:
    """Make a job that waits more or less urgent: workers take the highest first."""
    _show_state(ctx.obj.set_priority(job_id, value), as_json=as_json)


def _show_state(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    typer.echo(", ".join([f"{job.id} {job.state}", *describe_notes(job)]))
