"""Recipes as Keras code: whole scripts, and what a change looks like."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.recipes import ScriptTable, change_code, training_code
from lowloss.spec import PredictedTargets, Recipe, TargetColumn, Task
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.initializers import INITIALIZERS
from lowloss.spec.losses import LOSSES
from lowloss.spec.optimizers import OPTIMIZERS

BEFORE = Recipe.model_validate(
    {
        "layers": [{"units": 64, "activation": "relu"}, {"units": 1}],
        "loss": "mse",
        "optimizer": "adam",
        "epochs": 10,
    }
)


NUMBER = PredictedTargets(Task.regression)


def changed(change: dict[str, Any], *, task: Task = Task.regression) -> str:
    return change_code(BEFORE, BEFORE.with_changes(change), PredictedTargets(task))


def undone(change: dict[str, Any], *, task: Task = Task.regression) -> str:
    return change_code(BEFORE.with_changes(change), BEFORE, PredictedTargets(task))


PLAIN_SCRIPT = """\
# Predicts "price" (regression): python train.py [FILE]
# FILE is a CSV: numbers with points, dates as days since 1970, empty where missing.

import csv
import sys

import keras
import numpy as np

FILE = sys.argv[1] if len(sys.argv) > 1 else "table.csv"
TARGET = "price"
NUMBERS = ["rooms", "area"]


def number(text):
    \"""Return a cell as a number; NaN where it is empty or holds none.\"""
    try:
        return float(text)
    except ValueError:
        return float("nan")


with open(FILE, encoding="utf-8-sig", newline="") as file:
    rows = [row for row in csv.DictReader(file) if row[TARGET]]
x = np.array([[number(row[name]) for name in NUMBERS] for row in rows])
y = np.array([number(row[TARGET]) for row in rows])

x_train, y_train = x, y

model = keras.Sequential(
    [
        keras.Input((x_train.shape[1],)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(1),
    ]
)

optimizer = keras.optimizers.Adam(learning_rate=0.001)
model.compile(optimizer=optimizer, loss="mean_squared_error")

model.fit(x_train, y_train, epochs=10, batch_size=32)

answers = model.predict(x_train, verbose=0)
truth = y_train.reshape(len(y_train), -1)
print("RMSE of the training rows:", np.sqrt(np.mean(np.square(answers - truth), axis=0)))
"""


def a_table(
    target: str = "price", task: Task = Task.regression, labels: tuple[str, ...] = (), **given: Any
) -> ScriptTable:
    values: dict[str, Any] = {"numbers": ("rooms", "area"), "file": "table.csv"}
    values["targets"] = (TargetColumn(target, labels),)
    return ScriptTable(task=task, **values | given)


def test_the_script_of_a_plain_recipe_is_short() -> None:
    assert training_code(BEFORE, a_table()) == PLAIN_SCRIPT


def test_a_target_with_a_line_break_stays_in_its_comment() -> None:
    code = training_code(BEFORE, a_table("price\nimport os"))
    assert code.startswith('# Predicts "price\\nimport os" (regression): ')


@pytest.mark.parametrize(
    ("change", "labels", "line"),
    [
        ({"loss": "bce"}, ("no", "yes"), 'LABELS = ["no", "yes"]'),
        ({"loss": "bce"}, ("1", "2"), "y = np.array([number(row[TARGET]) for row in rows])"),
        ({"loss": "bce", "encode_labels": True}, ("1", "2"), 'LABELS = ["1", "2"]'),
    ],
    ids=["texts", "numbers as they are", "numbers encoded"],
)
def test_labels_are_fed_as_the_recipe_says(
    change: dict[str, Any], labels: tuple[str, ...], line: str
) -> None:
    code = training_code(BEFORE.with_changes(change), a_table("kind", Task.binary, labels=labels))

    assert line in code.splitlines()


def test_script_says_which_rows_its_table_lacks() -> None:
    lines = training_code(BEFORE, a_table(rows_left_out=1234)).splitlines()

    assert "# table.csv lacks the table's last 1,234 rows." in lines[:4]


def test_excluded_columns_are_not_read() -> None:
    table = a_table(numbers=("rooms", "row"), categories=("city", "street"))

    code = training_code(BEFORE.with_changes({"exclude": ["row", "street"]}), table)

    assert 'NUMBERS = ["rooms"]' in code
    assert 'CATEGORIES = ["city"]' in code


def test_scaling_the_features_is_shown_as_a_scaler() -> None:
    assert (
        changed({"scale_features": "standard"})
        == """\
from sklearn.preprocessing import StandardScaler

x_scaler = StandardScaler().fit(x_train)
x_train = x_scaler.transform(x_train)
"""
    )


def test_scaling_the_target_is_shown_with_the_way_back() -> None:
    assert (
        changed({"scale_target": "minmax"})
        == """\
from sklearn.preprocessing import MinMaxScaler

y_scaler = MinMaxScaler().fit(y_train.reshape(-1, 1))
y_train = y_scaler.transform(y_train.reshape(-1, 1))
# After the training, back to the target's own units:
predictions = y_scaler.inverse_transform(model.predict(x_train))
"""
    )


def test_another_learning_rate_is_shown_as_an_optimizer() -> None:
    assert (
        changed({"optimizer": {"learning_rate": 0.1, "clip_norm": 1.0}})
        == """\
import keras

optimizer = keras.optimizers.Adam(learning_rate=0.1, global_clipnorm=1.0)
model.compile(optimizer=optimizer, loss="mean_squared_error")
"""
    )


def test_another_output_layer_is_shown_alone() -> None:
    layers = [{"units": 64, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}]

    assert (
        undone({"layers": layers})
        == """\
import keras

# The output layer:
keras.layers.Dense(1),
"""
    )


def test_a_dropout_that_goes_is_said_so() -> None:
    layers = [{"units": 64, "activation": "relu", "dropout": 0.9}, {"units": 1}]

    assert "keras.layers.Dropout(0.9)," in changed({"layers": layers})
    assert "# Layer 1, without Dropout:\n" in undone({"layers": layers})


def test_more_layers_are_shown_as_the_whole_network() -> None:
    assert "keras.Sequential(" in changed({"layers": [{"units": 8}, {"units": 8}, {"units": 1}]})


def test_last_rows_are_shown_as_a_split_without_shuffling_and_back() -> None:
    last = BEFORE.with_changes({"validation_split": 0.2, "validation_rows": "last"})
    random = last.with_changes({"validation_rows": "random"})

    split = "x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, "
    assert f"{split}shuffle=False)" in change_code(random, last, NUMBER)
    assert f"{split}random_state=0)" in change_code(last, random, NUMBER)


def test_epochs_without_shuffling_are_shown_in_fit() -> None:
    assert ", shuffle=False)" in changed({"shuffle": False})
    assert "shuffle" not in undone({"shuffle": False})
    mixed = BEFORE.with_changes({"mixup": 0.2})
    assert "self.order = np.arange(" in change_code(
        mixed, mixed.with_changes({"shuffle": False}), NUMBER
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale_features": "robust"}, "leave the scaler out"),
        ({"scale_target": "standard"}, "Train on the target as it is"),
        ({"missing": "mean"}, "Leave missing numbers"),
        ({"exclude": ["a"]}, "exclude none"),
        ({"categorical": ["a"]}, "Feed the codes of categories as numbers"),
        ({"early_stopping": {}}, "leave EarlyStopping out"),
        ({"mixup": 0.2}, "unmixed"),
        ({"noise": 0.1}, "leave GaussianNoise out"),
        ({"validation_split": 0.2, "validation_rows": "last"}, "x_train, y_train = x, y"),
    ],
)
def test_what_is_taken_away_is_said_in_words(change: dict[str, Any], words: str) -> None:
    assert words in undone(change)


def test_class_weights_are_shown_with_where_they_go() -> None:
    code = changed({"class_weight": "balanced"}, task=Task.binary)

    assert "compute_class_weight" in code
    assert "class_weight=class_weight" in code


def test_a_loss_of_one_hot_labels_is_shown_with_its_labels() -> None:
    layers = [{"units": 3, "activation": "softmax"}]
    change = {"layers": layers, "loss": "categorical_crossentropy"}

    code = changed(change, task=Task.multiclass)

    assert "y_train = keras.utils.to_categorical(y_train, 3)" in code


def test_adamw_decays_as_the_recipe_says_and_not_as_keras_does_by_itself() -> None:
    assert "AdamW(learning_rate=0.001, weight_decay=0.0)" in changed({"optimizer": "adamw"})


@pytest.mark.parametrize(
    ("optimizer", "call"),
    [
        ("nadam", "Nadam(learning_rate=0.001)"),
        (
            {"name": "sgd", "momentum": 0.9, "nesterov": True},
            "SGD(learning_rate=0.01, momentum=0.9, nesterov=True)",
        ),
    ],
)
def test_an_optimizer_is_written_with_its_arguments(optimizer: Any, call: str) -> None:
    assert f"optimizer = keras.optimizers.{call}" in changed({"optimizer": optimizer})


Strategy = st.SearchStrategy[Any]


def fields(
    required: dict[str, Strategy], **optional: Strategy
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


RECIPE_INITIALIZERS = st.sampled_from(list(INITIALIZERS.values())).flatmap(
    lambda record: fields(
        {"name": st.just(record.name)},
        **({"scale": st.floats(0, 10)} if record.argument else {}),
    )
)
LAYERS = fields(
    {"units": st.integers(1, 500)},
    activation=st.sampled_from(list(ACTIVATIONS)),
    kernel_initializer=RECIPE_INITIALIZERS,
    l1=st.floats(0, 1),
    l2=st.floats(0, 1),
    dropout=st.floats(0, 0.99),
)
RECIPE_OPTIMIZERS = fields(
    {"name": st.sampled_from(list(OPTIMIZERS))},
    learning_rate=st.floats(1e-6, 10),
    schedule=st.sampled_from(["constant", "cosine"]),
    weight_decay=st.floats(0, 1),
    clip_norm=st.floats(0.1, 10),
)
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
RECIPE_FIELDS = fields(
    {
        "layers": st.lists(LAYERS, min_size=1, max_size=5),
        "loss": st.sampled_from(list(LOSSES)),
    },
    optimizer=RECIPE_OPTIMIZERS,
    scale_features=st.sampled_from(
        ["none", "standard", "minmax", "robust", "quantile", "piecewise"]
    ),
    scale_target=st.sampled_from(["none", "standard", "minmax"]),
    missing=st.sampled_from(["keep", "mean"]),
    exclude=st.lists(STORABLE, max_size=3),
    categorical=st.lists(STORABLE, max_size=3) | st.just("all"),
    class_weight=st.sampled_from(["none", "balanced"]),
    noise=st.floats(0, 1),
    mixup=st.floats(0, 1),
    epochs=st.integers(0, 1000),
    validation_split=st.floats(0, 0.9),
    validation_rows=st.sampled_from(["random", "last"]),
    shuffle=st.booleans(),
    early_stopping=st.none() | st.just({"patience": 3, "restore_best_weights": True}),
    reduce_lr_on_plateau=st.none() | st.just({"factor": 0.2, "min_lr": 1e-5}),
)


def a_fitting_recipe(values: dict[str, Any]) -> Recipe:
    """A rate falls in one way alone."""
    if values.get("optimizer", {}).get("schedule", "constant") != "constant":
        values = values | {"reduce_lr_on_plateau": None}
    return Recipe.model_validate(values)


RECIPES = RECIPE_FIELDS.map(a_fitting_recipe)


@given(recipe=RECIPES, target=STORABLE, task=st.sampled_from(list(Task)))
@settings(max_examples=200, deadline=None)
def test_the_script_of_any_recipe_is_python(recipe: Recipe, target: str, task: Task) -> None:
    labels = () if task is Task.regression else (target, "1")
    table = a_table(target, task, numbers=(target, "a"), categories=("b",), labels=labels)

    code = training_code(recipe, table)

    compile(code, "training.py", "exec")
    assert max(map(len, code.splitlines())) <= 140 + 2 * len(target)


@given(before=RECIPES, after=RECIPES, task=st.sampled_from(list(Task)), targets=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_any_change_is_python_and_no_change_is_nothing(
    before: Recipe, after: Recipe, task: Task, targets: int
) -> None:
    predicted = PredictedTargets(task, targets)

    compile(change_code(before, after, predicted), "change.py", "exec")

    assert change_code(before, before, predicted) == ""


@given(names=st.lists(STORABLE, min_size=1, max_size=4, unique=True))
@settings(max_examples=100, deadline=None)
def test_columns_are_named_as_they_are(names: list[str]) -> None:
    tree = ast.parse(training_code(BEFORE, a_table(numbers=tuple(names))))

    (found,) = [
        ast.literal_eval(each.value)
        for each in tree.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "NUMBERS"
    ]
    assert found == names
