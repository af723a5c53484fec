"""What the command line shows: tables, and a progress bar that becomes plain lines in a log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from lowloss.results import (
    Dataset,
    Histogram,
    Hyperparameters,
    Job,
    JobKind,
    JobState,
    SearchInsights,
    Trial,
)

LOG_SECONDS = 5.0
"""Time between two lines where there is no terminal to draw a bar on."""
BARS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 40
MAX_BARS = 10
MAX_NAMED = 3


def plain_console(*, stderr: bool = False) -> Console:
    """A console that shows text as it is: a column may well be called `[/x]` or `:smile:`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def number(value: float | None) -> str:
    """A number with four significant digits; a dash for none."""
    return "—" if value is None else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """Minutes and seconds; a dash for none."""
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def standing(job: Job) -> str:
    """A job's progress in one line."""
    progress = job.progress
    if job.kind is JobKind.diagnosis:
        return f"{duration(progress.seconds)} of {duration(job.spec.budget.max_seconds)}"
    best = f"best {job.search.objective} {number(job.best.score)}" if job.best else "no best yet"
    failed = f" ({progress.trials_failed} failed)" if progress.trials_failed else ""
    left = duration(progress.seconds_left)
    return f"{progress.trials_done}/{progress.trials} trials{failed}  {best}  {left} left"


@contextmanager
def progress_bar(
    console: Console, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Job, str], None]]:
    """A function that shows how far a job is, each time it is called.

    On a terminal the seconds go on by themselves: a diagnosis tells little while it trains.
    """
    if not console.is_terminal:
        yield _log_lines(console)
        return
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        _Bar(),
        _Line(Column(no_wrap=True)),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("queued", total=None, seen=None)

        def show(job: Job, phase: str) -> None:
            bar.update(shown, description=phase, seen=_Seen(job, clock(), clock))

        yield show


@dataclass(frozen=True)
class _Seen:
    """A job as it was some time ago."""

    job: Job
    at: float
    clock: Callable[[], float]

    def by_now(self) -> Job:
        """The job, its seconds gone on."""
        progress = self.job.progress
        if self.job.state is not JobState.running:
            return self.job
        seconds = progress.seconds + self.clock() - self.at
        gone_on = progress.model_copy(update={"seconds": seconds})
        return self.job.model_copy(update={"progress": gone_on})


class _Bar(ProgressColumn):
    """How much of a job is done."""

    def render(self, task: Task) -> ProgressBar:
        seen: _Seen | None = task.fields["seen"]
        if seen is None:
            return ProgressBar(total=None, width=BAR_WIDTH, pulse=True)
        completed, total = _done_of(seen.by_now())
        return ProgressBar(total=total, completed=completed, width=BAR_WIDTH)


class _Line(ProgressColumn):
    """A job's progress in words."""

    def render(self, task: Task) -> Text:
        seen: _Seen | None = task.fields["seen"]
        return Text("" if seen is None else standing(seen.by_now()))


def _done_of(job: Job) -> tuple[float, float | None]:
    """How much is done, and of how much: trials, or the seconds of a diagnosis."""
    progress = job.progress
    if job.kind is JobKind.search:
        return progress.trials_done, progress.trials
    seconds = job.spec.budget.max_seconds
    return (seconds or 0.0) if job.state.is_finished else progress.seconds, seconds


def _log_lines(console: Console) -> Callable[[Job, str], None]:
    said_at = float("-inf")

    def show(job: Job, phase: str) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= LOG_SECONDS or job.state.is_finished:
            said_at = time.monotonic()
            console.print(f"{phase:<10} {standing(job)}")

    return show


def _table_by_id(*columns: str) -> Table:
    """A table whose ids are whole, however narrow the terminal: they are there to be copied."""
    table = Table()
    table.add_column("id", no_wrap=True)
    for column in columns:
        table.add_column(column)
    return table


def job_table(jobs: list[Job]) -> Table:
    """Jobs, one a line."""
    table = _table_by_id("kind", "name", "state", "trials", "objective", "best", "created")
    for job in jobs:
        state = job.state + (f" ({job.reason})" if job.reason else "")
        created = f"{job.created_at:%Y-%m-%d %H:%M}"
        table.add_row(job.id, job.kind, job.name, state, *_searched(job), created)
    return table


def _searched(job: Job) -> tuple[str, str, str]:
    """A search's trials, objective and best; dashes for a diagnosis."""
    if job.kind is JobKind.diagnosis:
        return "—", "—", "—"
    trials = f"{job.progress.trials_done}/{job.progress.trials}"
    return trials, job.search.objective, number(job.best.score if job.best else None)


def dataset_table(datasets: list[Dataset]) -> Table:
    """Datasets, one a line."""
    table = _table_by_id("name", "format", "rows", "columns", "created")
    for each in datasets:
        created = f"{each.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            each.id, each.name, each.format, f"{each.rows:,}", f"{each.columns:,}", created
        )
    return table


def profile_table(dataset: Dataset) -> Table:
    """A dataset's columns, one a line."""
    table = Table("column", "kind", "missing", "distinct", "min", "mean", "max", "sd")
    table.add_column("values", no_wrap=True)
    for column in dataset.profile:
        spread = (number(v) for v in (column.min, column.mean, column.max, column.sd))
        missing, distinct = f"{column.missing:,}", f"{column.distinct:,}"
        table.add_row(
            column.name, column.kind, missing, distinct, *spread, sparkline(column.histogram)
        )
    return table


def sparkline(histogram: Histogram | None) -> str:
    """A histogram as a line of bars, a blank where there is nothing; two bins a bar if many."""
    if histogram is None:
        return ""
    counts, width = histogram.counts, 1 if len(histogram.counts) <= MAX_BARS else 2
    bars = [counts[i : i + width] for i in range(0, len(counts), width)]
    heights = [sum(bar) / len(bar) for bar in bars]
    step = max(heights) / len(BARS)
    return "".join(BARS[math.ceil(h / step) - 1] if h else " " for h in heights)


def hyperparameter_table(trial: int, hyperparameters: Hyperparameters) -> Table:
    """A trial's hyperparameters, one a line."""
    table = Table("hyperparameter", f"trial {trial}")
    for name, value in hyperparameters:
        shown = number(value) if isinstance(value, float) else str(value)
        table.add_row(name, shown)
    return table


def score_table(job: Job) -> Table:
    """The winner's test metrics beside the baselines', in the target's units."""
    ours = job.outcome.test_metrics or {}
    baselines = job.outcome.baselines
    table = Table("metric", "lowloss", *(b.name.replace("_", " ") for b in baselines))
    for name in ours:
        table.add_row(
            name,
            Text(number(ours[name]), style="bold"),
            *(number(b.test_metrics.get(name)) for b in baselines),
        )
    return table


def show_scores(job: Job, console: Console) -> None:
    """How good the winner is, and on what."""
    rows = (job.outcome.rows or {}).get("test", 0)
    console.print(f"on {rows:,} test rows that no trial saw:")
    console.print(score_table(job))


def trial_table(trials: list[Trial]) -> Table:
    """Trials, one a line."""
    table = Table("trial", "state", "score", "epochs", "best epoch", "seconds", "reason")
    for trial in trials:
        table.add_row(
            str(trial.number),
            trial.state,
            number(trial.score),
            str(trial.epochs),
            str(trial.best_epoch or "—"),
            number(trial.seconds),
            trial.reason or "",
        )
    return table


def how_chosen(job: Job) -> str | None:
    """On what the winner was chosen; None where there was no choice."""
    confirmations = job.outcome.confirmations
    if len(confirmations) < 2:
        return None
    seeds = len(confirmations[0].scores)
    mean = f"trial {confirmations[0].trial} has the best mean {job.search.objective}"
    noise = "; the next best is within seed noise of it" if job.outcome.within_noise else ""
    return f"{mean} of the top {len(confirmations)} trials over {seeds} seeds{noise}"


def what_mattered(insights: SearchInsights) -> str | None:
    """The hyperparameters that made the difference; None where that is not known."""
    shares = [f"{each.name} ({each.share:.0%})" for each in insights.importances[:MAX_NAMED]]
    return f"what mattered in the search: {', '.join(shares)}" if shares else None


def where_to_go_on(job: Job, insights: SearchInsights) -> str | None:
    """The command that searches on where the best trials lie at the end of a range."""
    if not insights.edges:
        return None
    ends = ", ".join(f"the {edge.end} of {edge.name}" for edge in insights.edges)
    changes = " ".join(
        f"--set 'search_space.{edge.name}={json.dumps(edge.proposal)}'" for edge in insights.edges
    )
    return f"the best trials lie at {ends}; to go on beyond:\n  lowloss continue {job.id} {changes}"


def show_insights(job: Job, console: Console) -> None:
    """What the search told of itself, if it did."""
    insights = job.outcome.insights
    if insights is None:
        return
    for told in (what_mattered(insights), where_to_go_on(job, insights)):
        if told is not None:
            console.print(told, soft_wrap=True)


def summary(job: Job, console: Console) -> None:
    """How a finished job ended, and what its best model is."""
    reason = f" ({job.reason})" if job.reason else ""
    console.print(f"{job.id} {job.state}{reason} after {duration(job.progress.seconds)}")
    if job.best is not None:
        console.print(hyperparameter_table(job.best.trial, job.best.hyperparameters))
    if job.outcome.test_metrics:
        show_scores(job, console)
    if choice := how_chosen(job):
        console.print(choice, soft_wrap=True)
    show_insights(job, console)
    if job.outcome.diagnosis is not None:
        told = f"{job.outcome.diagnosis.sentence} (lowloss diagnosis {job.id} shows all)"
        console.print(told, soft_wrap=True)
    for error in job.errors:
        if error.error:
            console.print(f"attempt {error.attempt}: {error.error.strip().splitlines()[-1]}")
