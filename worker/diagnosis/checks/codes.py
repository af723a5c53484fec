"""Columns of whole numbers that are codes of categories: their order says little of the target."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.wording import format_percent
from worker.data.codes import find_level_means, score_codes
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names
from worker.diagnosis.thresholds import CODE_SHARE, JUMBLED
from worker.diagnosis.training.data import MAX_FIT_ROWS, DiagnosisData
from worker.diagnosis.training.draws import sample_rows


def check_codes(data: DiagnosisData, recipe: Recipe) -> Iterator[Suspect]:
    """Yield the columns of codes that the recipe's network sees as numbers, if any.

    Where layers stand before the first Dense one, or beside it, more columns would change these.
    """
    if recipe.front_layers or recipe.has_skips or recipe.scale_features == "piecewise":
        return
    draw, scores = data.draws[0], {}
    classes = len(data.target.labels) if data.predicted.is_of_classes else 0
    rows = sample_rows(draw.fit_rows, min(1.0, MAX_FIT_ROWS / len(draw.fit_rows)), seed=draw.seed)
    for index, name in enumerate(data.numeric_names):
        if name in data.codes and name not in recipe.exclude:
            values_N = data.raw.numeric_NR[rows, index]
            means = find_level_means(values_N, data.y[rows], classes=classes)
            score = None if means is None else score_codes(means)
            if score is not None and score.is_of_codes:
                scores[name] = score
    if not scores:
        return
    names = tuple(sorted(scores, key=lambda name: -scores[name].share))
    first = scores[names[0]]
    are, their = ("is", "its") if len(names) == 1 else ("are", "their")
    yield Suspect(
        Cause.codes_as_numbers,
        f"{list_names(names)} {are} seen as numbers, but {their} order says little of the target: "
        f"the values of {names[0]!r} explain {format_percent(first.share)} of its variance, and a "
        f"cubic curve through them {format_percent(first.share * min(1.0, first.curved))}",
        (
            evidence(f"variance between neighbours of {names[0]!r}", first.roughness, JUMBLED),
            evidence(f"share of the target's variance by {names[0]!r}", first.share, CODE_SHARE),
        ),
        strength=0.5 + math.log10(first.share / CODE_SHARE),
        columns=names,
    )
