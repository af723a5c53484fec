"""What the engine is told of a search space."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.spec import Choice, Float, Int, SearchSpace
from tests.builders.searches import a_spec
from worker.engine.cohort.buckets import Reach
from worker.search.plans import hyperparameters_of, to_plan
from worker.search.portfolio import first_settings
from worker.search.reach import reach_of_space
from worker.search.sides import Side
from worker.search.space import NULLS, Space, to_hyperparameters, to_setting

SCALINGS = ["standard", "quantile"]

PARAMETERS = st.one_of(
    st.tuples(st.integers(1, 50), st.integers(1, 9), st.integers(0, 20)).map(
        lambda ends: Int(min=ends[0], max=ends[0] + ends[1] * ends[2], step=ends[1])
    ),
    st.tuples(st.integers(1, 50), st.integers(0, 500)).map(
        lambda ends: Int(min=ends[0], max=ends[0] + ends[1], scale="log")
    ),
    st.tuples(st.integers(0, 9), st.integers(0, 20)).map(
        lambda ends: Float(min=ends[0] / 10, max=ends[0] / 10 + ends[1] * 0.1, step=0.1)
    ),
    st.tuples(st.floats(1e-6, 1), st.floats(1e-3, 1e3), st.sampled_from(["linear", "log"])).map(
        lambda ends: Float(min=ends[0], max=ends[0] + ends[1], scale=ends[2])
    ),
    st.lists(st.sampled_from(["relu", "tanh", "elu", "mish"]), min_size=1, unique=True).map(
        lambda choices: Choice[Any](choices=tuple(choices))
    ),
)


@given(parameter=PARAMETERS, share=st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_a_value_and_its_share_are_one_another(
    parameter: Choice[Any] | Float | Int, share: float
) -> None:
    side = Side("rate", parameter)

    value = side.value(share)

    again = side.value(side.share(value))
    assert again == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
    assert side.allows(value)
    assert 0 <= side.share(value) <= 1
    assert side.nearest(value) == value
    if not isinstance(parameter, Choice):
        assert -1e-9 <= side.position(value) <= 1 + 1e-9


def test_reach_is_the_largest_network_and_what_its_programs_need() -> None:
    given: dict[str, Any] = {
        "layers": {"min": 1, "max": 3},
        "width": {"min": 16, "max": 256, "step": 16},
        "batch_size": {"choices": [32, 128]},
        "dropout": {"min": 0.0, "max": 0.5},
        "clip_norm": {"choices": [None, 1.0]},
    }

    found = reach_of_space(SearchSpace.model_validate(given))
    linear = reach_of_space(SearchSpace.model_validate(given | {"layers": {"min": 0, "max": 3}}))
    fixed = reach_of_space(
        SearchSpace.model_validate({"layers": 2, "width": 48, "batch_size": 32, "dropout": 0.0})
    )

    # Widths 32, 64, 128 and 256 for each layer, and two batch sizes.
    assert found == Reach(3, 256, frozenset({"dropout", "clip_norm"}), 2 * (4 + 4**2 + 4**3))
    assert linear.shapes == found.shapes + 2
    assert fixed == Reach(2, 48, frozenset(), 1)


SPACES = st.fixed_dictionaries(
    {
        "layers": st.sampled_from([0, 2, {"min": 0, "max": 2}, {"choices": [3, 0]}]),
        "width": st.sampled_from(
            [
                16,
                {"choices": [8, 16]},
                {"min": 8, "max": 64},
                {"min": 8, "max": 64, "per_layer": False},
            ]
        ),
        "optimizer": st.sampled_from(["lion", {"choices": ["adam", "sgd_nesterov"]}]),
        "clip_norm": st.sampled_from([None, {"choices": [1.0, None]}, {"min": 0.1, "max": 1.0}]),
        "activation": st.sampled_from(["relu", {"choices": ["tanh", "selu"]}]),
    }
)


@given(space=SPACES, share=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_a_setting_comes_back_from_its_hyperparameters_and_from_its_plan(
    space: dict[str, Any], share: float
) -> None:
    spec = a_spec(search_space=space, preprocessing={"scale_features": {"choices": SCALINGS}})
    setting = Space.of(spec).choose(lambda side: side.value(share))

    hyperparameters = to_hyperparameters(setting)

    plan = to_plan(7, 1, hyperparameters, spec)
    assert hyperparameters_of(plan, spec) == hyperparameters
    assert to_setting(hyperparameters, spec.search_space) == setting


def test_first_settings_do_not_clip_where_a_space_allows_that() -> None:
    spec = a_spec(search_space={"clip_norm": {"choices": [1.0, None]}})

    settings_to_begin_with = first_settings(spec)

    assert {setting["clip_norm"] for setting in settings_to_begin_with} == {NULLS["clip_norm"]}
