"""Defects of stock KerasTuner 1.4.8, each reproduced, and that ours does not have them.

Lines are those of `keras_tuner/src`; numbers are of issues at github.com/keras-team/keras-tuner.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
import tensorflow as tf
from keras_tuner.oracles import RandomSearchOracle
from keras_tuner.src.engine import oracle as keras_tuner_oracle

from tests.search.test_tuner import SMALL, a_spec, run
from worker.search.space import define_space
from worker.search.tuner import SearchTuner


@pytest.fixture
def open_search(tmp_path: Path) -> Iterator[Any]:
    opened: list[SearchTuner] = []

    def make(**given: Any) -> SearchTuner:
        opened.append(SearchTuner(a_spec(**given), directory=tmp_path / str(len(opened))))
        return opened[-1]

    yield make
    for search in opened:
        search.close()


@pytest.fixture
def open_stock(tmp_path: Path) -> Iterator[Any]:
    opened: list[keras_tuner.Oracle] = []

    def make(oracle: Any, *, project: str | None = None, **given: Any) -> keras_tuner.Oracle:
        objective = keras_tuner.Objective("val_loss", "min")
        opened.append(oracle(**{"objective": objective, "seed": 1} | given))
        opened[-1]._set_project_dir(tmp_path, project or f"stock_{len(opened)}")
        opened[-1].verbose = 0
        return opened[-1]

    yield make
    for stock in opened:
        keras_tuner_oracle.LOCKS.pop(stock, None)
        keras_tuner_oracle.THREADS.pop(stock, None)


def a_range(**given: Any) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    space.Float("x", **{"min_value": 0.0, "max_value": 1.0} | given)
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


def test_stock_search_is_ended_by_three_failed_trials_ours_goes_on(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:544: `max_consecutive_failed_trials` is 3, and `max_retries_per_trial` 0.
    stock = open_stock(RandomSearchOracle, hyperparameters=a_range())
    search = open_search(algorithm="random")
    for number in range(3):
        trial = stock.create_trial(str(number))
        if number < 2:
            end(stock, trial, None)
    for plan in search.ask(3):
        search.tell(plan.number, None)

    with pytest.raises(RuntimeError, match="consecutive failures exceeded the limit of 3"):
        end(stock, trial, None)

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


def test_stock_random_search_gives_up_with_settings_left_ours_tries_them_all(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:826: 20 draws that were tried before, and a space counts as exhausted.
    space = SMALL | {"learning_rate": {"choices": [0.1 / 2**n for n in range(10)]}}
    budget = {"max_trials": 100}
    tried: dict[str, list[int]] = {"stock": [], "ours": []}
    for seed in range(1, 6):
        stock = open_stock(
            RandomSearchOracle,
            hyperparameters=define_space(a_spec(search_space=space)),
            max_trials=budget["max_trials"],
            seed=seed * 1000,
        )
        while (trial := stock.create_trial("1")).status == "RUNNING":
            end(stock, trial, 1.0)
        tried["stock"].append(len(stock.trials))
        search = open_search(algorithm="random", search_space=space, budget=budget, seed=seed)
        tried["ours"].append(len(run(search)))

    assert min(tried["stock"]) < 20
    assert tried["ours"] == [20] * 5


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
