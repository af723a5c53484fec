"""What every oracle's suggestions have in common, whatever the space and the scores."""

from __future__ import annotations

import math
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.results import Trial, TrialState
from service.store.earlier_jobs import EarlierJob
from tests.training.search.test_tuner import ALGORITHMS, SMALL, a_spec, as_trial, loss, run
from worker.engine.plans import Plan
from worker.search.gaussian import FittedSurrogate, Surrogate
from worker.search.oracles.bayesian import MAX_BELIEVED, RANDOM_TRIALS
from worker.search.plans import hyperparameters_of
from worker.search.space import to_setting
from worker.search.tuner import SearchTuner

SUGGESTING = ["tpe", "random", "bayesian", "hyperband"]


WHOLE = st.tuples(st.integers(1, 40), st.integers(0, 30), st.booleans()).map(
    lambda drawn: {
        "min": drawn[0],
        "max": drawn[0] + drawn[1],
        "scale": "log" if drawn[2] else "linear",
    }
)
STEPPED = st.tuples(
    st.sampled_from([0.0, 0.05, 1 / 3, 0.1]), st.integers(0, 6), st.sampled_from([0.1, 0.07, 0.03])
).map(lambda drawn: {"min": drawn[0], "max": drawn[0] + drawn[1] * drawn[2], "step": drawn[2]})
RATES = st.tuples(st.floats(1e-6, 1e-2), st.floats(1.0, 1e3), st.booleans()).map(
    lambda drawn: {
        "min": drawn[0],
        "max": drawn[0] * drawn[1],
        "scale": "log" if drawn[2] else "linear",
    }
)
SPACES = st.fixed_dictionaries(
    {
        "layers": st.sampled_from([1, {"min": 1, "max": 3}, {"choices": [1, 4]}]),
        "width": WHOLE | st.sampled_from([8, {"min": 4, "max": 64, "per_layer": False}]),
        "learning_rate": RATES,
        "dropout": STEPPED,
        "batch_size": WHOLE,
        "clip_norm": st.sampled_from([None, {"choices": [None, 1.0]}]),
        "optimizer": st.sampled_from(["adam", {"choices": ["adam", "sgd"]}]),
    }
)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_range_of_a_last_digit_is_one_value(algorithm: str, tmp_path: Path) -> None:
    rate = {"min": 0.0078125, "max": 0.007812500000000002, "scale": "log"}
    space = {"learning_rate": rate, "layers": 1, "width": {"min": 8, "max": 40}, "l2": 0.0}
    space |= {"dropout": 0.0, "patience": 5, "batch_size": 32}
    spec = a_spec(algorithm=algorithm, search_space=space, budget={"max_trials": 30})

    with closing(SearchTuner(spec, directory=tmp_path)) as search:
        plans = []
        while asked := search.ask(4):
            plans += asked
            for plan in asked:
                search.tell(plan.number, float(plan.widths[0]))

    assert {plan.learning_rate for plan in plans} == {0.0078125}
    assert len(plans) == 30


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(space=SPACES, seed=st.integers(0, 1000), is_upward=st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_suggestion_is_in_the_space_and_none_comes_twice(
    algorithm: str, space: dict[str, Any], seed: int, is_upward: bool
) -> None:
    spec = a_spec(algorithm=algorithm, search_space=space, seed=seed, budget={"max_trials": 24})
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SearchTuner(spec, directory=Path(folder))) as search,
    ):
        seen = set()
        while plans := search.ask(4):
            for plan in plans:
                hyperparameters = hyperparameters_of(plan, spec)
                assert search.oracle.allows(to_setting(hyperparameters, spec.search_space))
                assert hyperparameters not in seen
                seen.add(hyperparameters)
                # The best lies at an end of every range.
                at_end = (
                    plan.batch_size
                    + plan.learning_rate
                    + hyperparameters.dropout
                    + sum(plan.widths)
                )
                search.tell(plan.number, -at_end if is_upward else at_end)

        assert search.end_reason in {"max_trials", "search_space_exhausted"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_restarted_search_goes_on_as_if_nothing_had_happened(
    open_search: Any, algorithm: str
) -> None:
    given = {"algorithm": algorithm, "budget": {"max_trials": 30}}
    whole = open_search(**given)
    ended: list[Trial] = []
    for number in range(1, 17):
        (plan,) = whole.ask(1)
        if number % 5 == 0:
            whole.tell(number, None)
            ended.append(as_trial(plan, TrialState.diverged, None))
        else:
            whole.tell(number, loss(plan))
            ended.append(as_trial(plan, TrialState.completed, loss(plan)))
    open_plans = whole.ask(2)
    again = open_search(**given)

    again.replay([*ended, *(as_trial(plan, TrialState.running, None) for plan in open_plans)])

    assert again.ask(2) == open_plans
    assert again.ask(4) == whole.ask(4)


@pytest.mark.parametrize("algorithm", SUGGESTING)
def test_finite_space_is_tried_to_the_last_setting(open_search: Any, algorithm: str) -> None:
    space = SMALL | {"layers": {"min": 1, "max": 2}, "width": {"choices": [8, 16, 24]}}
    # Of the settings of one layer there are few: most draws of it were made before.
    space |= {"learning_rate": 0.1, "dropout": {"min": 0.0, "max": 0.6, "step": 0.1}}
    search = open_search(algorithm=algorithm, search_space=space, budget={"max_trials": 500})

    plans = run(search, at_once=4)

    assert len({(p.widths, p.dropout) for p in plans}) == len(plans) == 7 * (3 + 9)
    assert search.end_reason == "search_space_exhausted"


@pytest.mark.parametrize("algorithm", ["tpe", "random", "hyperband"])
def test_last_settings_of_a_larger_space_are_found(open_search: Any, algorithm: str) -> None:
    # Nearly all draws are of settings that were tried, when few of 400 are left.
    fixed = SMALL | {"learning_rate": 0.1, "layers": 1}
    space = fixed | {"patience": {"min": 1, "max": 400}}
    search = open_search(algorithm=algorithm, search_space=space, budget={"max_trials": 1000})

    plans = run(search, at_once=4)

    assert sorted(plan.patience for plan in plans) == list(range(1, 401))
    assert search.end_reason == "search_space_exhausted"


def test_grid_of_any_depth_is_walked(open_search: Any) -> None:
    space = {"layers": {"min": 1, "max": 100}, "width": {"min": 1, "max": 4096}}
    search = open_search(algorithm="grid", search_space=space, budget={"max_trials": 20})

    assert len(run(search)) == 20


@pytest.mark.parametrize("algorithm", SUGGESTING)
def test_stepped_range_that_rounding_errors_miss_is_searched_to_its_end(
    open_search: Any, algorithm: str
) -> None:
    # In floating point 5 steps of 0.1 end a little before: Optuna 5 would move the end, and warn.
    fixed = SMALL | {"learning_rate": 0.1, "layers": 1}
    space = fixed | {"dropout": {"min": 1 / 3, "max": 0.8333333333333334, "step": 0.1}}

    plans = run(open_search(algorithm=algorithm, search_space=space))

    assert len(plans) == 6
    assert max(plan.dropout for plan in plans) == pytest.approx(0.8333333333333334, rel=1e-12)


@pytest.mark.parametrize("algorithm", ["tpe", "bayesian"])
def test_scores_may_be_as_large_as_numbers_get(open_search: Any, algorithm: str) -> None:
    search = open_search(algorithm=algorithm, budget={"max_trials": 40})

    while plans := search.ask(4):
        for plan in plans:
            search.tell(plan.number, 1.7e308 * plan.dropout if plan.number % 3 else 1e-9)

    assert search.end_reason == "max_trials"
    assert math.isfinite(search.oracle.expected_improvement())


@pytest.mark.parametrize("algorithm", ["tpe", "bayesian"])
def test_scores_may_all_be_the_same(open_search: Any, algorithm: str) -> None:
    search = open_search(algorithm=algorithm, budget={"max_trials": 30})

    while plans := search.ask(4):
        for plan in plans:
            search.tell(plan.number, 0.0)

    assert search.end_reason == "max_trials"


def trials_of(search: SearchTuner, count: int) -> tuple[Trial, ...]:
    plans: list[Plan] = run(search, count)
    return tuple(as_trial(plan, TrialState.completed, loss(plan)) for plan in plans)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_setting_between_the_steps_of_a_range_does_not_fit(
    open_search: Any, algorithm: str
) -> None:
    smooth = open_search(search_space={"dropout": {"min": 0.0, "max": 0.3}})
    before = EarlierJob("job_1", smooth.spec, trials_of(smooth, 20))
    on_a_step = [t for t in before.trials if t.hyperparameters.dropout in {0.0, 0.1, 0.2, 0.3}]
    search = open_search(
        algorithm=algorithm, search_space={"dropout": {"min": 0.0, "max": 0.3, "step": 0.1}}
    )

    fitting = search.warm_start([before])

    assert fitting == len(on_a_step) > 0
    assert len(search.ask(4)) == 4


def test_layers_of_several_widths_do_not_fit_where_all_have_one(open_search: Any) -> None:
    each = open_search(search_space={"layers": 2})
    before = EarlierJob("job_1", each.spec, trials_of(each, 20))
    alike = [t for t in before.trials if len(set(t.hyperparameters.widths)) == 1]
    width = {"min": 16, "max": 256, "step": 16, "per_layer": False}
    search = open_search(search_space={"layers": 2, "width": width})

    fitting = search.warm_start([before])

    assert fitting == len(alike) < 20


def test_believing_a_trial_is_knowing_that_it_came_out_as_expected(open_search: Any) -> None:
    search = open_search(algorithm="bayesian", budget={"max_trials": 40})
    run(search, 20)
    cube, surrogate = search.oracle.cube, search.oracle.surrogate
    x_ME = cube.encode(cube.draw(np.random.default_rng(0), 50))
    before = surrogate.fit()

    believing = before.believing(x_ME[0])

    # By the definition, from the whole covariance.
    kernel = believing.kernel
    covariance_NN, between_MN = kernel(believing.x_NE), kernel.k1(x_ME, believing.x_NE)
    mean_M = between_MN @ np.linalg.solve(covariance_NN, believing.y_N)
    left_M = kernel.k1.diag(x_ME) - np.einsum(
        "mn,nm->m", between_MN, np.linalg.solve(covariance_NN, between_MN.T)
    )
    np.testing.assert_allclose(between_MN @ believing.weight_N, mean_M, atol=1e-8)
    np.testing.assert_allclose(
        np.square(between_MN @ believing.inverse_NN.T).sum(axis=1),
        kernel.k1.diag(x_ME) - left_M,
        atol=1e-8,
    )
    # Its own place is better known now, and less is to be expected of it.
    assert believing.expected_improvement(x_ME)[0] < before.expected_improvement(x_ME)[0]


def test_only_the_latest_of_many_open_trials_are_believed(
    open_search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = open_search(algorithm="bayesian", budget={"max_trials": 200})
    plans = search.ask(100)
    for plan in plans[:RANDOM_TRIALS]:
        search.tell(plan.number, loss(plan))
    believed: list[Any] = []
    believing = FittedSurrogate.believing

    def count(fitted: FittedSurrogate, x_E: Any) -> FittedSurrogate:
        believed.append(x_E)
        return believing(fitted, x_E)

    monkeypatch.setattr(FittedSurrogate, "believing", count)
    search.ask(1)

    # And the one that was asked for.
    assert len(believed) == MAX_BELIEVED + 1


@pytest.mark.slow
def test_process_is_bounded_however_many_trials_there_were(open_search: Any) -> None:
    search = open_search()
    surrogate = Surrogate(search.oracle.cube)
    rng = np.random.default_rng(0)
    for place, point_U in enumerate(search.oracle.cube.draw(rng, 500)):
        # The first is the best by far.
        surrogate.add(search.oracle.cube.setting(point_U), rng.random() if place else -5.0)

    fitted = surrogate.fit()

    assert len(fitted.y_N) == 300
    assert fitted.y_N.min() * fitted.unit < -4.0
