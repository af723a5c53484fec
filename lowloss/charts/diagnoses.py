"""Charts of a diagnosis: the recipe's losses beside the remedied one's, and what causes cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lowloss.charts.axes import Axis
from lowloss.charts.bars import Bar, draw_bars
from lowloss.charts.curves import EPOCHS, TRAINING, loss_lines, losses_of
from lowloss.charts.figures import Figure
from lowloss.charts.plots import CROSS, Line, Plot, Point, draw_plot
from lowloss.results import Curve, Diagnosis, EvidenceState, Finding
from lowloss.results.losses import describe_causes
from lowloss.wording import format_percent

MAX_CAUSES = 16
FAR, ROOM = 1000.0, 10.0
"""A loss so many times another's largest one is not drawn to scale, but so many times that."""


def draw_diagnosis(diagnosis: Diagnosis, recipe_name: str) -> list[Figure]:
    """Draw the losses by epoch, and what each remedy gains; `recipe_name` names the recipe."""
    figures = [*_draw_curves(diagnosis, recipe_name), _draw_causes(diagnosis)]
    return [figure for figure in figures if figure.chart]


def _draw_causes(diagnosis: Diagnosis) -> Figure:
    """Draw the share of the excess loss that each harmful cause's remedy removes.

    What was tried and does no harm is no cause: it has no bar.
    """
    bars = [bar for bar in map(_bar_of, diagnosis.harmful) if bar is not None]
    label = "The share of the excess loss that each remedy removes"
    return Figure(
        draw_bars(label, bars[:MAX_CAUSES], longest=1.0),
        "What each remedy removes of the excess loss, behind those above it or alone. Thin lines: "
        "95 % intervals.",
    )


def _bar_of(finding: Finding) -> Bar | None:
    effect = finding.effect or finding.isolated_effect
    if effect is None:
        return None
    name = describe_causes(finding)
    if finding.effect is None:
        name += ", alone"
    if effect.unbeaten_constant is not None:
        return Bar(name, 0.0, "no better than constant", None)
    interval = (effect.low, effect.high) if effect.runs > 1 else None
    share = format_percent(effect.share)
    if effect.metric == "balanced_error":
        share += " of balanced error"
    elif finding.evidence_state is EvidenceState.unconfirmed:
        share += ", not confirmed"
    return Bar(name, effect.share, share, interval)


def _draw_curves(diagnosis: Diagnosis, recipe_name: str) -> list[Figure]:
    """Draw the losses of the recipe and of the remedied one; in one chart if in the same units."""
    curves = {recipe_name: diagnosis.recipe_curve}
    if diagnosis.remedied_recipe != diagnosis.recipe:
        curves["with the remedies"] = diagnosis.remedied_curve
    # A recipe that Keras refuses has none.
    curves = {name: curve for name, curve in curves.items() if curve.loss or curve.val_loss}
    if not curves:
        return []
    if len(curves) == 1 or has_same_units(diagnosis):
        names = " and ".join(curves)
        return [Figure(_draw_losses(curves), f"Loss by epoch, {names}.")]
    return [
        Figure(
            _draw_losses({name: curve}),
            f"Loss by epoch, {name}, in the units that it trains in.",
        )
        for name, curve in curves.items()
    ]


def has_same_units(diagnosis: Diagnosis) -> bool:
    """Return whether the curves of both recipes are of one loss, in one unit.

    Squared errors are in the target's own units, whichever way it was scaled.
    """
    recipe, remedied = diagnosis.recipe, diagnosis.remedied_recipe
    is_squared = diagnosis.metric == recipe.loss == "mean_squared_error"
    is_scaled_alike = is_squared or recipe.scale_target == remedied.scale_target
    return recipe.loss == remedied.loss and is_scaled_alike


def _find_limit(curves: Sequence[Curve]) -> float:
    """Return the loss above which a curve is at the edge, where it would flatten a calmer one."""
    peaks = sorted(max(losses) for curve in curves if (losses := losses_of([curve])))
    if len(peaks) < 2 or peaks[-1] <= FAR * peaks[0]:
        return math.inf
    return ROOM * peaks[0]


def _draw_losses(curves: Mapping[str, Curve]) -> str:
    """Draw the losses of trainings; a cross marks the first epoch that has no finite loss."""
    lines, crosses = list[Line](), list[Point]()
    for colour, (name, curve) in enumerate(curves.items()):
        prefix = f"{name}: " if len(curves) > 1 else ""
        lines += [
            replace(
                line,
                name=f"{prefix}{line.name}",
                colour=colour if len(curves) > 1 else None,
                is_dashed=line.name == TRAINING,
            )
            for line in loss_lines(curve)
        ]
        if None in curve.loss:
            epoch = curve.loss.index(None) + 1
            crosses.append(Point(epoch, math.inf, f"{prefix}diverged in epoch {epoch}", CROSS))
    return draw_plot(
        Plot(
            label=f"Training and validation loss by epoch, {' and '.join(curves)}",
            x=EPOCHS,
            y=Axis("loss"),
            lines=lines,
            points=crosses,
            y_limits=(-math.inf, _find_limit(list(curves.values()))),
            legend={CROSS: "diverged"} if crosses else {},
        )
    )
