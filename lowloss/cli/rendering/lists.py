"""Shows lists as tables that fit into 80 columns: jobs, trials, datasets and their columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lowloss.results import Dataset, Histogram, Job, JobKind, Trial
from lowloss.results.notes import describe_title, describe_trial_end
from lowloss.spec import Objective, Task
from lowloss.wording import DASH, format_number, in_words

BARS = "▁▂▃▄▅▆▇█"
MAX_BARS = 10
WIDTH = 13
"""The characters of a line in a cell of several words."""
CROSSENTROPY = "the validation loss of classes is the crossentropy of their probabilities"
LOSSES = {
    Task.regression: "the validation loss of a regression is the mean squared error of the "
    "standardised target, or of its logarithm: it has no unit; RMSE is in the target's unit",
    Task.binary: CROSSENTROPY,
    Task.multiclass: CROSSENTROPY,
}
"""What the validation loss of a search is, by its task."""


def _plain_table(*wrapped: str, columns: Sequence[str]) -> Table:
    """Return a table that has room for its cells on a terminal of 80 columns.

    Only `wrapped` columns give way where there is none: they go on in another line.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=name not in wrapped, overflow="fold")
    return table


def _wrap(text: str) -> str:
    """Break a text between its words into lines of a cell."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _format_time(time: datetime) -> str:
    """Format a time as two lines: the day, and the minute."""
    return f"{time:%Y-%m-%d\n%H:%M}"


def show_jobs(jobs: Sequence[Job], console: Console) -> None:
    """Show jobs, and what their validation losses are."""
    console.print(_job_table(jobs))
    by_loss = [job for job in jobs if job.best and job.search.objective is Objective.val_loss]
    _show_losses({job.task for job in by_loss}, console)


def _job_table(jobs: Sequence[Job]) -> Table:
    table = _plain_table("job", columns=("id", "job", "state", "best", "created"))
    for job in jobs:
        created = _format_time(job.created_at)
        table.add_row(job.id, _format_title(job), _format_state(job), _format_best(job), created)
    return table


def _format_title(job: Job) -> str:
    """Format a job's title; it says what is a diagnosis."""
    if job.name and job.kind is JobKind.diagnosis:
        return f"{job.name} (diagnosis)"
    return describe_title(job)


def _format_state(job: Job) -> str:
    """Format a job's state, its reason, and the trials of a search."""
    reason = f" ({in_words(job.reason)})" if job.reason and job.reason != job.state else ""
    state = _wrap(f"{job.state}{reason}")
    if job.kind is JobKind.diagnosis:
        return state
    return f"{state}\n{job.progress.trials_done}/{job.progress.trials} trials"


def _format_best(job: Job) -> str:
    """Format the best score of a search, with its RMSE where that is another number."""
    if job.best is None:
        return DASH
    objective = job.search.objective
    scores = [(objective.metric, job.best.score)]
    if objective is Objective.val_loss and "rmse" in job.best.metrics:
        scores.append(("rmse", job.best.metrics["rmse"]))
    return "\n".join(_wrap(f"{in_words(name)} {format_number(score)}") for name, score in scores)


def _show_losses(tasks: set[Task], console: Console) -> None:
    """Say what the validation losses of some tasks are, each once."""
    for text in dict.fromkeys(LOSSES[task] for task in sorted(tasks)):
        console.print(text)


def show_trials(trials: Sequence[Trial], job: Job, console: Console) -> None:
    """Show a job's trials, and what their validation loss is."""
    console.print(_trial_table(trials, job))
    if job.search.objective is Objective.val_loss:
        _show_losses({job.task}, console)


def _trial_table(trials: Sequence[Trial], job: Job) -> Table:
    objective = job.search.objective
    score = _wrap(in_words(objective.metric))
    has_rmse = objective is Objective.val_loss and job.task is Task.regression
    rmse = ("RMSE",) if has_rmse else ()
    columns = ("trial", "state", score, "±", *rmse, "epochs", "seconds", "reason")
    table = _plain_table("reason", columns=columns)
    for trial in trials:
        table.add_row(
            str(trial.number),
            trial.state,
            format_number(trial.score),
            format_number(trial.score_error),
            *(format_number(trial.metrics.get("rmse")) for _ in rmse),
            str(trial.epochs),
            format_number(trial.seconds),
            describe_trial_end(trial),
        )
    return table


def dataset_table(datasets: Sequence[Dataset]) -> Table:
    """Return a table of datasets."""
    table = _plain_table("name", columns=("id", "name", "rows x columns", "created"))
    for dataset in datasets:
        names = ", ".join(dataset.names) or dataset.name
        size = f"{dataset.rows:,} x {dataset.columns:,}\n{dataset.format}"
        table.add_row(dataset.id, names, size, _format_time(dataset.created_at))
    return table


def profile_table(dataset: Dataset) -> Table:
    """Return a table of a dataset's columns, one per line."""
    columns = ("column", "kind", "missing", "distinct", "min", "max", "values")
    table = _plain_table("column", "min", "max", columns=columns)
    for column in dataset.profile:
        spread = map(column.describe, (column.min, column.max))
        missing, distinct = f"{column.missing:,}", f"{column.distinct:,}"
        table.add_row(
            column.name, column.kind, missing, distinct, *spread, sparkline(column.histogram)
        )
    return table


def sparkline(histogram: Histogram | None) -> str:
    """Draw a histogram as a line of bars, blank for empty bins; one bar for two bins if many."""
    if histogram is None:
        return ""
    counts, width = histogram.counts, 1 if len(histogram.counts) <= MAX_BARS else 2
    bars = [counts[i : i + width] for i in range(0, len(counts), width)]
    heights = [sum(bar) / len(bar) for bar in bars]
    step = max(heights) / len(BARS)
    return "".join(BARS[math.ceil(h / step) - 1] if h else " " for h in heights)
