"""Charts of a search: its scores, its hyperparameters, and the curves of its trials.

`address` is where pages of its trials are, such as `/jobs/JOB/trials`; without one, marks lead
nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lowloss.charts.axes import Axis
from lowloss.charts.bars import draw_sparkline
from lowloss.charts.curves import EPOCHS, loss_lines, losses_of
from lowloss.charts.figures import Figure
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
from lowloss.charts.scores import find_limits, has_far_worse
from lowloss.charts.timelines import choose_time_unit, find_page
from lowloss.results import (
    Curve,
    Improvement,
    Job,
    SearchInsights,
    Trial,
    TrialState,
)
from lowloss.results.ranking import find_best, rank_trials
from lowloss.wording import format_number, in_words

MAX_TIPS = 750
"""Trials that say their scores; of more, the first ones are only dots, but for the best."""
MAX_CURVES = 6
ENDED_BADLY = frozenset({TrialState.diverged, TrialState.failed})
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
    plot = Plot(
        label=f"{objective} of each trial, and the best so far",
        x=Axis("trial", is_log=False),
        y=Axis(objective, is_log=log),
        points=[*map(_silence, points[:-MAX_TIPS]), *points[-MAX_TIPS:]],
        steps=steps,
        y_limits=find_limits(job, scored, outliers=outliers),
        legend={kind: name for kind, name in LEGEND.items() if kind in kinds},
        size=size,
    )
    caption = "The score of each trial" + ("; a cross has none." if CROSS in kinds else ".")
    if not outliers and has_far_worse(job, scored):
        caption += " Far worse ones stand at the edge."
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
