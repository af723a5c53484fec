"""Charts of the hyperparameters of a search: which values were good, and which matter.

`address` is where pages of its trials are; without one, marks lead nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lowloss.charts.axes import Axis, Value, fit_axis
from lowloss.charts.bars import Bar, draw_bars
from lowloss.charts.figures import Figure
from lowloss.charts.parallel import Thread, draw_parallel
from lowloss.charts.plots import PART, Plot, Point, draw_plot
from lowloss.charts.scores import find_limits, has_far_worse, limit
from lowloss.charts.searches import BEST
from lowloss.charts.timelines import find_page
from lowloss.results import Hyperparameters, Job, SearchInsights, Trial, TrialState
from lowloss.results.ranking import rank_trials
from lowloss.wording import format_number, format_percent, format_setting, in_words

MIN_COMPARED = 6
"""How many completed trials the charts of hyperparameters need: fewer dots show nothing."""
MAX_THREADS = 200
"""Trials in parallel coordinates: the best ones."""
MAX_DOTS = 150
"""Trials that each small chart of a hyperparameter shows."""
MAX_PAIR_TIPS = 50
"""Trials that say their scores in the chart of two hyperparameters: the best ones."""
FIFTHS = 5
"""Trials are shaded by their rank in so many steps; the style sheet names them."""
MAX_BARS = 12
WIDEST = "widest layer"


def list_comparable(trials: Sequence[Trial]) -> Sequence[Trial]:
    """Return what the charts of hyperparameters are drawn from; none of too few trials."""
    completed = sum(trial.state is TrialState.completed for trial in trials)
    return trials if completed >= MIN_COMPARED else ()


def draw_hyperparameters(
    job: Job,
    trials: Sequence[Trial],
    *,
    chosen: Trial | None = None,
    log: bool | None = None,
    outliers: bool = False,
) -> list[str]:
    """Draw the score against each hyperparameter that differs, the most important first.

    A faint line marks the value of a `chosen` trial, and a point of its own its score. `log` and
    `outliers` are those of the scores.
    """
    shown = _sample_evenly(rank_trials(job, trials), MAX_DOTS)
    if chosen is not None:
        shown = [*(trial for trial in shown if trial.number != chosen.number), chosen]
    limits = find_limits(job, rank_trials(job, trials), outliers=outliers)
    scores = tuple(limit(trial.score, limits) for trial in shown if trial.score is not None)
    y_axis = Axis(in_words(job.search.objective), is_log=log, ends=scores)
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
            y_limits=(min(y_axis.ends), max(y_axis.ends)),
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


def draw_space(
    job: Job,
    trials: Sequence[Trial],
    *,
    address: str = "",
    log: bool | None = None,
    outliers: bool = False,
) -> Figure:
    """Draw the hyperparameters that differ among the best trials as parallel coordinates."""
    completed = rank_trials(job, trials)
    ranked = completed[:MAX_THREADS]
    limits = find_limits(job, ranked, outliers=outliers)
    columns = _columns_of(job, ranked)
    objective = in_words(job.search.objective)
    threads = [
        Thread(
            tip=f"trial {trial.number}: {format_number(trial.score)}",
            href=find_page(address, trial.number),
            values={name: values[position] for name, values in columns.items()}
            | {objective: limit(trial.score or 0.0, limits)},
            rank=position / len(ranked),
        )
        for position, trial in enumerate(ranked)
    ]
    if len(ranked) < 2:
        return Figure("", "")
    is_cut = len(ranked) < len(completed)
    whose = f"each of the {MAX_THREADS} best trials" if is_cut else "each completed trial"
    edge = " Far worse ones end at the edge." if not outliers and has_far_worse(job, ranked) else ""
    return Figure(
        draw_parallel(
            f"The hyperparameters, a line for {whose}",
            [*columns, objective],
            threads,
            {objective: Axis(objective, is_log=log)},
        ),
        f"A line for {whose}, the best ones strongest.{edge} Draw along an axis to choose lines.",
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
