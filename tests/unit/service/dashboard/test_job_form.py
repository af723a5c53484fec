"""The form of a new job: what it offers is accepted, and a copy loses nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lowloss.spec import JobSpec, SearchSpace
from service.dashboard.job_form import RANGES, make_form


def a_spec(**fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "d", "target": "y"} | fields)


def test_new_form_begins_with_the_defaults() -> None:
    form = make_form(None)

    assert [field.name for field in form.ranges] == list(RANGES)
    assert (form.batch_sizes, form.others, form.unshown) == ("32, 128", "{}", {})
    assert [sorted(field.ticked) for field in form.ticks] == [["relu"], ["adam"]]


def test_every_option_is_one_that_a_search_takes() -> None:
    for field in make_form(None).ticks:
        for option in field.options:
            SearchSpace.model_validate({field.name: option})


def test_ranges_keep_what_belongs_to_them() -> None:
    form = make_form(a_spec(search_space={"width": {"min": 8, "max": 64, "per_layer": False}}))

    width = next(field for field in form.ranges if field.name == "width")
    assert (width.low, width.high, json.loads(width.more)) == (8, 64, {"per_layer": False})
    rate = next(field for field in form.ranges if field.name == "learning_rate")
    assert json.loads(rate.more) == {"scale": "log"}


def test_fixed_value_is_a_range_of_one() -> None:
    form = make_form(a_spec(search_space={"dropout": 0.25, "batch_size": 64}))

    dropout = next(field for field in form.ranges if field.name == "dropout")
    assert (dropout.low, dropout.high) == (0.25, 0.25)
    assert form.batch_sizes == "64"


@pytest.mark.parametrize(
    ("fields", "others", "unshown"),
    [
        ({"name": "n", "budget": {"max_trials": 3}, "features": {"exclude": ["a"]}}, {}, {}),
        ({"final": {"members": 2}}, {"final": {"members": 2}}, {}),
        ({"seed": 3, "validation": {"seed": 3}}, {}, {}),
        ({"seed": 3, "validation": {"seed": 4}}, {"validation": {"seed": 4}}, {}),
        (
            {"seed": 3, "validation": {"seed": 3, "fraction": 0.3}},
            {"validation": {"fraction": 0.3}},
            {},
        ),
        (
            {"budget": {"max_trials": 3, "target_value": 0.5}},
            {"budget": {"target_value": 0.5}},
            {},
        ),
        (
            {"search_space": {"width": {"choices": [8, 16]}, "dropout": 0.1}},
            {"search_space": {"width": {"choices": [8, 16]}}},
            {"width": "8, 16"},
        ),
        (
            {"search_space": {"batch_size": {"min": 16, "max": 64}, "noise": 0.1}},
            {"search_space": {"batch_size": {"min": 16, "max": 64}, "noise": 0.1}},
            {"batch_size": "16 to 64", "noise": "0.1"},
        ),
    ],
)
def test_copy_carries_what_the_form_does_not_have(
    fields: dict[str, Any], others: dict[str, Any], unshown: dict[str, str]
) -> None:
    form = make_form(a_spec(**fields))

    assert json.loads(form.others) == others
    assert form.unshown == unshown
