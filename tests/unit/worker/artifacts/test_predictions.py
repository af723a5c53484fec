"""Predictions of the test rows, summed up: nothing invented, and small whatever there is."""

from __future__ import annotations

import numpy as np
import pytest

from lowloss.spec import Task
from tests.builders.facts import some_answers
from worker.artifacts.reports.predictions import (
    MAX_PAIRS,
    HeldOutPredictions,
    summarise_predictions,
)


def test_regression_has_pairs_of_some_rows_and_residuals_of_all() -> None:
    actual = np.arange(5000.0)
    predictions = HeldOutPredictions(actual + 0.5, actual)

    summary = summarise_predictions(predictions, ())

    assert summary.residuals is not None
    assert len(summary.pairs) == MAX_PAIRS
    assert all(predicted == value + 0.5 for value, predicted in summary.pairs)
    assert sum(summary.residuals.counts) == 5000
    assert len(summary.model_dump_json()) < 20_000


def test_values_that_are_not_finite_are_left_out() -> None:
    predictions = HeldOutPredictions(np.array([np.nan, np.inf, 3.0]), np.array([1.0, 2.0, 4.0]))

    summary = summarise_predictions(predictions, ())

    assert summary.pairs == ((4.0, 3.0),)


@pytest.mark.parametrize("ends", [(), (-1e308, 1e308)])
def test_residuals_without_a_width_have_no_histogram(ends: tuple[float, ...]) -> None:
    predicted = np.array(ends)

    summary = summarise_predictions(HeldOutPredictions(predicted, 0 * predicted), ())

    assert summary.residuals is None


def test_confusion_counts_rows_and_mistakes_are_the_most_frequent_first() -> None:
    odds = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.1, 0.2, 0.7], [0.1, 0.7, 0.2]])
    predictions = HeldOutPredictions(odds, np.array([0.0, 0.0, 2.0, 2.0]))

    summary = summarise_predictions(predictions, ("a", "b", "c"))

    assert summary.confusion == ((1, 1, 0), (0, 0, 0), (0, 1, 1))
    assert [(m.actual, m.predicted, m.rows, m.share) for m in summary.mistakes] == [
        ("a", "b", 1, 0.5),
        ("c", "b", 1, 0.5),
    ]
    assert summary.roc == ()


def test_two_classes_have_rates_and_groups_of_all_rows() -> None:
    predictions = some_answers(Task.binary, 2)

    summary = summarise_predictions(predictions, ("no", "yes"))

    assert summary.roc[0] == (0.0, 0.0)
    assert summary.roc[-1] == (1.0, 1.0)
    assert sum(group.rows for group in summary.calibration) == len(predictions.actual)
    observed = sum(group.observed * group.rows for group in summary.calibration)
    assert observed == pytest.approx(predictions.actual.sum(), rel=1e-4)


def test_one_class_alone_has_no_rates() -> None:
    predictions = HeldOutPredictions(np.full((50, 2), 0.5), np.ones(50))

    assert summarise_predictions(predictions, ("no", "yes")).roc == ()


def test_many_classes_leave_their_mistakes() -> None:
    labels = tuple(f"c{index}" for index in range(300))
    predictions = some_answers(Task.multiclass, len(labels))

    summary = summarise_predictions(predictions, labels)

    assert summary.confusion == ()
    assert summary.mistakes
