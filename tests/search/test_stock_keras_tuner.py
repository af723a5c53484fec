"""Defects of KerasTuner 1.4.8: the stock oracle fails, and ours does not.

The numbers of issues are those of github.com/keras-team/keras-tuner.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import keras_tuner
import numpy as np
import pytest
from keras_tuner.src.engine import oracle as oracle_module
from keras_tuner.src.engine.trial import Trial, TrialStatus
from keras_tuner.src.tuners.bayesian import BayesianOptimizationOracle
from keras_tuner.src.tuners.gridsearch import GridSearchOracle
from keras_tuner.src.tuners.hyperband import HyperbandOracle
from keras_tuner.src.tuners.randomsearch import RandomSearchOracle

from tests.search.test_tuner import SMALL, a_spec, run
from worker.search.oracles.store import StoreOracle
from worker.search.tuner import SearchTuner

Stock: TypeAlias = Any
"""A KerasTuner oracle: the package has no types."""


@pytest.fixture
def open_search(tmp_path: Path) -> Iterator[Any]:
    opened: list[SearchTuner] = []

    def make(**given: Any) -> SearchTuner:
        opened.append(SearchTuner(a_spec(**given), directory=tmp_path / f"ours{len(opened)}"))
        return opened[-1]

    yield make
    for search in opened:
        search.close()


@pytest.fixture
def stock(tmp_path: Path) -> Any:
    def make(
        kind: type[Stock] = RandomSearchOracle,
        space: keras_tuner.HyperParameters | None = None,
        folder: str = "stock",
        **given: Any,
    ) -> Stock:
        oracle = kind(
            objective=keras_tuner.Objective("val_loss", "min"),
            hyperparameters=space or a_space(),
            allow_new_entries=False,
            tune_new_entries=False,
            **{"seed": 1} | given,
        )
        oracle.verbose = 0
        oracle._set_project_dir(str(tmp_path), folder)
        return oracle

    return make


def a_space() -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    space.Float("rate", 1e-4, 1e-1, sampling="log")
    return space


def finish(oracle: Stock, trial: Trial, score: float | None) -> None:
    """End a trial as KerasTuner's own tuner does."""
    if score is None:
        trial.status = TrialStatus.FAILED
    else:
        oracle.update_trial(trial.trial_id, {"val_loss": score})
        trial.status = TrialStatus.COMPLETED
    oracle.end_trial(trial)


def is_locked(oracle: Stock) -> bool:
    """Whether another thread would wait for an oracle for ever."""
    return bool(oracle_module.LOCKS[oracle].locked())


def test_error_at_the_end_of_a_trial_leaves_the_stock_oracle_locked(
    stock: Any, open_search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `synchronized` in engine/oracle.py has no finally; #990.
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    theirs = stock(max_trials=5)
    trial = theirs.create_trial("a")
    monkeypatch.setattr(theirs, "_save_trial", fail)
    with pytest.raises(OSError, match="no space"):
        finish(theirs, trial, 1.0)
    assert is_locked(theirs)

    # Ours writes nothing to a disk that could be full.
    search = open_search()
    (plan,) = search.ask(1)
    search.tell(plan.number, 1.0)
    assert not is_locked(search.oracle)


def test_stock_oracle_gives_up_after_three_trials_that_failed(stock: Any, open_search: Any) -> None:
    # max_consecutive_failed_trials is 3 by default; and once it was reached, it stays so.
    theirs = stock(max_trials=10)
    for number in range(2):
        finish(theirs, theirs.create_trial(str(number)), None)
    with pytest.raises(RuntimeError, match="consecutive failures"):
        finish(theirs, theirs.create_trial("2"), None)
    oracle_module.LOCKS[theirs].release()
    oracle_module.THREADS[theirs] = None
    with pytest.raises(RuntimeError, match="consecutive failures"):
        finish(theirs, theirs.create_trial("3"), 1.0)

    search = open_search(algorithm="random", budget={"max_trials": 10})
    for score in [None, None, None, None, 1.0]:
        (plan,) = search.ask(1)
        search.tell(plan.number, score)
    assert search.best() == (5, 1.0)
    assert not search.is_exhausted


def test_infinite_score_is_the_best_there_is_to_the_stock_bayesian_oracle(
    stock: Any, open_search: Any
) -> None:
    # populate_space in tuners/bayesian.py: `np.nan_to_num(y, posinf=0, neginf=0)`.
    theirs = stock(BayesianOptimizationOracle, max_trials=30, num_initial_points=8)
    rates = []
    for number in range(24):
        trial = theirs.create_trial(str(number))
        rate = trial.hyperparameters.values["rate"]
        rates.append(rate)
        finish(theirs, trial, math.inf if rate > 1e-2 else 1.0 + off(rate))
    assert np.mean(np.array(rates[8:]) > 1e-2) > 0.5

    space = SMALL | {"learning_rate": {"min": 1e-4, "max": 1e-1, "scale": "log"}, "layers": 1}
    search = open_search(algorithm="bayesian", search_space=space, budget={"max_trials": 34})
    ours = []
    while plans := search.ask(1):
        rate = plans[0].learning_rate
        ours.append(rate)
        search.tell(plans[0].number, math.inf if rate > 1e-2 else 1.0 + off(rate))
    assert np.mean(np.array(ours[18:]) > 1e-2) < 0.2


def off(rate: float) -> float:
    return (math.log10(rate) + 3.0) ** 2


def test_stock_random_search_gives_up_with_settings_left(stock: Any, open_search: Any) -> None:
    # `_max_collisions` is 20; #486.
    space = keras_tuner.HyperParameters()
    space.Choice("width", list(range(40)))
    theirs, tried = stock(space=space, max_trials=100), 0
    while (trial := theirs.create_trial(str(tried))).status == TrialStatus.RUNNING:
        finish(theirs, trial, 1.0)
        tried += 1
    assert tried < 40

    widths = {"width": {"choices": list(range(1, 41))}, "layers": 1, "learning_rate": 0.1}
    search = open_search(algorithm="random", search_space=SMALL | widths)
    assert len(run(search)) == 40


def test_stock_bayesian_search_tries_a_setting_twice(stock: Any, open_search: Any) -> None:
    # #608.
    space = keras_tuner.HyperParameters()
    space.Choice("width", [8, 16, 32, 64])
    theirs = stock(BayesianOptimizationOracle, space, max_trials=12, num_initial_points=2)
    tried = []
    for number in range(8):
        trial = theirs.create_trial(str(number))
        if trial.status != TrialStatus.RUNNING:
            break
        tried.append(trial.hyperparameters.values["width"])
        finish(theirs, trial, float(tried[-1]))
    assert len(set(tried)) < len(tried)

    widths = {"width": {"choices": [8, 16, 32, 64]}, "layers": 1, "learning_rate": 0.1}
    search = open_search(algorithm="bayesian", search_space=SMALL | widths)
    plans = run(search)
    assert len({plan.widths for plan in plans}) == len(plans) == 4


def test_stock_range_with_steps_never_has_its_highest_value(stock: Any, open_search: Any) -> None:
    # `_get_n_values` in hp_types/numerical.py divides 0.3 // 0.1, which is 2.
    space = keras_tuner.HyperParameters()
    space.Float("dropout", 0.0, 0.3, step=0.1)
    drawn = {space.space[0].prob_to_value(share) for share in np.linspace(0, 0.999, 500)}
    assert max(drawn) == pytest.approx(0.2)

    dropout = {"dropout": {"min": 0.0, "max": 0.3, "step": 0.1}, "layers": 1, "learning_rate": 0.1}
    search = open_search(algorithm="random", search_space=SMALL | dropout)
    assert {plan.dropout for plan in run(search)} == {0.0, 0.1, 0.2, 0.3}


def test_completed_trial_without_a_score_breaks_the_stock_oracle(
    stock: Any, open_search: Any
) -> None:
    # `np.isnan(trial.score)` in engine/oracle.py.
    theirs = stock(max_trials=5)
    trial = theirs.create_trial("a")
    trial.metrics.register("val_loss", "min")
    trial.status = TrialStatus.COMPLETED
    with pytest.raises(TypeError):
        theirs.end_trial(trial)

    search = open_search(budget={"max_trials": 3})
    (plan,) = search.ask(1)
    search.tell(plan.number, None)
    assert search.best() is None
    assert search.ask(1)


def test_seed_of_zero_is_no_seed_to_the_stock_oracle(stock: Any, open_search: Any) -> None:
    # `self.seed = seed or random.randint(1, 10_000)` in tuners/randomsearch.py.
    assert stock(max_trials=5, seed=0).seed != 0

    first, second = (
        run(open_search(algorithm="random", seed=0, budget={"max_trials": 6})) for _ in range(2)
    )
    assert first == second


def test_stock_grid_search_sees_one_corner_of_a_large_grid(stock: Any, open_search: Any) -> None:
    space = keras_tuner.HyperParameters()
    space.Choice("rate", [0.1, 0.01, 0.001])
    space.Int("width", 16, 256, step=16)
    theirs = stock(GridSearchOracle, space, max_trials=12)
    rates = set()
    for number in range(12):
        trial = theirs.create_trial(str(number))
        rates.add(trial.hyperparameters.values["rate"])
        finish(theirs, trial, 1.0)
    assert len(rates) == 1

    grid = {"learning_rate": {"choices": [0.1, 0.01, 0.001]}, "layers": 1}
    widths = {"width": {"min": 16, "max": 256, "step": 16}}
    search = open_search(
        algorithm="grid", search_space=SMALL | grid | widths, budget={"max_trials": 12}
    )
    assert {plan.learning_rate for plan in run(search)} == {0.1, 0.01, 0.001}


def test_trial_that_fails_takes_a_promotion_from_stock_hyperband(
    stock: Any, open_search: Any
) -> None:
    # `_get_rounds` counts slots, not trials that ended well: a failed one is never replaced.
    theirs = stock(HyperbandOracle, max_epochs=9, factor=3, max_consecutive_failed_trials=100)
    promoted = 0
    for number in range(60):
        trial = theirs.create_trial(str(number))
        if trial.status != TrialStatus.RUNNING:
            break
        values = trial.hyperparameters.values
        is_first = values["tuner/round"] == 0 and values["tuner/bracket"] == 2
        promoted += values["tuner/round"] > 0 and values["tuner/bracket"] == 2
        finish(theirs, trial, None if is_first and number % 5 else 1.0 + number)
    assert promoted < 4

    # Ours holds a trial against those that came to its rung: failures took nothing from anyone.
    search = open_search(algorithm="hyperband", budget={"max_trials": 60})
    assert isinstance(search.oracle, StoreOracle)
    for number in range(1, 31):
        (plan,) = search.ask(1)
        search.tell(plan.number, None if number % 5 else 1.0)
    assert not search.is_exhausted


def test_stock_oracle_writes_what_no_json_reader_takes(stock: Any, tmp_path: Path) -> None:
    # Scores that are not finite go into trial.json as NaN and Infinity.
    theirs = stock(max_trials=5)
    trial = theirs.create_trial("a")
    theirs.update_trial(trial.trial_id, {"val_loss": math.inf})
    theirs._save_trial(trial)
    (written,) = (tmp_path / "stock").glob("trial_*/trial.json")

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    with pytest.raises(ValueError, match="Infinity"):
        json.loads(written.read_text(), parse_constant=refuse)


def test_stock_search_is_written_to_disk_and_ours_is_not(
    stock: Any, open_search: Any, tmp_path: Path
) -> None:
    # A crash between two of these files re-issues a trial or tears the state; #439, #835.
    theirs = stock(max_trials=5)
    finish(theirs, theirs.create_trial("a"), 1.0)
    theirs.save()
    assert list((tmp_path / "stock").rglob("*.json"))

    run(open_search(budget={"max_trials": 3}))
    assert not list((tmp_path / "ours0").rglob("*.json"))


def test_stock_oracles_are_kept_for_ever(stock: Any, open_search: Any) -> None:
    # LOCKS and THREADS are global tables; #395.
    theirs = stock(max_trials=1)
    theirs.create_trial("a")
    del theirs
    kept = [oracle for oracle in oracle_module.LOCKS if isinstance(oracle, RandomSearchOracle)]
    assert kept

    search = open_search(budget={"max_trials": 1})
    run(search)
    ours = search.oracle
    search.close()
    assert ours not in oracle_module.LOCKS


def test_threads_of_one_name_enter_a_stock_oracle_together(stock: Any) -> None:
    # The owner of a lock is a thread's name. Ours is called from one thread alone.
    theirs = stock(max_trials=5)
    oracle_module.LOCKS[theirs].acquire()
    oracle_module.THREADS[theirs] = "worker"
    entered: list[Trial] = []

    thread = threading.Thread(
        target=lambda: entered.append(theirs.create_trial("a")), name="worker", daemon=True
    )
    thread.start()
    thread.join(10)

    assert len(entered) == 1
