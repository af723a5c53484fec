"""Several targets a row: how they are read, judged and checked, before anything is trained."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

from lowloss.errors import JobFailed
from lowloss.results import Cause
from lowloss.spec import Recipe
from lowloss.tables.table import Table
from service.tables.check_recipe import check_diagnosis
from tests.builders.recipes import (
    LABELS,
    NUMBERS,
    a_case,
    a_network,
    data_of,
    several_labels,
    several_numbers,
)
from tests.builders.tables import LIMITS, a_dataset_of
from worker.artifacts.plain_table import write_plain_table
from worker.diagnosis.checks.data import check_data
from worker.diagnosis.checks.labels import find_leaked_columns, find_noisy_labels
from worker.diagnosis.checks.order import check_order
from worker.diagnosis.checks.recipe import check_recipe
from worker.diagnosis.checks.suspects import Suspect, merge_suspects
from worker.diagnosis.training.data import DiagnosisData, read_data
from worker.diagnosis.training.judging import constant_score, read_predictions, score_predictions
from worker.diagnosis.training.peers import fit_peers, measure_importances
from worker.diagnosis.training.variants import (
    CannotTrainError,
    choose_target_unit,
    encode_targets,
    fit_target_scaling,
    output_format,
)

THREE = {"units": 3}
SOFTMAX = THREE | {"activation": "softmax"}
SIGMOID = THREE | {"activation": "sigmoid"}
CROSSENTROPY = "binary_crossentropy"


def suspects_of(data: DiagnosisData, recipe: Recipe) -> dict[Cause, Suspect]:
    return merge_suspects([*check_data(data, recipe, ()), *check_recipe(data, recipe)])


def of_numbers(recipe: Recipe, **columns: Any) -> DiagnosisData:
    return data_of(several_numbers() | columns, recipe, targets=NUMBERS)[0]


def of_labels(recipe: Recipe, **columns: Any) -> DiagnosisData:
    return data_of(several_labels() | columns, recipe, targets=LABELS)[0]


def test_every_number_counts_the_same_in_a_loss() -> None:
    data = of_numbers(a_network(8, output=THREE))
    draw = data.draws[0]
    constant = constant_score(data, draw)
    means = [np.full((len(draw.judge), 1), one.y[draw.fit_rows].mean()) for one in data.by_target]

    for number, one in enumerate(data.by_target):
        exact = list(means)
        exact[number] = one.y[draw.judge][:, None]
        score = score_predictions(data, draw.judge, tuple(exact))

        assert score.loss == pytest.approx(constant.loss * 2 / 3, rel=0.2)
        assert score.by_target[number].loss == 0
    assert constant.loss == pytest.approx(1, rel=0.2)
    assert constant.by_target[0].loss > 1e9 * constant.by_target[1].loss


def test_the_loss_of_labels_is_the_mean_of_their_log_losses() -> None:
    data = of_labels(a_network(8, output=SIGMOID, loss=CROSSENTROPY))
    draw = data.draws[0]
    share_T = data.y[draw.fit_rows].mean(axis=0)

    score = constant_score(data, draw)

    losses_MT = -np.log(np.where(data.y[draw.judge] == 1, share_T, 1 - share_T))
    assert score.loss == pytest.approx(losses_MT.mean())
    assert score.accuracy == pytest.approx((data.y[draw.judge] == (share_T > 0.5)).mean())
    assert score.balanced_error is None


@pytest.mark.parametrize("scaling", ["none", "standard", "minmax"])
def test_each_number_has_a_scale_of_its_own(scaling: str) -> None:
    recipe = a_network(8, output=THREE, scale_target=scaling)
    data = of_numbers(recipe)
    draw = data.draws[0]

    shift_T, scale_T = fit_target_scaling(recipe, data, draw)
    output = ((data.y[draw.judge] - shift_T) / scale_T).astype(np.float32)

    for number, one in enumerate(data.by_target):
        shift, scale = fit_target_scaling(recipe, one, draw)
        assert shift_T[number] == pytest.approx(float(shift))
        assert scale_T[number] == pytest.approx(float(scale))
    predictions = read_predictions(recipe, data, draw, output, output)
    assert np.hstack(predictions) == pytest.approx(data.y[draw.judge], rel=1e-4, abs=1e-3)


def test_arrays_hold_each_number_in_its_own_unit_and_labels_as_they_are() -> None:
    recipe = a_network(8, output=THREE)
    data = of_numbers(recipe)
    mean_T, sd_T = choose_target_unit(output_format(recipe, data), data.y)
    labels = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    unit_T = choose_target_unit(output_format(labels, of_labels(labels)), of_labels(labels).y)

    assert ((data.y - mean_T) / sd_T).std(axis=0) == pytest.approx(1)
    assert [*unit_T[0], *unit_T[1]] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("is_encoded", [False, True])
def test_labels_that_are_numbers_are_fed_as_they_are_until_they_are_encoded(
    is_encoded: bool,
) -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY, encode_labels=is_encoded)
    red = np.where(several_labels()["red"] == 1, 2, 1)
    data = of_labels(recipe, red=red, green=np.where(several_labels()["green"], "yes", "no"))

    encoded = encode_targets(output_format(recipe, data), data)

    values = [sorted(set(column.tolist())) for column in encoded.T]
    assert values == [[0, 1] if is_encoded else [1, 2], [0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("output", "loss", "is_refused"),
    [
        (THREE, "mse", False),
        ({"units": 1}, "mse", False),
        ({"units": 2}, "mse", True),
        (SIGMOID, CROSSENTROPY, False),
        ({"units": 1, "activation": "sigmoid"}, CROSSENTROPY, True),
        (SOFTMAX, "sparse_categorical_crossentropy", True),
        (SOFTMAX, "categorical_crossentropy", False),
        ({"units": 1}, "hinge", False),
    ],
)
def test_keras_takes_a_unit_for_each_target_and_for_some_losses_one_for_all(
    output: dict[str, Any], loss: str, is_refused: bool
) -> None:
    recipe = a_network(8, output=output, loss=loss)
    data = of_labels(recipe)

    if is_refused:
        with pytest.raises(CannotTrainError):
            output_format(recipe, data)
    else:
        assert output_format(recipe, data).outputs == output["units"]


SUSPECTS_OF_LABELS: list[tuple[dict[str, Any], str, dict[Cause, str]]] = [
    (SIGMOID, CROSSENTROPY, {}),
    (
        SOFTMAX,
        "categorical_crossentropy",
        {Cause.wrong_output: "have several labels", Cause.wrong_loss: "is of one label a row"},
    ),
    (SIGMOID, "mse", {Cause.wrong_loss: "is one of numbers"}),
    (THREE, "mse", {Cause.wrong_output: "no probabilities", Cause.wrong_loss: "of numbers"}),
    ({"units": 1}, "mse", {Cause.wrong_output: "all 3 targets alike", Cause.wrong_loss: ""}),
    ({"units": 1, "activation": "sigmoid"}, CROSSENTROPY, {Cause.wrong_output: "1 output unit"}),
    (SIGMOID, "hinge", {Cause.wrong_output: "answers nothing below 0"}),
]


@pytest.mark.parametrize(("output", "loss", "sentences"), SUSPECTS_OF_LABELS)
def test_outputs_and_losses_that_do_not_fit_labels_are_suspect(
    output: dict[str, Any], loss: str, sentences: dict[Cause, str]
) -> None:
    recipe = a_network(8, output=output, loss=loss)

    suspects = suspects_of(of_labels(recipe), recipe)

    causes = {Cause.wrong_output, Cause.wrong_loss} & suspects.keys()
    assert causes == sentences.keys()
    for cause, sentence in sentences.items():
        assert sentence in suspects[cause].sentence


def test_a_softmax_fits_labels_of_which_every_row_has_one() -> None:
    recipe = a_network(8, output=SOFTMAX, loss="categorical_crossentropy")
    codes = {name: (np.arange(300) % 3 == k).astype(int) for k, name in enumerate(LABELS)}

    suspects = suspects_of(of_labels(recipe, **codes), recipe)

    assert not {Cause.wrong_output, Cause.wrong_loss} & suspects.keys()


def test_labels_that_are_no_0_and_1_are_suspect_by_name() -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    data = of_labels(recipe, red=np.where(several_labels()["red"] == 1, 2, 1))

    suspect = suspects_of(data, recipe)[Cause.labels_not_encoded]

    assert suspect.sentence.startswith("The labels of 'red' are 1, 2")
    assert suspect.columns == ("red",)


SUSPECTS_OF_NUMBERS: list[tuple[dict[str, Any], str, dict[Cause, str]]] = [
    (THREE, "mse", {}),
    (SIGMOID, "mse", {Cause.wrong_output: "of the target '"}),
    (SOFTMAX, "mse", {Cause.wrong_output: "which adds up to 1 in every row"}),
    ({"units": 1}, "mse", {Cause.wrong_output: "One output unit answers all 3 targets"}),
    ({"units": 2}, "mse", {Cause.wrong_output: "2 output units for 3 targets"}),
    (SIGMOID, CROSSENTROPY, {Cause.wrong_output: "", Cause.wrong_loss: "the target '"}),
]


@pytest.mark.parametrize(("output", "loss", "sentences"), SUSPECTS_OF_NUMBERS)
def test_outputs_and_losses_that_do_not_fit_numbers_are_suspect(
    output: dict[str, Any], loss: str, sentences: dict[Cause, str]
) -> None:
    recipe = a_network(8, output=output, loss=loss, scale_target="standard")

    suspects = suspects_of(of_numbers(recipe), recipe)

    causes = {Cause.wrong_output, Cause.wrong_loss} & suspects.keys()
    assert causes == sentences.keys()
    for cause, sentence in sentences.items():
        assert sentence in suspects[cause].sentence
        assert suspects[cause].is_certain


def test_targets_of_different_spread_are_suspect_unless_they_are_scaled() -> None:
    recipe = a_network(8, output=THREE)
    data = of_numbers(recipe)

    suspect = suspects_of(data, recipe)[Cause.target_not_scaled]

    assert "the spreads of the targets differ by a factor" in suspect.sentence.lower()
    assert suspect.columns[0] == "wide"
    scaled = recipe.with_changes({"scale_target": "standard"})
    assert Cause.target_not_scaled not in suspects_of(data, scaled)


def test_rare_labels_are_no_imbalance_of_classes() -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    data = of_labels(recipe, red=(np.arange(300) % 60 == 0).astype(int))

    assert Cause.class_imbalance not in suspects_of(data, recipe)


def test_rows_without_some_target_are_left_out_of_data_and_of_the_script_table(
    tmp_path: Any,
) -> None:
    recipe = a_network(8, output=THREE)
    columns = several_numbers()
    columns["low"] = np.where(np.arange(300) < 100, np.nan, columns["low"])
    columns["high"] = np.where(np.arange(300) > 250, np.nan, columns["high"])

    table, _, checked = a_case(columns, recipe, targets=NUMBERS)
    data = read_data(table, checked, recipe, draws=1, max_rows=1000, seed=0)
    write_plain_table(tmp_path / "table.csv", table, checked)

    assert data.y.shape == (151, 3)
    assert data.dropped_rows == 149
    assert pl.read_csv(tmp_path / "table.csv").height == 151


def test_targets_that_no_two_rows_have_together_end_the_job() -> None:
    recipe = a_network(8, output=THREE)
    columns = several_numbers()
    is_early = np.arange(300) < 150
    columns["low"] = np.where(is_early, np.nan, columns["low"])
    columns["high"] = np.where(is_early, columns["high"], np.nan)
    table, _, checked = a_case(columns, recipe, targets=NUMBERS)

    with pytest.raises(JobFailed, match="0 rows have all of the targets"):
        read_data(table, checked, recipe, draws=1, max_rows=1000, seed=0)


def test_number_with_one_value_where_all_targets_are_there_is_refused_by_name() -> None:
    recipe = a_network(8, output=THREE)
    columns = several_numbers()
    is_early = np.arange(300) < 150
    columns["low"] = np.where(is_early, columns["low"], 0.1)
    columns["high"] = np.where(is_early, np.nan, columns["high"])
    table, _, checked = a_case(columns, recipe, targets=NUMBERS)

    with pytest.raises(JobFailed, match="'low' has one value in the rows that have all"):
        read_data(table, checked, recipe, draws=1, max_rows=1000, seed=0)


def test_no_column_tells_a_label_that_all_training_rows_have() -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    data, _ = data_of(several_labels(), recipe, targets=LABELS)
    rare = np.ones(300, dtype=int)
    rare[data.draws[0].judge[:4]] = 0

    one = of_labels(recipe, red=rare).by_target[0]
    rises, probe = measure_importances(one, data.draws[0], seed=0)

    assert not rises.any()
    assert probe == 0


def test_shares_of_several_targets_fit_a_softmax_and_its_loss_but_for_rounding() -> None:
    recipe = a_network(8, output=SOFTMAX, loss="categorical_crossentropy")
    amounts_NT = np.exp(np.stack([several_numbers()[name] / 1e5 for name in NUMBERS], axis=1))
    shares_NT = np.round(amounts_NT / amounts_NT.sum(axis=1, keepdims=True), 2)
    shares = dict(zip(NUMBERS, shares_NT.T, strict=True))

    assert (
        not {Cause.wrong_output, Cause.wrong_loss}
        & suspects_of(of_numbers(recipe, **shares), recipe).keys()
    )
    shares["wide"] = shares["wide"] + 0.3
    assert Cause.wrong_output in suspects_of(of_numbers(recipe, **shares), recipe)


def test_check_of_each_target_is_one_check() -> None:
    recipe = a_network(8, output=THREE, loss="mean_absolute_percentage_error")
    data = of_numbers(recipe)

    several = suspects_of(data, recipe)[Cause.wrong_loss]

    assert several.strength == 0.5
    assert len(several.evidence) == 1
    assert "'wide'" in several.evidence[0].what


def test_a_label_that_no_training_row_has_stops_no_peer() -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    rare = np.zeros(300, dtype=int)
    data, _ = data_of(several_labels(), recipe, targets=LABELS)
    rare[data.draws[0].judge[:4]] = 1

    data = of_labels(recipe, red=rare)
    peers = fit_peers(data, data.draws[:1], seed=0, should_continue=lambda: True)

    assert [len(peer.predictions[0]) for peer in peers] == [3, 3]
    assert all(np.isfinite(peer.relative_loss) for peer in peers)


def test_peers_beat_a_constant_answer_on_every_target() -> None:
    data = of_numbers(a_network(8, output=THREE))
    constant = constant_score(data, data.draws[0])

    *_, boosting = fit_peers(data, data.draws[:1], seed=0, should_continue=lambda: True)

    pairs = itertools.zip_longest(boosting.scores[0].by_target, constant.by_target)
    assert all(mine.loss < 0.7 * other.loss for mine, other in pairs)


def test_contradicting_labels_and_leaks_are_told_of_their_target() -> None:
    recipe = a_network(8, output=SIGMOID, loss=CROSSENTROPY)
    columns = several_labels(60)
    doubled = {name: np.concatenate([values, values]) for name, values in columns.items()}
    doubled["blue"] = np.concatenate([columns["blue"], 1 - columns["blue"]])
    data = data_of(doubled, recipe, targets=LABELS)[0]
    leaky = of_numbers(a_network(8, output=THREE), x9=several_numbers()["low"] * 3)

    noise = find_noisy_labels(data, [], best=0.5)
    (leak,) = find_leaked_columns(leaky, a_network(8, output=THREE))

    assert noise is not None
    assert "a different target 'blue'" in noise.sentence
    assert "alone predicts 'low'" in leak.sentence


def test_last_rows_are_told_of_the_target_that_differs_there() -> None:
    recipe = a_network(8, output=THREE, validation_split=0.2, validation_rows="last")
    low = np.sort(several_numbers()["low"])

    suspects = list(check_order(of_numbers(recipe, low=low), recipe))

    assert len(suspects) == 1
    assert "their target 'low' is another" in suspects[0].sentence


def test_a_text_is_no_several_targets_of_numbers() -> None:
    table = Table(pl.DataFrame(several_numbers() | {"name": ["a", "b", "c"] * 100}))
    _, spec, _ = a_case(several_numbers(), a_network(8, output=THREE), targets=NUMBERS)

    with pytest.raises(Exception, match="'name' holds texts"):
        check_diagnosis(
            spec.model_copy(update={"target": ("wide", "name")}), a_dataset_of(table), limits=LIMITS
        )


def test_an_autoencoder_has_no_leaked_columns() -> None:
    recipe = a_network(8, output=THREE)
    columns = {name: np.maximum(values, 0.0) for name, values in several_numbers().items()}
    # Equal numbers, whose bytes differ.
    copies = {f"copy of {n}": np.where(columns[n] > 0, columns[n], -0.0) for n in NUMBERS}

    every = data_of(columns | copies, recipe, targets=NUMBERS)[0]
    without_one = data_of(columns | dict(list(copies.items())[1:]), recipe, targets=NUMBERS)[0]

    assert find_leaked_columns(every, recipe) == []
    assert find_leaked_columns(without_one, recipe) != []
