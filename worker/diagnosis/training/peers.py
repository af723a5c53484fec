"""What the recipe is held against: scikit-learn's models on the same rows, and a floor of noise."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors

from lowloss.results import NoiseFloor
from lowloss.spec import Task
from worker.data.importance import measure_rises
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.diagnosis.thresholds import SURE_SHARE
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.draws import Draw
from worker.diagnosis.training.judging import (
    Predictions,
    Score,
    constant_loss,
    mean_accuracy,
    relative_loss,
    score_predictions,
)
from worker.diagnosis.training.treatment import MISSING, STANDARD, Treatment
from worker.execution.beside import run_beside
from worker.execution.free_cores import FreeCores

LINEAR, BOOSTING = "linear model", "gradient boosting"
MAX_TREES, MAX_TREE_COLUMNS = 600, 50_000
"""Trees that boosting may grow, one a class and iteration, and trees x columns: seconds at most."""
PROBES = 20
NEIGHBOURS = 10
MAX_NEIGHBOUR_ROWS = 4000


@dataclass(frozen=True)
class Peer:
    """A model's predictions of the judging rows of each draw, and their scores.

    `relative_loss` is the mean over the draws of its losses relative to the constant's.
    """

    name: str
    scores: tuple[Score, ...]
    relative_loss: float
    predictions: tuple[Predictions, ...]

    @property
    def accuracy(self) -> float | None:
        """The mean over the draws; None for a regression."""
        return mean_accuracy(self.scores)


def fit_peers(
    data: DiagnosisData,
    draws: tuple[Draw, ...],
    *,
    seed: int,
    should_continue: Callable[[], object],
) -> list[Peer]:
    """Fit linear and boosted models on each draw's known rows.

    `should_continue` is called a few times a second meanwhile; what it raises ends the fits.
    """
    free_cores = FreeCores()
    linear = "ridge regression" if data.task is Task.regression else "logistic regression"
    peers = []
    for kind, name in ((LINEAR, linear), (BOOSTING, BOOSTING)):
        fits = [
            partial(_predict, data, draw, kind, seed=seed, free_cores=free_cores) for draw in draws
        ]
        peers.append(_peer(name, data, draws, [run_beside(fit, should_continue) for fit in fits]))
    return peers


def _peer(
    name: str, data: DiagnosisData, draws: tuple[Draw, ...], predictions: list[Predictions]
) -> Peer:
    scores = tuple(
        score_predictions(data, draw.judge, of_draw)
        for draw, of_draw in zip(draws, predictions, strict=True)
    )
    relative = [
        relative_loss(score.loss / constant_loss(data, draw))
        for draw, score in zip(draws, scores, strict=True)
    ]
    return Peer(name, scores, math.fsum(relative) / len(relative), tuple(predictions))


def _predict(
    data: DiagnosisData,
    draw: Draw,
    kind: str,
    *,
    seed: int,
    free_cores: FreeCores,
    treatment: Treatment = STANDARD,
) -> Predictions:
    """Fit a model of each target, and predict the judging rows."""
    x_ND = data.transform(treatment, draw).astype(np.float64)
    with free_cores.limit_threads(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return tuple(_fit_target(one, x_ND, draw, kind, seed=seed) for one in data.by_target)


def _fit_target(
    data: DiagnosisData, x_ND: Float64Array, draw: Draw, kind: str, *, seed: int
) -> Float64Array:
    """Fit a model of one target, and predict the judging rows [M, C]."""
    is_regression, y_N = data.task is Task.regression, data.y[draw.fit_rows]
    if not is_regression and (y_N == y_N[0]).all():
        # No classifier is fitted to a label that all of these rows have.
        return np.tile(np.eye(len(data.target.labels))[int(y_N[0])], (len(draw.judge), 1))
    if kind == LINEAR:
        model = Ridge() if is_regression else LogisticRegression(max_iter=300)
    else:
        model = _boosting(data, len(draw.fit_rows), seed=seed)
    model.fit(x_ND[draw.fit_rows], y_N)
    return _ask(model, data, x_ND[draw.judge])


def _ask(model: Any, data: DiagnosisData, x_MD: Float64Array) -> Float64Array:
    """Return a fitted model's predictions [M, C]: target units, or a probability of each class."""
    if data.task is Task.regression:
        return np.asarray(model.predict(x_MD), dtype=np.float64)[:, None]
    probability_MC = np.zeros((len(x_MD), len(data.target.labels)))
    probability_MC[:, model.classes_.astype(int)] = model.predict_proba(x_MD)
    return probability_MC


def _boosting(data: DiagnosisData, rows: int, *, seed: int) -> Any:
    classes = len(data.target.labels)
    trees_of_iteration = (classes if classes > 2 else 1) * data.siblings
    max_iterations = min(MAX_TREES, MAX_TREE_COLUMNS // data.width) // trees_of_iteration
    is_regression = data.task is Task.regression
    kind = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    return kind(
        max_iter=min(100, max(10, max_iterations)),
        early_stopping=False,
        min_samples_leaf=min(20, max(3, rows // 20)),
        random_state=seed,
    )


def estimate_noise_floor(data: DiagnosisData, best: float) -> NoiseFloor:
    """Estimate what no model can remove, from rows of equal features and near neighbours.

    The Gamma test (Stefánsson, Končar and Jones 1997) extends half the squared difference of
    neighbours' targets to a distance of 0. It is none where it comes to 0, or to more than a model
    left: then neighbours are too far apart to tell. So it is with rows of equal features, which
    may be few. Of several targets one might hide that of another.
    """
    is_single = data.task is Task.regression and not data.predicted.has_several
    estimate = _gamma(data) if is_single else None
    if estimate is not None and not 0 < estimate < best:
        estimate = None
    conflicting = _conflicting(data)
    if conflicting is not None and conflicting >= best:
        conflicting = None
    return NoiseFloor(estimate=estimate, conflicting=conflicting)


def _gamma(data: DiagnosisData) -> float:
    draw = data.draws[0]
    rows = draw.fit_rows[:MAX_NEIGHBOUR_ROWS]
    x_ND, y_N = data.transform(STANDARD, draw)[rows], data.y[rows]
    count = min(NEIGHBOURS, len(rows) - 1)
    distance_NP, near_NP = NearestNeighbors(n_neighbors=count + 1).fit(x_ND).kneighbors(x_ND)
    delta_P = np.mean(distance_NP[:, 1:] ** 2, axis=0)
    gamma_P = np.mean((y_N[near_NP[:, 1:]] - y_N[:, None]) ** 2, axis=0) / 2
    slope, at_zero = np.polyfit(delta_P, gamma_P, 1) if np.ptp(delta_P) > 0 else (0, gamma_P[0])
    return float(max(0.0, at_zero if slope > 0 else gamma_P[0]))


def group_equal_rows(data: DiagnosisData, *, with_target: bool = False) -> NDArray[np.int64]:
    """Return a number for each row [N]: rows of equal features, or target, too, have the same."""
    parts = [np.nan_to_num(data.raw.numeric_NR, nan=-1e30).astype(np.float64)]
    parts += [strings.rank("dense").to_numpy()[:, None] for strings in data.raw.strings]
    parts += [data.y.reshape(len(data.y), -1)] if with_target else []
    whole = np.ascontiguousarray(np.concatenate(parts, axis=1))
    _, group_N = np.unique(whole, axis=0, return_inverse=True)
    return np.asarray(group_N.ravel(), dtype=np.int64)


def _conflicting(data: DiagnosisData) -> float | None:
    """Return the loss that rows of equal features and other targets leave to any model.

    Return None where there are no such rows.
    """
    group_N = group_equal_rows(data)
    sizes = np.bincount(group_N)
    if sizes.max() < 2:
        return None
    losses = [_conflicting_loss(one, group_N, sizes) for one in data.by_target]
    return statistics.fmean(loss / unit for loss, unit in zip(losses, data.loss_units, strict=True))


def _conflicting_loss(
    data: DiagnosisData, group_N: NDArray[np.int64], sizes: NDArray[np.int64]
) -> float:
    """Return that loss of one target, for rows in groups of equal features."""
    if data.task is Task.regression:
        means = np.bincount(group_N, data.y) / sizes
        # A group's own mean is nearer to its rows than the true one: n / (n - 1).
        spread = (data.y - means[group_N]) ** 2
        inflated = spread * np.where(sizes > 1, sizes / np.maximum(1, sizes - 1), 0)[group_N]
        return float(inflated.mean())
    classes = len(data.target.labels)
    counts = np.zeros((len(sizes), classes))
    np.add.at(counts, (group_N, data.y.astype(np.int64)), 1)
    share_N = counts[group_N, data.y.astype(np.int64)] / sizes[group_N]
    return float(-np.mean(np.log(share_N)))


def error_rates(data: DiagnosisData, peer: Peer, target: int = 0) -> tuple[float, float]:
    """Return the shares of wrong labels among the judging rows: all, and those it is surest of.

    `data` are those of the target of that number.

    They are of all draws that the model was fitted on; the latter is the least that is likely of so
    many rows: the lower end of its 95 % interval (Clopper and Pearson 1934).
    """
    wrong, rows, sure_wrong, sure_rows = 0, 0, 0, 0
    for draw, predictions in zip(data.draws, peer.predictions, strict=False):
        predictions_MC = predictions[target]
        is_wrong_M = predictions_MC.argmax(axis=1) != data.y[draw.judge].astype(np.int64)
        count = max(1, round(SURE_SHARE * len(draw.judge)))
        surest = np.argsort(-predictions_MC.max(axis=1))[:count]
        wrong, rows = wrong + int(is_wrong_M.sum()), rows + len(is_wrong_M)
        sure_wrong, sure_rows = sure_wrong + int(is_wrong_M[surest].sum()), sure_rows + count
    low = beta.ppf(0.025, sure_wrong, sure_rows - sure_wrong + 1) if sure_wrong else 0.0
    return wrong / rows, float(low)


def explained_without(data: DiagnosisData, draw: Draw, columns: Sequence[str]) -> float:
    """Return the share of a constant answer's loss that boosting takes off without these columns.

    It is of the judging rows; 0 where no column is left.
    """
    treatment = replace(STANDARD, exclude=tuple(columns))
    sources = {source.removeprefix(MISSING) for source in data.sources(draw)}
    if not sources - {"", *columns}:
        return 0.0
    predictions = _predict(
        data, draw, BOOSTING, seed=draw.seed, free_cores=FreeCores(), treatment=treatment
    )
    loss = score_predictions(data, draw.judge, predictions).loss
    return max(0.0, 1 - loss / constant_loss(data, draw))


def measure_importances(
    data: DiagnosisData, draw: Draw, *, seed: int
) -> tuple[Float64Array, float]:
    """Measure the rise of boosting's loss where a column is shuffled [D], and that of a probe.

    The probe is the largest rise of columns of noise that were put beside the others. No column
    tells a label that all training rows have.
    """
    y_N = data.y[draw.train]
    if data.task is not Task.regression and (y_N == y_N[0]).all():
        return np.zeros(data.width), 0.0
    rng = np.random.default_rng([seed, 11])
    x_ND = data.transform(STANDARD, draw).astype(np.float64)
    noise_NP = rng.normal(size=(len(x_ND), PROBES))
    wide = np.concatenate([x_ND, noise_NP], axis=1)
    model = _boosting(data, len(draw.train), seed=seed)
    model.fit(wide[draw.train], y_N)
    validation_MD, y_M = wide[draw.validation], data.y[draw.validation]

    def loss(column: int, order: Rows) -> float:
        rows = validation_MD.copy()
        rows[:, column] = rows[order, column]
        predictions_MC = _ask(model, data, rows)
        if data.task is Task.regression:
            return float(np.mean((predictions_MC[:, 0] - y_M) ** 2))
        share_M = predictions_MC[np.arange(len(rows)), y_M.astype(int)]
        return float(-np.mean(np.log(np.clip(share_M, 1e-7, 1))))

    def losses(column: int, orders_SM: Rows) -> list[float]:
        return [loss(column, order) for order in orders_SM]

    rises = measure_rises(losses, wide.shape[1], len(y_M), shuffles=2, rng=rng).mean(axis=1)
    return rises[: data.width], float(max(0.0, rises[data.width :].max()))
