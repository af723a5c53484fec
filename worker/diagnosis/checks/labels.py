"""Checks that take another model: labels that contradict, columns of noise, leaked columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from lowloss.wording import format_percent
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.checks.data import read_numbers
from worker.diagnosis.checks.suspects import Suspect, evidence, list_names, strongest
from worker.diagnosis.thresholds import (
    CONFLICT_SHARE,
    IRRELEVANT_SHARE,
    LEAK_OTHERS,
    LEAK_SCORE,
    MAX_COLUMNS,
    MIN_IRRELEVANT,
    PLATEAU,
    SURE_ERRORS,
    UNEXPLAINED,
    UNLIKELY,
    WIDE_ROWS,
)
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.peers import (
    BOOSTING,
    Peer,
    error_rates,
    explained_without,
    group_equal_rows,
    measure_importances,
)
from worker.execution.free_cores import FreeCores

SHOWN_ROWS = 50


def find_noisy_labels(data: DiagnosisData, peers: Sequence[Peer], *, best: float) -> Suspect | None:
    """Return labels that contradict each other, or even what a model is surest of.

    `best` is the least relative loss that any model reached. Where classes merely overlap, a model
    is right about the rows that it is surest of; where labels were flipped by chance, it is not.
    """
    suspects = [
        _find_noise_of_target(one, peers, number) for number, one in enumerate(data.by_target)
    ]
    noisy = next(strongest(suspect for suspect in suspects if suspect is not None), None)
    if noisy is not None:
        return noisy
    return _unexplained(data, best) if data.task is Task.regression else None


def _find_noise_of_target(
    data: DiagnosisData, peers: Sequence[Peer], number: int
) -> Suspect | None:
    """Return what contradicts itself in the target of that number."""
    rows, share = _conflicts(data)
    if share > CONFLICT_SHARE:
        return Suspect(
            Cause.noisy_labels,
            f"{format_percent(share)} of the rows have the features of another row and a different "
            f"{data.target_words}",
            (evidence("share of rows that contradict another", share, CONFLICT_SHARE),),
            # Numbers differ where columns do not tell all: no fault of anybody's.
            is_inert=data.task is Task.regression,
            rows=data.first_row_numbers(rows, SHOWN_ROWS),
        )
    if data.task is Task.regression:
        return None
    boosting = next((peer for peer in peers if peer.name == BOOSTING), None)
    if boosting is None or data.is_judged_on_training:
        return None
    errors, sure_errors = error_rates(data, boosting, number)
    share = sure_errors / errors if errors else 0.0
    if sure_errors <= SURE_ERRORS or share <= PLATEAU:
        return None
    return Suspect(
        Cause.noisy_labels,
        f"At least {format_percent(sure_errors)} of the labels{_of_target(data)} differ where "
        "gradient boosting is "
        f"surest, and {format_percent(errors)} of all: where classes merely overlap, far fewer of "
        "the surest do",
        (
            evidence("wrong labels among the surest quarter, at least", sure_errors, SURE_ERRORS),
            evidence("the same over the wrong labels among all", share, PLATEAU),
        ),
        rows=_unlikely(data, boosting, number),
    )


def _of_target(data: DiagnosisData) -> str:
    return "" if data.siblings == 1 else f" {data.target.name!r}"


def _unexplained(data: DiagnosisData, best: float) -> Suspect | None:
    if best <= UNEXPLAINED:
        return None
    whose = "targets'" if data.predicted.has_several else "target's"
    return Suspect(
        Cause.noisy_labels,
        f"{format_percent(min(1.0, best))} of the {whose} variance is left by the best of all "
        "models: what the columns do not tell is noise to any of them",
        (evidence("share of variance that is left at best", best, UNEXPLAINED),),
        is_inert=True,
    )


def _conflicts(data: DiagnosisData) -> tuple[Rows, float]:
    """Return the rows whose equals have another target, and their share of all rows."""
    group_N = group_equal_rows(data)
    sizes = np.bincount(group_N)
    means = np.bincount(group_N, data.y) / sizes
    min_difference = 0.1 * float(data.y.std()) if data.task is Task.regression else 1e-9
    rows = np.flatnonzero(np.abs(data.y - means[group_N]) > min_difference)
    return rows, len(rows) / len(data.y)


def _unlikely(data: DiagnosisData, boosting: Peer, number: int) -> tuple[int, ...]:
    """Return the judging rows whose label boosting finds least likely."""
    judge = data.draws[0].judge
    predictions_MC = boosting.predictions[0][number]
    probability_M = predictions_MC[np.arange(len(judge)), data.y[judge].astype(np.int64)]
    worst = np.argsort(probability_M)[: int((probability_M < UNLIKELY).sum())]
    return data.first_row_numbers(judge[worst], SHOWN_ROWS)


def find_irrelevant_features(data: DiagnosisData, recipe: Recipe) -> list[Suspect]:
    """Return columns that help boosting no more than columns of noise, where they are many."""
    draw = data.draws[0]
    if data.is_judged_on_training:
        return []
    is_wide = len(draw.fit_rows) < WIDE_ROWS * data.width
    is_measured = data.width >= MIN_IRRELEVANT and data.width * len(data.targets) <= MAX_COLUMNS
    if not (is_wide and is_measured):
        return []
    largest_rise: dict[str, float] = {}
    for one in data.by_target:
        with FreeCores().limit_threads():
            rises, probe = measure_importances(one, draw, seed=draw.seed)
        for source, rise in zip(data.sources(draw), rises, strict=True):
            name = source.removeprefix("missing:")
            largest_rise[name] = max(largest_rise.get(name, -math.inf), float(rise) - probe)
    useless = tuple(
        name
        for name, rise in largest_rise.items()
        if name not in {"", *recipe.exclude} and rise <= 0
    )
    share = len(useless) / max(1, len(largest_rise))
    if len(useless) < MIN_IRRELEVANT or not IRRELEVANT_SHARE <= share < 1:
        return []
    return [
        Suspect(
            Cause.irrelevant_features,
            f"{len(useless)} of {len(largest_rise)} columns ({list_names(useless, 3)}) "
            "tell gradient boosting no more than columns of noise do, "
            f"on {len(draw.fit_rows)} rows",
            (evidence("share of columns no better than noise", share, IRRELEVANT_SHARE),),
            columns=useless,
        )
    ]


def find_leaked_columns(data: DiagnosisData, recipe: Recipe) -> list[Suspect]:
    """Return columns that tell the target by themselves, where the others tell much of it, too.

    Where the others tell little, the target simply is a function of that column. An autoencoder is
    to answer with its own columns.
    """
    if data.is_judged_on_training or _answers_with_its_columns(data, recipe):
        return []
    return [*strongest(s for one in data.by_target for s in _find_leaks_of_target(one, recipe))]


def _answers_with_its_columns(data: DiagnosisData, recipe: Recipe) -> bool:
    """Return whether each of several targets is a copy of a column that the network sees."""
    if not (data.predicted.has_several and data.predicted.is_of_numbers):
        return False
    columns = read_numbers(data, recipe)
    seen = [data.numeric_names.index(name) for name in columns if name in data.numeric_names]
    # As bytes, by their hashes: each target compared with each column is slow where they are many.
    seen_bytes = {_as_bytes(data.raw.numeric_NR[:, index]) for index in seen}
    return all(_as_bytes(one.y) in seen_bytes for one in data.by_target)


def _as_bytes(numbers: NDArray[np.floating[Any]]) -> bytes:
    """Return the bytes of numbers that equal ones have, too: 0 has a sign else."""
    return (np.asarray(numbers, dtype=np.float32) + np.float32(0)).tobytes()


def _find_leaks_of_target(data: DiagnosisData, recipe: Recipe) -> list[Suspect]:
    columns = read_numbers(data, recipe)
    fit_rows = data.draws[0].fit_rows
    y = data.y[fit_rows]
    if (y == y[0]).all():
        return []
    scores = {}
    for index, name in enumerate(data.numeric_names):
        values = data.raw.numeric_NR[fit_rows, index]
        if name in columns and not np.isnan(values).any():
            scores[name] = _score_by_neighbours(values, y, data.task)
    leaked = [name for name, score in scores.items() if score > LEAK_SCORE]
    if not leaked:
        return []
    share = explained_without(data, data.draws[0], (*leaked, *recipe.exclude))
    if share < LEAK_OTHERS:
        return []
    lowest = min(scores[name] for name in leaked)
    verb = "alone predicts" if len(leaked) == 1 else "each alone predict"
    return [
        Suspect(
            Cause.leaked_column,
            f"{list_names(leaked)} {verb} {data.target.name!r} almost perfectly (score "
            f"{lowest:.4f}), where the other columns take off {format_percent(share)} of a "
            "constant answer's loss: that may not be known when predictions are needed",
            (
                evidence("score of the column alone, by its neighbours", lowest, LEAK_SCORE),
                evidence("share that other columns take off", share, LEAK_OTHERS),
            ),
            strength=1.0,
            is_inert=True,
            columns=tuple(leaked),
        )
    ]


def _score_by_neighbours(values: NDArray[np.float32], y: Float64Array, task: Task) -> float:
    """Return how well the next rows in the order of one column tell a row's target.

    That is R² or accuracy; accuracy is counted from that of the most frequent class.
    """
    order = np.argsort(values, kind="stable")
    sorted_y, sorted_x = y[order], values[order]
    if len(np.unique(sorted_x)) < min(5, len(np.unique(y))):
        return 0.0
    if task is Task.regression:
        between = (sorted_y[:-2] + sorted_y[2:]) / 2
        error = float(np.mean((sorted_y[1:-1] - between) ** 2))
        # The mean of two neighbours has half of a value's own noise on top.
        return 1 - error / 1.5 / float(y.var())
    majority = float(np.bincount(y.astype(np.int64)).max()) / len(y)
    agreed = float(np.mean((sorted_y[1:-1] == sorted_y[:-2]) & (sorted_y[1:-1] == sorted_y[2:])))
    return (agreed - majority) / (1 - majority) if majority < 1 else 0.0
