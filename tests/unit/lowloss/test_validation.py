"""Problems from pydantic's errors."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

from lowloss.errors import InvalidRequest
from lowloss.spec import JobSpec, Recipe, SearchSpace, wrong_value
from lowloss.validation import suggest_field, suggest_name, validate


def _refuse(value: str) -> str:
    raise wrong_value("clock", f"no clock shows {value}", fix="write it so: 12:30")


class Alarm(BaseModel):
    at: Annotated[str, AfterValidator(_refuse)]


def test_a_fix_with_a_colon_stays_whole() -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Alarm, {"at": "25:00"}, field="alarm")

    assert caught.value.detail == "no clock shows 25:00"
    assert caught.value.fix == "write it so: 12:30"
    assert caught.value.field == "alarm.at"


def test_an_object_that_is_text_is_refused_at_its_field() -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Recipe, {"layers": ["dense"], "loss": "mse"}, field="recipe")

    assert caught.value.field == "recipe.layers.0"
    assert caught.value.fix == "it should be a valid object"


@pytest.mark.parametrize(
    ("fields", "field", "fix"),
    [
        ({"features": None}, "features", "it should be a valid object"),
        ({"features": {"exclude": None}}, "features.exclude", "it should be a valid list"),
        ({"validation": {"folds": 3}}, "validation.folds", "use kfold or repeated, or leave"),
        ({"validation": {"strategy": "kfold"}}, "validation.folds", "give a number from 2"),
        ({"validation": {"strategy": "grouped"}}, "validation.column", "name it"),
        (
            {"validation": {"fraction": 0.5, "test_fraction": 0.5}},
            "validation.fraction",
            "lower one of them",
        ),
        (
            {"final": {"refit": False, "use_test_rows": True}},
            "final.use_test_rows",
            "set refit to true",
        ),
        ({"algorithm": "hyperband", "pruning": None}, "pruning", "leave pruning out"),
        ({"needs": {"actors": 2}}, "needs.actors", "set executor"),
    ],
    ids=str,
)
def test_error_names_the_field_inside_that_is_wrong(
    fields: dict[str, Any], field: str, fix: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(JobSpec, {"dataset": "ds_1", "target": "y"} | fields)

    assert caught.value.field == field
    assert (caught.value.fix or "").startswith(fix)


def test_list_of_values_of_a_hyperparameter_is_to_be_written_as_choices() -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(SearchSpace, {"schedule": ["plateau", "cosine"]}, field="search_space")

    assert caught.value.field == "search_space.schedule"
    assert caught.value.fix == 'give {"choices": ["plateau", "cosine"]}'


@pytest.mark.parametrize("callback", ["early_stopping", "reduce_lr_on_plateau"])
def test_arguments_of_callbacks_that_change_nothing_are_taken(callback: str) -> None:
    harmless = {"monitor": "val_loss", "mode": "min", "verbose": 1, "patience": 3}
    layers = {"layers": [{"units": 1}], "loss": "mse"}

    assert validate(Recipe, layers | {callback: harmless}) == validate(
        Recipe, layers | {callback: {"patience": 3}}
    )
    with pytest.raises(InvalidRequest) as caught:
        validate(Recipe, layers | {callback: {"monitor": "val_auc"}})
    assert caught.value.field in {callback, f"{callback}.monitor"}
    assert caught.value.fix is not None
    assert caught.value.fix.startswith("leave monitor out, or give ")


@pytest.mark.parametrize("callback", ["early_stopping", "reduce_lr_on_plateau"])
def test_no_other_value_of_what_changes_nothing_is_taken(callback: str) -> None:
    layers = {"layers": [{"units": 1}], "loss": "mse"}

    with pytest.raises(InvalidRequest, match="verbose 'junk' is not supported") as caught:
        validate(Recipe, layers | {callback: {"verbose": "junk"}})

    assert caught.value.fix == "leave verbose out, or give 0 or 1 or 2"


def test_early_stopping_takes_the_defaults_of_keras() -> None:
    fields = {"layers": [{"units": 1}], "loss": "mse"}
    defaults = {"baseline": None, "start_from_epoch": 0}

    recipe = validate(Recipe, fields | {"early_stopping": defaults})

    assert recipe == validate(Recipe, fields | {"early_stopping": {}})
    for name, value in {"baseline": 0.1, "start_from_epoch": 5}.items():
        with pytest.raises(InvalidRequest, match=f"{name} {value} is not supported"):
            validate(Recipe, fields | {"early_stopping": {name: value}})


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        ({"monitor": "val_acc"}, ("val_accuracy", "max")),
        ({"monitor": "accuracy", "mode": "max"}, ("accuracy", "max")),
        ({"monitor": "val_accuracy", "mode": "min"}, ("val_accuracy", "min")),
        ({"monitor": "val_mean_absolute_error"}, ("val_mae", "min")),
        ({"monitor": "loss"}, ("loss", "min")),
        ({}, ("val_loss", "min")),
    ],
)
def test_early_stopping_watches_what_keras_would(
    given: dict[str, str], watched: tuple[str, str]
) -> None:
    fields = {"layers": [{"units": 1}], "loss": "mse", "validation_split": 0.2}

    recipe = validate(Recipe, fields | {"early_stopping": given})

    monitor = recipe.stop_monitor
    assert monitor is not None
    assert (monitor.name, monitor.mode) == watched
    usual = watched == ("val_loss", "min")
    assert recipe.keras_parts == (() if usual else (f"EarlyStopping on {watched[0]}",))
    without_rows = recipe.with_changes({"validation_split": 0.0})
    assert without_rows.stops_early == (not monitor.is_validation)


def test_list_of_faulty_items_is_not_said_to_be_too_short() -> None:
    layers = [{"units": 3, "activation": "rellu"}, {"unit": 1}]

    with pytest.raises(InvalidRequest) as caught:
        validate(Recipe, {"layers": layers, "loss": "mse"}, field="recipe")

    assert {fault["field"] for fault in caught.value.errors} == {
        "recipe.layers.0.activation",
        "recipe.layers.1.units",
        "recipe.layers.1.unit",
    }


def test_list_without_items_is_said_to_be_too_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        validate(Recipe, {"layers": [], "loss": "mse"}, field="recipe")

    assert caught.value.field == "recipe.layers"


@pytest.mark.parametrize(
    ("name", "names", "suggestion"),
    [
        ("prise", ["area", "price"], "did you mean 'price'?"),
        ("xyz", ["area", "price"], "leave it out; what is known here: area, price"),
        ("xyz", [], "leave it out"),
    ],
)
def test_a_field_that_does_not_exist_gets_a_suggestion(
    name: str, names: list[str], suggestion: str
) -> None:
    assert suggest_field(name, names) == suggestion


def test_a_suggestion_lists_the_first_of_many_names() -> None:
    names = [f"column_{i}" for i in range(30)]

    suggestion = suggest_name("?", names, otherwise="its columns are")

    assert suggestion.startswith("its columns are column_0, column_1")
    assert suggestion.endswith("column_19, …")
