"""Checks of the recipe's own curve, and of its network before and after training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.wording import counted, format_percent, format_short
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.thresholds import (
    DEAD,
    EARLY_BEST,
    EXPLODED,
    FALL,
    GAP,
    HIGH_STEP,
    LATE_BEST,
    LOW_STEP,
    NOT_RESTORED,
    ROUGH,
    SATURATED,
    SIGN_CHANGES,
    STILL_FALLING,
    VANISHED,
    VANISHING_LAYERS,
    WORSE_THAN_BEST,
)
from worker.diagnosis.training.judging import JudgedVariant
from worker.diagnosis.training.probe import Probe

NEXT_TO_NOTHING = 1e-12
"""Of the largest loss of a curve."""


@dataclass(frozen=True)
class LossCurve:
    """A recipe's losses, epoch by epoch."""

    loss: tuple[float, ...]
    val_loss: tuple[float, ...]

    @classmethod
    def of(cls, judged: JudgedVariant) -> LossCurve:
        """Return the losses of a training."""
        epochs = judged.trained.epochs if judged.trained else ()
        return cls(tuple(e.loss for e in epochs), tuple(e.val_loss for e in epochs))

    @property
    def floor(self) -> float:
        """What a loss counts as at least where others are divided by it: next to nothing."""
        finite = [loss for loss in (*self.loss, *self.val_loss) if math.isfinite(loss)]
        return NEXT_TO_NOTHING * max(finite, default=0.0) or 1.0

    @property
    def has_shares(self) -> bool:
        """Whether one of its losses is a share of another: of losses below 0 it is not.

        A crossentropy of labels beyond 0 and 1 has no least loss.
        """
        return not any(loss < 0 for loss in (*self.loss, *self.val_loss))

    @property
    def best(self) -> int:
        """The epoch, from 0, of the least validation loss."""
        return int(np.nanargmin(self.val_loss))

    @property
    def best_share(self) -> float:
        """The share of the epochs after which the validation loss was least."""
        return (self.best + 1) / len(self.val_loss)


def check_curves(
    recipe: Recipe, runs: Sequence[JudgedVariant], probe: Probe | None
) -> Iterator[Suspect]:
    """Yield suspects in how the recipe trained, and in what its units became."""
    diverged = [run for run in runs if run.loss is None and run.refusal is None]
    curves = [LossCurve.of(run) for run in runs if run.loss is not None]
    curves = [curve for curve in curves if len(curve.loss) > 1 and curve.has_shares]
    if diverged:
        yield from _diverged(recipe, diverged, len(runs))
    elif curves:
        yield from _overfit(recipe, curves)
        yield from _unfinished(recipe, curves)
        yield from _shaky(recipe, curves)
    if probe is not None:
        yield from _units(recipe, probe, len(runs))
        yield from _gradients(recipe, probe)
        yield from _first_step(recipe, probe)


def _diverged(recipe: Recipe, diverged: list[JudgedVariant], count: int) -> Iterator[Suspect]:
    epochs = [len(run.trained.epochs) if run.trained else 0 for run in diverged]
    sentence = (
        f"{len(diverged)} of {count} trainings ended in NaN or infinity, at epoch {max(epochs)}"
    )
    measured = (evidence("trainings whose loss became infinite or NaN", len(diverged), 0),)
    yield Suspect(
        Cause.learning_rate_too_high,
        f"{sentence}, with a learning rate of {recipe.optimizer.rate:g}",
        measured,
        strength=1.0,
    )
    yield Suspect(Cause.exploding_gradients, sentence, measured, strength=0.8)


def _overfit(recipe: Recipe, curves: list[LossCurve]) -> Iterator[Suspect]:
    last = _median(
        [curve.val_loss[-1] / max(curve.val_loss[curve.best], curve.floor) for curve in curves]
    )
    early = _median([curve.best_share for curve in curves])
    gap = _median([curve.val_loss[-1] / max(curve.loss[-1], curve.floor) for curve in curves])
    best = [curve.best + 1 for curve in curves]
    if not recipe.stops_on_validation_loss and last > WORSE_THAN_BEST and early < EARLY_BEST:
        yield Suspect(
            Cause.no_early_stopping,
            f"The held rows' loss was least after {_median(best):.0f} of {len(curves[0].loss)} "
            f"epochs, and is {format_short(last)} times that at the end",
            (
                evidence("last validation loss over the least", last, WORSE_THAN_BEST),
                evidence("share of the epochs at which it was least", early, EARLY_BEST),
            ),
            strength=0.5 + math.log10(last),
        )
    yield from _unrestored(recipe, curves, last)
    if gap > GAP:
        for cause in (Cause.regularisation_missing, Cause.augmentation_missing):
            yield Suspect(
                cause,
                f"The held rows' loss is {format_short(gap)} times that of the training rows",
                (evidence("validation loss over training loss", gap, GAP),),
                strength=0.1,
            )


def _unrestored(recipe: Recipe, curves: list[LossCurve], last: float) -> Iterator[Suspect]:
    stopping = recipe.early_stopping
    behind = round(_median([len(curve.val_loss) - curve.best - 1 for curve in curves]))
    if (
        stopping is not None
        and recipe.stops_on_validation_loss
        and not stopping.restore_best_weights
    ):
        yield Suspect(
            Cause.best_weights_not_restored,
            f"Early stopping keeps the last weights, {counted(behind, 'epoch')} after the best: "
            f"their validation loss is {format_short(last)} times the least",
            (evidence("last validation loss over the least", last, NOT_RESTORED),),
            strength=0.3 + math.log10(max(1.0, last)),
        )


def _unfinished(recipe: Recipe, curves: list[LossCurve]) -> Iterator[Suspect]:
    late = _median([curve.best_share for curve in curves])
    fall = _median([_late_fall(curve) for curve in curves])
    epochs = len(curves[0].loss)
    if late > LATE_BEST and fall > STILL_FALLING and epochs >= recipe.epochs:
        yield Suspect(
            Cause.too_few_epochs,
            f"The loss still falls at the end: the last quarter of the {epochs} epochs took off "
            f"{format_percent(fall)} of it",
            (
                evidence("share of the epochs at which the loss was least", late, LATE_BEST),
                evidence("fall of the loss in the last quarter", fall, STILL_FALLING),
            ),
            strength=0.4,
        )
    fell = _median([1 - min(curve.loss) / max(curve.loss[0], curve.floor) for curve in curves])
    if fell < FALL:
        yield Suspect(
            Cause.learning_rate_too_low,
            f"The training loss fell by {format_percent(fell)} in {epochs} epochs, at a learning "
            f"rate of {recipe.optimizer.rate:g}",
            (evidence("fall of the training loss", fell, FALL),),
            strength=0.3,
        )


def _shaky(recipe: Recipe, curves: list[LossCurve]) -> Iterator[Suspect]:
    changes = _median([_sign_changes(curve.loss) for curve in curves])
    rough = _median([_roughness(curve) for curve in curves])
    if changes > SIGN_CHANGES and rough > ROUGH:
        yield Suspect(
            Cause.learning_rate_too_high,
            f"The training loss goes up and down: {format_percent(changes)} of its steps change "
            f"direction, at a learning rate of {recipe.optimizer.rate:g}",
            (
                evidence("share of epochs at which the loss turns", changes, SIGN_CHANGES),
                evidence("median change of the loss from epoch to epoch, as a share", rough, ROUGH),
            ),
            strength=0.3 + rough,
        )


def _units(recipe: Recipe, probe: Probe, runs: int) -> Iterator[Suspect]:
    if probe.dead_layer:
        units = recipe.hidden[probe.dead_layer - 1].units
        yield Suspect(
            Cause.dead_units,
            f"After {'training' if runs == 1 else f'the worst of {runs} trainings'} every unit of "
            f"hidden layer {probe.dead_layer} answers 0 to every row, so all answers are the same",
            (evidence("units of a layer that are always 0", units, units),),
            strength=0.6,
        )
    elif recipe.hidden and probe.dead > DEAD:
        yield Suspect(
            Cause.dead_units,
            f"{format_percent(probe.dead)} of the hidden units answer 0 to every row",
            (evidence("share of hidden units that are always 0", probe.dead, DEAD),),
            strength=0.5,
        )
    if recipe.hidden and probe.saturated > SATURATED:
        yield Suspect(
            Cause.saturated_units,
            f"{format_percent(probe.saturated)} of what squashing units are given lies beyond ±5, "
            "where their slope is next to nothing",
            (evidence("share of inputs to squashing units beyond ±5", probe.saturated, SATURATED),),
            strength=0.5,
        )


def _gradients(recipe: Recipe, probe: Probe) -> Iterator[Suspect]:
    is_deep = len(recipe.hidden) >= VANISHING_LAYERS
    if is_deep and probe.first_gradient < VANISHED * probe.last_gradient:
        yield Suspect(
            Cause.vanishing_gradients,
            f"The gradient of the first layer is {probe.first_gradient:.2g}, that of the last "
            f"{probe.last_gradient:.2g}",
            (
                evidence(
                    "first layer's mean |gradient| over the last's",
                    probe.first_gradient / max(probe.last_gradient, 1e-30),
                    VANISHED,
                ),
            ),
            strength=1.0,
        )
    ratio = probe.loss / probe.constant_loss
    if ratio > EXPLODED:
        yield Suspect(
            Cause.exploding_gradients,
            f"The first loss on training rows is {format_short(ratio)} times that of a constant "
            "answer",
            (evidence("first loss over a constant answer's", ratio, EXPLODED),),
            strength=0.5,
        )


def _first_step(recipe: Recipe, probe: Probe) -> Iterator[Suspect]:
    if probe.step is None:
        return
    size = math.log10(probe.step)
    if LOW_STEP <= size <= HIGH_STEP:
        return
    is_low = size < LOW_STEP
    limit = LOW_STEP if is_low else HIGH_STEP
    yield Suspect(
        Cause.learning_rate_too_low if is_low else Cause.learning_rate_too_high,
        f"A first step moves weights by {probe.step:.2g} of their size, at a learning rate of "
        f"{recipe.optimizer.rate:g}",
        (evidence("log10 of update over weight", size, limit),),
        strength=0.3 + abs(size - limit) / 2,
    )


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _late_fall(curve: LossCurve) -> float:
    """Return the share of the validation loss that the last quarter took off."""
    start = max(0, math.floor(len(curve.val_loss) * LATE_BEST) - 1)
    before = min(curve.val_loss[: start + 1])
    return 1 - min(curve.val_loss) / before if before > 0 else 0.0


def _sign_changes(loss: Sequence[float]) -> float:
    steps = np.sign(np.diff(loss))
    return float(np.mean(steps[1:] != steps[:-1])) if len(steps) > 2 else 0.0


def _roughness(curve: LossCurve) -> float:
    """Return the median change from epoch to epoch in the second half, as a share of the loss."""
    late = np.asarray(curve.loss[len(curve.loss) // 2 :])
    if len(late) < 2:
        return 0.0
    return float(np.median(np.abs(np.diff(late)) / np.maximum(late[:-1], curve.floor)))
