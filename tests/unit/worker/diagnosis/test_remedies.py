"""Remedies change what they say, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from tests.builders.recipes import SOUND, a_network, data_of, some_classes, some_numbers
from worker.diagnosis.chain import changes
from worker.diagnosis.chain.remedies import (
    REMEDIES,
    STANDARD,
    Candidate,
    list_candidates,
)
from worker.diagnosis.chain.rules import RemedyContext
from worker.diagnosis.chain.skips import change_recipe
from worker.diagnosis.chain.sound import build_sound_recipe
from worker.diagnosis.chain.walk import DIFFERENCES, Difference
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.suspects import Suspect, merge_suspects
from worker.diagnosis.findings.findings import diff_recipes
from worker.diagnosis.training.variants import Variant

RAW = a_network(64, 64, optimizer="adam", epochs=10)


def changed(make: changes.MakeChange, recipe: Recipe = RAW) -> dict[str, Any]:
    return diff_recipes(recipe, recipe.with_changes(make(recipe)))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (changes.set_fields(scale_features="standard"), {"scale_features": "standard"}),
        (changes.scale_learning_rate(10.0), {"optimizer": {"learning_rate": 0.01}}),
        (changes.raise_epochs(50), {"epochs": 50}),
        (changes.raise_epochs(5), {}),
        (changes.exclude_columns(("b", "a")), {"exclude": ["a", "b"]}),
        (changes.restore_best_weights, {}),
    ],
)
def test_change_is_told_as_the_fields_that_differ(
    make: changes.MakeChange, change: dict[str, Any]
) -> None:
    assert changed(make) == change


def test_hidden_layers_change_and_the_output_layer_does_not() -> None:
    after = RAW.with_changes(changes.set_hidden(dropout=0.2)(RAW))

    assert [layer.dropout for layer in after.layers] == [0.2, 0.2, 0.0]


@pytest.mark.parametrize(("factor", "units"), [(0.25, [16, 16]), (4.0, [256, 256]), (0.01, [4, 4])])
def test_hidden_layers_are_resized_within_bounds(factor: float, units: list[int]) -> None:
    after = RAW.with_changes(changes.resize_layers(factor)(RAW))

    assert [layer.units for layer in after.hidden] == units
    assert after.output == RAW.output


def test_linear_model_grows_hidden_layers() -> None:
    linear = a_network()

    assert len(linear.with_changes(changes.resize_layers(4.0)(linear)).hidden) == 2


def test_early_stopping_keeps_a_split_and_a_patience_that_are_there() -> None:
    stopping = {"patience": 30, "restore_best_weights": False}
    recipe = RAW.with_changes({"validation_split": 0.3, "early_stopping": stopping})

    after = recipe.with_changes(changes.stop_early(recipe))

    assert after.validation_split == 0.3
    assert after.early_stopping is not None
    assert after.early_stopping.patience == 30
    assert after.early_stopping.restore_best_weights


LAYERED = Recipe.model_validate(
    {
        "front_layers": ["batch_normalization"],
        "layers": [
            {
                "units": 8,
                "use_bias": False,
                "after_dense": ["batch_normalization", {"name": "elu", "alpha": 0.5}],
                "dropout": 0.1,
            },
            {"units": 1, "dropout": 0.5},
        ],
        "loss": "mse",
    }
)


def test_without_further_layers_the_activations_stay_and_the_recipe_is_plain() -> None:
    after = LAYERED.with_changes(changes.leave_out_extra_layers(LAYERED))

    assert not after.needs_keras
    assert [(layer.activation, layer.dropout) for layer in after.layers] == [
        ("elu", 0.1),
        ("linear", 0.0),
    ]


def test_an_activation_takes_the_place_of_one_that_is_a_layer() -> None:
    after = LAYERED.with_changes(changes.set_activation("relu", changes.HE_NORMAL)(LAYERED))

    assert [layer.name for layer in after.layers[0].extra_layers] == ["batch_normalization"]
    assert after.layers[0].nonlinearity == "relu"


def test_a_recipe_for_keras_is_tried_with_fewer_usual_remedies() -> None:
    data, _ = data_of(some_numbers(), LAYERED)

    tried = list_candidates(data, LAYERED, {}, is_stopped_early=False)

    texts = [candidate.text for candidate in tried]
    text = "Leave out all BatchNormalization, Dropout behind the output layer"
    assert f"{text}, and use biases and plain activations" in texts
    assert "Leave out Dropout behind the output layer" in texts
    assert not {Cause.too_complex, Cause.regularisation_missing} & {one.cause for one in tried}


@pytest.mark.parametrize(
    ("task", "layer", "loss"),
    [
        (Task.regression, (1, "linear"), "huber"),
        (Task.binary, (1, "sigmoid"), "binary_crossentropy"),
        (Task.multiclass, (5, "softmax"), "sparse_categorical_crossentropy"),
    ],
)
def test_output_fits_the_task(task: Task, layer: tuple[int, str], loss: str) -> None:
    given, named = changes.usual_output(task, 5, "huber")

    assert (given["units"], given["activation"]) == layer
    assert named == loss


@pytest.mark.parametrize("cause", REMEDIES)
def test_every_remedy_leaves_a_valid_recipe(cause: Cause) -> None:
    columns, recipe = some_classes(), a_network(32, loss="mse", optimizer="sgd", epochs=3)
    data, _ = data_of(columns, recipe)
    suspect = Suspect(cause, "It is.", (), columns=("x0",))

    for remedy in REMEDIES[cause](RemedyContext(data, recipe, suspect)):
        after = recipe.with_changes(remedy.make(recipe))

        assert remedy.text
        assert Recipe.model_validate(after.model_dump()) == after


def with_skips(*layers: dict[str, Any], front: tuple[Any, ...] = ("skip_start",)) -> Recipe:
    network = {"layers": layers, "front_layers": front, "loss": "mse"}
    return Recipe.model_validate(network)


def a_layer(units: int, *behind: Any) -> dict[str, Any]:
    return {"units": units, "activation": "tanh", "after_activation": behind}


ADD, START = {"name": "add", "skip": 2}, {"name": "skip_start", "skip": 2}
RESIDUAL = with_skips(
    a_layer(128, START), a_layer(256), a_layer(128, ADD, START), a_layer(128, ADD), a_layer(1)
)
WIDE_AND_DEEP = with_skips(a_layer(128), a_layer(64), a_layer(32, "concatenate"), a_layer(1))
OF_COLUMNS = with_skips(a_layer(2, "add", START), a_layer(2, ADD), a_layer(1))
CONNECTED = with_skips(
    a_layer(64, "concatenate", "skip_start"),
    a_layer(64, "concatenate", START),
    a_layer(130, ADD),
    a_layer(1, {"name": "skip_start", "skip": 3}, "relu", {"name": "add", "skip": 3}),
)
NETWORKS = [RESIDUAL, WIDE_AND_DEEP, OF_COLUMNS, CONNECTED]


@pytest.mark.parametrize("recipe", NETWORKS)
@pytest.mark.parametrize("cause", REMEDIES)
def test_every_remedy_of_a_network_with_skips_leaves_a_valid_recipe(
    cause: Cause, recipe: Recipe
) -> None:
    columns = some_classes()
    data, _ = data_of(columns, recipe)
    suspect = Suspect(cause, "It is.", (), columns=("x0",))

    for remedy in REMEDIES[cause](RemedyContext(data, recipe, suspect)):
        after = Candidate(cause, remedy).apply(Variant(recipe)).recipe

        assert Recipe.model_validate(after.model_dump()) == after


@pytest.mark.parametrize("recipe", NETWORKS)
@pytest.mark.parametrize("difference", DIFFERENCES)
def test_every_difference_from_a_sound_network_leaves_a_valid_recipe(
    difference: Difference, recipe: Recipe
) -> None:
    sound = a_network(64, 64, **SOUND)
    for source, target in ((sound, recipe), (recipe, sound)):
        after = change_recipe(target, difference.copy(source, target))

        assert Recipe.model_validate(after.model_dump()) == after


def test_the_hidden_layers_of_a_network_come_with_all_their_skips() -> None:
    sound = a_network(64, 64, **SOUND)
    (hidden,) = [one for one in DIFFERENCES if "hidden layers" in one.describe(sound)]

    after = change_recipe(sound, hidden.copy(WIDE_AND_DEEP, sound))

    assert after.count_inputs(2) == WIDE_AND_DEEP.count_inputs(2)
    assert not change_recipe(after, hidden.copy(sound, after)).needs_keras


def test_narrower_layers_keep_the_skips_that_fit() -> None:
    narrowed = change_recipe(RESIDUAL, changes.resize_layers(0.25)(RESIDUAL))
    shallow = change_recipe(RESIDUAL, changes.make_shallower(RESIDUAL))

    assert [layer.units for layer in narrowed.layers] == [32, 64, 32, 32, 1]
    assert narrowed.extra_layers == RESIDUAL.extra_layers
    assert not shallow.needs_keras


def test_sums_that_no_longer_fit_are_left_out() -> None:
    """What is added to the columns has as many units, and of these nobody knows the number."""
    narrowed = change_recipe(CONNECTED, changes.resize_layers(0.25)(CONNECTED))
    of_columns = change_recipe(OF_COLUMNS, changes.resize_layers(4.0)(OF_COLUMNS))

    assert narrowed.keras_parts == ("Concatenate", "Activation", "Add")
    assert [layer.name for layer in narrowed.layers[2].extra_layers] == []
    assert [layer.name for layer in of_columns.layers[0].extra_layers] == ["skip_start"]
    assert [layer.name for layer in of_columns.layers[1].extra_layers] == ["add"]


def test_a_change_of_something_else_leaves_skips_with_the_columns() -> None:
    after = change_recipe(OF_COLUMNS, changes.set_hidden(dropout=0.1)(OF_COLUMNS))

    assert after.extra_layers == OF_COLUMNS.extra_layers


def test_merges_are_left_out_like_other_further_layers() -> None:
    data, _ = data_of(some_numbers(), RESIDUAL)

    tried = list_candidates(data, RESIDUAL, {}, is_stopped_early=False)

    (without,) = [one for one in tried if one.cause is Cause.harmful_layers]
    assert without.text == "Leave out Add"
    assert not without.apply(Variant(RESIDUAL)).recipe.needs_keras


def test_suspects_come_first_and_the_usual_remedies_are_tried_regardless() -> None:
    data, _ = data_of(some_numbers(), RAW)
    suspect = Suspect(Cause.batch_size, "It is large.", (), strength=2.0)
    recipe = RAW.with_changes({"batch_size": 256})

    tried = list_candidates(data, recipe, {Cause.batch_size: suspect}, is_stopped_early=False)

    assert tried[0].cause is Cause.batch_size
    assert {each.cause for each in tried} == {*STANDARD, Cause.too_simple, Cause.batch_size}


@pytest.mark.parametrize(
    ("rows", "most"),
    [(10, 10_000), (300, 1_250), (2_000, 600)],
    ids=["a step an epoch", "8 steps", "50 steps"],
)
def test_few_rows_may_be_trained_on_for_more_epochs(rows: int, most: int) -> None:
    recipe = a_network(8, epochs=1_000)
    data, _ = data_of(some_numbers(rows), recipe)
    suspect = Suspect(Cause.too_few_epochs, "It still falls.", (), strength=1.0)

    rules = REMEDIES[Cause.too_few_epochs](RemedyContext(data, recipe, suspect))

    assert rules[-1].text == f"Train for {most} epochs"


@pytest.mark.parametrize(("patience", "waits"), [(1, True), (5, True), (10, False)])
def test_what_stopped_too_soon_is_to_wait_longer(patience: int, waits: bool) -> None:
    stopping = {"patience": patience, "restore_best_weights": False}
    recipe = a_network(8, epochs=200, validation_split=0.2, early_stopping=stopping)
    data, _ = data_of(some_numbers(), recipe)
    case = RemedyContext(data, recipe, None, is_stopped_early=True)

    changes = [rule.make(recipe) for rule in REMEDIES[Cause.too_few_epochs](case)]

    longer = {"early_stopping": {"patience": 10, "restore_best_weights": True}}
    assert changes == ([longer] if waits else [])
    # It stops: no sentence may say that training goes on.
    assert REMEDIES[Cause.no_early_stopping](case) == []


@pytest.mark.parametrize(
    ("optimizer", "factors"),
    [("adadelta", [10, 100, 1000]), ("adam", [10, 100]), ("sgd", [10, 100])],
)
def test_a_higher_rate_ends_with_what_is_usual_for_the_optimizer(
    optimizer: str, factors: list[int]
) -> None:
    recipe = a_network(8, optimizer=optimizer)
    data, _ = data_of(some_numbers(), recipe)
    suspect = Suspect(Cause.learning_rate_too_low, "It hardly falls.", (), strength=1.0)

    rules = REMEDIES[Cause.learning_rate_too_low](RemedyContext(data, recipe, suspect))

    texts = [f"Multiply the learning rate by {factor}" for factor in factors]
    assert [rule.text for rule in rules] == texts


def test_a_rate_that_falls_too_soon_is_kept_before_it_is_raised() -> None:
    decay = {"form": "exponential", "decay_steps": 5, "decay_rate": 0.5}
    recipe = a_network(8, optimizer={"name": "adam", "learning_rate": 0.01, "decay": decay})
    data, _ = data_of(some_numbers(), recipe)
    suspect = Suspect(Cause.learning_rate_too_low, "It falls too soon.", (), strength=1.0)

    first, *_ = REMEDIES[Cause.learning_rate_too_low](RemedyContext(data, recipe, suspect))

    assert first.text == "Keep the learning rate: leave ExponentialDecay out"
    kept = recipe.with_changes(first.make(recipe))
    assert kept == a_network(8, optimizer={"name": "adam", "learning_rate": 0.01})


def test_the_optimizer_is_no_difference_where_only_its_rate_is_another() -> None:
    decay = {"form": "exponential", "decay_steps": 5, "decay_rate": 0.5}
    falling = a_network(8, optimizer={"name": "adam", "learning_rate": 0.01, "decay": decay})
    sound = a_network(8, optimizer={"name": "adam", "learning_rate": 0.001})
    changes_of = {d.cause(falling, sound): d.copy(sound, falling) for d in DIFFERENCES}

    assert changes_of[Cause.optimizer] == {}
    other = a_network(8, optimizer="sgd")
    (copied,) = (
        d.copy(sound, other) for d in DIFFERENCES if d.cause(other, sound) is Cause.optimizer
    )
    assert copied["optimizer"]["name"] == "adam"


def test_what_changes_nothing_is_not_tried() -> None:
    recipe = a_network(32, **SOUND)
    data, _ = data_of(some_numbers(), recipe)

    tried = list_candidates(data, recipe, {}, is_stopped_early=True)

    start = Variant(recipe)
    assert all(each.apply(start) != start for each in tried)
    assert not {each.cause for each in tried} & {
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.no_early_stopping,
        Cause.too_few_epochs,
    }


def test_sound_recipe_fits_the_task() -> None:
    recipe = a_network(8, loss="sparse_categorical_crossentropy")
    data, _ = data_of(some_classes(), recipe)

    sound = build_sound_recipe(data, recipe)

    assert sound.output.units == 3
    assert sound.output.activation == "softmax"
    assert sound.scale_target == "none"


def test_regularisation_is_added_and_never_taken_away() -> None:
    strong = a_network(16, hidden={"l2": 1.0, "dropout": 0.5}, output={"l2": 1.0})
    data, _ = data_of(some_numbers(), strong)

    tried = list_candidates(data, strong, {}, is_stopped_early=False)

    assert Cause.regularisation_missing not in {candidate.cause for candidate in tried}


def test_outliers_of_features_and_target_are_one_suspect_with_both_remedies() -> None:
    columns = some_numbers()
    columns["x1"][3], columns["y"][5] = 1e6, 1e6
    data, excluded = data_of(columns, RAW)

    merged = merge_suspects(check_data(data, RAW, excluded))

    suspect = merged[Cause.outliers]
    assert suspect.columns == ("x1", "y")
    assert set(suspect.rows) == {3, 5}
    tried = list_candidates(data, RAW, {suspect.cause: suspect}, is_stopped_early=False)
    texts = [candidate.text for candidate in tried if candidate.cause is Cause.outliers]
    assert texts == ["Use a loss that grows linearly", "Scale by quartiles and clip smoothly"]
