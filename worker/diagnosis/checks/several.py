"""Checks of the output layer and the loss where a row has several targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.spec.activations import ACTIVATIONS
from lowloss.wording import format_percent
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence
from worker.diagnosis.thresholds import MOSTLY_UNREACHABLE, SUM_ERROR, UNREACHABLE
from worker.diagnosis.training.data import DiagnosisData

PROBABLE = frozenset({"sigmoid", "softmax", "hard_sigmoid"})
"""Activations whose answers are read as probabilities."""
OF_ONE_LABEL = frozenset(
    {"categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence"}
)
"""Losses of shares that add up to 1: one label a row."""


def check_single_unit(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield the suspect of one output unit for all targets."""
    if recipe.output.units == 1:
        yield Suspect(
            Cause.wrong_output,
            f"One output unit answers all {len(data.targets)} targets alike: Keras compares it "
            "with each of them",
            (evidence("output units", 1, len(data.targets)),),
            strength=4.0,
            is_certain=True,
        )


def has_shares(recipe: Recipe) -> bool:
    """Return whether the outputs are shares that add up to 1."""
    return recipe.output.nonlinearity == "softmax" and recipe.output.units > 1


def find_no_shares(y_NT: Float64Array) -> float:
    """Return the share of rows whose targets, as the network sees them, do not add up to 1."""
    is_off_N = np.abs(y_NT.sum(axis=1) - 1) > SUM_ERROR
    return float(np.mean(is_off_N | (y_NT < 0).any(axis=1)))


def check_softmax_of_numbers(
    data: DiagnosisData, recipe: Recipe, y_NT: Float64Array
) -> Iterator[Suspect]:
    """Yield the suspect of a softmax for numbers, as the network sees them, that are no shares."""
    beyond = find_no_shares(y_NT)
    if has_shares(recipe) and beyond > UNREACHABLE:
        yield Suspect(
            Cause.wrong_output,
            f"The {len(data.targets)} outputs are a softmax, which adds up to 1 in every row, and "
            f"in {format_percent(beyond)} of the rows the targets do not",
            (evidence("share of rows whose targets are no shares of 1", beyond, UNREACHABLE),),
            strength=1.0 + 2 * beyond,
            is_certain=beyond > MOSTLY_UNREACHABLE,
        )


def check_output_of_labels(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield suspects of the output layer and of the loss for labels."""
    yield from check_single_unit(data, recipe)
    head, has_margins = recipe.output.nonlinearity, recipe.loss_record.has_margins
    if has_shares(recipe):
        yield from _one_label(
            data,
            Cause.wrong_output,
            f"The {len(data.targets)} outputs are a softmax, which adds up to 1 in every row",
        )
    elif has_margins and ACTIVATIONS[head].low >= 0:
        yield Suspect(
            Cause.wrong_output,
            f"The output activation {head} answers nothing below 0, where {recipe.loss} wants the "
            "answers of rows without a label",
            (evidence("least answer of the output", ACTIVATIONS[head].low, 0.0),),
            strength=1.0,
        )
    elif not has_margins and head not in PROBABLE:
        yield Suspect(
            Cause.wrong_output,
            f"The output activation {head} gives no probabilities of the {len(data.targets)} "
            "labels",
            (evidence("output units", recipe.output.units),),
            strength=1.0,
        )
    yield from _loss_of_labels(data, recipe)


def _loss_of_labels(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    if recipe.loss in OF_ONE_LABEL:
        yield from _one_label(
            data, Cause.wrong_loss, f"The loss {recipe.loss} is of one label a row"
        )
    elif not recipe.is_classifier:
        yield Suspect(
            Cause.wrong_loss,
            f"The loss {recipe.loss} is one of numbers, and the {len(data.targets)} targets are "
            "labels, each there or not",
            (evidence("values of each target", 2),),
            strength=1.0,
        )


def _one_label(data: DiagnosisData, cause: Cause, sentence: str) -> Iterator[Suspect]:
    """Yield the suspect of an output or a loss for one label a row, where rows have others."""
    counts_N = data.y.sum(axis=1)
    others = float(np.mean(counts_N != 1))
    if others > UNREACHABLE:
        yield Suspect(
            cause,
            f"{sentence}, and {format_percent(float(np.mean(counts_N > 1)))} of the rows have "
            f"several labels and {format_percent(float(np.mean(counts_N == 0)))} none: they do not "
            "exclude each other",
            (evidence("share of rows that do not have one label", others, UNREACHABLE),),
            strength=2.0,
        )
