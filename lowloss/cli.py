"""The command line: parse, call the Client, render."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from typer.core import TyperGroup
from typer.exceptions import TyperException

from lowloss import __version__, render
from lowloss.builtin import LOADERS, TARGET, builtin_csv
from lowloss.client import Client
from lowloss.errors import InvalidRequest, LowlossError, Problem, ServerUnreachable, WaitTimeout
from lowloss.results import Dataset, Job, JobState
from lowloss.serve import SERVER, WORKER, serve
from lowloss.watch import watch_job

FAILED, REFUSED, UNREACHABLE, SERVER_FAILED, INTERRUPTED = 1, 2, 3, 4, 130

HELP = f"""Search hyperparameters of Keras models on tables: run the service, and talk to one.

Exit codes:

0 all went well;
{FAILED} the job failed or was cancelled;
{REFUSED} the command or the request is wrong;
{UNREACHABLE} the server cannot be reached, or time ran out;
{SERVER_FAILED} the server failed;
{INTERRUPTED} interrupted.
"""


class PlainErrors(TyperGroup):
    """Ends a command that failed with one plain line and an exit code that scripts can use."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(REFUSED)
        with plain_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with plain_errors():
            return super().invoke(ctx)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Tell errors in one line each."""
    try:
        yield
    except LowlossError as error:
        raise _end_by(_told(error), exit_code(error)) from error
    except TyperException as error:
        ctx = getattr(error, "ctx", None)
        hint = f" ({ctx.command_path} --help)" if ctx else ""
        raise _end_by(f"{error.format_message()}{hint}", REFUSED) from error
    except BrokenPipeError:
        # Typer ends quietly when nobody reads on: `lowloss jobs | head`.
        raise
    except OSError as error:
        raise _end_by(f"{error.filename or ''}: {error.strerror}", REFUSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def _told(error: LowlossError) -> str:
    more = len(error.errors) - 1 if isinstance(error, Problem) else 0
    return f"{error}; and {more} more" if more > 0 else str(error)


def _end_by(line: str, code: int) -> typer.Exit:
    typer.echo(f"error: {' '.join(line.split())}", err=True)
    return typer.Exit(code)


def exit_code(error: LowlossError) -> int:
    """The exit code that tells a script what kind of error it was."""
    match error:
        case ServerUnreachable() | WaitTimeout():
            return UNREACHABLE
        case Problem():
            return SERVER_FAILED if (error.status or 0) >= 500 else REFUSED
        case _:
            return FAILED


app = typer.Typer(cls=PlainErrors, help=HELP, pretty_exceptions_enable=False)
datasets_app = typer.Typer(cls=PlainErrors, help="Uploaded tables.")
app.add_typer(datasets_app, name="datasets")

out = render.plain_console()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Target = Annotated[str | None, typer.Option(help="The column to predict.")]
Builtin = Annotated[str | None, typer.Option(help=f"A built-in table: {', '.join(LOADERS)}.")]
DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's id.")]


def show_version(value: bool) -> None:  # typer's callback
    """Print the version and end."""
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="LOWLOSS_URL", help="The server.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="LOWLOSS_TOKEN", help="A bearer token.")
    ] = None,
    version: Annotated[  # noqa: ARG001  # its callback prints it
        bool, typer.Option("--version", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command that talks to a server."""
    ctx.obj = Client(url, token)
    ctx.call_on_close(ctx.obj.close)


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the SQLite database.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Run the server alone.")] = False,
) -> None:
    """Run the server, and a worker beside it, until Ctrl-C."""
    given = {"HOST": host, "PORT": port, "DATA_DIR": data_dir}
    _serve([SERVER] if no_worker else [SERVER, WORKER], given)


@app.command("worker")
def worker_command(
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the SQLite database.")] = None,
) -> None:
    """Run one worker until Ctrl-C; LOWLOSS_DATABASE_URL says where its jobs are."""
    _serve([WORKER], {"DATA_DIR": data_dir})


def _serve(modules: list[str], given: dict[str, Any]) -> None:
    settings = {f"LOWLOSS_{name}": str(v) for name, v in given.items() if v is not None}
    ended = serve(modules, settings)
    if ended is not None:
        typer.echo(f"error: {ended}; everything was stopped", err=True)
        raise typer.Exit(SERVER_FAILED)


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
    job = client.submit(wanted)
    if watch:
        _watch(client, job.id, as_json=as_json)
    elif as_json:
        _print_json(job)
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
        _print_json(job)
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
        _print_json(job)
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
    _print_json(found) if as_json else out.print(render.job_table(found))


@app.command()
def trials(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """List a job's trials."""
    found = list(ctx.obj.trials(job_id))
    _print_json(found) if as_json else out.print(render.trial_table(found))


@app.command()
def best(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job's best trial: its hyperparameters and metrics."""
    job: Job = ctx.obj.job(job_id)
    if job.best is None:
        raise LowlossError(f"{job_id}: no trial has completed yet (the job is {job.state})")
    if as_json:
        _print_json(job.best)
        return
    out.print(render.hyperparameter_table(job.best.trial, job.best.hyperparameters))
    if job.outcome.test_metrics:
        render.show_scores(job, out)
    else:
        shown = "  ".join(f"{k} {render.number(v)}" for k, v in job.best.metrics.items())
        out.print(f"validation: {shown}")


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
    """Download the best model, or another artifact."""
    path = ctx.obj.download(job_id, to, artifact=artifact)
    typer.echo(json.dumps({"path": str(path)}) if as_json else str(path))


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


def _show_state(job: Job, *, as_json: bool) -> None:
    if as_json:
        _print_json(job)
        return
    asked = f", {job.requested} requested" if job.requested != "none" else ""
    typer.echo(f"{job.id} {job.state}{asked}")


@datasets_app.command("add")
def add_dataset(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="A CSV, Parquet, Arrow or NPZ file.")] = None,
    builtin: Builtin = None,
    name: Annotated[str | None, typer.Option(help="A name; the file's if not given.")] = None,
    table_format: Annotated[
        str | None,
        typer.Option("--format", help="csv, parquet, arrow or npz; the suffix's if not given."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV; detected if not given.")] = None,
    decimal: Annotated[str | None, typer.Option(help="Of a CSV; detected if not given.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV; detected if not given.")] = None,
    header: Annotated[
        bool | None, typer.Option(help="Has a CSV's first line names? Detected if not given.")
    ] = None,
    quote: Annotated[str | None, typer.Option(help="Of a CSV; detected if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a table."""
    client: Client = ctx.obj
    if builtin is not None:
        dataset = client.upload(builtin_csv(builtin), name=name or builtin, format="csv")
    elif path is not None:
        options = {"delimiter": delimiter, "decimal": decimal, "encoding": encoding, "quote": quote}
        dataset = client.upload(path, name=name, format=table_format, header=header, **options)
    else:
        raise InvalidRequest("there is nothing to upload", field="PATH", fix="or use --builtin")
    _show_dataset(dataset, as_json=as_json)


@datasets_app.command("list")
def list_datasets(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List datasets, newest first."""
    found = list(ctx.obj.datasets())
    _print_json(found) if as_json else out.print(render.dataset_table(found))


@datasets_app.command("show")
def show_dataset(ctx: typer.Context, dataset_id: DatasetId, as_json: AsJson = False) -> None:
    """Show a dataset's columns."""
    _show_dataset(ctx.obj.dataset(dataset_id), as_json=as_json)


@datasets_app.command("delete")
def delete_dataset(ctx: typer.Context, dataset_id: DatasetId, as_json: AsJson = False) -> None:
    """Delete a dataset that no unfinished job needs."""
    ctx.obj.delete_dataset(dataset_id)
    typer.echo(json.dumps({"deleted": dataset_id}) if as_json else f"{dataset_id} deleted")


def _show_dataset(dataset: Dataset, *, as_json: bool) -> None:
    if as_json:
        _print_json(dataset)
        return
    out.print(f"{dataset.id}  {dataset.rows:,} rows x {dataset.columns} columns")
    out.print(render.profile_table(dataset))


def _print_json(found: BaseModel | Sequence[BaseModel]) -> None:
    if isinstance(found, BaseModel):
        typer.echo(found.model_dump_json())
    else:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in found]))


def main() -> None:
    """Run the command line."""
    app()
