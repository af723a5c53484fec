"""Defects of stock KerasTuner 1.4.8, each reproduced, and that ours does not have them.

Lines are those of `keras_tuner/src`; numbers are of issues at github.com/keras-team/keras-tuner.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
import tensorflow as tf
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from keras_tuner.src.engine import oracle as keras_tuner_oracle

from lowloss.results import TrialState
from tests.search.test_tuner import SMALL, a_spec, as_trial, run
from worker.search.oracles.bayesian import RANDOM_TRIALS
from worker.search.pruning import Rungs
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


ONE_RATE: dict[str, Any] = SMALL | {
    "learning_rate": {"min": 1e-4, "max": 1e-1, "scale": "log"},
    "layers": 1,
}
"""A search space of the learning rate alone."""
DIVERGES_ABOVE = 1e-2
"""A third of the range, in logarithms."""


def shallow_loss(rate: float) -> float:
    return 100.0 + abs(math.log10(rate) + 3.0)


# A length scale at its bound: what KerasTuner's process makes of few trials.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stock_bayesian_search_is_drawn_to_infinite_scores_ours_keeps_away(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:172: `nan_to_num(y, posinf=0)`, and 0 is the best loss of all (#367).
    space = define_space(a_spec(search_space=ONE_RATE))
    stock = open_stock(
        BayesianOptimizationOracle, hyperparameters=space, num_initial_points=10, max_trials=15
    )
    search = open_search(algorithm="bayesian", search_space=ONE_RATE)
    diverged: dict[str, list[bool]] = {"stock": [], "ours": []}

    for _ in range(15):
        trial = stock.create_trial("1")
        rate = trial.hyperparameters.values["learning_rate"]
        diverged["stock"].append(rate > DIVERGES_ABOVE)
        end(stock, trial, math.inf if rate > DIVERGES_ABOVE else shallow_loss(rate))
    for _ in range(15):
        (plan,) = search.ask(1)
        diverged["ours"].append(plan.learning_rate > DIVERGES_ABOVE)
        score = math.inf if diverged["ours"][-1] else shallow_loss(plan.learning_rate)
        search.tell(plan.number, score)

    assert any(diverged["stock"][:10])
    assert any(diverged["ours"][:10])
    assert sum(diverged["stock"][10:]) >= 4
    assert sum(diverged["ours"][10:]) <= 1


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_stock_bayesian_search_forgets_failed_trials_ours_learns_from_them(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:268: "skip the failed and invalid trials".
    stock = open_stock(BayesianOptimizationOracle, hyperparameters=a_range())
    search = open_search(algorithm="bayesian")

    for number, score in enumerate([1.0, math.nan, 2.0, None]):
        end(stock, stock.create_trial(str(number)), score)
        (plan,) = search.ask(1)
        search.tell(plan.number, score)

    assert stock._vectorize_trials()[1].tolist() == [1.0, 2.0]
    assert search.oracle.surrogate._losses == [1.0, 1.0, 2.0, 2.0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stock_bayesian_search_repeats_settings_ours_does_not(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:203 (#227, #608): only random draws are held against what was tried.
    space = define_space(a_spec(search_space=SMALL))
    stock = open_stock(BayesianOptimizationOracle, hyperparameters=space, num_initial_points=3)
    search = open_search(algorithm="bayesian", search_space=SMALL)

    settings = []
    for _ in range(8):
        trial = stock.create_trial("1")
        values = trial.hyperparameters.values
        settings.append(tuple(values.values()))
        end(stock, trial, values["learning_rate"] + values["layers"])
    plans = run(search)

    assert len(settings) == 8
    assert len(set(settings)) <= 4
    assert len(plans) == len({(plan.learning_rate, plan.widths) for plan in plans}) == 4
    assert search.end_reason == "search_space_exhausted"


def test_stock_bayesian_search_believes_1_of_an_open_trial_ours_what_is_expected(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:258: before its first fit the process predicts 0, give or take 1.
    stock = open_stock(BayesianOptimizationOracle, hyperparameters=a_range())
    for number, score in enumerate([500.0, 700.0]):
        end(stock, stock.create_trial(str(number)), score)
    stock.create_trial("open")
    search = open_search(algorithm="bayesian", budget={"max_trials": 50})
    for number in range(RANDOM_TRIALS):
        (plan,) = search.ask(1)
        search.tell(plan.number, 500.0 + 20 * number)
    search.ask(1)

    oracle = search.oracle
    (open_U,) = oracle._open.values()
    fitted = oracle.surrogate.fit()
    believed = fitted.believing(oracle.cube.encode(open_U[None])).y_N[-1]

    assert stock._vectorize_trials()[1].tolist() == [500.0, 700.0, 1.0]
    assert fitted.y_N.min() <= believed <= fitted.y_N.max()


def test_stock_bayesian_search_gives_a_running_trial_another_ones_score_ours_gives_none(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:262: no branch for a running trial that nobody holds: `score` is left over.
    given = {"hyperparameters": a_range(), "project": "reloaded"}
    stock = open_stock(BayesianOptimizationOracle, **given)
    for number, score in enumerate([5.0, 7.0]):
        end(stock, stock.create_trial(str(number)), score)
    stock.create_trial("open")
    again = open_stock(BayesianOptimizationOracle, **given)
    plans = open_search(algorithm="bayesian").ask(3)
    search = open_search(algorithm="bayesian")

    again.reload()
    # Files are read in the file system's order; where the running one is first, that is an error.
    again.trials = dict(sorted(again.trials.items()))
    search.replay(
        [
            as_trial(plans[0], TrialState.completed, 5.0),
            as_trial(plans[1], TrialState.completed, 7.0),
            as_trial(plans[2], TrialState.running, None),
        ]
    )

    assert again._vectorize_trials()[1].tolist() == [5.0, 7.0, 7.0]
    assert search.oracle.surrogate._losses == [5.0, 7.0]


@pytest.mark.parametrize("oracle", [GridSearchOracle, RandomSearchOracle])
def test_stock_stepped_range_lacks_its_highest_value_ours_has_it(
    open_stock: Any, open_search: Any, oracle: Any
) -> None:
    # engine/hyperparameters/hp_types/numerical.py:119: 0.3 // 0.1 is 2.0 in floating point.
    algorithm = "grid" if oracle is GridSearchOracle else "random"
    space = SMALL | {"learning_rate": 0.1, "layers": 1}
    space |= {"dropout": {"min": 0.0, "max": 0.3, "step": 0.1}}
    stock = open_stock(
        oracle, hyperparameters=define_space(a_spec(search_space=space)), max_trials=100
    )
    search = open_search(algorithm=algorithm, search_space=space)

    found = []
    while (trial := stock.create_trial("1")).status == "RUNNING":
        found.append(trial.hyperparameters.values["dropout"])
        end(stock, trial, 1.0)

    assert sorted(found) == [0.0, 0.1, 0.2]
    assert sorted(plan.dropout for plan in run(search)) == [0.0, 0.1, 0.2, 0.3]


def test_stock_grid_search_stays_in_one_corner_ours_is_everywhere(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/gridsearch.py:299: the last hyperparameter changes first, the first one last.
    names = ("learning_rate", "l2", "dropout", "patience", "batch_size")
    stock = open_stock(GridSearchOracle, hyperparameters=define_space(a_spec()), max_trials=60)
    search = open_search(algorithm="grid", budget={"max_trials": 60})

    trials = []
    while (trial := stock.create_trial("1")).status == "RUNNING":
        trials.append(trial.hyperparameters.values)
        end(stock, trial, 1.0)
    plans = run(search)

    assert len(trials) == len(plans) == 60
    seen = [len({values[name] for values in trials}) for name in names]
    assert seen == [1, 1, 1, 2, 2]
    assert [len({getattr(plan, name) for plan in plans}) for name in names] == [10, 10, 10, 26, 2]


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


def test_stock_files_of_a_diverged_trial_are_no_json_ours_is(
    open_stock: Any, open_search: Any, tmp_path: Path
) -> None:
    # engine/trial.py:148: NaN and Infinity go into the file as they are, which JSON does not know.
    stock = open_stock(RandomSearchOracle, project="diverged", hyperparameters=a_range())
    end(stock, stock.create_trial("1"), math.inf)
    (written,) = (tmp_path / "diverged").rglob("trial.json")
    search = open_search(algorithm="random")
    (plan,) = search.ask(1)
    search.tell(plan.number, math.inf)
    ours = as_trial(plan, TrialState.diverged, math.inf)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    with pytest.raises(ValueError, match="Infinity is no JSON"):
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


ENDS = [0.5, None, 0.8, 0.3, None, 0.6, 0.9, None, 0.4]
"""Scores of nine trials at Hyperband's first rung, three of which fail."""


@pytest.mark.parametrize(
    ("ends", "promoted"),
    [([score or 1.0 for score in ENDS], 3), ([None, *range(1, 9)], 2), (ENDS, 0)],
)
def test_stock_hyperband_promotes_fewer_for_each_failed_trial_ours_a_third_of_the_rest(
    open_stock: Any, ends: list[float | None], promoted: int
) -> None:
    # tuners/hyperband.py:184: failed trials are no candidates, yet count in `past_size`.
    stock = open_stock(HyperbandOracle, hyperparameters=a_range(), max_epochs=9, factor=3)
    rungs = Rungs(3, 1, 9)
    for score in ends:
        end(stock, stock.create_trial("1"), score)

    following = [stock.create_trial(str(number)) for number in range(4)]
    rounds = [trial.hyperparameters.values["tuner/round"] for trial in following]
    going_on = [s for n, s in enumerate(ends) if s is not None and rungs.goes_on(n, 1, s)]

    assert sum(number > 0 for number in rounds) == promoted
    assert min(going_on) == min(score for score in ends if score is not None)
    assert len(going_on) >= sum(score is not None for score in ends) // 3
