"""Shows results as tables, and progress as a bar or, in a log, as plain lines."""

from __future__ import annotations

import json
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
    Hyperparameters,
    Job,
    JobKind,
    JobState,
    SearchInsights,
)
from lowloss.results.notes import describe_notes
from lowloss.wording import (
    counted,
    format_duration,
    format_metric,
    format_metric_cells,
    format_percent,
    format_setting,
    in_words,
)

LOG_SECONDS = 5.0
"""The time between two lines where there is no terminal for a bar."""
BAR_WIDTH = 40
MAX_IMPORTANCES = 3


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console without markup: a column may be named `[/x]` or `:smile:`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def describe_progress(job: Job) -> str:
    """Describe a job's progress in one line."""
    progress = job.progress
    if job.kind is JobKind.diagnosis:
        limit_s = job.spec.budget.max_seconds
        trained = counted(job.outcome.trainings, "network") if job.outcome.trainings else ""
        # The limit is of trainings alone, and is extended until the strongest suspects are tried.
        is_longer = limit_s is not None and progress.seconds > limit_s
        relation = "longer than" if is_longer else "of about"
        text = f"{format_duration(progress.seconds)} {relation} {format_duration(limit_s)}"
        return f"{text}  {trained} trained" if trained else text
    best = (
        f"best {job.search.objective} {format_metric(job.best.score, job.search.objective)}"
        if job.best
        else "no best yet"
    )
    failed = f" ({progress.trials_failed} failed)" if progress.trials_failed else ""
    remaining = format_duration(progress.seconds_left)
    return f"{progress.trials_done}/{progress.trials} trials{failed}  {best}  {remaining} left"


@contextmanager
def progress_bar(
    console: Console, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Job, str], None]]:
    """Yield a function that shows the progress of a job and its phase.

    On a terminal the seconds count on between calls: a diagnosis reports little while it trains.
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
        task = bar.add_task("queued", total=None, snapshot=None)

        def show(job: Job, phase: str) -> None:
            bar.update(task, description=phase, snapshot=_Snapshot(job, clock(), clock))

        yield show


@dataclass(frozen=True)
class _Snapshot:
    """A job as it was at a past time."""

    job: Job
    at: float
    clock: Callable[[], float]

    def extrapolate(self) -> Job:
        """Return the job with the seconds since then added."""
        progress = self.job.progress
        if self.job.state is not JobState.running:
            return self.job
        seconds = progress.seconds + self.clock() - self.at
        extrapolated = progress.model_copy(update={"seconds": seconds})
        return self.job.model_copy(update={"progress": extrapolated})


class _Bar(ProgressColumn):
    """The bar of a job's progress."""

    def render(self, task: Task) -> ProgressBar:
        snapshot: _Snapshot | None = task.fields["snapshot"]
        if snapshot is None:
            return ProgressBar(total=None, width=BAR_WIDTH, pulse=True)
        completed, total = _measure_progress(snapshot.extrapolate())
        return ProgressBar(total=total, completed=completed, width=BAR_WIDTH)


class _Line(ProgressColumn):
    """A job's progress in words."""

    def render(self, task: Task) -> Text:
        snapshot: _Snapshot | None = task.fields["snapshot"]
        return Text("" if snapshot is None else describe_progress(snapshot.extrapolate()))


def _measure_progress(job: Job) -> tuple[float, float | None]:
    """Return the amount done and the total: trials, or the seconds of a diagnosis."""
    progress = job.progress
    if job.kind is JobKind.search:
        return progress.trials_done, progress.trials
    seconds = job.spec.budget.max_seconds
    return (seconds or 0.0) if job.state.is_finished else progress.seconds, seconds


def _log_lines(console: Console) -> Callable[[Job, str], None]:
    printed_at, printed = float("-inf"), ""

    def show(job: Job, phase: str) -> None:
        nonlocal printed_at, printed
        line = f"{phase:<10} {describe_progress(job)}"
        # The end is told by the last event, and again by the last look.
        is_news = line != printed or not job.state.is_finished
        if is_news and (time.monotonic() - printed_at >= LOG_SECONDS or job.state.is_finished):
            printed_at, printed = time.monotonic(), line
            console.print(line)

    return show


def hyperparameter_table(trial: int, hyperparameters: Hyperparameters) -> Table:
    """Return a table of a trial's hyperparameters, one per line."""
    table = Table("hyperparameter", f"trial {trial}")
    for name, value in hyperparameters:
        table.add_row(name, format_setting(value))
    return table


def score_table(job: Job) -> Table:
    """Return a table of the winner's and the baselines' test metrics, in the target's units."""
    winner = job.outcome.test_metrics or {}
    baselines = job.outcome.baselines
    table = Table("metric", "lowloss", *(in_words(b.name) for b in baselines))
    for name in winner:
        values = [winner[name], *(baseline.test_metrics.get(name) for baseline in baselines)]
        ours, *others = format_metric_cells(values, name)
        table.add_row(in_words(name), Text(ours, style="bold"), *others)
    return table


def show_scores(job: Job, console: Console) -> None:
    """Show the test metrics, how many rows they are of, and which model where there were two."""
    rows = (job.outcome.rows or {}).get("test", 0)
    console.print(f"on {rows:,} test rows that no trial saw:")
    console.print(score_table(job))
    if note := job.outcome.score_note:
        console.print(note, soft_wrap=True)


def describe_choice(job: Job) -> str | None:
    """Describe how the winner was chosen; None where there was no choice."""
    confirmations = job.outcome.confirmations
    if len(confirmations) < 2:
        return None
    seeds = len(confirmations[0].scores)
    best, compared = f"trial {confirmations[0].trial} has the best", len(confirmations)
    if seeds == 1:
        return (
            f"{best} {job.search.objective} of the top {compared} trials, of one seed each: it was "
            "not confirmed on others"
        )
    mean = f"{best} mean {job.search.objective}"
    noise = "; the next best is within seed noise of it" if job.outcome.within_noise else ""
    return f"{mean} of the top {compared} trials over {counted(seeds, 'seed')}{noise}"


def describe_importances(insights: SearchInsights) -> str | None:
    """Describe the most important hyperparameters; None where they are unknown."""
    top = insights.importances[:MAX_IMPORTANCES]
    shares = [f"{importance.name} ({format_percent(importance.share)})" for importance in top]
    return f"what mattered in the search: {', '.join(shares)}" if shares else None


def suggest_continuation(job: Job, insights: SearchInsights) -> str | None:
    """Return a command that extends the ranges whose ends the best trials lie at; else None."""
    if not insights.edges:
        return None
    ends = ", ".join(f"the {edge.end} of {edge.name}" for edge in insights.edges)
    changes = " ".join(
        f"--set 'search_space.{edge.name}={json.dumps(edge.proposal)}'" for edge in insights.edges
    )
    return f"the best trials lie at {ends}; to go on beyond:\n  lowloss continue {job.id} {changes}"


def show_insights(job: Job, console: Console) -> None:
    """Show the insights of a search, if there are any."""
    insights = job.outcome.insights
    if insights is None:
        return
    for text in (describe_importances(insights), suggest_continuation(job, insights)):
        if text is not None:
            console.print(text, soft_wrap=True)


def show_summary(job: Job, console: Console) -> None:
    """Show how a finished job ended, and its best model."""
    reason = f" ({job.reason})" if job.reason else ""
    console.print(f"{job.id} {job.state}{reason} after {format_duration(job.progress.seconds)}")
    if job.best is not None:
        console.print(hyperparameter_table(job.best.trial, job.best.hyperparameters))
    if job.outcome.test_metrics:
        show_scores(job, console)
    if job.outcome.remarks:
        console.print("what stands out:")
    for remark in job.outcome.remarks:
        console.print(f"- {remark}", soft_wrap=True, markup=False)
    if choice := describe_choice(job):
        console.print(choice, soft_wrap=True)
    for note in describe_notes(job):
        console.print(note, soft_wrap=True)
    show_insights(job, console)
    if job.outcome.diagnosis is not None:
        # A search's diagnosis is of a usual first network, which the winner is not.
        whose = "a usual first network, on raw columns: " if job.kind is JobKind.search else ""
        verdict = f"{whose}{job.outcome.diagnosis.sentence} (lowloss diagnosis {job.id} shows all)"
        console.print(verdict, soft_wrap=True)
    for error in job.errors:
        if error.error:
            console.print(f"attempt {error.attempt}: {error.error.strip().splitlines()[-1]}")
