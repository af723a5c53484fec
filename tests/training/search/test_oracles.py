"""Grid and Bayesian search, the first trials, and warm starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.results import TrialState
from lowloss.spec import Continuation
from service.dashboard.trials import search_around, train_alone
from service.store.earlier_jobs import EarlierJob
from tests.training.search.test_tuner import ALGORITHMS, SMALL, a_spec, as_trial, loss, run
from worker.search.cube import Cube
from worker.search.gaussian import Surrogate
from worker.search.oracles.bayesian import RANDOM_TRIALS
from worker.search.plans import hyperparameters_of
from worker.search.portfolio import PORTFOLIO, first_settings
from worker.search.space import Space
from worker.search.tuner import SearchTuner

GRID: dict[str, Any] = SMALL | {
    "layers": {"min": 1, "max": 3},
    "width": {"choices": [8, 16]},
    "dropout": {"min": 0.0, "max": 0.2, "step": 0.1},
}
"""2 rates x 3 dropouts x (2 + 4 + 8) widths."""


def test_grid_is_walked_from_end_to_end_and_no_further(open_search: Any) -> None:
    search = open_search(algorithm="grid", search_space=GRID, budget={"max_trials": 500})

    plans = run(search)

    assert len(plans) == len({(p.learning_rate, p.dropout, p.widths) for p in plans}) == 84
    assert {p.widths for p in plans if len(p.widths) == 1} == {(8,), (16,)}
    assert search.end_reason == "search_space_exhausted"


def test_range_without_steps_has_ten_points_of_the_grid_on_its_scale(open_search: Any) -> None:
    space = SMALL | {"learning_rate": {"min": 1e-4, "max": 1e-1, "scale": "log"}, "layers": 1}
    search = open_search(algorithm="grid", search_space=space, budget={"max_trials": 500})

    rates = sorted(plan.learning_rate for plan in run(search))

    assert rates == pytest.approx(np.geomspace(1e-4, 1e-1, 10))


def test_grid_that_is_larger_than_the_budget_is_seen_all_over(open_search: Any) -> None:
    search = open_search(algorithm="grid", budget={"max_trials": 60})

    plans = run(search)

    assert {len(plan.widths) for plan in plans} == {1, 2, 3}
    assert len({plan.learning_rate for plan in plans}) == 10
    assert len({plan.widths[0] for plan in plans}) >= 8
    assert len({plan.patience for plan in plans}) >= 8


def test_open_trial_holds_up_no_other_point_of_the_grid(open_search: Any) -> None:
    search = open_search(algorithm="grid", search_space=SMALL)

    assert len(search.ask(10)) == 4
    assert search.ask(1) == []


def test_bayesian_search_finds_more_than_random_search(open_search: Any) -> None:
    best: dict[str, list[float]] = {"bayesian": [], "random": []}
    for algorithm, found in best.items():
        for seed in range(4):
            search = open_search(algorithm=algorithm, seed=seed, budget={"max_trials": 30})
            run(search, at_once=4)
            found.append(search.best()[1])

    assert np.mean(best["bayesian"]) < np.mean(best["random"])


def test_bayesian_search_stays_away_from_where_trials_diverge(open_search: Any) -> None:
    search = open_search(
        algorithm="bayesian",
        budget={"max_trials": 40},
        preprocessing={"scale_features": {"choices": ["standard", "quantile"]}},
    )
    late = []

    while plans := search.ask(1):
        (plan,) = plans
        is_diverged = plan.learning_rate > 0.01
        late.append(is_diverged)
        search.tell(plan.number, None if is_diverged else loss(plan))

    # A third of the range, in logarithms, diverges.
    assert np.mean(late[25:]) < 0.2


def test_trials_asked_for_at_once_are_not_the_same_one(open_search: Any) -> None:
    search = open_search(algorithm="bayesian", budget={"max_trials": 40})
    run(search, trials=RANDOM_TRIALS + 5)

    rates = [math.log10(plan.learning_rate) for plan in search.ask(8)]

    assert np.ptp(rates) > 0.1


def test_process_is_fitted_once_for_all_trials_asked_for_at_once(
    open_search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[int] = []
    fit_kernel = Surrogate._fit_kernel

    def counted(self: Surrogate) -> None:
        fits.append(len(self))
        fit_kernel(self)

    monkeypatch.setattr(Surrogate, "_fit_kernel", counted)
    search = open_search(algorithm="bayesian", budget={"max_trials": 60})
    run(search, trials=RANDOM_TRIALS)

    asked = search.ask(8)

    assert len(asked) == 8
    assert fits == [RANDOM_TRIALS]


@pytest.mark.parametrize("algorithm", ["tpe", "random", "bayesian"])
def test_search_begins_with_settings_that_are_known_to_do_well(
    open_search: Any, algorithm: str
) -> None:
    plans = open_search(algorithm=algorithm).ask(5)

    assert [(plan.learning_rate, plan.widths) for plan in plans] == [
        (3e-3, (64, 64)),
        (3e-3, (128, 128)),
        (1e-3, (256, 256)),
        (1e-2, (128,)),
        (3e-3, (128, 128, 128)),
    ]


def test_search_that_may_be_linear_begins_with_a_linear_network_too() -> None:
    spec = a_spec(search_space={"layers": {"min": 0, "max": 3}})

    assert [setting["layers"] for setting in first_settings(spec)] == [2, 2, 2, 0, 1, 3]


@pytest.mark.parametrize(("trials", "firsts"), [(1, 1), (9, 1), (10, 2), (50, len(PORTFOLIO) - 1)])
def test_short_search_begins_with_fewer_of_them(trials: int, firsts: int) -> None:
    assert len(first_settings(a_spec(budget={"max_trials": trials}))) == firsts


@pytest.mark.parametrize("choices", [[None, 166, 500], [25, 100, None]])
def test_some_of_the_first_keep_few_inputs(choices: list[int | None]) -> None:
    spec = a_spec(preprocessing={"select_features": {"choices": choices}})

    kept = [setting["select_features"] for setting in first_settings(spec)]

    # Null is 0 to KerasTuner.
    assert sorted({*kept}) == [0, min(count for count in choices if count)]


def test_first_settings_that_a_space_makes_equal_are_tried_once() -> None:
    fixed = {"learning_rate": 0.01, "layers": 1, "width": 8, "l2": 0.0, "dropout": 0.0}

    assert len(first_settings(a_spec(search_space=fixed | {"batch_size": 32}))) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_space_without_a_choice_is_one_trial(open_search: Any, algorithm: str) -> None:
    fixed = SMALL | {"learning_rate": 0.1, "layers": 2}
    search = open_search(algorithm=algorithm, search_space=fixed)

    (plan,) = run(search)

    assert (plan.learning_rate, plan.widths) == (0.1, (8, 8))
    assert search.end_reason == "search_space_exhausted"


def test_search_in_which_some_do_well_goes_on(open_search: Any) -> None:
    search = open_search(algorithm="random", budget={"max_trials": 60})

    while plans := search.ask(1):
        search.tell(plans[0].number, 1.0 if plans[0].number % 5 == 0 else None)

    assert search.end_reason == "max_trials"


def test_pruned_trial_is_learned_from_and_is_the_best_only_of_its_kind(open_search: Any) -> None:
    for algorithm in ("tpe", "bayesian", "random"):
        search = open_search(algorithm=algorithm, budget={"max_trials": 20})
        for _ in range(12):
            (plan,) = search.ask(1)
            search.tell(plan.number, 0.1, rungs=((5, 0.3), (15, 0.1)), is_pruned=True)
        assert search.best() == (1, 0.1)

        (plan,) = search.ask(1)
        search.tell(plan.number, 0.9)

        assert search.best() == (13, 0.9)
        assert search.top(3) == [13]


def earlier(search: SearchTuner, count: int, **given: Any) -> EarlierJob:
    trials = [as_trial(plan, TrialState.completed, loss(plan)) for plan in run(search, count)]
    return EarlierJob("job_1", a_spec(**given), tuple(trials))


@pytest.mark.parametrize("algorithm", ["tpe", "bayesian", "random"])
def test_warm_search_begins_with_the_best_of_the_earlier_one(
    open_search: Any, algorithm: str
) -> None:
    before = earlier(open_search(seed=1), 20)
    best = sorted(before.trials, key=lambda trial: trial.score or 0.0)[:3]
    search = open_search(algorithm=algorithm)

    fitting = search.warm_start([before])

    assert fitting == 20
    assert [plan.learning_rate for plan in search.ask(3)] == [
        trial.hyperparameters.learning_rate for trial in best
    ]


def test_warm_search_learns_only_from_jobs_that_compare(open_search: Any) -> None:
    before = earlier(open_search(seed=1), 20)
    child = Continuation().child_of("job_1", before.spec)
    alike, continued, other = (
        open_search(algorithm="bayesian"),
        open_search(**child.model_dump(mode="json") | {"algorithm": "bayesian"}),
        open_search(algorithm="bayesian", validation={"strategy": "kfold", "folds": 3}),
    )

    for search in (alike, continued, other):
        search.warm_start([before])

    # One that continues another names the seed of its rows, which the other need not.
    learned = [len(search.oracle.surrogate) for search in (alike, continued, other)]
    assert learned == [20, 20, 0]
    # Yet both begin with what was best.
    assert alike.ask(1)[0].learning_rate == other.ask(1)[0].learning_rate


def test_setting_outside_the_space_does_not_fit(open_search: Any) -> None:
    before = earlier(open_search(seed=1), 20)
    search = open_search(search_space={"learning_rate": {"min": 1e-3, "max": 2e-3}, "layers": 2})

    fitting = search.warm_start([before])

    inside = [
        trial
        for trial in before.trials
        if trial.hyperparameters.layers == 2 and 1e-3 <= trial.hyperparameters.learning_rate <= 2e-3
    ]
    assert fitting == len(inside)


@pytest.mark.parametrize("widths", [0, 2])
def test_repeat_of_a_trial_trains_its_hyperparameters_alone(open_search: Any, widths: int) -> None:
    before = earlier(open_search(seed=1, search_space={"layers": {"min": 0, "max": 3}}), 20)
    trial = next(t for t in before.trials if len(set(t.hyperparameters.widths)) == widths)
    changes = Continuation.model_validate(train_alone(trial, before.spec))
    child = changes.child_of("job_1", before.spec)
    search = open_search(**child.model_dump(mode="json"))

    search.warm_start([before])

    (plan,) = run(search)
    assert hyperparameters_of(plan, child) == trial.hyperparameters


def test_restarted_warm_search_goes_on_where_it_was(open_search: Any) -> None:
    before = earlier(open_search(seed=1), 20)
    given = {"algorithm": "bayesian", "budget": {"max_trials": 12}}
    whole = open_search(**given)
    whole.warm_start([before])
    plans = run(whole)
    again = open_search(**given)

    again.warm_start([before])
    again.replay([as_trial(plan, TrialState.completed, loss(plan)) for plan in plans[:5]])

    assert run(again) == plans[5:]


def test_search_around_a_linear_network_stays_linear(open_search: Any) -> None:
    before = earlier(open_search(seed=1, search_space={"layers": {"min": 0, "max": 3}}), 20)
    trial = next(t for t in before.trials if not t.hyperparameters.widths)
    changes = Continuation.model_validate(search_around(trial))
    child = changes.child_of("job_1", before.spec)

    plans = run(open_search(**child.model_dump(mode="json")), 10)

    assert {plan.widths for plan in plans} == {()}
    assert len({plan.learning_rate for plan in plans}) == 10


SPACES = st.fixed_dictionaries(
    {
        "layers": st.sampled_from([0, 2, {"min": 0, "max": 3}, {"choices": [1, 4]}]),
        "width": st.sampled_from(
            [8, {"min": 8, "max": 64, "step": 8}, {"min": 4, "max": 128, "per_layer": False}]
        ),
        "learning_rate": st.sampled_from(
            [0.01, {"min": 1e-4, "max": 1e-1, "scale": "log"}, {"choices": [0.1, 0.01]}]
        ),
        "dropout": st.sampled_from([0.0, {"min": 0.0, "max": 0.3, "step": 0.1}]),
        "batch_size": st.sampled_from([32, {"min": 8, "max": 256, "scale": "log"}]),
        "clip_norm": st.sampled_from([None, {"choices": [None, 1.0]}]),
    }
)


@given(space=SPACES, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_points_and_settings_are_one_another(space: dict[str, Any], seed: int) -> None:
    space_of_job = Space.of(a_spec(search_space=space))
    cube = Cube(space_of_job)
    points_NU = cube.draw(np.random.default_rng(seed), 20)

    for point_U in points_NU:
        values = cube.setting(point_U)
        again = cube.setting(cube.point(values))
        assert space_of_job.has(values)
        assert again.keys() == values.keys()
        for name, value in values.items():
            assert again[name] == (pytest.approx(value) if isinstance(value, float) else value)
    assert np.isfinite(cube.encode(points_NU)).all()


def test_equal_settings_have_equal_encodings() -> None:
    cube = Cube(Space.of(a_spec(search_space=GRID)))
    points_NU = cube.draw(np.random.default_rng(0), 300)
    snapped_NU = np.array([cube.point(cube.setting(point)) for point in points_NU])

    np.testing.assert_allclose(cube.encode(points_NU), cube.encode(snapped_NU))


@pytest.mark.parametrize(
    "changed",
    [{"learning_rate": 0.2}, {"layers": 4}, {"width_3": 8}, {"dropout": -0.1}, {"l2": 1.0}],
    ids=str,
)
def test_space_knows_what_is_not_in_it(changed: dict[str, Any]) -> None:
    space = Space.of(a_spec())
    inside = space.choose(lambda side: side.value(0.5))

    assert space.has(inside)
    assert not space.has(inside | changed)
