"""Charts of a search: its scores, its hyperparameters, and the curves of its trials.

`address` is where pages of its trials are, such as `/jobs/JOB/trials`; without one, marks lead
nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lowloss.charts.axes import Axis, Value, fit_axis
from lowloss.charts.bars import Bar, draw_bars, draw_sparkline
from lowloss.charts.curves import EPOCHS, loss_lines, losses_of
from lowloss.charts.figures import Figure
from lowloss.charts.parallel import Thread, draw_parallel
from lowloss.charts.plots import (
    CROSS,
    NORMAL,
    PART,
    STEPS,
    Line,
    Plot,
    Point,
    Size,
    draw_plot,
    has_values,
)
from lowloss.charts.scales import is_spread
from lowloss.charts.timelines import choose_time_unit, find_page
from lowloss.results import (
    Curve,
    Hyperparameters,
    Improvement,
    Job,
    SearchInsights,
    Trial,
    TrialState,
)
from lowloss.results.ranking import find_best, rank_trials
from lowloss.wording import format_number, format_percent, format_setting, in_words

OUTLIER_FACTOR = 3.0
"""Scores so many times the distance of the quartiles above the upper one flatten a chart."""
MAX_TIPS = 750
"""Trials that say their scores; of more, the first ones are only dots, but for the best."""
MAX_THREADS = 200
"""Trials in parallel coordinates: the best ones."""
MAX_DOTS = 150
"""Trials that each small chart of a hyperparameter shows."""
MAX_PAIR_TIPS = 50
"""Trials that say their scores in the chart of two hyperparameters: the best ones."""
FIFTHS = 5
"""Trials are shaded by their rank in so many steps; the style sheet names them."""
MAX_BARS = 12
MAX_CURVES = 6
ENDED_BADLY = frozenset({TrialState.diverged, TrialState.failed})
WIDEST = "widest layer"
BEST = "best"
LEGEND = {
    str(TrialState.completed): "completed",
    str(TrialState.pruned): "pruned",
    CROSS: "diverged or failed",
    BEST: "the best",
    STEPS: "best so far",
}


def draw_best_so_far(insights: SearchInsights | None) -> str:
    """Draw how the best score of a search that has ended fell, for a table's row."""
    if insights is None:
        return ""
    scores = [step.score for step in insights.improvements]
    return draw_sparkline(f"best score so far: {', '.join(map(format_number, scores))}", scores)


def draw_scores(
    job: Job,
    trials: Sequence[Trial],
    *,
    address: str = "",
    log: bool | None = None,
    pruned: bool = True,
    outliers: bool = False,
    size: Size = NORMAL,
) -> Figure:
    """Draw the score of each trial in order, and the best so far.

    `log` null is by the scores' spread; without `outliers` bad scores stand at the edge, where
    trials that diverged or failed do.
    """
    ordered = sorted(trials, key=lambda trial: trial.number)
    shown = [trial for trial in ordered if pruned or trial.state is not TrialState.pruned]
    scored = [trial for trial in shown if trial.score is not None]
    points = [_point_of(job, trial, address) for trial in shown if _has_ended(trial)]
    # What is drawn last lies on top.
    points.sort(key=lambda point: point.kind == BEST)
    steps = _best_so_far(job, scored)
    kinds = {point.kind for point in points} | ({STEPS} if steps else set())
    objective = in_words(job.search.objective)
    is_limited = not outliers and job.search.objective.direction.sign > 0
    plot = Plot(
        label=f"{objective} of each trial, and the best so far",
        x=Axis("trial", is_log=False),
        y=Axis(objective, is_log=log),
        points=[*map(_silence, points[:-MAX_TIPS]), *points[-MAX_TIPS:]],
        steps=steps,
        y_limit=_find_limit(scored) if is_limited else None,
        legend={kind: name for kind, name in LEGEND.items() if kind in kinds},
        size=size,
    )
    caption = "The score of each trial; a cross has none."
    caption += " Far worse ones stand at the edge." if plot.y_limit is not None else ""
    return Figure(draw_plot(plot), caption + (" A click opens the trial." if address else ""))


def has_log_scale(trials: Sequence[Trial]) -> bool:
    """Return whether the scores of trials are shown by their logarithm unless somebody chooses."""
    return is_spread(trial.score for trial in trials if trial.score is not None)


def _has_ended(trial: Trial) -> bool:
    return trial.score is not None or trial.state in ENDED_BADLY


def _best_so_far(job: Job, scored: Sequence[Trial]) -> list[tuple[float, float]]:
    direction, steps = job.search.objective.direction, list[tuple[float, float]]()
    for trial in scored:
        score = trial.score or 0.0
        is_new = not steps or direction.is_better(score, steps[-1][1])
        if trial.state is TrialState.completed and is_new:
            steps.append((float(trial.number), score))
    return steps


def _point_of(job: Job, trial: Trial, address: str) -> Point:
    number, href = trial.number, find_page(address, trial.number)
    if trial.score is None:
        worst = job.search.objective.direction.sign * math.inf
        return Point(number, worst, f"trial {number}: {trial.state}", CROSS, href)
    tip = f"trial {number}: {format_number(trial.score)}, {trial.state}"
    return Point(number, trial.score, tip, BEST if number == find_best(job) else trial.state, href)


def _silence(point: Point) -> Point:
    return replace(point, tip="")


def _find_limit(scored: Sequence[Trial]) -> float | None:
    """Return the score above which a trial would flatten the others; None for few trials."""
    scores = sorted(trial.score for trial in scored if trial.score is not None)
    if len(scores) < 8:
        return None
    lower, upper = scores[len(scores) // 4], scores[3 * len(scores) // 4]
    return upper + OUTLIER_FACTOR * (upper - lower)


def draw_convergence(job: Job, trials: Sequence[Trial]) -> list[Figure]:
    """Draw the best score so far by epochs and by time; nothing if the first trial was best."""
    insights = job.outcome.insights
    if insights is None or len(insights.improvements) < 2:
        return []
    improvements = insights.improvements
    ends = [trial.finished_at for trial in trials if trial.finished_at]
    begun = min(trial.started_at for trial in trials)
    seconds = (max(ends, default=begun) - begun).total_seconds()
    unit, length = choose_time_unit(seconds)
    axes = {
        "epochs": ([float(entry.epochs) for entry in improvements], insights.consumed.epochs),
        unit: ([entry.seconds / length for entry in improvements], seconds / length),
    }
    return [
        Figure(
            _draw_improvements(job, improvements, Axis(unit, is_log=False, ends=(0, end)), xs),
            f"The best score so far, by the {unit} of all trials that had ended.",
        )
        for unit, (xs, end) in axes.items()
    ]


def _draw_improvements(
    job: Job, improvements: Sequence[Improvement], axis: Axis, xs: Sequence[float]
) -> str:
    objective = in_words(job.search.objective)
    points = [
        Point(x, entry.score, f"trial {entry.trial}: {format_number(entry.score)}")
        for x, entry in zip(xs, improvements, strict=True)
    ]
    return draw_plot(
        Plot(
            label=f"The best score so far by {axis.label}",
            x=axis,
            y=Axis(objective),
            points=points,
            steps=[(point.x, point.y) for point in points],
        )
    )


def draw_hyperparameters(
    job: Job, trials: Sequence[Trial], *, chosen: Trial | None = None
) -> list[str]:
    """Draw the score against each hyperparameter that differs, the most important first.

    A faint line marks the value of a `chosen` trial, and a point of its own its score.
    """
    shown = _sample_evenly(rank_trials(job, trials), MAX_DOTS)
    if chosen is not None:
        shown = [*(trial for trial in shown if trial.number != chosen.number), chosen]
    scores = tuple(trial.score for trial in shown if trial.score is not None)
    y_axis = Axis(in_words(job.search.objective), ends=scores)
    return [
        _draw_hyperparameter(name, values, shown, y_axis=y_axis, chosen=chosen)
        for name, values in _columns_of(job, shown).items()
    ]


def _draw_hyperparameter(
    name: str,
    values: Sequence[Value],
    trials: Sequence[Trial],
    *,
    y_axis: Axis,
    chosen: Trial | None,
) -> str:
    x_axis, xs = fit_axis(in_words(name), values)
    points, guides = list[Point](), []
    for x, trial in zip(xs, trials, strict=True):
        is_chosen = trial is chosen
        if is_chosen:
            guides.append(((x, -math.inf), (x, math.inf)))
        if trial.score is not None:
            tip = f"trial {trial.number}: {format_number(trial.score)}" if is_chosen else ""
            points.append(Point(x, trial.score, tip, BEST if is_chosen else ""))
    return draw_plot(
        Plot(
            label=f"Score against {in_words(name)}",
            x=x_axis,
            y=y_axis,
            points=points,
            guides=guides,
            size=PART,
        )
    )


def draw_pair(job: Job, trials: Sequence[Trial], *, address: str = "") -> Figure:
    """Draw good and bad trials by the two hyperparameters that matter most, once that is known."""
    ranked = rank_trials(job, trials)[::-1]
    insights = job.outcome.insights
    columns = list(_columns_of(job, ranked).items())[:2]
    if insights is None or not insights.importances or len(columns) < 2:
        return Figure("", "")
    (x_axis, xs), (y_axis, ys) = (fit_axis(in_words(name), values) for name, values in columns)
    points = []
    for index, (trial, x, y) in enumerate(zip(ranked, xs, ys, strict=True)):
        rank = len(ranked) - 1 - index
        tip = f"trial {trial.number}: {format_number(trial.score)}"
        points.append(
            Point(
                x,
                y,
                tip if rank < MAX_PAIR_TIPS else "",
                f"shade-{FIFTHS * rank // len(ranked)}",
                find_page(address, trial.number),
            )
        )
    names = " and ".join(axis.label for axis in (x_axis, y_axis))
    plot = Plot(
        label=f"The trials by {names}",
        x=x_axis,
        y=y_axis,
        points=points,
        legend={"shade-0": "the best fifth", f"shade-{FIFTHS - 1}": "the worst fifth"},
    )
    caption = f"Which {names} are good together: the better a trial, the fuller its dot."
    return Figure(draw_plot(plot), caption)


def draw_curves(curves: Mapping[int, Curve], *, address: str = "") -> str:
    """Draw the validation loss of several trials by epoch."""
    lines = [
        Line(f"trial {number}", curve.val_loss, href=find_page(address, number))
        for number, curve in curves.items()
        if has_values(curve.val_loss)
    ]
    return draw_plot(Plot("Validation loss by epoch", EPOCHS, Axis("loss"), lines=lines))


def draw_losses(
    trial: Trial, curve: Curve, *, ends: tuple[float, ...] = (), size: Size = NORMAL
) -> str:
    """Draw the losses of one trial by epoch; a faint line marks its best epoch.

    `ends` are losses that the axis reaches at least.
    """
    best = trial.best_epoch
    return draw_plot(
        Plot(
            label=f"Training and validation loss of trial {trial.number} by epoch",
            x=EPOCHS,
            y=Axis("loss", ends=ends),
            lines=loss_lines(curve),
            guides=[] if best is None else [((best, -math.inf), (best, math.inf))],
            size=size,
        )
    )


def draw_best_losses(
    job: Job, trials: Sequence[Trial], curves: Mapping[int, Curve]
) -> list[Figure]:
    """Draw the losses of the best trials, the job's own first, on one scale."""
    best = find_best(job)
    ranked = sorted(rank_trials(job, trials), key=lambda trial: trial.number != best)
    shown = [(trial, curves[trial.number]) for trial in ranked if trial.number in curves]
    shown = [(trial, curve) for trial, curve in shown if has_values(curve.val_loss)][:MAX_CURVES]
    ends = losses_of(curve for _, curve in shown)
    return [
        Figure(draw_losses(trial, curve, ends=ends, size=PART), f"Trial {trial.number}")
        for trial, curve in shown
    ]


def draw_space(job: Job, trials: Sequence[Trial], *, address: str = "") -> Figure:
    """Draw the hyperparameters that differ among the best trials as parallel coordinates."""
    ranked = rank_trials(job, trials)[:MAX_THREADS]
    columns = _columns_of(job, ranked)
    objective = in_words(job.search.objective)
    threads = [
        Thread(
            tip=f"trial {trial.number}: {format_number(trial.score)}",
            href=find_page(address, trial.number),
            values={name: values[position] for name, values in columns.items()}
            | {objective: trial.score or 0.0},
            rank=position / len(ranked),
        )
        for position, trial in enumerate(ranked)
    ]
    label = "The hyperparameters of the best trials, a line for each"
    return Figure(
        draw_parallel(label, [*columns, objective], threads) if len(ranked) > 1 else "",
        "A line for each of the best trials, the best ones strongest. Draw along an axis to choose "
        "lines.",
    )


def _columns_of(job: Job, trials: Sequence[Trial]) -> dict[str, list[Value]]:
    """Return the values of the hyperparameters that differ, the most important ones first."""
    insights = job.outcome.insights
    importances = insights.importances if insights else ()
    ranks = {
        WIDEST if importance.name == "width" else importance.name: rank
        for rank, importance in enumerate(importances)
    }
    settings = [_values_of(trial.hyperparameters) for trial in trials]
    names = sorted(settings[0] if settings else (), key=lambda name: ranks.get(name, len(ranks)))
    columns = {name: [values[name] for values in settings] for name in names}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def _values_of(hyperparameters: Hyperparameters) -> dict[str, Value]:
    """Return the hyperparameters as an axis has them: the widest layer stands for all."""
    values: dict[str, Value] = {}
    for name, value in hyperparameters:
        if name == "widths":
            values[WIDEST] = max(value, default=0)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            values[name] = value
        else:
            values[name] = format_setting(value)
    return values


def draw_importances(insights: SearchInsights | None) -> Figure:
    """Draw what share of the differences between trials each hyperparameter explains."""
    importances = insights.importances[:MAX_BARS] if insights else ()
    bars = [Bar(in_words(i.name), i.share, format_percent(i.share)) for i in importances]
    return Figure(
        draw_bars("The share of the differences that each hyperparameter explains", bars),
        "What mattered: how much of the differences between the scores of trials each "
        "hyperparameter explains (fANOVA; a trial that diverged is as bad as the worst).",
    )


def _sample_evenly(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return at most so many trials, evenly over all of them."""
    step = max(1.0, len(trials) / count)
    return [trials[int(index * step)] for index in range(min(count, len(trials)))]
