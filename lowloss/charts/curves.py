"""The losses of trainings as lines by epoch."""

from __future__ import annotations

from collections.abc import Iterable

from lowloss.charts.axes import Axis
from lowloss.charts.plots import Line, has_values
from lowloss.results import Curve

EPOCHS = Axis("epoch", is_log=False)
TRAINING = "training"


def loss_lines(curve: Curve) -> list[Line]:
    """Return the lines of a training's losses, those without any value left out."""
    parts = {"validation": curve.val_loss, TRAINING: curve.loss}
    return [Line(name, values) for name, values in parts.items() if has_values(values)]


def describe_losses(folds: int) -> str:
    """Say what the losses of a trial's chart are, and what its faint line marks."""
    if folds == 1:
        return "Its losses by epoch; the faint line marks its best epoch."
    return (
        f"Its losses by epoch{describe_folds(folds)}, and its last training loss; the faint line "
        f"marks the median of the folds' best epochs.{describe_score_of_folds(folds)}"
    )


def describe_folds(folds: int) -> str:
    """Say how the curves of folds become one, as the end of a sentence; "" for one fold."""
    if folds == 1:
        return ""
    return f", the mean of {folds} folds; one that has stopped stays at its best validation loss"


def describe_score_of_folds(folds: int) -> str:
    """Say in a sentence, behind a blank, where a score may lie off its curve; "" for one fold."""
    if folds == 1:
        return ""
    return (
        " Each fold is scored at its own best epoch: a trial's score, the mean, need not be a "
        "point of its curve."
    )


def losses_of(curves: Iterable[Curve]) -> tuple[float, ...]:
    """Return all finite losses of trainings."""
    return tuple(
        loss for curve in curves for loss in curve.loss + curve.val_loss if loss is not None
    )
