"""The charts of the pages: what of a job is drawn, and what its marks say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lowloss.charts.bars import Bar, draw_bars, draw_histogram, draw_sparkline
from lowloss.charts.parallel import Thread, Value, draw_parallel
from lowloss.charts.plots import Line, Plot, Point, draw_plot
from lowloss.charts.scales import is_spread
from lowloss.results import (
    Column,
    Curve,
    Diagnosis,
    Finding,
    Hyperparameters,
    Job,
    Trial,
    TrialState,
)
from lowloss.results.notes import describe_title
from lowloss.wording import (
    format_number,
    format_percent,
    format_setting,
    in_words,
)
from service.dashboard.trials import rank_trials

OUTLIER_FACTOR = 3.0
"""Scores so many times the distance of the quartiles above the upper one flatten a chart."""
MAX_THREADS = 200
"""Trials in parallel coordinates: the best ones."""
MAX_BARS = 12


def draw_best_so_far(job: Job) -> str:
    """Draw how the best score of a search that has ended fell."""
    insights = job.outcome.insights
    if insights is None:
        return ""
    scores = [step.score for step in insights.improvements]
    return draw_sparkline(f"best score so far: {', '.join(map(format_number, scores))}", scores)


def draw_searches(jobs: Sequence[Job]) -> str:
    """Draw how the best scores of several searches fell, over their trials."""
    lines = [line for job in jobs if (line := _line_of(job)) is not None]
    return draw_plot(Plot("The best score so far", "trials that ended", "best score", lines=lines))


def _line_of(job: Job) -> Line | None:
    """Return the best score of a search after each of its trials; None until it has ended."""
    insights = job.outcome.insights
    if insights is None or not insights.improvements:
        return None
    steps = {step.ended: step.score for step in insights.improvements}
    xs = range(min(steps), max(job.progress.trials_done, *steps) + 1)
    ys, best = [], 0.0
    for x in xs:
        best = steps.get(x, best)
        ys.append(best)
    return Line(describe_title(job), tuple(ys), tuple(map(float, xs)), address_of_job(job))


def draw_scores(
    job: Job,
    trials: Sequence[Trial],
    *,
    log: bool | None = None,
    pruned: bool = True,
    outliers: bool = False,
) -> str:
    """Draw the score of each trial in order, and the best so far.

    `log` null is by the scores' spread; without `outliers` bad scores stand at the upper edge.
    """
    shown = [
        trial
        for trial in trials
        if trial.score is not None and (pruned or trial.state is not TrialState.pruned)
    ]
    direction, best, steps = job.search.objective.direction, None, []
    for trial in shown:
        score = trial.score
        is_new = best is None or direction.is_better(score or 0.0, best)
        if trial.state is TrialState.completed and is_new:
            best = score
            steps.append((float(trial.number), score or 0.0))
    objective = in_words(job.search.objective)
    plot = Plot(
        label=f"{objective} of each trial, and the best so far",
        x_label="trial",
        y_label=objective,
        points=[_point_of(job, trial) for trial in shown],
        y_log=log,
        y_limit=None if outliers or direction.sign < 0 else _find_limit(shown),
        steps=tuple(steps),
    )
    return draw_plot(plot)


def has_log_scale(trials: Sequence[Trial]) -> bool:
    """Return whether the scores of trials are shown by their logarithm unless somebody chooses."""
    return is_spread(trial.score for trial in trials if trial.score is not None)


def _point_of(job: Job, trial: Trial) -> Point:
    is_best = job.best is not None and job.best.trial == trial.number
    tip = f"trial {trial.number}: {format_number(trial.score)}, {trial.state}"
    kind = "best" if is_best else str(trial.state)
    return Point(trial.number, trial.score or 0.0, tip, kind, address_of(job, trial.number))


def _find_limit(trials: Sequence[Trial]) -> float | None:
    """Return the score above which a trial would flatten the others; None for few trials."""
    scores = sorted(trial.score for trial in trials if trial.score is not None)
    if len(scores) < 8:
        return None
    lower, upper = scores[len(scores) // 4], scores[3 * len(scores) // 4]
    return upper + OUTLIER_FACTOR * (upper - lower)


def address_of_job(job: Job) -> str:
    """Return the address of a job's page."""
    return f"/jobs/{job.id}"


def address_of(job: Job, number: int) -> str:
    """Return the address of a trial's page."""
    return f"{address_of_job(job)}/trials/{number}"


def draw_curves(job: Job, curves: Mapping[int, Curve], *, with_training: bool = False) -> str:
    """Draw the validation loss of trials by epoch; of one alone its training loss, too."""
    lines = []
    for number, curve in curves.items():
        address = address_of(job, number)
        lines.append(Line(f"trial {number}, validation", curve.val_loss, href=address))
        if with_training:
            lines.append(Line(f"trial {number}, training", curve.loss))
    lines = [line for line in lines if any(value is not None for value in line.ys)]
    return draw_plot(Plot("Loss by epoch", "epoch", "loss", lines=lines))


def draw_space(job: Job, trials: Sequence[Trial]) -> str:
    """Draw the hyperparameters that differ among the best trials as parallel coordinates."""
    ranked = rank_trials(job, trials)[:MAX_THREADS]
    if len(ranked) < 2:
        return ""
    settings = [_values_of(trial.hyperparameters) for trial in ranked]
    names = [name for name in settings[0] if len({values[name] for values in settings}) > 1]
    objective = in_words(job.search.objective)
    threads = [
        Thread(
            tip=f"trial {trial.number}: {format_number(trial.score)}",
            href=address_of(job, trial.number),
            values=values | {objective: trial.score or 0.0},
            rank=position / len(ranked),
        )
        for position, (trial, values) in enumerate(zip(ranked, settings, strict=True))
    ]
    label = "The hyperparameters of the best trials, a line for each"
    return draw_parallel(label, [*names, objective], threads)


def _values_of(hyperparameters: Hyperparameters) -> dict[str, Value]:
    """Return the hyperparameters as an axis has them: the widest layer stands for all."""
    values: dict[str, Value] = {}
    for name, value in hyperparameters:
        if name == "widths":
            values["widest layer"] = max(value, default=0)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values[name] = value
        else:
            values[name] = format_setting(value)
    return values


def draw_importances(job: Job) -> str:
    """Draw what share of the differences between trials each hyperparameter explains."""
    insights = job.outcome.insights
    importances = insights.importances[:MAX_BARS] if insights else ()
    bars = [Bar(in_words(i.name), i.share, format_percent(i.share)) for i in importances]
    return draw_bars("The share of the differences that each hyperparameter explains", bars)


def draw_causes(diagnosis: Diagnosis) -> str:
    """Draw the share of the excess loss that each remedy removes, with its interval."""
    bars = [_bar_of(finding) for finding in diagnosis.findings[:MAX_BARS]]
    label = "The share of the excess loss that each remedy removes"
    return draw_bars(label, [bar for bar in bars if bar is not None], longest=1.0)


def _bar_of(finding: Finding) -> Bar | None:
    effect = finding.effect or finding.isolated_effect
    if effect is None:
        return None
    interval = (effect.low, effect.high) if effect.runs > 1 else None
    name = " and ".join(map(in_words, (finding.cause, *finding.together_with)))
    if finding.effect is None:
        name += ", alone"
    return Bar(name, effect.share, format_percent(effect.share), interval)


def draw_recipe_curves(diagnosis: Diagnosis) -> str:
    """Draw the losses of the recipe and, where they share its units, of the remedied one."""
    curves = {"recipe": diagnosis.recipe_curve}
    is_remedied = diagnosis.remedied_recipe != diagnosis.recipe
    if is_remedied and diagnosis.remedied_recipe.loss == diagnosis.recipe.loss:
        curves["remedied"] = diagnosis.remedied_curve
    lines = [
        Line(f"{whose}, {part}", values)
        for whose, curve in curves.items()
        for part, values in (("validation", curve.val_loss), ("training", curve.loss))
        if any(value is not None for value in values)
    ]
    return draw_plot(Plot("Loss by epoch", "epoch", "loss", lines=lines))


def draw_column(column: Column) -> str:
    """Draw the histogram of a column; nothing for one of levels."""
    if column.histogram is None:
        return ""
    histogram = column.histogram
    edges = [column.describe(edge) for edge in histogram.edges]
    return draw_histogram(f"values of {column.name}", edges, histogram.counts)


def draw_levels(column: Column) -> str:
    """Draw the rows of the most frequent values of a column."""
    bars = [Bar(level.value, level.rows, f"{level.rows:,}") for level in column.levels[:MAX_BARS]]
    return draw_bars(f"rows of the values of {column.name}", bars)
