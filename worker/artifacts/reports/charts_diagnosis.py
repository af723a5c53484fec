"""Charts of a diagnosis: the recipe's curve beside the remedied one, and what each cause costs."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lowloss.results import Curve, Diagnosis, Effect, Finding
from lowloss.wording import MINUS, format_number, in_words
from worker.artifacts.reports.curves import loss_axis, losses_of, plot_curve
from worker.artifacts.reports.svg import INK, OURS, THIRD, draw

MAX_CAUSES = 16
MIN_SHARE, MAX_SHARE = -0.25, 1.25
"""Shares beyond these are cut off; the findings have their numbers."""
BAR, THIN_BAR = 0.4, 0.22
LIGHT = 0.35


def before_and_after(diagnosis: Diagnosis, recipe_name: str) -> Markup | None:
    """Draw the losses of the recipe and of the remedied one; None without epochs.

    They share an axis where their losses are in the same units.
    """
    recipe, remedied = diagnosis.recipe, diagnosis.remedied_recipe
    curves = [(recipe_name, diagnosis.recipe_curve)]
    if remedied != recipe:
        curves.append(("with the remedies", diagnosis.remedied_curve))
    shown = [(title, curve) for title, curve in curves if len(losses_of(curve))]
    if not shown:
        return None
    is_shared = has_same_units(diagnosis)
    together = losses_of(*(curve for _, curve in shown))

    def paint(figure: Figure) -> None:
        grid = figure.subplots(1, len(shown), squeeze=False, sharey=is_shared)[0]
        for axes, (title, curve) in zip(grid, shown, strict=True):
            plot_curve(axes, curve)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: format_number(loss)))
            loss_axis(axes, together if is_shared else losses_of(curve))
            _mark_end(axes, curve)
            axes.set_title(title, loc="left")
            axes.set_xlabel("epoch")
        grid[0].set_ylabel("loss")
        lines = {line.get_label(): line for axes in grid for line in axes.get_lines()}
        labels = [label for label in ("training", "validation", "diverged") if label in lines]
        handles = [lines[label] for label in labels]
        figure.legend(handles, labels, loc="outside upper right", ncols=3)

    label = "Training and validation loss by epoch, before and after the remedies"
    return draw("remedied", paint, label=label)


def has_same_units(diagnosis: Diagnosis) -> bool:
    """Return whether the curves of both recipes are of one loss, in one unit.

    Squared errors are in the target's own units, whichever way it was scaled.
    """
    recipe, remedied = diagnosis.recipe, diagnosis.remedied_recipe
    is_squared = diagnosis.metric == recipe.loss == "mean_squared_error"
    is_scaled_alike = is_squared or recipe.scale_target == remedied.scale_target
    return recipe.loss == remedied.loss and is_scaled_alike


def _mark_end(axes: Axes, curve: Curve) -> None:
    """Show all epochs on the axis, and mark the first that has no finite loss."""
    epochs = len(curve.loss)
    margin = max(0.5, 0.04 * epochs)
    axes.set_xlim(1 - margin, epochs + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, min_n_ticks=1))
    if None in curve.loss:
        epoch = curve.loss.index(None) + 1
        top = axes.get_xaxis_transform()
        axes.plot([epoch], [0.98], "x", color=THIRD, ms=6, mew=1.5, label="diverged", transform=top)


def measured(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings with a measured effect: those that have a bar."""
    with_effect = [finding for finding in findings if finding.effect or finding.isolated_effect]
    return tuple(with_effect[:MAX_CAUSES])


def cause_chart(findings: tuple[Finding, ...]) -> Markup | None:
    """Draw the share of the excess loss that each remedy removes; None without any."""
    shown = measured(findings)
    if not shown:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, finding in enumerate(shown):
            if finding.effect is not None:
                _bar(axes, row, finding.effect, BAR, 1.0)
            if finding.isolated_effect is not None:
                _bar(axes, row + (BAR + THIN_BAR) / 2, finding.isolated_effect, THIN_BAR, LIGHT)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(shown)), [in_words(finding.cause) for finding in shown])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(shown) - 0.4, -0.5)
        axes.set_xlim(*_axis_limits(shown))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: _percent(share)))
        axes.set_xlabel("share of the excess loss that the remedy removes")

    size = (6.4, 0.8 + 0.45 * len(shown))
    return draw("causes", paint, label="Share of the excess loss by cause", size=size)


def _bar(axes: Axes, row: float, effect: Effect, height: float, alpha: float) -> None:
    axes.barh(row, effect.share, height, color=OURS, alpha=alpha)
    if effect.low < effect.high:
        ends = [effect.low, effect.high]
        axes.plot(ends, [row, row], "|-", color=INK, linewidth=1.0, markersize=12 * height)


def _axis_limits(findings: tuple[Finding, ...]) -> tuple[float, float]:
    """Return the limits of the axis: from nothing to all, or as far as intervals reach."""
    effects = [
        effect
        for finding in findings
        for effect in (finding.effect, finding.isolated_effect)
        if effect is not None
    ]
    low = min(0.0, *(min(effect.low, effect.share) for effect in effects))
    high = max(1.0, *(max(effect.high, effect.share) for effect in effects))
    return max(low, MIN_SHARE) - 0.01, min(high, MAX_SHARE) + 0.01


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %".replace("-", MINUS)
