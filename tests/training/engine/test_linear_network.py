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


def a_table(task: str, **given: Any) -> tuple[Prepared, Any]:
    """Two numbers and a column of many levels, on all of which the target depends."""
    rng = np.random.default_rng(0)
    x_N2, level_N = rng.normal(size=(ROWS, 2)), rng.integers(0, LEVELS, ROWS)
    z_N = x_N2 @ [1.0, -2.0] + 2.0 * np.sin(level_N) + rng.normal(0, 0.5, ROWS)
    y: Any = {
        "regression": 50 + 9 * z_N,
        "binary": np.where(z_N > 0, "yes", "no").tolist(),
        "multiclass": [f"class {n}" for n in np.digitize(z_N, [-3, -1, 0, 2])],
    }[task]
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


def test_class_without_a_training_row_is_all_but_impossible() -> None:
    coefficients = np.array([[1.0, -1.0], [2.0, 0.5], [0.0, 1.0]])
    model = type("Model", (), {})()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 2, 3]), coefficients, np.zeros(3)

    coefficient_DC, bias_C = linear._of_all_classes(model, 4)

    np.testing.assert_array_equal(coefficient_DC[:, [0, 2, 3]], coefficients.T)
    assert not coefficient_DC[:, 1].any()
    assert bias_C.tolist() == [0.0, linear.ABSENT_BIAS, 0.0, 0.0]


def test_of_two_classes_of_three_the_logits_differ_by_what_was_solved() -> None:
    model = type("Model", (), {})()
    model.classes_, model.coef_ = np.array([0, 2]), np.array([[3.0]])
    model.intercept_ = np.array([1.0])

    coefficient_DC, bias_C = linear._of_all_classes(model, 3)

    assert coefficient_DC[0, 2] - coefficient_DC[0, 0] == 3.0
    assert bias_C[2] - bias_C[0] == 1.0


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
    assert gain.trials == (3, 0, 0)
    first, second = model.members[1:]
    assert first is second
    rows = model.prepared.arrays.rows(first.plan.fold)
    x_ND = rows.x_train_ND.astype(np.float64)
    kernel_D1 = first.weights[0]
    np.testing.assert_allclose(kernel_D1[:, 0], Ridge().fit(x_ND, rows.y_train_N).coef_, atol=1e-5)
    expected = case.prepared.splits.non_test_rows if refit else model.fit.split.train
    assert len(x_ND) == len(expected)
    assert np.isfinite(model.predict_test()).all()
    assert [plan.number for engine in case.refits for plan in engine.started] == [3] * refit
