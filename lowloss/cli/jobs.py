"""Jobs: submit, continue, follow, list, cancel, pause, resume and make more or less urgent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss import render
from lowloss.builtin import TARGET, builtin_csv
from lowloss.cli.errors import FAILED, PlainErrors
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson, Builtin, JobId, Target
from lowloss.client import Client
from lowloss.errors import InvalidRequest
from lowloss.results import Job, JobState
from lowloss.watch import watch_job

app = typer.Typer(cls=PlainErrors)


@app.command()
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
) -> None:
    """Submit a job; a file is uploaded first."""
    client: Client = ctx.obj
    wanted = _read_spec(spec, change or [])
    if builtin is not None:
        wanted["dataset"] = client.upload(builtin_csv(builtin), name=builtin, format="csv").id
        target = target or wanted.get("target", TARGET)
    elif dataset is not None:
        path = Path(dataset)
        wanted["dataset"] = client.upload(path).id if path.is_file() else dataset
    if target is not None:
        wanted["target"] = target
    _show_submitted(client, client.submit(wanted), watch=watch, as_json=as_json)


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
    job = client.continue_job(job_id, _read_spec(None, change or []))
    _show_submitted(client, job, watch=watch, as_json=as_json)


def _show_submitted(client: Client, job: Job, *, watch: bool, as_json: bool) -> None:
    if watch:
        _watch(client, job.id, as_json=as_json)
    elif as_json:
        print_json(job)
    else:
        typer.echo(job.id)


def _read_spec(path: Path | None, changes: Sequence[str]) -> dict[str, Any]:
    try:
        wanted: Any = json.loads(path.read_bytes()) if path else {}
    except ValueError as error:
        raise InvalidRequest(f"{path} is not JSON: {error}", field="--spec") from error
    if not isinstance(wanted, dict):
        raise InvalidRequest(f"{path} is not a JSON object", field="--spec")
    for change in changes:
        _change(wanted, change)
    return wanted


def _change(wanted: dict[str, Any], change: str) -> None:
    """Set a field by its dotted path; a value that is not JSON is a string."""
    name, equals, text = change.partition("=")
    if not equals:
        raise InvalidRequest(f"{change!r} has no =", field="--set", fix="write FIELD=VALUE")
    *parents, last = name.split(".")
    place = wanted
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InvalidRequest(f"{parent!r} holds no fields", field="--set")
    try:
        place[last] = json.loads(text)
    except ValueError:
        place[last] = text


@app.command()
def status(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show how a job stands."""
    job: Job = ctx.obj.job(job_id)
    if as_json:
        print_json(job)
    elif job.state.is_finished:
        render.summary(job, out)
    else:
        out.print(f"{job.id} {job.state}  {render.standing(job)}")


@app.command()
def watch(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job's progress to its end."""
    _watch(ctx.obj, job_id, as_json=as_json)


def _watch(client: Client, job_id: str, *, as_json: bool) -> None:
    job = watch_job(client, job_id, render.plain_console(stderr=True) if as_json else out)
    if as_json:
        print_json(job)
    else:
        render.summary(job, out)
    if job.state is not JobState.succeeded:
        raise typer.Exit(FAILED)


@app.command()
def jobs(
    ctx: typer.Context,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    found = list(ctx.obj.jobs(state))
    print_json(found) if as_json else out.print(render.job_table(found))


@app.command()
def cancel(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """End a job; its best model so far is still exported."""
    _show_state(ctx.obj.cancel(job_id), as_json=as_json)


@app.command()
def pause(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Put a job aside; its finished trials are kept."""
    _show_state(ctx.obj.pause(job_id), as_json=as_json)


@app.command()
def resume(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Queue a paused job again."""
    _show_state(ctx.obj.resume(job_id), as_json=as_json)


# A negative number is no option.
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
    asked = f", {job.requested} requested" if job.requested != "none" else ""
    typer.echo(f"{job.id} {job.state}{asked}")
