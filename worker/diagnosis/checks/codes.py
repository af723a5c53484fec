"""Columns of whole numbers that are codes of categories: their order says nothing of the target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.wording import format_percent
from worker.data.target import Float64Array
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names
from worker.diagnosis.thresholds import (
    CODE_SHARE,
    CODES_BY_CHANCE,
    JUMBLED,
    MIN_CODES,
    ROWS_PER_CODE,
    STRAIGHT,
)
from worker.diagnosis.training.data import MAX_CODES, DiagnosisData


@dataclass(frozen=True)
class CodeScore:
    """What the values of a column explain of the target.

    `share` is of its variance, without what chance explains. `roughness` is the variance between
    neighbouring values over that between all: about 1 where their order says nothing, 0 on a smooth
    curve. `straight` is the share of it that a straight line explains, too.
    """

    share: float
    roughness: float
    straight: float

    @property
    def is_of_codes(self) -> bool:
        """Whether the values explain something that their order does not."""
        return self.share >= CODE_SHARE and self.roughness >= JUMBLED and self.straight <= STRAIGHT


def check_codes(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield the columns of codes that the recipe's network sees as numbers, if any.

    Where layers stand before the first Dense one, or beside it, more columns would change these.
    """
    if recipe.front_layers or recipe.has_skips or recipe.scale_features == "piecewise":
        return
    fit_rows, y_NK = data.draws[0].fit_rows, _target_columns(data)
    scores = {}
    for index, name in enumerate(data.numeric_names):
        if name in data.codes and name not in recipe.exclude:
            score = score_codes(data.raw.numeric_NR[fit_rows, index], y_NK[fit_rows])
            if score is not None and score.is_of_codes:
                scores[name] = score
    if not scores:
        return
    names = tuple(sorted(scores, key=lambda name: -scores[name].share))
    first = scores[names[0]]
    is_, its = ("is", "its") if len(names) == 1 else ("are", "their")
    apart = format_percent(min(1.0, first.roughness))
    yield Suspect(
        Cause.codes_as_numbers,
        f"{list_names(names)} {is_} seen as numbers, but {its} order says nothing of the target: "
        f"the values of {names[0]!r} explain {format_percent(first.share)} of its variance, and "
        f"neighbouring ones differ by {apart} of what any two do",
        (
            evidence(f"variance between neighbours of {names[0]!r}", first.roughness, JUMBLED),
            evidence(f"share of the target's variance by {names[0]!r}", first.share, CODE_SHARE),
        ),
        strength=0.5 + math.log10(first.share / CODE_SHARE),
        columns=names,
    )


def score_codes(values_N: Float64Array, y_NK: Float64Array) -> CodeScore | None:
    """Score a column of whole numbers [N] by a target's columns [N, K].

    None where it has too few or too many values, or where chance may be all that they explain.
    """
    present = ~np.isnan(values_N)
    values_L, code_N, rows_L = np.unique(values_N[present], return_inverse=True, return_counts=True)
    rows, levels, y_NK = len(code_N), len(values_L), y_NK[present]
    if not MIN_CODES <= levels <= MAX_CODES or rows < ROWS_PER_CODE * levels:
        return None
    y_NK = y_NK - y_NK.mean(axis=0)
    total = float(np.square(y_NK).sum())
    sum_LK = np.stack([np.bincount(code_N, y_N, levels) for y_N in y_NK.T], axis=1)
    mean_LK = sum_LK / rows_L[:, None]
    between = float((rows_L[:, None] * np.square(mean_LK)).sum())
    noise = (total - between) / (rows - levels)
    signal = between - (levels - 1) * noise
    if signal <= CODES_BY_CHANCE * noise * math.sqrt(2 * (levels - 1)):
        return None
    pairs_L = rows_L[1:] * rows_L[:-1] / (rows_L[1:] + rows_L[:-1])
    apart_L = np.square(np.diff(mean_LK, axis=0)).sum(axis=1)
    jumps = float((pairs_L * apart_L).sum() - (levels - 1) * noise) / float(pairs_L.sum()) / 2
    x_N = values_L[code_N] - values_L[code_N].mean()
    line = float(np.square(x_N @ y_NK).sum() / np.square(x_N).sum()) - noise
    return CodeScore(signal / total, jumps / (signal / rows), max(0.0, line) / signal)


def _target_columns(data: DiagnosisData) -> Float64Array:
    """Return the targets as columns [N, K] of one unit: numbers, or whether a row is of a class."""
    if data.predicted.is_of_classes:
        return np.eye(len(data.target.labels))[data.y.astype(np.int64)]
    y_NT = data.y.reshape(len(data.y), -1)
    scaled_NT: Float64Array = y_NT / np.maximum(y_NT.std(axis=0), np.finfo(np.float64).tiny)
    return scaled_NT
