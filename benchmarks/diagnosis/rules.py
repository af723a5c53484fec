"""Published rules, plainly: what thresholds alone say of the same data, recipe and curve.

Those of SageMaker Debugger, UMLAUT and DeepDiagnosis: data first, then configuration, then curves.
Nothing is trained beside the recipe itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from sklearn.neighbors import NearestNeighbors

from benchmarks.diagnosis.programs import Setting
from benchmarks.diagnosis.rules_network import FirstPass, Floats, design, first_pass, numbers_of
from lowloss.results import Cause, Curve
from lowloss.spec import Task

SPREAD_RATIO, MEAN_IN_SPREADS = 10.0, 3.0
"""Of columns: the largest spread over the smallest; how far a mean lies from 0."""
TARGET_SPREAD, TARGET_MEAN_IN_SPREADS, FIRST_LOSS = 10.0, 10.0, 10.0
LEAK = 0.99
IMBALANCE = 10.0
NEIGHBOURS, DISAGREEMENT = 5, 0.3
OVERFITTING, EARLY_BEST, LATE_BEST = 0.1, 0.6, 0.75
ZEROS, SATURATED, MIN_GRADIENT = 0.7, 0.5, 1e-7
EXPLOSION = 1e3
SIGN_CHANGES, MIN_FALL, FALL_EPOCHS = 0.5, 0.001, 10
PENALTY_SHARE = 0.5
DROPOUT, NARROW = 0.5, 64
RANGES = {
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
"""What an activation can answer; others answer every number."""


@dataclass(frozen=True)
class Watched:
    """A training as a rule sees it: what went in, and the curve that came out."""

    setting: Setting
    curve: Curve

    @cached_property
    def numbers_ND(self) -> Floats:
        """Columns of numbers, as they are in the table."""
        return numbers_of(self.setting)

    @cached_property
    def y_N(self) -> Floats:
        """The target as the network sees it: scaled, or class numbers."""
        target = self.setting.frame[self.setting.target]
        if self.setting.task is not Task.regression:
            target = target.rank("dense").cast(pl.Int64) - 1
        y_N: Floats = target.to_numpy().astype(np.float64)
        match self.setting.recipe.scale_target:
            case "standard":
                y_N = (y_N - y_N.mean()) / y_N.std()
            case "minmax":
                y_N = (y_N - y_N.min()) / np.ptp(y_N)
        return y_N

    @cached_property
    def first(self) -> FirstPass:
        """The network's first pass."""
        return first_pass(self.setting)

    @property
    def losses(self) -> list[float]:
        """Training losses by epoch; NaN where training diverged."""
        return [math.nan if loss is None else loss for loss in self.curve.loss]

    @property
    def val_losses(self) -> list[float]:
        """Validation losses by epoch."""
        return [math.nan if loss is None else loss for loss in self.curve.val_loss]


def apply_rules(setting: Setting, curve: Curve) -> tuple[Cause, ...]:
    """Return the causes that the rules speak of, in their order; of several targets, of any."""
    settings = [setting]
    if setting.others:
        settings = [setting.of_target(target) for target in setting.targets]
    trainings = [Watched(one, curve) for one in settings]
    return tuple(cause for cause, applies in RULES if any(map(applies, trainings)))


def _has_missing(w: Watched) -> bool:
    return w.setting.recipe.missing == "keep" and bool(np.isnan(w.numbers_ND).any())


def _features_not_scaled(w: Watched) -> bool:
    if w.setting.recipe.scale_features != "none" or not w.numbers_ND.shape[1]:
        return False
    spreads_D, means_D = np.nanstd(w.numbers_ND, axis=0), np.nanmean(w.numbers_ND, axis=0)
    is_varied = spreads_D > 0
    ratio = spreads_D[is_varied].max() / spreads_D[is_varied].min()
    is_far = np.abs(means_D[is_varied]) > MEAN_IN_SPREADS * spreads_D[is_varied]
    return bool(ratio > SPREAD_RATIO or is_far.any())


def _target_not_scaled(w: Watched) -> bool:
    if w.setting.task is not Task.regression:
        return False
    spread, mean = float(w.y_N.std()), float(abs(w.y_N.mean()))
    first = w.losses[0] / spread**2 if w.losses else math.nan
    is_squared = w.setting.recipe.loss == "mean_squared_error"
    return (
        spread > TARGET_SPREAD
        or mean > TARGET_MEAN_IN_SPREADS * spread
        or (is_squared and first > FIRST_LOSS)
    )


def _has_constant(w: Watched) -> bool:
    return any(w.setting.frame[name].n_unique() == 1 for name in w.setting.frame.columns)


def _has_copy(w: Watched) -> bool:
    columns = w.numbers_ND.T
    return len({column.tobytes() for column in columns}) < len(columns)


def _has_identifier(w: Watched) -> bool:
    frame = w.setting.frame.drop(w.setting.target)
    whole = frame.select(pl.selectors.integer() | pl.selectors.string())
    return any(column.n_unique() == len(column) for column in whole)


def _has_leak(w: Watched) -> bool:
    for values_N in w.numbers_ND.T:
        is_present = ~np.isnan(values_N)
        x, y = values_N[is_present], w.y_N[is_present]
        if x.std() == 0 or y.std() == 0:
            continue
        if np.corrcoef(x, y)[0, 1] ** 2 > LEAK:
            return True
        if w.setting.task is Task.binary and _auc(x, y) > LEAK:
            return True
    return False


def _auc(x: Floats, y: Floats) -> float:
    """Score a class by one column, whichever way round."""
    ones = int(y.sum())
    pairs = ones * (len(y) - ones)
    ranks_N = pl.Series(x).rank().to_numpy()
    above = (ranks_N[y == 1].sum() - ones * (ones + 1) / 2) / pairs
    return float(max(above, 1 - above))


def _is_imbalanced(w: Watched) -> bool:
    if w.setting.task is Task.regression:
        return False
    counts = np.bincount(w.y_N.astype(np.int64))
    return bool(counts.max() / counts.min() > IMBALANCE)


def _labels_are_noisy(w: Watched) -> bool:
    if w.setting.task is Task.regression or len(w.y_N) <= NEIGHBOURS:
        return False
    x_ND = design(w.setting)
    x_ND = (x_ND - x_ND.mean(axis=0)) / np.where(x_ND.std(axis=0) > 0, x_ND.std(axis=0), 1)
    near_NK = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(x_ND).kneighbors(x_ND)[1][:, 1:]
    codes_N = w.y_N.astype(np.int64)
    nearest_N = [np.bincount(codes_N[near]).argmax() for near in near_NK]
    return bool(np.mean(nearest_N != codes_N) > DISAGREEMENT)


def _output_is_wrong(w: Watched) -> bool:
    output = w.setting.recipe.output
    if output.activation == "softmax" and output.units == 1:
        return True
    if w.setting.task is Task.regression:
        low, high = RANGES.get(output.activation, (-math.inf, math.inf))
        return bool(w.y_N.min() < low or w.y_N.max() > high)
    classes = len(np.unique(w.y_N))
    is_one_yes_or_no = classes == 2 and output.units == 1 and output.activation == "sigmoid"
    is_unit_per_class = output.units == classes and output.activation == "softmax"
    return not (is_one_yes_or_no or is_unit_per_class)


def _loss_is_wrong(w: Watched) -> bool:
    recipe = w.setting.recipe
    if (w.setting.task is Task.regression) == recipe.is_classifier:
        return True
    return recipe.loss == "binary_crossentropy" and recipe.output.units > 1


def _dropout_is_strong(w: Watched) -> bool:
    return any(
        layer.dropout > DROPOUT and layer.units <= NARROW for layer in w.setting.recipe.hidden
    )


def _has_no_validation(w: Watched) -> bool:
    return w.setting.recipe.validation_split == 0


def _does_not_restore(w: Watched) -> bool:
    stopping = w.setting.recipe.early_stopping
    return stopping is None or not stopping.restore_best_weights


def _explodes(w: Watched) -> bool:
    losses = w.losses
    return bool(losses) and (
        not all(map(math.isfinite, losses)) or max(losses) >= EXPLOSION * abs(losses[0])
    )


def _rate_is_high(w: Watched) -> bool:
    steps = np.sign(np.diff([loss for loss in w.losses if math.isfinite(loss)]))
    return len(steps) > 2 and bool(np.mean(steps[1:] != steps[:-1]) > SIGN_CHANGES)


def _rate_is_low(w: Watched) -> bool:
    losses = w.losses[: FALL_EPOCHS + 1]
    if len(losses) <= FALL_EPOCHS or not math.isfinite(losses[-1]):
        return False
    return losses[0] - losses[-1] < MIN_FALL * abs(losses[0])


def _penalty_is_strong(w: Watched, kind: str) -> bool:
    if not any(getattr(layer, kind) for layer in w.setting.recipe.layers):
        return False
    last = w.curve.penalised_loss[-1] if w.curve.penalised_loss else None
    if last is None or not w.losses:
        return False
    return last - w.losses[-1] > PENALTY_SHARE * abs(last)


def _ends_early(w: Watched) -> bool:
    seen = w.val_losses if any(map(math.isfinite, w.val_losses)) else w.losses
    if not seen:
        return True
    return _best_position(seen) > LATE_BEST


def _overfits(w: Watched) -> bool:
    if not w.val_losses or not any(map(math.isfinite, w.val_losses)):
        return False
    is_worse = w.val_losses[-1] > (1 + OVERFITTING) * w.losses[-1]
    return is_worse and _best_position(w.val_losses) < EARLY_BEST


def _best_position(losses: list[float]) -> float:
    """Return where the least loss lies, as a share of the epochs."""
    finite = [math.inf if math.isnan(loss) else loss for loss in losses]
    return (int(np.argmin(finite)) + 1) / len(finite)


RULES: tuple[tuple[Cause, Callable[[Watched], bool]], ...] = (
    (Cause.missing_values, _has_missing),
    (Cause.features_not_scaled, _features_not_scaled),
    (Cause.target_not_scaled, _target_not_scaled),
    (Cause.constant_column, _has_constant),
    (Cause.duplicate_column, _has_copy),
    (Cause.identifier_column, _has_identifier),
    (Cause.leaked_column, _has_leak),
    (Cause.class_imbalance, _is_imbalanced),
    (Cause.noisy_labels, _labels_are_noisy),
    (Cause.wrong_output, _output_is_wrong),
    (Cause.wrong_loss, _loss_is_wrong),
    (Cause.dropout_too_strong, _dropout_is_strong),
    (Cause.no_validation_split, _has_no_validation),
    (Cause.best_weights_not_restored, _does_not_restore),
    (Cause.exploding_gradients, _explodes),
    (Cause.dead_units, lambda w: w.first.zero_share >= ZEROS),
    (Cause.saturated_units, lambda w: w.first.saturated_share > SATURATED),
    (Cause.vanishing_gradients, lambda w: w.first.min_gradient < MIN_GRADIENT),
    (Cause.learning_rate_too_high, _rate_is_high),
    (Cause.learning_rate_too_low, _rate_is_low),
    (Cause.l1_too_strong, lambda w: _penalty_is_strong(w, "l1")),
    (Cause.l2_too_strong, lambda w: _penalty_is_strong(w, "l2")),
    (Cause.too_few_epochs, _ends_early),
    (Cause.too_complex, _overfits),
)
"""In the order in which they are told. No rule is published for the other causes that needs neither
a second training nor a look at the trained weights."""
