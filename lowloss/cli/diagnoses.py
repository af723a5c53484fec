"""`lowloss diagnose` and `lowloss diagnosis`: why a loss is high."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lowloss.cli.builtin import TARGET
from lowloss.cli.errors import FAILED, PlainErrors
from lowloss.cli.output import out, print_json
from lowloss.cli.parameters import AsJson, Builtin, JobId, Target
from lowloss.cli.parsing import with_parse_options
from lowloss.cli.rendering import results as render
from lowloss.cli.rendering.diagnosis import show_diagnosis
from lowloss.cli.rendering.watch import watch_job
from lowloss.cli.specs import find_dataset, one_or_several, set_fields
from lowloss.client.client import Client
from lowloss.errors import DiagnosisNotReady
from lowloss.results import NOT_A_FEATURE, Diagnosis, Job, JobState
from lowloss.spec import Task

app = typer.Typer(cls=PlainErrors)

RecipeFile = Annotated[
    Path,
    typer.Option(
        help="What was trained: a recipe, a Keras model's JSON, or its .keras or .h5 file."
    ),
]
AsTask = Annotated[Task | None, typer.Option("--task", help="By the target if not given.")]
Epochs = Annotated[int | None, typer.Option(help="How long it was trained.")]
BatchSize = Annotated[int | None, typer.Option(help="Rows of a batch.")]
ValidationSplit = Annotated[float | None, typer.Option(help="The share of rows held out.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="A field of the recipe: --set optimizer.learning_rate=0.1."),
]
Seconds = Annotated[float | None, typer.Option(help="How long the diagnosis may take.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the job's id.")]


@app.command()
@with_parse_options
def diagnose(
    ctx: typer.Context,
    dataset: Annotated[
        str | None, typer.Argument(metavar="DATASET", help="A table's file, or a dataset's id.")
    ] = None,
    *,
    recipe: RecipeFile,
    target: Target = None,
    builtin: Builtin = None,
    task: AsTask = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    validation_split: ValidationSplit = None,
    change: Changes = None,
    seconds: Seconds = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    options: dict[str, Any],
) -> None:
    """Find out why the loss of what you trained is high; a file is uploaded first."""
    client: Client = ctx.obj
    fit_options = {"epochs": epochs, "batch_size": batch_size, "validation_split": validation_split}
    fit = {name: value for name, value in fit_options.items() if value is not None}
    spec: dict[str, Any] = {"recipe": _read_recipe(client, recipe, set_fields(fit, change or []))}
    optional = {
        # A diagnosis takes columns that no search does: what of the table is for models is no news.
        "dataset": find_dataset(client, dataset, builtin, options, silent_codes={NOT_A_FEATURE}),
        "target": one_or_several(target) or (TARGET if builtin else None),
        "task": task,
        "budget": None if seconds is None else {"max_seconds": seconds},
    }
    spec |= {name: value for name, value in optional.items() if value is not None}
    job = client.diagnose(spec)
    if not no_wait:
        _watch_and_show(client, job, as_json=as_json)
    elif as_json:
        print_json(job)
    else:
        typer.echo(job.id)


def _read_recipe(client: Client, path: Path, fit: dict[str, Any]) -> dict[str, Any]:
    """Read a file's recipe and apply `fit`; an object's fields that `fit` leaves out stay."""
    plain = {name: value for name, value in fit.items() if not isinstance(value, dict)}
    imported = client.read_recipe(path, **plain)
    for note in imported.notes:
        typer.echo(f"note: {note}", err=True)
    recipe = imported.recipe.model_dump(mode="json")
    for name in fit.keys() - plain.keys():
        fields = recipe.get(name)
        recipe[name] = (fields if isinstance(fields, dict) else {}) | fit[name]
    return recipe


def _watch_and_show(client: Client, job: Job, *, as_json: bool) -> None:
    job = watch_job(client, job.id, render.plain_console(stderr=True) if as_json else out)
    try:
        _show(client.diagnosis(job.id), as_json=as_json)
        if not as_json:
            typer.echo(f"script: lowloss download {job.id} --artifact train.py")
    except DiagnosisNotReady:
        if as_json:
            print_json(job)
        else:
            render.show_summary(job, out)
        raise typer.Exit(FAILED) from None
    if job.state is not JobState.succeeded:
        raise typer.Exit(FAILED)


@app.command()
def diagnosis(ctx: typer.Context, job_id: JobId, as_json: AsJson = False) -> None:
    """Show why a job's loss is high: of a diagnosis, or of a search that has ended."""
    _show(ctx.obj.diagnosis(job_id), as_json=as_json)


def _show(diagnosis: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        print_json(diagnosis)
    else:
        show_diagnosis(diagnosis, out)
