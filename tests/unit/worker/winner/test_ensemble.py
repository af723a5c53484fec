"""Choosing the networks whose mean predicts the validation rows best."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lowloss.spec import Objective
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan, a_training
from worker.data.prepare import Prepared, prepare
from worker.data.scores import scores
from worker.trials.folds import TrainingResult
from worker.winner.ensemble import choose_members

ROWS = 200


def a_prepared(task: str = "regression", **given: Any) -> Prepared:
    rng = np.random.default_rng(0)
    z = rng.normal(size=ROWS)
    y: Any = {
        "regression": 50 + 9 * z,
        "binary": np.where(z > 0, "yes", "no").tolist(),
        "multiclass": np.digitize(z, [-0.5, 0.5]).tolist(),
    }[task]
    table, check = checked_frame({"x": rng.normal(size=ROWS), "y": y}, "y", task=task, **given)
    return prepare(table, check, max_levels=10)


def a_run(prepared: Prepared, number: int, *, off: float = 0.0, noise: float = 0.0) -> Any:
    """A training whose answers are off by so much, and at random, on every fold's own rows."""
    rng, folds = np.random.default_rng(number), []
    for index, fit in enumerate(prepared.fits):
        y_M = fit.target.standardise(prepared.labelled.y[fit.split.validation])
        right_MC = y_M[:, None] + off
        if fit.target.labels:
            logits_MC = 3.0 * (y_M[:, None] == np.arange(len(fit.target.labels)))
            logits_MC = logits_MC + rng.normal(0, noise, logits_MC.shape)
            odds_MC = np.exp(logits_MC)
            right_MC = odds_MC / odds_MC.sum(axis=1, keepdims=True)
            right_MC = right_MC if len(fit.target.labels) > 2 else right_MC[:, 1:]
        else:
            right_MC = right_MC + rng.normal(0, noise, right_MC.shape)
        plan = a_plan(number=number, fold=index)
        output_MC = right_MC.astype(np.float32)
        folds.append(dataclasses.replace(a_training(plan, 1.0), val_output_MC=output_MC))
    return TrainingResult(a_plan(number=number), tuple(folds))


def numbers_of(
    runs: list[TrainingResult],
    prepared: Prepared,
    count: int,
    objective: Objective = Objective.val_loss,
    linear: TrainingResult | None = None,
) -> list[int]:
    chosen = choose_members(runs, prepared, objective, count, linear=linear)
    return [run.plan.number for run in chosen]


@pytest.mark.parametrize("folds", [{}, {"validation": {"strategy": "kfold", "folds": 3}}], ids=str)
def test_errors_that_cancel_are_put_together(folds: dict[str, Any]) -> None:
    prepared = a_prepared(**folds)
    runs = [a_run(prepared, n, off=off) for n, off in [(1, 0.3), (2, -0.4), (3, 0.35)]]

    assert numbers_of(runs, prepared, 1) == [1]
    # 0.3 - 0.4 is nearer to 0 than anything with 0.35.
    assert sorted(numbers_of(runs, prepared, 2)) == [1, 2]


def test_the_best_is_chosen_again_where_others_only_harm() -> None:
    prepared = a_prepared()
    runs = [a_run(prepared, 1, off=0.1), a_run(prepared, 2, off=0.9), a_run(prepared, 3, off=0.8)]

    assert numbers_of(runs, prepared, 4) == [1, 1, 1, 1]


def test_the_first_of_equals_is_chosen() -> None:
    prepared = a_prepared()

    assert numbers_of([a_run(prepared, n, off=0.2) for n in (5, 4)], prepared, 2) == [5, 5]


@pytest.mark.parametrize(
    ("task", "objective"),
    [
        ("regression", Objective.val_loss),
        ("regression", Objective.val_rmse),
        ("binary", Objective.val_loss),
        ("binary", Objective.val_roc_auc),
        ("multiclass", Objective.val_loss),
        ("multiclass", Objective.val_accuracy),
    ],
)
def test_the_mean_of_noisy_networks_is_better_than_the_best_of_them(
    task: str, objective: Objective
) -> None:
    prepared = a_prepared(task)
    fit = prepared.fits[0]
    y_M = prepared.labelled.y[fit.split.validation]
    runs = [a_run(prepared, number, noise=2.0) for number in range(1, 9)]
    metric = {"regression": "rmse"}.get(task, "log_loss")
    if objective is not Objective.val_loss:
        metric = objective.metric

    def cost(members: list[TrainingResult]) -> float:
        mean_MC = np.mean([run.folds[0].val_output_MC for run in members], axis=0)
        value = scores(fit.target, y_M, fit.target.to_predictions(mean_MC))[metric]
        return objective.direction.sign * value

    chosen = choose_members(runs, prepared, objective, 6)

    assert cost(chosen) < min(cost([run]) for run in runs)
    assert len({run.plan.number for run in chosen}) > 1


FOLDS: dict[str, Any] = {"validation": {"strategy": "kfold", "folds": 5}}
LINEAR = 100
"""The number of the linear network."""


def count_linear(prepared: Prepared, *, noise: float, others: int = 3, **given: Any) -> int:
    """Count the linear ones among eight members; the others are off by chance, with 0.5."""
    runs = [a_run(prepared, number, noise=0.5) for number in range(1, 1 + others)]
    linear = a_run(prepared, LINEAR, noise=noise)
    return numbers_of(runs, prepared, 8, linear=linear, **given).count(LINEAR)


@pytest.mark.parametrize("given", [{}, FOLDS], ids=["holdout", "folds"])
def test_linear_network_has_the_larger_a_part_the_less_it_errs(given: dict[str, Any]) -> None:
    prepared = a_prepared(**given)

    counts = [count_linear(prepared, noise=noise) for noise in (0.1, 0.4, 5.0)]

    assert counts[0] == 8
    assert 1 <= counts[1] < 8
    assert counts[2] == 0


def test_linear_part_may_cost_half_a_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = a_prepared()
    by_default = count_linear(prepared, noise=0.8)
    counts = []
    for tolerance in (0.0, 0.5, 1.0):
        monkeypatch.setattr("worker.winner.ensemble.TOLERANCE", tolerance)
        counts.append(count_linear(prepared, noise=0.8))

    assert counts[0] < counts[1] < counts[2]
    assert by_default == counts[1]


def test_first_members_of_any_number_have_the_share_of_linear_ones_that_all_have() -> None:
    prepared = a_prepared()
    runs = [a_run(prepared, number, noise=0.5) for number in (1, 2, 3)]
    linear = a_run(prepared, LINEAR, noise=0.4)

    numbers = numbers_of(runs, prepared, 8, linear=linear)

    share = numbers.count(LINEAR) / 8
    assert 0 < share < 1
    for count in range(1, 9):
        assert abs(numbers[:count].count(LINEAR) - share * count) < 1


def test_networks_that_were_lucky_do_not_keep_the_linear_one_out() -> None:
    prepared = a_prepared(validation={"strategy": "holdout", "fraction": 0.2})
    runs = [a_run(prepared, number, noise=0.5) for number in (*range(1, 51), LINEAR)]

    # Among the others it would be one of fifty that are as good, some of them by luck.
    assert LINEAR not in numbers_of(runs, prepared, 8)
    assert count_linear(prepared, noise=0.5, others=50) > 0


def test_two_rows_are_enough_to_judge_the_linear_network() -> None:
    # A job has no fewer.
    prepared = a_prepared(validation={"strategy": "holdout", "fraction": 2 / ROWS})

    assert count_linear(prepared, noise=0.0) == 8


@pytest.mark.parametrize("objective", [Objective.val_accuracy, Objective.val_roc_auc])
def test_loss_judges_the_linear_network_whatever_the_objective(objective: Objective) -> None:
    # Of a few rows all are right whatever is answered, and some parts have one class.
    prepared = a_prepared("binary", validation={"strategy": "holdout", "fraction": 12 / ROWS})

    by_loss = count_linear(prepared, noise=5.0)

    assert by_loss == 0
    assert count_linear(prepared, noise=5.0, objective=objective) == by_loss


def test_nothing_more_is_chosen_once_somebody_stops_the_job() -> None:
    prepared = a_prepared()
    looks = iter([True, True, True, True, False])

    chosen = choose_members(
        [a_run(prepared, number, noise=1.0) for number in (1, 2)],
        prepared,
        Objective.val_loss,
        8,
        goes_on=lambda: next(looks),
    )

    assert len(chosen) == 2
