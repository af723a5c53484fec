"""The linear network whose weights are solved, and its part in a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from tests.builders.finals import a_case, a_prepared
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan
from worker.data.prepare import Prepared, prepare
from worker.engine.arrays import Embedding
from worker.trials.folds import TrainingResult
from worker.winner import linear
from worker.winner.linear import solve_linear

ROWS, LEVELS = 300, 20


def a_table(task: str, *, classes: str = "", **given: Any) -> tuple[Prepared, Any]:
    """Two numbers and a column of many levels, on all of which the target depends.

    It is that of another task where `classes` names one.
    """
    rng = np.random.default_rng(0)
    x_N2, level_N = rng.normal(size=(ROWS, 2)), rng.integers(0, LEVELS, ROWS)
    z_N = x_N2 @ [1.0, -2.0] + 2.0 * np.sin(level_N) + rng.normal(0, 0.5, ROWS)
    y: Any = {
        "regression": 50 + 9 * z_N,
        "binary": np.where(z_N > 1, "yes", "no").tolist(),
        "multiclass": [f"class {n}" for n in np.digitize(z_N, [-3, -1, 0, 2])],
    }[classes or task]
    columns = {"a": x_N2[:, 0], "b": x_N2[:, 1], "level": [f"l{n}" for n in level_N], "y": y}
    table, check = checked_frame(columns, "y", task=task, **given)
    return prepare(table, check, max_levels=100), check.spec


def solved(prepared: Prepared, spec: Any) -> TrainingResult:
    result = solve_linear(prepared, spec, a_plan())
    assert result is not None
    return result


def as_columns(x_ND: Any, codes: int) -> Any:
    """Two numbers, and one-hot codes."""
    return np.hstack([x_ND[:, :2], x_ND[:, 2:] == np.arange(codes)])


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_it_answers_as_ridge_or_logistic_regression_on_every_fold(task: str) -> None:
    folds = {"strategy": "kfold", "folds": 3}
    prepared, spec = a_table(task, validation=folds)

    result = solved(prepared, spec)

    assert (result.plan.number, result.plan.widths, len(result.folds)) == (0, (), 3)
    (embedding,) = prepared.arrays.embeddings
    for number, fold in enumerate(result.folds):
        rows = prepared.arrays.rows(number)
        x_ND = as_columns(rows.x_train_ND.astype(np.float64), embedding.codes)
        x_MD = as_columns(rows.x_val_MD.astype(np.float64), embedding.codes)
        if task == "regression":
            expected = Ridge().fit(x_ND, rows.y_train_N).predict(x_MD)[:, None]
        else:
            model = LogisticRegression(max_iter=1000).fit(x_ND, rows.y_train_N)
            probability_MC = model.predict_proba(x_MD)
            expected = probability_MC[:, 1:] if task == "binary" else probability_MC
        np.testing.assert_allclose(fold.val_output_MC, expected, atol=2e-5)
        assert fold.is_good


def test_table_of_fewer_numbers_than_classes_holds_the_nearest_coefficients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared, spec = a_table("multiclass")
    exact = solved(prepared, spec).folds[0].val_output_MC
    (embedding,) = prepared.arrays.embeddings
    errors = []
    for size in (1, 2, 4):
        narrow = (Embedding(embedding.codes, size),)
        monkeypatch.setitem(prepared.arrays.__dict__, "embeddings", narrow)
        errors.append(np.abs(solved(prepared, spec).folds[0].val_output_MC - exact).mean())

    assert errors[0] > errors[1] > errors[2]
    # Coefficients of five classes have a rank of four.
    assert errors[2] < 1e-6


def test_two_classes_of_several_that_there_might_be_have_a_logit_each() -> None:
    two, binary = (
        solved(*a_table(task, classes="binary")).folds[0].val_output_MC
        for task in ("multiclass", "binary")
    )

    np.testing.assert_allclose(two[:, 1:], binary, atol=1e-5)
    np.testing.assert_allclose(two.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_rows_weigh_as_they_do_for_other_networks(task: str) -> None:
    prepared, spec = a_table(task, preprocessing={"class_weight": "balanced"})

    (fold,) = solved(prepared, spec).folds

    rows = prepared.arrays.rows(fold.plan.fold)
    (embedding,) = prepared.arrays.embeddings
    x_ND = as_columns(rows.x_train_ND.astype(np.float64), embedding.codes)
    x_MD = as_columns(rows.x_val_MD.astype(np.float64), embedding.codes)
    assert rows.weight_train_N is not None
    assert np.ptp(rows.weight_train_N) > 0
    model = LogisticRegression(max_iter=1000).fit(x_ND, rows.y_train_N, rows.weight_train_N)
    probability_MC = model.predict_proba(x_MD)
    expected = probability_MC[:, 1:] if task == "binary" else probability_MC
    np.testing.assert_allclose(fold.val_output_MC, expected, atol=2e-5)


def test_its_numbers_are_standardised_wherever_that_choice_stands() -> None:
    scalings = {"scale_features": {"choices": ["quantile", "standard"]}}
    folds = {"strategy": "kfold", "folds": 3}
    first = solved(*a_table("regression", validation=folds))
    second = solved(*a_table("regression", validation=folds, preprocessing=scalings))

    assert [fold.plan.fold for fold in second.folds] == [3, 4, 5]
    for one, other in zip(first.folds, second.folds, strict=True):
        np.testing.assert_allclose(one.val_output_MC, other.val_output_MC, atol=1e-6)


def test_none_is_solved_once_the_job_is_stopped() -> None:
    prepared, spec = a_prepared()
    looks = iter([True, False])

    assert solve_linear(prepared, spec, a_plan(), goes_on=lambda: next(looks)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"search_space": {"layers": 2}},
        {"preprocessing": {"scale_features": {"choices": ["quantile", "piecewise"]}}},
    ],
    ids=str,
)
def test_there_is_none_where_the_job_leaves_no_choice(given: dict[str, Any]) -> None:
    assert solve_linear(*a_prepared(**given), a_plan()) is None


def test_there_is_none_of_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, spec = a_prepared()
    monkeypatch.setattr(linear, "MAX_CELLS", 100)

    assert solve_linear(prepared, spec, a_plan()) is None


@pytest.mark.parametrize("refit", [True, False])
def test_model_has_it_where_others_are_worse(refit: bool) -> None:
    case = a_case(final={"members": 3, "ensemble": True, "refit": refit})

    model, gain = case.make()

    # The others are off by one to three standard deviations, and the target is random.
    assert gain.trials == (0, 3, 0)
    first, _, second = model.members
    assert first is second
    rows = model.prepared.arrays.rows(first.plan.fold)
    x_ND = rows.x_train_ND.astype(np.float64)
    kernel_D1 = first.weights[0]
    np.testing.assert_allclose(kernel_D1[:, 0], Ridge().fit(x_ND, rows.y_train_N).coef_, atol=1e-5)
    expected = case.prepared.splits.non_test_rows if refit else model.fit.split.train
    assert len(x_ND) == len(expected)
    assert np.isfinite(model.predict_test()).all()
    assert [plan.number for engine in case.refits for plan in engine.started] == [3] * refit
