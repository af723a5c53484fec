"""Checks of the output layer and the loss where the target is a number, or several are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.spec.activations import ACTIVATIONS
from lowloss.wording import format_percent, format_short
from worker.data.target import Float64Array
from worker.diagnosis.checks.several import (
    check_single_unit,
    check_softmax_of_numbers,
    find_no_shares,
    has_shares,
)
from worker.diagnosis.checks.suspects import Suspect, evidence, strongest
from worker.diagnosis.thresholds import MOSTLY_UNREACHABLE, UNREACHABLE
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.variants import fit_target_scaling


def check_output_of_numbers(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects of the output layer and of the loss for numbers."""
    if not data.predicted.has_several:
        yield from _output_of_number(data, recipe)
        return
    seen = _seen_target(data, recipe)
    yield from check_single_unit(data, recipe)
    yield from check_softmax_of_numbers(data, recipe, seen)
    are_shares = has_shares(recipe) and find_no_shares(seen) <= UNREACHABLE
    yield from strongest(
        suspect
        for one in data.by_target
        for suspect in _output_of_number(one, recipe, are_shares=are_shares)
    )


def _seen_target(data: DiagnosisData, recipe: Recipe) -> Float64Array:
    """Return the target of the known rows as the network sees it."""
    draw = data.draws[0]
    shift, scale = fit_target_scaling(recipe, data, draw)
    seen: Float64Array = (data.y[draw.fit_rows] - shift) / scale
    return seen


def _output_of_number(
    data: DiagnosisData, recipe: Recipe, *, are_shares: bool = False
) -> Iterator[Suspect]:
    """Yield suspects of the output for a target of numbers, be it one of several.

    `are_shares` says that the targets and the outputs are shares which add up to 1.
    """
    head = recipe.output.nonlinearity
    y = _seen_target(data, recipe)
    yield from _loss_of_number(data, recipe, y, are_shares=are_shares)
    if head == "softmax" and recipe.output.units == 1:
        yield Suspect(
            Cause.wrong_output,
            "The output is a softmax over one unit: it answers 1 to every row",
            (evidence("distinct values that the output can have", 1, 2),),
            strength=4.0,
            is_certain=True,
        )
        return
    low, high = ACTIVATIONS[head].low, ACTIVATIONS[head].high
    beyond = float(np.mean((y < low) | (y > high)))
    if beyond > UNREACHABLE:
        where = "above 0" if math.isinf(high) and low == 0 else f"between {low:g} and {high:g}"
        what = "targets" if data.siblings == 1 else f"values of the {data.target_words}"
        yield Suspect(
            Cause.wrong_output,
            f"The output activation {head} answers {where}, and {format_percent(beyond)} of the "
            f"{what} (from {format_short(y.min())} to {format_short(y.max())}) lie outside",
            (evidence(f"share of {what} that the output cannot reach", beyond, UNREACHABLE),),
            strength=1.0 + 2 * beyond,
            is_certain=beyond > MOSTLY_UNREACHABLE,
        )


def _loss_of_number(
    data: DiagnosisData, recipe: Recipe, y: Float64Array, *, are_shares: bool
) -> Iterator[Suspect]:
    record, is_within = recipe.loss_record, y.min() >= 0 and y.max() <= 1
    is_share = are_shares or (recipe.output.nonlinearity == "sigmoid" and is_within)
    words = f"least {data.target_words} as the network sees it"
    if record.is_of_classes and (record.has_margins or not is_share):
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {recipe.loss} is one of classes, and the {data.target_words} is a number "
            f"from {format_short(y.min())} to {format_short(y.max())}",
            (evidence(words, float(y.min()), 0.0),),
            strength=3.0,
            is_certain=True,
        )
    elif recipe.loss == "poisson" and y.min() < 0:
        yield Suspect(
            Cause.wrong_loss,
            f"The loss poisson is of counts, and the {data.target_words} falls to "
            f"{format_short(y.min())}",
            (evidence(words, float(y.min()), 0.0),),
            strength=2.0,
        )
    elif recipe.loss in {"mean_absolute_percentage_error", "mean_squared_logarithmic_error"}:
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {recipe.loss} weighs small targets most, and the {data.target_words} goes "
            f"from {format_short(y.min())} to {format_short(y.max())}",
            (evidence(words, float(y.min())),),
            strength=0.5,
        )
