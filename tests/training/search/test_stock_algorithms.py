"""Defects of the algorithms of stock KerasTuner 1.4.8, each reproduced, and that ours lack them.

Lines are those of `keras_tuner/src`; numbers are of issues at github.com/keras-team/keras-tuner.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)

from lowloss.results import TrialState
from tests.training.search.test_stock_keras_tuner import a_range, end
from tests.training.search.test_tuner import SMALL, a_spec, as_trial, run
from worker.search.oracles.bayesian import RANDOM_TRIALS
from worker.search.pruning import Rungs
from worker.search.space import Space, define_space

TWENTY = SMALL | {"learning_rate": {"choices": [0.1 / 2**n for n in range(10)]}}
"""A search space of twenty settings."""
ONE_RATE: dict[str, Any] = SMALL | {
    "learning_rate": {"min": 1e-4, "max": 1e-1, "scale": "log"},
    "layers": 1,
}
"""A search space of the learning rate alone."""
DIVERGES_ABOVE = 1e-2
"""A third of the range, in logarithms."""


def shallow_loss(rate: float) -> float:
    return 100.0 + abs(math.log10(rate) + 3.0)


def test_stock_random_search_gives_up_with_settings_left_ours_tries_them_all(
    open_stock: Any, open_search: Any
) -> None:
    # engine/oracle.py:826: 20 draws that were tried before, and a space counts as exhausted.
    budget = {"max_trials": 100}
    tried: dict[str, list[int]] = {"stock": [], "ours": []}
    for seed in range(1, 4):
        stock = open_stock(
            RandomSearchOracle,
            hyperparameters=define_space(Space.of(a_spec(search_space=TWENTY))),
            max_trials=budget["max_trials"],
            seed=seed * 1000,
        )
        while (trial := stock.create_trial("1")).status == "RUNNING":
            end(stock, trial, 1.0)
        tried["stock"].append(len(stock.trials))
        search = open_search(algorithm="random", search_space=TWENTY, budget=budget, seed=seed)
        tried["ours"].append(len(run(search)))

    assert min(tried["stock"]) < 20
    assert tried["ours"] == [20] * 3


# A length scale at its bound: what KerasTuner's process makes of few trials.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stock_bayesian_search_is_drawn_to_infinite_scores_ours_keeps_away(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:172: `nan_to_num(y, posinf=0)`, and 0 is the best loss of all (#367).
    space = define_space(Space.of(a_spec(search_space=ONE_RATE)))
    stock = open_stock(
        BayesianOptimizationOracle, hyperparameters=space, num_initial_points=10, max_trials=14
    )
    search = open_search(algorithm="bayesian", search_space=ONE_RATE)
    diverged: dict[str, list[bool]] = {"stock": [], "ours": []}

    for _ in range(14):
        trial = stock.create_trial("1")
        rate = trial.hyperparameters.values["learning_rate"]
        diverged["stock"].append(rate > DIVERGES_ABOVE)
        end(stock, trial, math.inf if rate > DIVERGES_ABOVE else shallow_loss(rate))
    for _ in range(14):
        (plan,) = search.ask(1)
        diverged["ours"].append(plan.learning_rate > DIVERGES_ABOVE)
        score = math.inf if diverged["ours"][-1] else shallow_loss(plan.learning_rate)
        search.tell(plan.number, score)

    assert any(diverged["stock"][:10])
    assert any(diverged["ours"][:10])
    assert sum(diverged["stock"][10:]) >= 3
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stock_bayesian_search_repeats_settings_ours_does_not(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/bayesian.py:203 (#227, #608): only random draws are held against what was tried.
    space = define_space(Space.of(a_spec(search_space=TWENTY)))
    stock = open_stock(BayesianOptimizationOracle, hyperparameters=space, num_initial_points=4)
    search = open_search(algorithm="bayesian", search_space=TWENTY, budget={"max_trials": 15})

    settings = []
    for _ in range(8):
        trial = stock.create_trial("1")
        values = trial.hyperparameters.values
        settings.append((values["learning_rate"], values["layers"]))
        end(stock, trial, values["learning_rate"] + values["layers"])
    plans = run(search)

    assert len(set(settings)) < len(settings) == 8
    assert len(plans) == len({(plan.learning_rate, plan.widths) for plan in plans}) == 15


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
    (open_E,) = oracle._open.values()
    fitted = oracle.surrogate.fit()
    believed = fitted.believing(open_E).y_N[-1]

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
        oracle, hyperparameters=define_space(Space.of(a_spec(search_space=space))), max_trials=100
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
    stock = open_stock(
        GridSearchOracle, hyperparameters=define_space(Space.of(a_spec())), max_trials=60
    )
    search = open_search(algorithm="grid", budget={"max_trials": 60})

    trials = []
    while (trial := stock.create_trial("1")).status == "RUNNING":
        trials.append(trial.hyperparameters.values)
        end(stock, trial, 1.0)
    plans = run(search)

    assert len(trials) == len(plans) == 60
    seen = [len({values[name] for values in trials}) for name in names]
    assert seen == [1, 1, 1, 2, 2]
    assert [len({getattr(plan, name) for plan in plans}) for name in names] == [10, 10, 10, 11, 2]


ENDS = [0.5, None, 0.8, 0.3, None, 0.6, 0.9, None, 0.4]
"""Scores of nine trials at Hyperband's first rung, of which three fail and three might go on."""


@pytest.mark.parametrize(
    ("ends", "promoted"),
    [
        ([score or 1.0 for score in ENDS], 3),
        ([score or 1.0 for score in ENDS[:-1]] + [None], 2),
        (ENDS, 0),
    ],
)
def test_stock_hyperband_promotes_one_less_for_each_failed_trial_ours_as_many(
    open_stock: Any, ends: list[float | None], promoted: int
) -> None:
    # tuners/hyperband.py:184: failed trials are no candidates, yet count in `past_size`.
    stock = open_stock(HyperbandOracle, hyperparameters=a_range(), max_epochs=9, factor=3)
    with_failed, without_failed = Rungs(3, 1, 9), Rungs(3, 1, 9)
    for score in ends:
        end(stock, stock.create_trial("1"), score)
    losses = {n: math.inf if score is None else score for n, score in enumerate(ends)}
    alive = {n: loss for n, loss in losses.items() if loss < math.inf}

    following = [stock.create_trial(str(number)) for number in range(4)]
    rounds = [trial.hyperparameters.values["tuner/round"] for trial in following]
    going_on = {n for n, loss in losses.items() if with_failed.goes_on(n, 1, loss)}

    assert sum(number > 0 for number in rounds) == promoted
    assert going_on >= {n for n, loss in alive.items() if without_failed.goes_on(n, 1, loss)}
    assert min(alive, key=alive.__getitem__) in going_on


def test_stock_range_of_whole_numbers_on_a_log_scale_ends_too_high_ours_does_not(
    open_search: Any,
) -> None:
    # engine/hyperparameters/hp_types/int_hp.py: the value at 1, where Bayesian search may look.
    space = SMALL | {"batch_size": {"min": 8, "max": 256, "scale": "log"}}
    (stock,) = (
        hp
        for hp in define_space(Space.of(a_spec(search_space=space))).space
        if hp.name == "batch_size"
    )
    search = open_search(algorithm="bayesian", search_space=space, budget={"max_trials": 40})
    asked: list[int] = []

    while plans := search.ask(4):
        for plan in plans:
            asked.append(plan.batch_size)
            search.tell(plan.number, -float(plan.batch_size))

    assert stock.prob_to_value(1.0) == 257
    assert max(asked) == 256


def test_stock_grid_search_waits_for_open_trials_ours_does_not(
    open_stock: Any, open_search: Any
) -> None:
    # tuners/gridsearch.py: a trial's next point is known once, and again when it has ended.
    space = define_space(Space.of(a_spec(search_space=TWENTY)))
    stock = open_stock(GridSearchOracle, hyperparameters=space)
    search = open_search(algorithm="grid", search_space=TWENTY)

    statuses = [stock.create_trial(str(tuner)).status for tuner in range(3)]

    assert statuses == ["RUNNING", "RUNNING", "IDLE"]
    assert len(search.ask(20)) == 20
