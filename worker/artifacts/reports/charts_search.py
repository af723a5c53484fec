"""Charts of a search: its scores, its hyperparameters, and the curves of its best trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lowloss.results import Curve, Hyperparameters, Trial, TrialState
from lowloss.spec import Choice, Float, Int
from lowloss.wording import format_setting, in_words
from worker.artifacts.reports.curves import loss_axis, losses_of, plot_curve
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.svg import FAINT, INK, OTHER, OURS, THIRD, dots, draw, log_axis

MAX_DOTS = 300
"""Trials that each small chart of a hyperparameter shows."""
MAX_CURVES = 6
MAX_SECONDS = 600.0
"""A longer search is shown in minutes."""
COLUMNS = 3


def search_chart(facts: Facts) -> Markup:
    """Draw the score of each trial in order, and the best so far; pruned ones apart."""
    trials = sorted(facts.completed, key=lambda trial: trial.number)
    numbers = [trial.number for trial in trials]
    scores = np.array([_score(trial) for trial in trials])
    sign = facts.job.search.objective.direction.sign
    best = sign * np.minimum.accumulate(sign * scores)
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
        axes.set_ylabel(in_words(facts.job.search.objective))
        figure.legend(loc="outside upper right", ncols=4)

    return draw("search", paint, label="The score of each trial and the best so far")


def convergence_chart(facts: Facts) -> Markup | None:
    """Draw the best score so far by epochs and by time; None if the first trial was best."""
    insights = facts.job.outcome.insights
    if insights is None or len(insights.improvements) < 2:
        return None
    improvements, ended = (
        insights.improvements,
        [t.finished_at for t in facts.trials if t.finished_at],
    )
    begun = min(trial.started_at for trial in facts.trials)
    scores = np.array([*(point.score for point in improvements), improvements[-1].score])
    seconds = [*(point.seconds for point in improvements), (max(ended) - begun).total_seconds()]
    unit, length = ("minutes", 60.0) if seconds[-1] > MAX_SECONDS else ("seconds", 1.0)
    by: dict[str, list[float]] = {
        "epochs": [*(point.epochs for point in improvements), insights.consumed.epochs],
        unit: [point / length for point in seconds],
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
        grid[0].set_ylabel(in_words(facts.job.search.objective))

    label = "The best score so far by epochs and by time"
    return draw("convergence", paint, label=label, size=(6.4, 2.2))


def hyperparameter_charts(facts: Facts) -> Markup | None:
    """Draw the score against each hyperparameter that was searched; None without any."""
    trials = _sample_trials(facts.completed)
    columns = {key: _values(trials, key) for key in _by_importance(facts)}
    searched = {key: values for key, values in columns.items() if len(set(values)) > 1}
    if not searched:
        return None
    scores = np.array([_score(trial) for trial in trials])
    rows = -(-len(searched) // COLUMNS)

    def paint(figure: Figure) -> None:
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).ravel()
        for axes, (key, values) in zip(grid, searched.items(), strict=False):
            loss_axis(axes, scores)
            dots(axes, _positions(axes, facts, key, values), scores, OURS)
            axes.set_xlabel("largest width" if key == "widths" else in_words(key))
        for axes in grid[len(searched) :]:
            axes.set_visible(False)
        figure.supylabel(in_words(facts.job.search.objective), fontsize="medium")

    size = (6.4, 0.4 + 1.6 * rows)
    return draw("space", paint, label="Score against each hyperparameter", size=size)


def curve_charts(facts: Facts) -> Markup | None:
    """Draw the losses of the best trials, the winner first; None without curves."""
    ordered = [facts.winner, *(trial for trial in facts.ranked_trials if trial != facts.winner)]
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
    """Return the fields of hyperparameters, the most important first."""
    insights = facts.job.outcome.insights
    ranked_names = [importance.name for importance in insights.importances] if insights else []
    ranks = {"widths" if key == "width" else key: rank for rank, key in enumerate(ranked_names)}
    return sorted(Hyperparameters.model_fields, key=lambda key: ranks.get(key, len(ranks)))


def _values(trials: Sequence[Trial], key: str) -> list[object]:
    values = [getattr(trial.hyperparameters, key) for trial in trials]
    return [max(widths) for widths in values] if key == "widths" else values


def _positions(axes: Axes, facts: Facts, key: str, values: list[object]) -> list[float]:
    """Return the positions of values on the x axis, which is fitted to them."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    parameter = getattr(facts.job.search.search_space, key, None)
    if len(numbers) < len(values) or isinstance(parameter, Choice):
        labels = [format_setting(value) for value in sorted(set(values), key=_order)]
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        return [float(labels.index(format_setting(value))) for value in values]
    if isinstance(parameter, Float | Int) and parameter.scale == "log":
        log_axis(axes, "x", numbers)
    else:
        is_whole = all(isinstance(value, int) for value in values)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=is_whole))
    return numbers


def _order(value: object) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by size, then words."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)  # type: ignore[arg-type]


def _sample_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Return at most as many trials as the chart shows, evenly over the search."""
    if len(trials) <= MAX_DOTS:
        return list(trials)
    return [trials[i] for i in np.linspace(0, len(trials) - 1, MAX_DOTS).astype(int)]


def _score(trial: Trial) -> float:
    return float("nan") if trial.score is None else trial.score
