"""What a training is worth, whatever its loss and its output."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.builders.recipes import a_network, data_of, some_classes, some_numbers
from worker.diagnosis.training.judging import (
    constant_loss,
    read_predictions,
    relative_loss,
    score_predictions,
)
from worker.diagnosis.training.variants import (
    CannotTrainError,
    Variant,
    encode_targets,
    output_format,
    select_rows,
)
from worker.engine.arrays import Loss

BINARY, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"


def test_relative_loss_is_the_loss_up_to_the_constant_answers_and_counts_powers_of_ten_beyond() -> (
    None
):
    assert relative_loss(0.25) == 0.25
    assert relative_loss(1.0) == 1.0
    assert relative_loss(100.0) == pytest.approx(3.0)
    assert (
        relative_loss(math.inf)
        == relative_loss(math.nan)
        == relative_loss(1e9)
        == pytest.approx(4.0)
    )


def test_scaled_answers_are_put_back_into_the_targets_units() -> None:
    recipe = a_network(8, scale_target="standard")
    data, _ = data_of(some_numbers(scale=1000), recipe)
    draw = data.draws[0]
    output = np.zeros((len(draw.judge), 1), dtype=np.float32)

    (answer,) = read_predictions(recipe, data, draw, output, output)

    assert answer[:, 0] == pytest.approx(data.y[draw.fit_rows].mean())
    assert score_predictions(data, draw.judge, (answer,)).loss == pytest.approx(
        constant_loss(data, draw)
    )


def test_sigmoids_of_many_classes_are_shared_out() -> None:
    recipe = a_network(8, output={"units": 3, "activation": "sigmoid"}, loss=BINARY)
    data, _ = data_of(some_classes(), recipe)
    output = np.array([[0.2, 0.6, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, data.draws[0], output, output)

    assert answer == pytest.approx(np.array([[0.25, 0.75, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_one_unit_for_many_classes_is_read_by_what_the_known_rows_of_that_answer_are() -> None:
    recipe = a_network(8, output={"units": 1})
    data, _ = data_of(some_classes(), recipe.with_changes({"loss": SPARSE}))
    draw = data.draws[0]
    known = data.y[draw.fit_rows][:, None].astype(np.float32)
    output = np.array([[0.1], [1.9]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, draw, output, known)

    assert answer.argmax(axis=1).tolist() == [0, 2]
    assert answer.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("first", [0, -1])
def test_margins_are_read_by_what_the_known_rows_on_that_side_are(first: int) -> None:
    columns = some_classes(classes=2)
    columns |= {"y": np.where(columns["y"] == 0, first, 1)}
    recipe = a_network(8, loss="hinge")
    data, _ = data_of(columns, recipe)
    draw = data.draws[0]
    known = (2 * data.y[draw.fit_rows][:, None] - 1).astype(np.float32)
    output = np.array([[-0.1], [0.1]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, draw, output, known)

    assert answer.argmax(axis=1).tolist() == [0, 1]
    assert answer.max(axis=1).min() > 0.9


def test_sigmoid_trained_by_a_margin_is_read_as_the_share_that_it_answers() -> None:
    recipe = a_network(8, output={"activation": "sigmoid"}, loss="hinge")
    data, _ = data_of(some_classes(classes=2), recipe)
    output = np.array([[0.1], [0.8]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, data.draws[0], output, output)

    assert answer[:, 1] == pytest.approx([0.1, 0.8])


def test_smoothed_labels_are_compared_as_one_hot_codes() -> None:
    recipe = a_network(
        8,
        output={"units": 3, "activation": "softmax"},
        loss="categorical_crossentropy",
        label_smoothing=0.1,
    )
    data, _ = data_of(some_classes(), recipe)

    answer = output_format(recipe, data)

    assert (answer.loss, answer.arguments) == (Loss.categorical, (("label_smoothing", 0.1),))


def test_recipe_that_keras_refuses_cannot_train() -> None:
    recipe = a_network(8, output={"units": 2, "activation": "softmax"}, loss=SPARSE)
    data, _ = data_of(some_classes(), recipe)

    with pytest.raises(CannotTrainError, match="2 output units for 3 classes"):
        output_format(recipe, data)


def test_single_unit_is_compared_with_the_labels_themselves() -> None:
    columns = some_classes() | {"y": some_classes()["y"] + 5}
    recipe = a_network(8, output={"units": 1, "activation": "sigmoid"}, loss=BINARY)
    data, _ = data_of(columns, recipe)
    answer = output_format(recipe, data)

    assert answer.loss is Loss.binary
    assert set(encode_targets(answer, data)) == {5.0, 6.0, 7.0}


def test_who_has_no_validation_split_trains_on_all_known_rows_and_never_on_the_judging_ones() -> (
    None
):
    recipe = a_network(8)
    data, _ = data_of(some_numbers(), recipe)
    draw = data.draws[0]

    whole, _ = select_rows(Variant(recipe), draw)
    split, held = select_rows(Variant(recipe.with_changes({"validation_split": 0.2})), draw)

    assert np.array_equal(whole, draw.fit_rows)
    assert np.array_equal(np.union1d(split, held), draw.fit_rows)
    assert not set(whole) & set(draw.judge)
    assert not set(split) & set(held)


@pytest.mark.parametrize(
    ("rows", "split", "trained"), [(300, 0.2, 192), (300, 0.001, 239), (10, 0.9, 1), (2, 0.5, 1)]
)
def test_last_rows_validate_as_keras_has_it(rows: int, split: float, trained: int) -> None:
    recipe = a_network(8, validation_split=split, validation_rows="last")
    data, _ = data_of(some_numbers(rows), recipe)

    train, validation = select_rows(Variant(recipe), data.draws[0])

    assert len(train) == trained
    assert np.array_equal(np.concatenate([train, validation]), data.draws[0].fit_rows)


def test_draws_differ_and_each_parts_all_rows() -> None:
    data, _ = data_of(some_numbers(), a_network(8), draws=3)

    parts = [np.concatenate([d.train, d.validation, d.judge]) for d in data.draws]

    assert all(np.array_equal(np.sort(part), np.arange(300)) for part in parts)
    assert len({tuple(draw.judge) for draw in data.draws}) == 3


@pytest.mark.parametrize(("is_encoded", "output"), [(False, 1.25), (True, 0.25)])
def test_output_is_read_by_the_labels_that_were_fed(is_encoded: bool, output: float) -> None:
    columns = some_classes(classes=2)
    recipe = a_network(8, output={"activation": "sigmoid"}, loss=BINARY, encode_labels=is_encoded)
    data, _ = data_of(columns | {"y": columns["y"] + 1}, recipe)
    fed = encode_targets(output_format(recipe, data), data)
    output_M1 = np.array([[output]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, data.draws[0], output_M1, output_M1)

    assert set(fed) == ({0.0, 1.0} if is_encoded else {1.0, 2.0})
    assert answer[0] == pytest.approx([0.75, 0.25])


def test_units_of_classes_that_do_not_occur_count_for_nothing() -> None:
    recipe = a_network(8, output={"units": 4, "activation": "softmax"}, loss=SPARSE)
    columns = some_classes()
    data, _ = data_of(columns | {"y": columns["y"] + 1}, recipe)
    output = np.array([[0.2, 0.4, 0.3, 0.1]], dtype=np.float32)

    (answer,) = read_predictions(recipe, data, data.draws[0], output, output)

    assert answer[0] == pytest.approx([0.5, 0.375, 0.125])


def test_few_judging_rows_bound_the_log_loss() -> None:
    data, _ = data_of(
        some_classes(60, 2), a_network(8, output={"activation": "sigmoid"}, loss=BINARY)
    )
    rows = data.draws[0].judge
    wrong = np.eye(2)[1 - data.y[rows].astype(int)]

    assert score_predictions(data, rows, (wrong,)).loss == pytest.approx(np.log(len(rows)))
