"""The losses of a training, epoch by epoch, as lines of a chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lowloss.results import Curve
from worker.artifacts.reports.facts import Floats
from worker.artifacts.reports.svg import OTHER, OURS, log_axis

MAX_EPOCHS_DRAWN = 400
LOG_RATIO = 20.0
"""Losses that span more than this are shown on a logarithmic axis."""


def plot_curve(axes: Axes, curve: Curve) -> None:
    """Plot the training and the validation loss, with gaps where they are not finite."""
    lines = ((curve.loss, OTHER, "training"), (curve.val_loss, OURS, "validation"))
    for values, colour, label in lines:
        losses = _floats(values)
        finite = np.isfinite(losses)
        if not finite.any():
            continue
        epochs = np.arange(1, len(losses) + 1)
        step = -(-len(losses) // MAX_EPOCHS_DRAWN)
        # One epoch is no line.
        marker = "o" if finite.sum() == 1 else None
        axes.plot(
            epochs[::step], losses[::step], color=colour, lw=1.2, marker=marker, ms=4, label=label
        )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def losses_of(*curves: Curve) -> Floats:
    """Return all finite losses of curves."""
    losses: Floats = np.concatenate([_floats(curve.loss + curve.val_loss) for curve in curves])
    return losses[np.isfinite(losses)]


def loss_axis(axes: Axes, losses: Floats) -> None:
    """Make the y axis logarithmic where the losses span decades."""
    if len(losses) and losses.min() > 0 and losses.max() > LOG_RATIO * losses.min():
        log_axis(axes, "y", losses)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
