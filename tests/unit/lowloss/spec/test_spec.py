"""What a JobSpec refuses by itself, and what its words mean."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lowloss.spec import (
    Choice,
    Direction,
    Final,
    JobSpec,
    Objective,
    Preprocessing,
    SearchSpace,
    Task,
    Validation,
)
from lowloss.spec.parameters import Mixup, MixupRange


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"folds": 3}, "folds_do_not_fit", "use kfold or repeated, or leave folds out"),
        (
            {"strategy": "kfold"},
            "folds_missing",
            "strategy kfold needs folds: give a number from 2",
        ),
        ({"strategy": "repeated"}, "folds_missing", "strategy repeated needs folds"),
        ({"strategy": "grouped"}, "column_does_not_fit", "grouped needs a column: name it"),
        ({"strategy": "ordered"}, "column_does_not_fit", "ordered needs a column: name it"),
        ({"column": "c"}, "column_does_not_fit", "auto uses no column: leave it out"),
        (
            {"strategy": "kfold", "folds": 3, "column": "c"},
            "column_does_not_fit",
            "kfold uses no column",
        ),
        (
            {"fraction": 0.7, "test_fraction": 0.5},
            "no_training_rows",
            "add up to 1.2, which leaves",
        ),
        (
            {"fraction": 0.3, "test_fraction": 0.9},
            "no_training_rows",
            "add up to 1.2, which leaves",
        ),
        ({"fraction": 0.9, "test_fraction": 0.1}, "no_training_rows", "lower one of them"),
        (
            {"strategy": "repeated", "folds": 3, "fraction": 0.6, "test_fraction": 0.5},
            "no_training_rows",
            "lower one of them",
        ),
        ({"strategy": "kfold", "folds": 1}, "greater_than_equal", "greater than or equal to 2"),
        ({"strategy": "kfold", "folds": 21}, "less_than_equal", "less than or equal to 20"),
        ({"strategy": "kfold", "folds": True}, "number_wanted", "not true or false"),
        ({"fraction": 0.0}, "greater_than", "greater than 0"),
        ({"test_fraction": 1.0}, "less_than", "less than 1"),
        ({"fraction": float("nan")}, "finite_number", "finite number"),
        ({"strategy": "bootstrap"}, "literal_error", "'holdout', 'kfold', 'repeated'"),
        ({"stratify": True}, "extra_forbidden", "not permitted"),
    ],
    ids=str,
)
def test_validation_that_cannot_be_is_refused_with_the_fix(
    given: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Validation.model_validate(given)

    (error,) = caught.value.errors()
    assert error["type"] == code
    assert said in error["msg"]


@pytest.mark.parametrize(
    ("given", "folds", "has_fraction"),
    [
        ({}, 1, True),
        ({"strategy": "kfold", "folds": 5}, 5, False),
        ({"strategy": "repeated", "folds": 5}, 5, True),
        ({"strategy": "grouped", "column": "c"}, 1, True),
        ({"strategy": "grouped", "column": "c", "folds": 4}, 4, False),
        ({"strategy": "ordered", "column": "c"}, 1, True),
        ({"strategy": "ordered", "column": "c", "folds": 4}, 4, False),
    ],
    ids=str,
)
def test_trial_is_trained_once_a_fold(
    given: dict[str, Any], folds: int, has_fraction: bool
) -> None:
    validation = Validation.model_validate(given)

    assert (validation.fold_count, validation.has_fraction) == (folds, has_fraction)


def test_fraction_that_no_fold_uses_need_not_fit() -> None:
    given = {"strategy": "kfold", "folds": 3, "fraction": 0.6, "test_fraction": 0.5}

    assert Validation.model_validate(given).fold_count == 3


@pytest.mark.parametrize("objective", list(Objective))
def test_objective_improves_as_its_metric_does(objective: Objective) -> None:
    higher = {"r2", "accuracy", "balanced_accuracy", "roc_auc", "average_precision", "f1"}

    assert objective.direction is (Direction.max if objective.metric in higher else Direction.min)


@pytest.mark.parametrize("objective", list(Objective))
def test_objective_is_of_numbers_or_of_classes(objective: Objective) -> None:
    of_numbers = {"rmse", "mae", "median_absolute_error", "mape", "r2"}
    fitting = {task for task in Task if objective.fits(task)}

    if objective is Objective.val_loss:
        assert fitting == set(Task)
    elif objective.metric in of_numbers:
        assert fitting == {Task.regression}
    else:
        assert fitting == {Task.binary, Task.multiclass}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (0, 0.0),
        (10, 10.0),
        ({"choices": [0, 0.4]}, Choice[Mixup](choices=(0.0, 0.4))),
        ({"min": 0, "max": 10}, MixupRange(min=0, max=10)),
    ],
    ids=str,
)
def test_mixup_is_a_number_from_0_to_10(given: Any, taken: Any) -> None:
    space = SearchSpace.model_validate({"mixup": given})

    assert space.mixup == taken


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mixup": -0.1}, "greater than or equal to 0"),
        ({"mixup": 10.1}, "less than or equal to 10"),
        ({"mixup": True}, "not true or false"),
        ({"mixup": {"choices": [0.2, 11]}}, "less than or equal to 10"),
        ({"mixup": {"min": 0, "max": 11}}, "less than or equal to 10"),
        ({"mixup": {"min": 0.5, "max": 0.2}}, "min 0.5 is above max 0.2: swap them"),
        ({"mixup": {"min": 0, "max": 1, "scale": "log"}}, "raise min or use a linear scale"),
        ({"noise": -1}, "greater than or equal to 0"),
        ({"noise": {"min": -0.1, "max": 1}}, "greater than or equal to 0"),
    ],
    ids=str,
)
def test_mixup_and_noise_outside_their_range_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SearchSpace.model_validate(given)

    assert said in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Final, {"members": 0}),
        (Final, {"members": 21}),
        (Final, {"members": True}),
        (Preprocessing, {"log_target": "sometimes"}),
        (Preprocessing, {"scale_features": "minmax"}),
        (Preprocessing, {"scale_features": {"choices": []}}),
        (Preprocessing, {"scale_features": {"choices": ["none", "none"]}}),
        (Preprocessing, {"select_features": 0}),
        (Preprocessing, {"select_features": "some"}),
        (Preprocessing, {"select_features": {"choices": [None, -1]}}),
        (Preprocessing, {"select_features": {"min": 1, "max": 8}}),
    ],
    ids=str,
)
def test_preprocessing_and_final_take_what_they_know(
    kind: type[Final | Preprocessing], given: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(given)


def test_test_rows_train_only_after_a_refit_that_was_scored() -> None:
    with pytest.raises(ValidationError) as caught:
        JobSpec.model_validate(
            {"dataset": "ds_1", "target": "y", "final": {"refit": False, "use_test_rows": True}}
        )

    (error,) = caught.value.errors()
    assert error["loc"] == ("final",)
    assert "use_test_rows" in error["msg"]
    assert error["msg"].endswith("set refit to true, or use_test_rows to false")
    assert not Final().use_test_rows
    assert Final(use_test_rows=True).refit


def test_a_selection_in_words_is_told_what_may_stand_there() -> None:
    with pytest.raises(ValidationError) as caught:
        Preprocessing.model_validate({"select_features": "some"})

    assert "a number above 0, null for all inputs" in caught.value.errors()[0]["msg"]


def test_specification_survives_json() -> None:
    given = {
        "dataset": "ds_1",
        "target": "y",
        "validation": {"strategy": "grouped", "column": "g", "folds": 4},
        "preprocessing": {
            "scale_features": {"choices": ["robust", "none"]},
            "select_features": {"choices": [None, 8]},
            "log_target": "auto",
        },
        "search_space": {"noise": 0.1, "mixup": {"min": 0.0, "max": 0.4}},
        "final": {"refit": True, "members": 3},
    }
    spec = JobSpec.model_validate(given)

    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
