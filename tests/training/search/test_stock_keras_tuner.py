"""Defects of stock KerasTuner 1.4.8, each reproduced, and that ours does not have them.

Lines are those of `keras_tuner/src`; numbers are of issues at github.com/keras-team/keras-tuner.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
import tensorflow as tf
from keras_tuner.oracles import RandomSearchOracle
from keras_tuner.src.engine import oracle as keras_tuner_oracle

from lowloss.results import TrialState
from tests.training.search.test_tuner import as_trial, run


def a_range() -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    space.Float("x", 0.0, 1.0)
    return space


def end(stock: keras_tuner.Oracle, trial: Any, score: float | None) -> None:
    """End a trial of stock KerasTuner with a score; None where it failed."""
    trial.status = "INVALID" if score is None else "COMPLETED"
    if score is not None:
        stock.update_trial(trial.trial_id, {"val_loss": score})
    stock.end_trial(trial)


def is_locked(oracle: keras_tuner.Oracle) -> bool:
    return bool(keras_tuner_oracle.LOCKS[oracle].locked())


def test_stock_oracle_stays_locked_after_an_error_in_end_trial_ours_is_free(
    open_stock: Any, open_search: Any, tmp_path: Path
) -> None:
    # engine/oracle.py:108: what is called between `acquire` and `release` has no try/finally.
    stock = open_stock(RandomSearchOracle, project="lost", hyperparameters=a_range())
    trial = stock.create_trial("1")
    search = open_search()
    (plan,) = search.ask(1)
    stock.update_trial(trial.trial_id, {"val_loss": 1.0})
    trial.status = "COMPLETED"
    for folder in (tmp_path / "lost", tmp_path / "0"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("no folder any more")

    with pytest.raises(tf.errors.FailedPreconditionError, match="lost is not a directory"):
        stock.end_trial(trial)
    search.tell(plan.number, 1.0)

    assert is_locked(stock)
    assert not is_locked(search.oracle)
    assert search.ask(1)


def test_stock_oracle_stays_locked_after_an_unknown_trial_ours_is_free(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:108, again.
    stock = open_stock(RandomSearchOracle, hyperparameters=a_range())
    stranger = keras_tuner.engine.trial.Trial(a_range(), trial_id="99", status="COMPLETED")
    search = open_search()

    with pytest.raises(KeyError):
        stock.end_trial(stranger)
    with pytest.raises(KeyError):
        search.tell(99, 1.0)

    assert is_locked(stock)
    assert not is_locked(search.oracle)


# engine/metrics_tracking.py:111 (#1032): `nanmin` of nothing but NaN.
@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
@pytest.mark.parametrize("score", [None, math.nan])
def test_stock_search_is_ended_by_three_failed_trials_ours_goes_on(
    open_stock: Any, open_search: Any, score: float | None
) -> None:
    # engine/oracle.py:544: `max_consecutive_failed_trials` is 3, and `max_retries_per_trial` 0.
    stock = open_stock(RandomSearchOracle, hyperparameters=a_range())
    search = open_search(algorithm="random")
    for number in range(2):
        end(stock, stock.create_trial(str(number)), score)
    for plan in search.ask(3):
        search.tell(plan.number, score)

    with pytest.raises(RuntimeError, match="consecutive failures exceeded the limit of 3"):
        end(stock, stock.create_trial("2"), score)

    assert search.end_reason is None
    assert search.ask(1)


def test_stock_search_that_failed_thrice_takes_no_later_success_ours_does(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:544: failures are counted from the first trial on, whenever one ends.
    stock = open_stock(RandomSearchOracle, hyperparameters=a_range())
    for number in range(2):
        end(stock, stock.create_trial(str(number)), None)
    with pytest.raises(RuntimeError, match="consecutive failures exceeded the limit of 3"):
        end(stock, stock.create_trial("2"), None)
    search = open_search(algorithm="random")
    for plan in search.ask(3):
        search.tell(plan.number, None)

    for number in range(3, 6):
        with pytest.raises(RuntimeError, match="consecutive failures exceeded the limit of 3"):
            end(stock, stock.create_trial(str(number)), 0.5)
    for plan in search.ask(3):
        search.tell(plan.number, 0.5)

    assert search.end_reason is None
    assert search.best() == (4, 0.5)


def test_stock_search_of_seed_0_differs_each_time_ours_does_not(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:350: `seed or random.randint(1, 10000)`.
    random.seed(0)
    stock = [open_stock(RandomSearchOracle, hyperparameters=a_range(), seed=0) for _ in range(3)]
    ours = [open_search(algorithm="random", seed=0, budget={"max_trials": 5}) for _ in range(3)]

    drawn = {oracle.create_trial("1").hyperparameters.values["x"] for oracle in stock}
    plans = [run(search) for search in ours]

    assert len(drawn) == 3
    assert plans[0] == plans[1] == plans[2]


def test_stock_oracle_takes_no_trial_without_a_score_ours_does(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:577: `np.isnan(trial.score)`, whose best value is None before the first one.
    stock = open_stock(RandomSearchOracle, hyperparameters=a_range())
    trial = stock.create_trial("1")
    trial.metrics.register("val_loss")
    trial.status = "COMPLETED"
    search = open_search(algorithm="random")
    (plan,) = search.ask(1)

    with pytest.raises(TypeError, match="isnan"):
        stock.end_trial(trial)
    search.tell(plan.number, None)

    assert search.is_idle
    assert search.best() is None


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
@pytest.mark.parametrize(("score", "written_as"), [(math.inf, "Infinity"), (math.nan, "NaN")])
def test_stock_files_of_a_diverged_trial_are_no_json_ours_is(
    open_stock: Any, open_search: Any, tmp_path: Path, *, score: float, written_as: str
) -> None:
    # engine/trial.py:148: NaN and Infinity go into the file as they are, which JSON does not know.
    stock = open_stock(RandomSearchOracle, project="diverged", hyperparameters=a_range())
    end(stock, stock.create_trial("1"), score)
    (written,) = (tmp_path / "diverged").rglob("trial.json")
    search = open_search(algorithm="random")
    (plan,) = search.ask(1)
    search.tell(plan.number, score)
    ours = as_trial(plan, TrialState.diverged, score)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    with pytest.raises(ValueError, match=f"{written_as} is no JSON"):
        json.loads(written.read_text(), parse_constant=refuse)

    assert json.loads(ours.model_dump_json(), parse_constant=refuse)["score"] is None
    assert not [path for path in (tmp_path / "0").rglob("*") if path.is_file()]


def test_stock_search_trains_a_completed_trial_again_after_a_reload_ours_does_not(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:591: saved while the trial is still among the open ones; they are retried.
    given = {"hyperparameters": a_range(), "project": "reloaded"}
    stock = open_stock(RandomSearchOracle, **given)
    end(stock, stock.create_trial("1"), 1.0)
    again = open_stock(RandomSearchOracle, **given)
    (plan,) = open_search(algorithm="random").ask(1)
    search = open_search(algorithm="random")

    again.reload()
    issued = again.create_trial("1")
    end(again, issued, 3.0)
    search.replay([as_trial(plan, TrialState.completed, 1.0)])
    (following,) = search.ask(1)

    assert issued.trial_id == next(iter(stock.trials))
    # The mean of what two trainings scored.
    assert (stock.trials[issued.trial_id].score, issued.score) == (1.0, 2.0)
    assert following.number == 2
    assert search.best() == (1, 1.0)
