"""Shows lists as tables that fit their terminal: jobs, trials, datasets and their columns."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.table import Table

from lowloss.results import Dataset, Histogram, Job, JobKind, Trial
from lowloss.results.notes import describe_title, describe_trial_end
from lowloss.spec import Objective, Task
from lowloss.wording import DASH, format_metric, format_number, in_words

BARS = "▁▂▃▄▅▆▇█"
MAX_BARS = 10
WIDTH = 13
"""The characters of a line in a cell of several words."""
MIN_WIDTH = 8
"""The characters that a column of names or reasons has at least; longer words go on below."""
CROSSENTROPY = "the validation loss of classes is the crossentropy of their probabilities"
LOSSES = {
    Task.regression: "the validation loss of a regression is the mean squared error of the "
    "standardised target, or of its logarithm: it has no unit; RMSE is in the target's unit",
    Task.binary: CROSSENTROPY,
    Task.multiclass: CROSSENTROPY,
}
"""What the validation loss of a search is, by its task."""


def print_table(
    rows: Sequence[Sequence[str]],
    console: Console,
    *,
    columns: Sequence[str],
    wrapped: str,
    spare: Sequence[str],
    min_width: int = MIN_WIDTH,
) -> None:
    """Print a table whose numbers and ids are whole.

    Where the lines are too short, the `wrapped` column goes on in another line after `min_width`
    characters; where that is not enough, the `spare` columns are left out, the first one first, and
    named below.
    """
    cells = {name: [name, *(row[i] for row in rows)] for i, name in enumerate(columns)}
    widths = {name: _find_width(cells[name]) for name in columns}
    widths[wrapped] = min(widths[wrapped], min_width)
    hidden: list[str] = []
    while _sum_widths(widths) > console.width and len(hidden) < len(spare):
        hidden.append(spare[len(hidden)])
        del widths[hidden[-1]]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in widths:
        is_wrapped = name == wrapped
        overflow: OverflowMethod = "fold" if is_wrapped else "ellipsis"
        table.add_column(name, no_wrap=not is_wrapped, overflow=overflow)
    for row in zip(*(cells[name][1:] for name in widths), strict=True):
        table.add_row(*row)
    console.print(table)
    if hidden:
        listed = ", ".join(name.replace("\n", " ") for name in hidden)
        console.print(f"left out, as the lines are too short: {listed} (--json has all)")


def _find_width(cells: Sequence[str]) -> int:
    """Return how many characters a column needs."""
    return max(cell_len(line) for cell in cells for line in cell.split("\n"))


def _sum_widths(widths: Mapping[str, int]) -> int:
    """Return the characters of a line: a blank stands around the table, two between columns."""
    return sum(widths.values()) + 2 * len(widths) + 1


def _wrap(text: str) -> str:
    """Break a text between its words into lines of a cell."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def format_time(time: datetime) -> str:
    """Format a time as two lines: the day, and the minute."""
    return f"{time:%Y-%m-%d\n%H:%M}"


def show_jobs(jobs: Sequence[Job], console: Console) -> None:
    """Show jobs, and what their validation losses are."""
    rows = [
        (
            job.id,
            _format_title(job),
            _format_state(job),
            _format_best(job),
            format_time(job.created_at),
        )
        for job in jobs
    ]
    columns = ("id", "job", "state", "best", "created")
    print_table(rows, console, columns=columns, wrapped="job", spare=("created", "best", "state"))
    by_loss = [job for job in jobs if job.best and job.search.objective is Objective.val_loss]
    _show_losses({job.task for job in by_loss}, console)


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
    texts = [f"{in_words(name)} {format_metric(score, name)}" for name, score in scores]
    return "\n".join(map(_wrap, texts))


def _show_losses(tasks: set[Task], console: Console) -> None:
    """Say what the validation losses of some tasks are, each once."""
    for text in dict.fromkeys(LOSSES[task] for task in sorted(tasks)):
        console.print(text)


def show_trials(trials: Sequence[Trial], job: Job, console: Console) -> None:
    """Show a job's trials, and what their validation loss is."""
    has_loss = job.search.objective is Objective.val_loss
    has_rmse = has_loss and job.task is Task.regression
    score = _wrap(in_words(job.search.objective.metric))
    rmse = ("RMSE",) if has_rmse else ()
    columns = ("trial", "state", score, "±", *rmse, "epochs", "seconds", "reason")
    spare = ("seconds", "epochs", "±", "reason", "state")
    rows = [_format_trial(trial, job.search.objective, has_rmse=has_rmse) for trial in trials]
    print_table(rows, console, columns=columns, wrapped="reason", spare=spare)
    if has_loss:
        _show_losses({job.task}, console)


def _format_trial(trial: Trial, objective: Objective, *, has_rmse: bool) -> Sequence[str]:
    """Format the cells of a trial."""
    rmse = (format_number(trial.metrics.get("rmse")),) if has_rmse else ()
    return (
        str(trial.number),
        trial.state,
        format_metric(trial.score, objective),
        format_metric(trial.score_error, objective),
        *rmse,
        str(trial.epochs),
        format_number(trial.seconds),
        describe_trial_end(trial),
    )


def show_datasets(datasets: Sequence[Dataset], console: Console) -> None:
    """Show datasets, a row for each."""
    rows = [
        (
            dataset.id,
            ", ".join(dataset.names) or dataset.name,
            f"{dataset.rows:,} x {dataset.columns:,}\n{dataset.format}",
            format_time(dataset.created_at),
        )
        for dataset in datasets
    ]
    size = "rows x columns"
    columns = ("id", "name", size, "created")
    print_table(rows, console, columns=columns, wrapped="name", spare=("created", size, "name"))


def show_profile(dataset: Dataset, console: Console) -> None:
    """Show a dataset's columns, a row for each."""
    rows = [
        (
            column.name,
            column.kind,
            f"{column.missing:,}",
            f"{column.distinct:,}",
            *map(column.describe, (column.min, column.max)),
            sparkline(column.histogram),
        )
        for column in dataset.profile
    ]
    columns = ("column", "kind", "missing", "distinct", "min", "max", "values")
    spare = ("values", "missing", "distinct")
    print_table(rows, console, columns=columns, wrapped="column", spare=spare)


def show_kinds(dataset: Dataset, console: Console) -> None:
    """Show how many columns of each kind a dataset has."""
    counts = Counter(column.kind for column in dataset.profile)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())
    console.print(f"columns: {listed}", soft_wrap=True)


def sparkline(histogram: Histogram | None) -> str:
    """Draw a histogram as a line of bars, blank for empty bins; one bar for two bins if many."""
    if histogram is None:
        return ""
    counts, width = histogram.counts, 1 if len(histogram.counts) <= MAX_BARS else 2
    bars = [counts[i : i + width] for i in range(0, len(counts), width)]
    heights = [sum(bar) / len(bar) for bar in bars]
    step = max(heights) / len(BARS)
    return "".join(BARS[math.ceil(h / step) - 1] if h else " " for h in heights)
