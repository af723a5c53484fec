"""The search: ask, tell, replay; KerasTuner's known defects kept out."""

from __future__ import annotations

import gc
import math
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest
from keras_tuner.src.engine import oracle as keras_tuner_oracle

from lowloss.results import Trial, TrialState
from lowloss.spec import JobSpec
from worker.engine.plans import Plan
from worker.search.plans import hyperparameters_of, trial_seed
from worker.search.portfolio import COMMON
from worker.search.space import Space, to_hyperparameters, to_setting
from worker.search.tuner import SearchTuner

ALGORITHMS = ["tpe", "random", "bayesian", "grid", "hyperband"]
SMALL: dict[str, Any] = {
    "learning_rate": {"choices": [0.1, 0.01]},
    "layers": {"choices": [1, 2]},
    "width": 8,
    "l2": 0.0,
    "dropout": 0.0,
    "patience": 5,
    "batch_size": 32,
}
"""A search space of four settings."""


def a_spec(**given: Any) -> JobSpec:
    plain = {"dataset": "d", "target": "y", "preprocessing": {"scale_features": "standard"}}
    return JobSpec.model_validate(plain | given)


def loss(plan: Plan) -> float:
    return (math.log10(plan.learning_rate) + 2.5) ** 2 + abs(len(plan.widths) - 2)


def run(search: SearchTuner, trials: int = 10_000, *, at_once: int = 1) -> list[Plan]:
    plans: list[Plan] = []
    while len(plans) < trials and not search.is_exhausted:
        asked = search.ask(min(at_once, trials - len(plans)))
        for plan in asked:
            search.tell(plan.number, loss(plan))
        plans += asked
    return plans


def as_trial(
    plan: Plan, state: TrialState, score: float | None, score_error: float | None = None
) -> Trial:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Trial(
        number=plan.number,
        state=state,
        reason=None,
        seed=plan.seed,
        hyperparameters=hyperparameters_of(plan, a_spec()),
        score=score,
        score_error=score_error,
        metrics={},
        epochs=1,
        best_epoch=1,
        seconds=1.0,
        attempt=1,
        started_at=now,
        finished_at=now,
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_search_stays_within_its_space_and_budget(open_search: Any, algorithm: str) -> None:
    search = open_search(algorithm=algorithm, budget={"max_trials": 30})

    plans = run(search, at_once=4)

    assert [plan.number for plan in plans] == list(range(1, 31))
    assert search.end_reason == "max_trials"
    for plan in plans:
        assert 1e-4 <= plan.learning_rate <= 1e-1
        assert 1 <= len(plan.widths) <= 3
        assert all(16 <= width <= 256 and width % 16 == 0 for width in plan.widths)
        assert all(1e-7 <= l2 <= 1e-2 for l2 in plan.l2s)
        assert all(0 <= dropout <= 0.5 for dropout in plan.dropouts)
        assert 5 <= plan.patience <= 30
        assert plan.batch_size in {32, 128}
    assert len({plan.widths for plan in plans}) > 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_same_seed_and_scores_give_the_same_trials(open_search: Any, algorithm: str) -> None:
    given = {"algorithm": algorithm, "budget": {"max_trials": 15}}

    first, again = run(open_search(**given)), run(open_search(**given))
    other = run(open_search(**given, seed=1))

    assert first == again
    assert first[1:] != other[1:]


def test_tpe_finds_more_than_random_search(open_search: Any) -> None:
    best: dict[str, list[float]] = {"tpe": [], "random": []}
    for algorithm, found in best.items():
        for seed in range(4):
            search = open_search(algorithm=algorithm, seed=seed, budget={"max_trials": 40})
            run(search)
            number_and_score = search.best()
            assert number_and_score is not None
            found.append(number_and_score[1])

    assert np.mean(best["tpe"]) < np.mean(best["random"])


def test_first_trial_is_a_known_good_setting_within_the_space(open_search: Any) -> None:
    (usual,) = open_search().ask(1)
    narrow = {"learning_rate": {"min": 0.01, "max": 0.1}, "width": {"min": 100, "max": 130}}
    (clipped,) = open_search(search_space=narrow | {"layers": 3}).ask(1)

    assert (usual.learning_rate, usual.widths) == (3e-3, (64, 64))
    assert (clipped.learning_rate, clipped.widths) == (0.01, (100, 100, 100))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_finite_space_is_searched_once_and_ends(open_search: Any, algorithm: str) -> None:
    search = open_search(algorithm=algorithm, search_space=SMALL)

    plans = run(search)

    assert len({(p.learning_rate, p.widths) for p in plans}) == len(plans) == 4
    assert search.end_reason == "search_space_exhausted"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_diverged_trials_neither_end_the_search_nor_become_the_best(
    open_search: Any, algorithm: str
) -> None:
    search = open_search(algorithm=algorithm, budget={"max_trials": 12})
    ends = [None] * 6 + [float("nan"), 0.5, float("inf"), None, 0.7, None]

    for end in ends:
        (plan,) = search.ask(1)
        search.tell(plan.number, end)

    assert search.end_reason == "max_trials"
    assert search.best() == (8, 0.5)
    assert search.top(5) == [8, 11]


def test_oracle_learns_of_a_diverged_trial_as_the_worst_score_so_far(open_search: Any) -> None:
    search = open_search(algorithm="random", budget={"max_trials": 9})
    for score in [None, 0.4, 0.9, None, 2.0]:
        (plan,) = search.ask(1)
        search.tell(plan.number, score)

    told = [trial.score for trial in search.oracle.trials.values()]

    # The first was held back until there was a score to be worse than.
    assert told == [0.4, 0.4, 0.9, 0.9, 2.0]


def test_oracle_that_maximises_learns_of_divergence_as_the_least_score(open_search: Any) -> None:
    search = open_search(objective="val_r2", budget={"max_trials": 9})
    for score in [0.9, 0.1, None, 0.5]:
        (plan,) = search.ask(1)
        search.tell(plan.number, score)

    assert [trial.score for trial in search.oracle.trials.values()] == [0.9, 0.1, 0.1, 0.5]
    assert search.best() == (1, 0.9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_replayed_search_goes_on_where_it_was(open_search: Any, algorithm: str) -> None:
    given = {"algorithm": algorithm, "budget": {"max_trials": 20}}
    before = run(open_search(**given), trials=8)
    trials = [as_trial(plan, TrialState.completed, loss(plan)) for plan in before[:6]]
    trials.append(as_trial(before[6], TrialState.diverged, None))
    trials.append(as_trial(before[7], TrialState.running, None))
    search = open_search(**given)

    search.replay(trials)
    after = run(search)

    # The one that was running comes again, as it was; then the numbers go on.
    assert after[0] == before[7]
    assert [plan.number for plan in after] == list(range(8, 21))
    known = {hyperparameters_of(plan, a_spec()).model_dump_json() for plan in before[:7]}
    assert not known & {hyperparameters_of(plan, a_spec()).model_dump_json() for plan in after}


def test_blamed_trials_of_a_replayed_search_train_alone_before_the_others(open_search: Any) -> None:
    before = open_search(budget={"max_trials": 9}).ask(4)
    search = open_search(budget={"max_trials": 9})
    search.replay([as_trial(p, TrialState.running, None) for p in before], blamed={2, 4})

    alone = []
    for _ in range(2):
        (plan,) = search.ask(3)
        assert search.ask(3) == []
        search.tell(plan.number, 1.0)
        alone.append(plan.number)

    assert alone == [2, 4]
    assert [plan.number for plan in search.ask(3)] == [1, 3, 5]


def test_blamed_trial_whose_training_was_left_comes_again_alone(open_search: Any) -> None:
    before = open_search(budget={"max_trials": 9}).ask(3)
    search = open_search(budget={"max_trials": 9})
    search.replay([as_trial(p, TrialState.running, None) for p in before], blamed={2})
    (plan,) = search.ask(3)

    search.put_back(plan)

    assert search.ask(3) == [plan]
    assert search.ask(3) == []


def test_replaying_a_finished_search_leaves_nothing_to_ask(open_search: Any) -> None:
    plans = run(open_search(search_space=SMALL))
    search = open_search(search_space=SMALL)

    search.replay(as_trial(plan, TrialState.completed, loss(plan)) for plan in plans)

    assert search.ask(1) == []
    assert search.end_reason == "search_space_exhausted"
    assert search.best() is not None


def test_search_ends_at_its_target_or_without_improvement(open_search: Any) -> None:
    reached = open_search(budget={"target_value": 0.5})
    (plan,) = reached.ask(1)
    reached.tell(plan.number, 0.5)
    stuck = open_search(budget={"no_improvement_trials": 3})
    for score in [1.0, 2.0, 2.0, 2.0]:
        (plan,) = stuck.ask(1)
        stuck.tell(plan.number, score)

    assert reached.end_reason == "target_value"
    assert stuck.end_reason == "no_improvement"


def test_repeats_of_a_trial_differ_by_seed_alone(open_search: Any) -> None:
    search = open_search()
    (plan,) = search.ask(1)
    search.tell(plan.number, 1.0)

    repeats = search.repeats(1, 3)

    assert repeats[0] == plan
    assert len({repeat.seed for repeat in repeats}) == 3
    assert len({hyperparameters_of(r, a_spec()).model_dump_json() for r in repeats}) == 1


def test_trial_seeds_are_the_same_on_every_machine() -> None:
    assert [trial_seed(0, 1), trial_seed(0, 2), trial_seed(1, 1), trial_seed(0, 1, 1)] == [
        1982462498,
        1570558271,
        trial_seed(1, 1),
        trial_seed(0, 1, 1),
    ]
    assert len({trial_seed(0, n, r) for n in range(50) for r in range(3)}) == 150


@pytest.mark.parametrize(
    "space",
    [
        {},
        {"width": 32, "layers": 2},
        {"width": {"min": 16, "max": 64, "per_layer": False}},
        {"width": {"choices": [8, 16]}, "clip_norm": {"choices": [None, 1.0]}},
        {"layers": {"min": 1, "max": 5, "step": 2}, "clip_norm": {"min": 0.1, "max": 1.0}},
        {"learning_rate": {"min": 0.1, "max": 0.5, "step": 0.1}, "dropout": {"choices": [0, 0.1]}},
        {"activation": {"choices": ["relu", "tanh"]}, "optimizer": {"choices": ["adam", "sgd"]}},
    ],
    ids=str,
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_survive_the_way_to_kerastuner_and_back(
    open_search: Any, space: dict[str, Any], algorithm: str
) -> None:
    search = open_search(search_space=space, algorithm=algorithm, budget={"max_trials": 15})

    for plan in run(search):
        hyperparameters = hyperparameters_of(plan, search.spec)
        values = to_setting(hyperparameters, search.spec.search_space)
        stored = search.oracle.trials[search.oracle.trial_id(plan.number)].hyperparameters
        assert values == stored.values
        assert to_hyperparameters(values) == hyperparameters


def test_width_of_an_absent_layer_is_no_hyperparameter(open_search: Any) -> None:
    search = open_search(algorithm="random", budget={"max_trials": 20})

    for plan in run(search):
        values = search.oracle.trials[search.oracle.trial_id(plan.number)].hyperparameters.values
        names = {name for name in values if name.startswith("width")}
        assert names == {f"width_{i}" for i in range(1, len(plan.widths) + 1)}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_stepped_range_is_searched_to_both_ends_and_no_further(
    open_search: Any, algorithm: str
) -> None:
    # In floating point 0.3 // 0.1 is 2, and 3 * 0.1 is above 0.3.
    fixed = SMALL | {"learning_rate": 0.1, "layers": 1}
    space = fixed | {"dropout": {"min": 0.0, "max": 0.3, "step": 0.1}}

    plans = run(open_search(algorithm=algorithm, search_space=space))

    assert sorted(plan.dropout for plan in plans) == [0.0, 0.1, 0.2, 0.3]


def test_known_good_setting_lies_on_the_steps_within_the_range() -> None:
    # In floating point 0.05 + 0.01 is above 0.06.
    spec = a_spec(
        search_space={
            "width": {"min": 10, "max": 100, "step": 15},
            "dropout": {"min": 0.05, "max": 0.06, "step": 0.01},
        }
    )

    values = Space.of(spec).nearest(COMMON)

    assert values["width_1"] == 70
    assert values["dropout"] == 0.06


def test_trials_open_at_once_may_end_in_any_order(open_search: Any) -> None:
    search = open_search(budget={"max_trials": 12})

    for _ in range(3):
        for plan in reversed(search.ask(4)):
            search.tell(plan.number, float(plan.number))

    scores = [trial.score for trial in search.oracle.trials.values()]

    assert scores == [float(number) for number in range(1, 13)]
    assert search.best() == (1, 1.0)
    assert search.oracle.ongoing_trials == {}


def test_nothing_is_kept_on_disk(open_search: Any, tmp_path: Path) -> None:
    search = open_search(budget={"max_trials": 4})

    run(search)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_closed_search_leaves_no_oracle_behind(tmp_path: Path) -> None:
    search = SearchTuner(a_spec(budget={"max_trials": 3}), directory=tmp_path)
    run(search)
    oracle = weakref.ref(search.oracle)

    search.close()
    del search
    gc.collect()

    assert oracle() is None


def test_stock_kerastuner_keeps_every_oracle_for_ever() -> None:
    space = keras_tuner.HyperParameters()
    space.Float("x", 0.0, 1.0)
    stock = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("val_loss", "min"), hyperparameters=space, max_trials=2
    )
    stock.save = lambda: None
    stock._save_trial = lambda _trial: None
    stock.verbose = 0
    stock.create_trial("1")
    oracle = weakref.ref(stock)

    del stock
    gc.collect()

    assert oracle() is not None
    keras_tuner_oracle.LOCKS.pop(oracle())
    keras_tuner_oracle.THREADS.pop(oracle())


def test_kerastuners_own_loop_runs_the_same_search(open_search: Any) -> None:
    search = open_search(algorithm="random", budget={"max_trials": 5})

    search.search(loss)

    assert len(search.oracle.trials) == 5
    best = search.oracle.get_best_trials(1)[0]
    assert best.score == min(trial.score for trial in search.oracle.trials.values())
