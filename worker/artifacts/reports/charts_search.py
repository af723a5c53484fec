"""Charts of a search: its scores, its hyperparameters, and the curves of its best trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lowloss.results import Curve, Hyperparameters, Trial, TrialState
from lowloss.spec import Choice, Direction, Float, Int
from worker.artifacts.reports.curves import loss_axis, losses_of, plot_curve
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.svg import FAINT, INK, OTHER, OURS, THIRD, dots, draw, log_axis
from worker.artifacts.reports.words import name, setting

MAX_DOTS = 300
"""Trials that each small chart of a hyperparameter shows."""
MAX_CURVES = 6
MAX_SECONDS = 600.0
"""A longer search is shown in minutes."""
COLUMNS = 3


def search_chart(facts: Facts) -> Markup:
    """The score of each trial in order, and the best so far; pruned ones apart."""
    trials = sorted(facts.completed, key=lambda trial: trial.number)
    numbers = [trial.number for trial in trials]
    scores = np.array([_score(trial) for trial in trials])
    is_min = facts.job.search.objective.direction is Direction.min
    best = np.minimum.accumulate(scores) if is_min else np.maximum.accumulate(scores)
    pruned = [(t.number, _score(t)) for t in facts.trials if t.state is TrialState.pruned]
    ended = [t.number for t in facts.trials if t.state in {TrialState.diverged, TrialState.failed}]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        loss_axis(axes, np.array([*scores, *(score for _, score in pruned)]))
        axes.step(numbers, best, where="post", color=OTHER, linewidth=1.2, label="best so far")
        dots(axes, numbers, scores, OURS)
        if pruned:
            places, lost = zip(*pruned, strict=True)
            axes.plot(places, lost, "o", mec=FAINT, mfc="none", ms=3, label="pruned")
        winner = facts.winner
        axes.plot([winner.number], [_score(winner)], "o", mec=INK, mfc="none", ms=9, label="winner")
        if ended:
            top = np.full(len(ended), 0.99)
            marks = axes.plot(ended, top, "x", color=THIRD, ms=5, label="diverged or failed")
            marks[0].set(transform=axes.get_xaxis_transform(), clip_on=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("trial")
        axes.set_ylabel(name(facts.job.search.objective))
        figure.legend(loc="outside upper right", ncols=4)

    return draw("search", paint, label="The score of each trial and the best so far")


def convergence_chart(facts: Facts) -> Markup | None:
    """The best score so far by epochs and by time; None where the first trial was the best."""
    insights = facts.job.outcome.insights
    if insights is None or len(insights.improvements) < 2:
        return None
    found, ended = insights.improvements, [t.finished_at for t in facts.trials if t.finished_at]
    begun = min(trial.started_at for trial in facts.trials)
    scores = np.array([*(each.score for each in found), found[-1].score])
    seconds = [*(each.seconds for each in found), (max(ended) - begun).total_seconds()]
    unit, length = ("minutes", 60.0) if seconds[-1] > MAX_SECONDS else ("seconds", 1.0)
    by: dict[str, list[float]] = {
        "epochs": [*(each.epochs for each in found), insights.consumed.epochs],
        unit: [each / length for each in seconds],
    }

    def paint(figure: Figure) -> None:
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (label, values) in zip(grid, by.items(), strict=True):
            loss_axis(axes, scores)
            axes.step(values, scores, where="post", color=OTHER, linewidth=1.2)
            dots(axes, values[:-1], scores[:-1], OURS)
            axes.set_xlim(left=0)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
            axes.set_xlabel(label)
        grid[0].set_ylabel(name(facts.job.search.objective))

    label = "The best score so far by epochs and by time"
    return draw("convergence", paint, label=label, size=(6.4, 2.2))


def hyperparameter_charts(facts: Facts) -> Markup | None:
    """The score against each hyperparameter that was searched; None where none was."""
    trials = _some(facts.completed)
    columns = {key: _values(trials, key) for key in _by_importance(facts)}
    searched = {key: found for key, found in columns.items() if len(set(found)) > 1}
    if not searched:
        return None
    scores = np.array([_score(trial) for trial in trials])
    rows = -(-len(searched) // COLUMNS)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).ravel()
        for axes, (key, found) in zip(grid, searched.items(), strict=False):
            loss_axis(axes, scores)
            dots(axes, _positions(axes, facts, key, found), scores, OURS)
            axes.set_xlabel("largest width" if key == "widths" else name(key))
        for axes in grid[len(searched) :]:
            axes.set_visible(False)
        figure.supylabel(name(facts.job.search.objective), fontsize="medium")

    size = (6.4, 0.4 + 1.6 * rows)
    return draw("space", paint, label="Score against each hyperparameter", size=size)


def curve_charts(facts: Facts) -> Markup | None:
    """Training and validation loss of the best trials, the winner first; None without curves."""
    ordered = [facts.winner, *(each for each in facts.ranked_trials if each != facts.winner)]
    shown = [(t, facts.curves[t.number]) for t in ordered if t.number in facts.curves][:MAX_CURVES]
    shown = [(trial, curve) for trial, curve in shown if curve.val_loss]
    if not shown:
        return None
    losses = losses_of(*(curve for _, curve in shown))
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for axes, (trial, curve) in zip(grid, shown, strict=False):
            _curve(axes, trial, curve)
            loss_axis(axes, losses)
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        figure.supxlabel("epoch", fontsize="medium")
        figure.supylabel("loss", fontsize="medium")

    size = (6.4, 0.8 + 1.8 * rows)
    return draw("curves", paint, label="Training and validation loss by epoch", size=size)


def _curve(axes: Axes, trial: Trial, curve: Curve) -> None:
    plot_curve(axes, curve)
    if trial.best_epoch is not None:
        axes.axvline(trial.best_epoch, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_title(f"trial {trial.number}", loc="left")


def _by_importance(facts: Facts) -> list[str]:
    """The fields of hyperparameters, those that mattered most first."""
    insights = facts.job.outcome.insights
    told = [each.name for each in insights.importances] if insights else []
    ranks = {"widths" if key == "width" else key: rank for rank, key in enumerate(told)}
    return sorted(Hyperparameters.model_fields, key=lambda key: ranks.get(key, len(ranks)))


def _values(trials: Sequence[Trial], key: str) -> list[object]:
    found = [getattr(trial.hyperparameters, key) for trial in trials]
    return [max(widths) for widths in found] if key == "widths" else found


def _positions(axes: Axes, facts: Facts, key: str, found: list[object]) -> list[float]:
    """Where values stand on the x axis, which is made to fit them."""
    numbers = [float(value) for value in found if isinstance(value, int | float)]
    parameter = getattr(facts.job.search.search_space, key, None)
    if len(numbers) < len(found) or isinstance(parameter, Choice):
        named = [setting(value) for value in sorted(set(found), key=_order)]
        axes.set_xticks(range(len(named)), named)
        axes.set_xlim(-0.5, len(named) - 0.5)
        return [float(named.index(setting(value))) for value in found]
    if isinstance(parameter, Float | Int) and parameter.scale == "log":
        log_axis(axes, "x", numbers)
    else:
        is_whole = all(isinstance(value, int) for value in found)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=is_whole))
    return numbers


def _order(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)  # type: ignore[arg-type]


def _some(trials: Sequence[Trial]) -> list[Trial]:
    """At most as many trials as are drawn, evenly over the search."""
    if len(trials) <= MAX_DOTS:
        return list(trials)
    return [trials[i] for i in np.linspace(0, len(trials) - 1, MAX_DOTS).astype(int)]


def _score(trial: Trial) -> float:
    return float("nan") if trial.score is None else trial.score
