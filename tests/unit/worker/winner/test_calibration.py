"""One temperature for a classifier's networks, of classes whose true probabilities are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lowloss.spec import Objective
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan, a_training
from worker.data.prepare import Prepared, prepare
from worker.engine.weights import unflatten_weights
from worker.trials.folds import TrainingResult
from worker.winner.calibration import LIMIT, divide_logits, fit_temperature


def a_classifier(rows: int, *, factor: float, classes: int = 2) -> tuple[Prepared, TrainingResult]:
    """A table of classes of known logits, and a trial whose logits are `factor` times those."""
    rng = np.random.default_rng(0)
    logit_NC = rng.normal(size=(rows, classes)) * 2
    share_NC = np.exp(logit_NC) / np.exp(logit_NC).sum(axis=1, keepdims=True)
    label_N = [f"c{rng.choice(classes, p=share)}" for share in share_NC]
    columns = {f"x{c}": logit_NC[:, c] for c in range(classes)} | {"y": label_N}
    validation = {"strategy": "kfold", "folds": 4}
    table, check = checked_frame(columns, "y", validation=validation)
    prepared = prepare(table, check, max_levels=10)
    folds = []
    for fold, fit in enumerate(prepared.fits[:4]):
        raw_MC = factor * logit_NC[fit.split.validation]
        answer_MC = np.exp(raw_MC) / np.exp(raw_MC).sum(axis=1, keepdims=True)
        output_MC = (answer_MC[:, 1:] if classes == 2 else answer_MC).astype(np.float32)
        plan = a_plan(fold=fold)
        folds.append(dataclasses.replace(a_training(plan), val_output_MC=output_MC))
    return prepared, TrainingResult(a_plan(), tuple(folds))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("factor", [0.6, 1.7])
def test_temperature_takes_back_what_makes_logits_too_small_or_too_large(
    factor: float, classes: int
) -> None:
    prepared, member = a_classifier(2_000, factor=factor, classes=classes)

    temperature = fit_temperature([member, member], prepared, Objective.val_loss, seed=0)

    assert temperature == pytest.approx(factor, rel=0.1)


def test_probabilities_that_are_right_stay_as_they_are() -> None:
    prepared, member = a_classifier(2_000, factor=1.0)

    assert fit_temperature([member], prepared, Objective.val_loss, seed=0) == 1.0


def test_few_rows_say_nothing_for_sure() -> None:
    prepared, member = a_classifier(40, factor=1.2)

    assert fit_temperature([member], prepared, Objective.val_loss, seed=0) == 1.0


def test_temperature_has_a_limit() -> None:
    prepared, member = a_classifier(2_000, factor=0.2)

    temperature = fit_temperature([member], prepared, Objective.val_log_loss, seed=0)

    assert temperature == pytest.approx(1 / LIMIT, rel=0.01)


def test_objective_of_the_order_of_classes_has_no_temperature() -> None:
    prepared, member = a_classifier(2_000, factor=0.5)

    assert fit_temperature([member], prepared, Objective.val_accuracy, seed=0) == 1.0


def test_regression_has_no_temperature() -> None:
    rng = np.random.default_rng(0)
    table, check = checked_frame({"x": rng.normal(size=90), "y": rng.normal(size=90)}, "y")
    prepared = prepare(table, check, max_levels=10)
    member = TrainingResult(a_plan(), (a_training(a_plan()),))

    assert fit_temperature([member], prepared, Objective.val_loss, seed=0) == 1.0


def test_divided_logits_are_those_of_the_last_layer_alone() -> None:
    rng = np.random.default_rng(0)
    shapes = [(3, 4), (4,), (4, 2), (2,), (5, 2)]
    weights = tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)
    network = dataclasses.replace(a_training(a_plan()), weights=weights)

    divided = divide_logits(network, 0.5)

    (first, second), (table,) = (
        unflatten_weights(divided.weights).layers,
        unflatten_weights(divided.weights).tables,
    )
    np.testing.assert_array_equal(first[0], weights[0])
    np.testing.assert_array_equal(second[0], 2 * weights[2])
    np.testing.assert_array_equal(second[1], 2 * weights[3])
    np.testing.assert_array_equal(table, weights[4])
    assert [weight.dtype for weight in divided.weights] == [np.float32] * 5
