"""What the network is trained on in place of the target, and what its answers become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowloss.spec import Task
from tests.builders.tables import checked_frame
from worker.data.input_choices import InputChoice
from worker.data.prepare import Prepared, prepare, prepare_refit
from worker.data.target import LOG_REACH, Target, class_weights, fit_target, log_offset, skewness
from worker.engine.arrays import Loss

Y = Target("y", Task.regression)
RNG = np.random.default_rng


def prepared_of(y: Any, x: Any = None, **given: Any) -> Prepared:
    columns = {"x": np.arange(len(y)) * 0.5 if x is None else x, "y": y}
    table, check = checked_frame(columns, "y", **given)
    return prepare(table, check, max_levels=100)


POSITIVE = st.lists(st.floats(1e-6, 1e12), min_size=2, max_size=50)
NUMBERS = st.floats(-1e12, 1e12).map(lambda v: v if abs(v) > 1e-30 else 0.0)
ANY = st.lists(NUMBERS, min_size=2, max_size=50)


@given(values=ANY, scale=st.booleans())
def test_answer_undoes_what_standardise_did(values: list[float], scale: bool) -> None:
    y = np.array(values)
    target = fit_target(Y, y, scale=scale, log_offset=None)

    answers = target.to_predictions(target.standardise(y)[:, None])[:, 0]

    reach = np.abs(y - target.mean).max() if scale else np.abs(y).max()
    assert np.abs(answers - y).max() <= 1e-6 * reach + 1e-9 * np.abs(y).max()


@given(values=POSITIVE, scale=st.booleans())
def test_answer_undoes_a_logarithm(values: list[float], scale: bool) -> None:
    y = np.array(values)
    target = fit_target(Y, y, scale=scale, log_offset=0.0)

    answers = target.to_predictions(target.standardise(y)[:, None])[:, 0]

    assert np.abs(np.log(answers) - np.log(y)).max() <= 1e-5 * max(1.0, target.sd)


def test_logarithm_of_zeros_has_an_offset() -> None:
    y = np.array([0.0, 0.0, 3.0, 7.0])
    offset = log_offset(True, y, lowest=0.0)
    target = fit_target(Y, y, scale=True, log_offset=offset)

    seen = target.standardise(y)

    assert offset == 1.0
    assert target.mean == pytest.approx(np.log([1, 1, 4, 8]).mean())
    assert target.to_predictions(seen[:, None])[:, 0] == pytest.approx(y, abs=1e-5)


def test_logarithm_is_scaled_even_where_the_target_is_not() -> None:
    y = RNG(0).lognormal(mean=10.0, size=200)

    scaled, unscaled = (fit_target(Y, y, scale=s, log_offset=0.0) for s in (True, False))

    assert scaled == unscaled
    assert scaled.standardise(y).std() == pytest.approx(1.0, abs=1e-5)


def test_answers_of_a_logarithm_stay_near_the_training_rows() -> None:
    y = RNG(0).lognormal(size=200)
    target = fit_target(Y, y, scale=True, log_offset=0.0)

    low, lowest, high, highest = target.to_predictions(
        np.array([[-50.0], [-1e30], [50.0], [1e30]])
    )[:, 0]

    assert low == lowest == pytest.approx(y.min() * np.exp(-LOG_REACH * target.sd))
    assert high == highest == pytest.approx(y.max() * np.exp(LOG_REACH * target.sd))


@pytest.mark.parametrize(
    ("y", "wanted", "offset"),
    [
        (RNG(0).lognormal(sigma=1.5, size=400), "auto", 0.0),
        (np.append(RNG(0).lognormal(sigma=1.5, size=400), 0.0), "auto", 1.0),
        (RNG(0).normal(size=400) + 10, "auto", None),
        (RNG(0).uniform(1, 2, size=400), "auto", None),
        (RNG(0).uniform(1, 2, size=400), True, 0.0),
        (-RNG(0).lognormal(sigma=1.5, size=400), "auto", None),
        (RNG(0).lognormal(sigma=1.5, size=400), False, None),
        (np.full(10, 3.0), "auto", None),
    ],
    ids=str,
)
def test_logarithm_is_of_skewed_targets_that_have_one(
    y: np.ndarray, wanted: Any, offset: float | None
) -> None:
    assert log_offset(wanted, y, lowest=float(y.min())) == offset


def test_negative_value_among_other_rows_forbids_a_logarithm() -> None:
    y = RNG(0).lognormal(sigma=1.5, size=400)

    assert log_offset("auto", y, lowest=-0.5) is None
    assert log_offset("auto", y, lowest=0.0) == 1.0


def test_skewness_is_the_third_standardised_moment() -> None:
    assert skewness(np.array([1.0, 2.0, 3.0])) == pytest.approx(0.0)
    assert skewness(np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(2 / np.sqrt(3))
    assert skewness(np.full(5, 2.0)) == 0.0


@pytest.mark.parametrize("value", [0.0, 5.0, 1e8])
def test_training_rows_of_one_value_are_taken_for_0(value: float) -> None:
    target = fit_target(Y, np.full(9, value), scale=True, log_offset=None)

    assert (target.mean, target.sd) == (value, 1.0)
    assert target.standardise(np.array([value, value + 2.0])).tolist() == [0.0, 2.0]


def test_unscaled_target_keeps_its_units_and_divides_its_losses() -> None:
    y = RNG(0).normal(size=100) * 30 + 7

    target = fit_target(Y, y, scale=False, log_offset=None)

    assert target.standardise(y) == pytest.approx(y.astype(np.float32))
    assert target.loss_unit == pytest.approx(y.var())


@pytest.mark.parametrize(
    ("task", "loss", "outputs"),
    [
        (Task.regression, Loss.mse, 1),
        (Task.binary, Loss.binary, 1),
        (Task.multiclass, Loss.multiclass, 3),
    ],
)
def test_task_decides_the_loss_and_the_head(task: Task, loss: Loss, outputs: int) -> None:
    target = Target("y", task, ("a", "b", "c"))

    assert (target.loss, target.outputs) == (loss, outputs)


def test_class_indices_are_seen_as_they_are() -> None:
    target = Target("y", Task.multiclass, ("a", "b", "c"))
    y = np.array([0.0, 2.0, 1.0])

    fitted = fit_target(target, y, scale=True, log_offset=1.0)

    assert fitted == target
    assert fitted.standardise(y).tolist() == [0.0, 2.0, 1.0]


STRATEGIES: list[dict[str, Any]] = [
    {"strategy": "kfold", "folds": 4},
    {"strategy": "ordered", "column": "x", "folds": 4},
]


def targets() -> dict[str, np.ndarray]:
    noise = RNG(5).normal(size=200)
    trend = np.arange(200) * 0.1
    return {
        "plain": noise,
        "large mean": 1e8 + noise,
        "trend": 1e6 + trend + noise,
        "tiny": noise * 1e-9,
        "one outlier": np.where(np.arange(200) == 17, 1e9, noise),
        "late outlier": np.where(np.arange(200) == 150, 1e9, noise),
        "flat at first": np.where(np.arange(200) < 60, 5.0, 5.0 + noise),
        "skewed": np.exp(3 * noise),
    }


@pytest.mark.parametrize("validation", STRATEGIES, ids=str)
@pytest.mark.parametrize("options", [{}, {"log_target": True}, {"scale_target": False}], ids=str)
@pytest.mark.parametrize("name", list(targets()))
def test_fold_sees_the_target_as_its_own_fit_does(
    name: str, options: dict[str, Any], validation: dict[str, Any]
) -> None:
    y = targets()[name]
    if options.get("log_target") and y.min() < 0:
        y = y - y.min()

    prepared = prepared_of(y, validation=validation, preprocessing=options)

    assert len(prepared.fits) == 4
    for number, fit in enumerate(prepared.fits):
        seen = prepared.arrays.rows(number)
        for rows, found in (
            (fit.split.train, seen.y_train_N),
            (fit.split.validation, seen.y_val_M),
        ):
            wanted = fit.target.standardise(y[rows])
            assert np.abs(found - wanted).max() <= 1e-5 * max(1.0, float(np.abs(wanted).max()))


def test_logarithm_is_one_choice_for_all_folds_and_the_refit() -> None:
    # Skewed by its first half alone: later folds, and all known rows, are less so.
    y = np.concatenate([RNG(0).lognormal(sigma=1.6, size=80), RNG(1).uniform(40, 60, size=320)])
    validation = {"strategy": "ordered", "column": "x", "folds": 4}
    columns = {"x": np.arange(400) * 0.5, "y": y}
    given = {"validation": validation, "preprocessing": {"log_target": "auto"}}
    table, check = checked_frame(columns, "y", **given)
    prepared = prepare(table, check, max_levels=100)

    refit = prepare_refit(prepared, check.spec, (InputChoice("standard"),))

    known = y[prepared.splits.non_test_rows]
    assert log_offset("auto", known, lowest=float(y.min())) is None
    logs = [fit.target.log for fit in (*prepared.fits, *refit.fits)]
    assert [log.offset for log in logs if log] == [0.0] * 5


def test_refit_trains_on_all_rows_but_the_test_rows() -> None:
    y = RNG(0).normal(size=100)
    columns = {"x": np.arange(100) * 0.5, "y": y}
    table, check = checked_frame(columns, "y", validation=STRATEGIES[0])
    prepared = prepare(table, check, max_levels=100)

    refit = prepare_refit(prepared, check.spec, (InputChoice("robust"),))

    (fit,) = refit.fits
    assert sorted([*fit.split.train, *prepared.splits.test]) == list(range(100))
    assert np.array_equal(refit.splits.test, prepared.splits.test)
    assert fit.target.mean == pytest.approx(y[fit.split.train].mean())
    assert fit.features.scaling == "robust"
    assert not refit.arrays.folds[0].is_validated


def test_weights_are_of_each_folds_own_classes() -> None:
    y = np.array([0.0] * 80 + [1.0] * 20)
    train = np.array([*range(10), 80, 81])

    weights = class_weights(y, train)

    assert weights is not None
    assert weights.tolist() == pytest.approx([0.6] * 10 + [3.0] * 2)
