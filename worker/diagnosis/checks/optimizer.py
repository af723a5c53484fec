"""Checks of the optimizer: its learning rate, how that falls, and its arguments."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.spec.optimizers import USUAL_MOMENTUM
from lowloss.spec.recipe_optimizer import RateDecay
from lowloss.wording import format_percent, format_short
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.thresholds import DECAYED
from worker.diagnosis.training.data import DiagnosisData


def check_optimizer(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects that the optimizer's own fields show."""
    yield from _decay(data, recipe)
    yield from _rate(recipe)
    yield from _arguments(recipe)


def _decay(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    decay = recipe.optimizer.decay
    if decay is None:
        return
    steps = recipe.epochs * recipe.count_steps(len(data.draws[0].fit_rows))
    share = remaining_share(decay, steps // 2)
    if share < DECAYED:
        yield Suspect(
            Cause.learning_rate_too_low,
            f"{decay.keras_class} leaves {format_percent(share)} of the learning rate of "
            f"{format_short(recipe.optimizer.rate)} after half of the {steps:,} steps",
            (evidence("learning rate halfway over the first", share, DECAYED),),
            strength=1.0,
        )


def remaining_share(decay: RateDecay, step: int) -> float:
    """Return the share of the first learning rate that is left at a step."""
    periods = step / decay.decay_steps
    periods = math.floor(periods) if decay.staircase else periods
    match decay.form:
        case "exponential":
            return math.exp(periods * math.log(decay.decay_rate))
        case "inverse_time":
            return 1 / (1 + decay.decay_rate * periods)


def _rate(recipe: Recipe) -> Iterator[Suspect]:
    optimizer = recipe.optimizer
    low, high = optimizer.record.usual_rates
    if optimizer.rate > high:
        yield Suspect(
            Cause.learning_rate_too_high,
            f"A learning rate of {optimizer.rate:g} is high for {optimizer.name}",
            (evidence("learning rate", optimizer.rate, high),),
            strength=0.3 + math.log10(optimizer.rate / high),
        )
    elif optimizer.rate < low:
        yield Suspect(
            Cause.learning_rate_too_low,
            f"A learning rate of {optimizer.rate:g} is low for {optimizer.name}",
            (evidence("learning rate", optimizer.rate, low),),
            strength=0.3 + math.log10(low / optimizer.rate),
        )
    if not optimizer.record.is_adaptive and not optimizer.momentum:
        yield Suspect(
            Cause.optimizer,
            f"Plain SGD at {optimizer.rate:g}: one rate for all weights, and no momentum",
            (evidence("momentum", 0.0, USUAL_MOMENTUM),),
            strength=0.2,
        )


def _arguments(recipe: Recipe) -> Iterator[Suspect]:
    record = recipe.optimizer.record
    for name, value in recipe.optimizer.keras_arguments:
        constant = record.constants.get(name)
        if constant is not None and not constant.low <= value <= constant.high:
            yield Suspect(
                Cause.optimizer,
                f"{record.keras_class} has {name}={value:g}, where Keras's default is "
                f"{constant.default:g}",
                (evidence(name, value, constant.default),),
                strength=0.4,
            )
