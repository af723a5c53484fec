"""Noise among labels and columns: named where it is, and not where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause, NoiseFloor
from tests.builders.recipes import a_network, data_of, some_classes, some_numbers
from worker.diagnosis.checks.labels import (
    find_irrelevant_features,
    find_leaked_columns,
    find_noisy_labels,
)
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.data_causes import noise_finding
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.peers import BOOSTING, estimate_noise_floor, fit_peers

SPARSE = a_network(8, loss="sparse_categorical_crossentropy")


def noise_of(data: DiagnosisData) -> Suspect | None:
    peers = fit_peers(data, data.draws, seed=0, should_continue=lambda: None)
    boosting = next(peer for peer in peers if peer.name == BOOSTING)
    return find_noisy_labels(data, peers, best=boosting.relative_loss)


def flipped(share: float) -> dict[str, Any]:
    columns = some_classes(900, 2)
    rng = np.random.default_rng(3)
    is_flipped = rng.uniform(size=900) < share
    return columns | {"y": np.where(is_flipped, 1 - columns["y"], columns["y"])}


def contradicting() -> dict[str, Any]:
    columns = some_classes(300, 2)
    twice = {name: np.concatenate([values, values[:60]]) for name, values in columns.items()}
    twice["y"][300:] = 1 - twice["y"][300:]
    return twice


def with_noise_columns(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    return {f"n{place}": rng.normal(size=300) for place in range(count)} | some_numbers()


@pytest.mark.parametrize("columns", [flipped(0.3), contradicting()])
def test_wrong_labels_are_suspect(columns: dict[str, Any]) -> None:
    data, _ = data_of(columns, SPARSE, draws=3)

    suspect = noise_of(data)

    assert suspect is not None
    assert suspect.cause is Cause.noisy_labels
    assert not suspect.is_inert
    assert suspect.rows


def test_target_that_is_hard_to_tell_is_named_and_no_fault() -> None:
    columns = some_numbers() | {"y": np.random.default_rng(1).normal(size=300)}
    equal_rows = {"x": np.repeat(np.arange(100.0), 2), "y": np.arange(200.0) % 7 + 0.5}

    for given in (columns, equal_rows):
        suspect = noise_of(data_of(given, a_network(8))[0])

        assert suspect is not None
        assert suspect.is_inert


@pytest.mark.parametrize("columns", [flipped(0.0), flipped(0.02)])
def test_sound_labels_are_not_suspect(columns: dict[str, Any]) -> None:
    data, _ = data_of(columns, SPARSE)

    assert noise_of(data) is None


@pytest.mark.parametrize("seed", range(4))
def test_classes_that_overlap_are_not_suspect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = np.arange(300) % 2
    columns = {"x": rng.normal(size=300) + 1.5 * label, "z": rng.normal(size=300), "y": label}
    data, _ = data_of(columns, SPARSE, draws=3)

    assert noise_of(data) is None


def test_target_that_the_columns_tell_is_not_suspect() -> None:
    data, _ = data_of(some_numbers(), a_network(8))

    assert noise_of(data) is None


def test_column_that_repeats_the_target_is_a_leak_where_the_others_tell_it_too() -> None:
    recipe = a_network(8)
    data, _ = data_of(some_numbers() | {"again": some_numbers()["y"] * 2 + 1}, recipe)

    (suspect,) = find_leaked_columns(data, recipe)

    assert suspect.columns == ("again",)
    assert suspect.is_inert


def test_all_leaked_columns_are_one_suspect_and_left_out_together() -> None:
    recipe, y = a_network(8), some_numbers()["y"]
    data, _ = data_of(some_numbers() | {"again": y * 2 + 1, "cents": y * 100}, recipe)

    (suspect,) = find_leaked_columns(data, recipe)

    assert suspect.columns == ("again", "cents")


X = some_numbers()["x0"]


@pytest.mark.parametrize(
    "columns",
    [
        some_numbers(),
        {"x": X, "y": X**4},
        {"x": X, "noise": some_numbers(seed=9)["x1"], "y": X**4},
        {"x": X, "noise": some_numbers(seed=9)["x1"], "y": 2 * X + 1},
    ],
    ids=["no column", "the only column", "a function", "a line"],
)
def test_column_that_the_target_is_a_function_of_is_no_leak(columns: dict[str, Any]) -> None:
    recipe = a_network(8)
    data, _ = data_of(columns, recipe)

    assert find_leaked_columns(data, recipe) == []


def test_columns_of_noise_are_named_and_the_others_are_not() -> None:
    recipe = a_network(8)
    data, _ = data_of(with_noise_columns(60), recipe)

    (suspect,) = find_irrelevant_features(data, recipe)

    assert suspect.cause is Cause.irrelevant_features
    assert not {"x0", "x2"} & set(suspect.columns)
    assert len(suspect.columns) > 30


def test_few_columns_are_not_looked_at() -> None:
    recipe = a_network(8)
    data, _ = data_of(some_numbers(), recipe)

    assert find_irrelevant_features(data, recipe) == []


def test_near_neighbours_estimate_the_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 1000)
    data, _ = data_of({"x": x, "y": x + 0.5 * rng.normal(size=1000)}, a_network(8))

    floor = estimate_noise_floor(data, best=1.0)

    assert floor.estimate == pytest.approx(0.25, rel=0.25)
    assert floor.conflicting is None


def test_equal_rows_make_noise_certain() -> None:
    x = np.repeat(np.arange(100.0), 2)
    y = x + np.tile([0.0, 2.0], 100)
    data, _ = data_of({"x": x, "y": y}, a_network(8))

    # Two rows around their mean: a variance of 2 by n - 1.
    assert estimate_noise_floor(data, best=10.0).conflicting == pytest.approx(2.0)
    # A model did better: so few rows tell no floor.
    assert estimate_noise_floor(data, best=1.9).conflicting is None


@pytest.mark.parametrize(
    ("floor", "ending"),
    [
        (None, "is a log loss of 0.5."),
        (NoiseFloor(estimate=None, conflicting=None), "is a log loss of 0.5."),
        (
            NoiseFloor(estimate=None, conflicting=0.25),
            "of 0.5, and by rows that are equal no model is expected below 0.25.",
        ),
        (
            NoiseFloor(estimate=0.1, conflicting=None),
            "of 0.5, of which 0.1 is noise by an estimate from rows that are nearly equal.",
        ),
    ],
)
def test_finding_of_noise_says_its_part_where_that_was_measured(
    floor: NoiseFloor | None, ending: str
) -> None:
    suspect = Suspect(Cause.noisy_labels, "Labels contradict each other", ())

    finding = noise_finding(suspect, 0.5, "log_loss", floor)

    assert finding.sentence.endswith(ending)
