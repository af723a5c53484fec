"""Metrics in the target's units, beside scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from lowloss.spec import Objective, Task
from worker.data.scores import bootstrap, interval, objective_value, scores
from worker.data.target import Target

RNG = np.random.default_rng


def test_regression_is_scored_in_the_targets_units() -> None:
    target = Target("y", Task.regression, mean=100.0, sd=10.0)
    y = np.array([90.0, 100.0, 110.0])
    output = np.array([[-1.0], [0.5], [1.0]], dtype=np.float32)

    found = scores(target, y, target.to_predictions(output))

    assert found["rmse"] == pytest.approx(np.sqrt(25 / 3))
    assert found["mae"] == pytest.approx(5 / 3)
    assert found["median_absolute_error"] == 0.0
    assert found["mape"] == pytest.approx(5 / 100 / 3)
    assert found["r2"] == pytest.approx(1 - 25 / 200)


def test_shares_of_a_target_of_zero_are_not_defined() -> None:
    target = Target("y", Task.regression)

    found = scores(target, np.array([0.0, 1.0]), np.array([[1.0], [1.0]]))

    assert "mape" not in found
    assert found["mae"] == 0.5


def test_ranking_of_one_class_is_not_defined() -> None:
    target = Target("y", Task.binary, ("no", "yes"))

    found = scores(
        target, np.ones(3), target.to_predictions(np.full((3, 1), 0.7, dtype=np.float32))
    )

    assert "roc_auc" not in found
    assert found["accuracy"] == 1.0


def test_bootstrap_interval_covers_the_true_error_about_as_often_as_it_says() -> None:
    target, rng = Target("y", Task.regression), RNG(3)
    covered = 0
    for seed in range(25):
        y = rng.normal(size=80)
        answer = (y + rng.normal(size=80))[:, None]
        low, high = interval(bootstrap(target, y, {"ours": answer}, seed=seed)["ours"]["rmse"])
        covered += low <= 1.0 <= high

    assert 20 <= covered <= 25


def test_binary_scores_are_scikit_learns() -> None:
    target = Target("y", Task.binary, ("no", "yes"))
    output = RNG(0).random((200, 1)).astype(np.float32)
    y = (RNG(1).random(200) < 0.3).astype(np.float64)

    found = scores(target, y, target.to_predictions(output))

    predicted = output[:, 0] > 0.5
    assert found == pytest.approx(
        {
            "log_loss": metrics.log_loss(y, output[:, 0].astype(np.float64)),
            "accuracy": metrics.accuracy_score(y, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
            "f1": metrics.f1_score(y, predicted),
            "roc_auc": metrics.roc_auc_score(y, output[:, 0]),
            "average_precision": metrics.average_precision_score(y, output[:, 0]),
        }
    )


def test_multiclass_scores_are_scikit_learns() -> None:
    target = Target("y", Task.multiclass, ("a", "b", "c"))
    output = RNG(0).dirichlet([1, 1, 1], 200)
    y = RNG(1).choice(3, 200, p=[0.6, 0.3, 0.1]).astype(np.float64)

    found = scores(target, y, target.to_predictions(output.astype(np.float32)))

    predicted = output.argmax(axis=1)
    assert found == pytest.approx(
        {
            "log_loss": metrics.log_loss(y, output),
            "accuracy": metrics.accuracy_score(y, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
            "f1": metrics.f1_score(y, predicted, average="macro"),
            "roc_auc": metrics.roc_auc_score(y, output, multi_class="ovr"),
            "average_precision": metrics.average_precision_score(np.eye(3)[y.astype(int)], output),
        },
        rel=1e-6,
    )


def test_certain_and_wrong_answers_cost_a_finite_loss() -> None:
    target = Target("y", Task.binary, ("no", "yes"))
    output = np.array([[1.0], [0.0]], dtype=np.float32)

    found = scores(target, np.array([0.0, 1.0]), target.to_predictions(output))

    assert found["log_loss"] == pytest.approx(-np.log(1e-7))


def test_answered_class_that_no_row_holds_is_no_obstacle() -> None:
    target = Target("y", Task.multiclass, ("a", "b", "c"))
    output = np.eye(3, dtype=np.float32)

    found = scores(target, np.array([0.0, 1.0, 1.0]), target.to_predictions(output))

    assert found["balanced_accuracy"] == pytest.approx(0.75)


def test_objective_is_the_metric_that_it_names() -> None:
    found = {"val_loss": 0.25, "rmse": 3.0, "r2": 0.5}

    assert objective_value(Objective.val_loss, found) == 0.25
    assert objective_value(Objective.val_rmse, found) == 3.0
    assert objective_value(Objective.val_r2, found) == 0.5


def test_differences_are_of_the_same_draws() -> None:
    target, rng = Target("y", Task.regression), RNG(4)
    y = rng.normal(size=200)
    noise = rng.normal(size=200)
    answers = {"better": (y + noise)[:, None], "worse": (y + 1.05 * noise)[:, None]}

    sampled = bootstrap(target, y, answers, seed=0)

    low, high = interval(sampled["better"]["rmse"] - sampled["worse"]["rmse"])
    assert high < 0.0
    assert interval(sampled["better"]["rmse"])[1] > interval(sampled["worse"]["rmse"])[0]
    assert low == pytest.approx(-0.05, abs=0.02)


@given(
    drawn=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60).filter(
        lambda rows: len({is_class for is_class, _ in rows}) == 2
    )
)
def test_ranking_metrics_are_scikit_learns_whatever_scores_are_equal(
    drawn: list[tuple[bool, int]],
) -> None:
    target = Target("y", Task.binary, ("no", "yes"))
    y = np.array([float(is_class) for is_class, _ in drawn])
    score = np.array([share / 8 for _, share in drawn])

    found = scores(target, y, np.stack([1 - score, score], axis=1))

    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, score))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(y, score))
