"""Whole diagnoses of several targets a row: numbers of different units, and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest

from lowloss.recipes import training_code
from lowloss.results import Cause, Diagnosis
from lowloss.spec import DiagnosisBudget, Recipe
from tests.builders.pretended_trainings import StandingClock, pretend_group
from tests.builders.recipes import (
    LABELS,
    NUMBERS,
    SOUND,
    a_case,
    a_network,
    several_labels,
    several_numbers,
)
from tests.builders.slow import slow_but
from tests.builders.statements import false_statements
from tests.training.diagnosis.test_statements import texts_of
from worker.artifacts.plain_table import write_plain_table
from worker.diagnosis.diagnose import diagnose
from worker.diagnosis.training.trainer import Trainer
from worker.execution.local import LocalExecutor

THREE = {"units": 3}
ADAM = {"name": "adam", "learning_rate": 0.003}
RAW = a_network(32, output=THREE, optimizer=ADAM, epochs=30)
SOFTMAX = a_network(
    32,
    output=THREE | {"activation": "softmax"},
    loss="categorical_crossentropy",
    optimizer=ADAM,
    epochs=30,
)
SIGMOID = a_network(
    32, output=THREE | {"activation": "sigmoid"}, loss="bce", optimizer=ADAM, epochs=30
)
NORMALISED = RAW.with_changes(
    {
        "layers": [
            {"units": 16, "after_dense": [{"name": "batch_normalization"}]},
            THREE,
        ],
        "scale_target": "standard",
    }
)


@pytest.fixture(scope="module")
def executor() -> LocalExecutor:
    """Compiled once for what is alike."""
    return LocalExecutor()


def diagnosed(
    recipe: Recipe, targets: tuple[str, ...], executor: LocalExecutor, seconds: float = 200
) -> Diagnosis:
    columns = several_numbers() if targets == NUMBERS else several_labels()
    table, spec, checked = a_case(columns, recipe, seconds=seconds, targets=targets)
    return diagnose(table, spec, checked, executor=executor)


CASES: list[tuple[Recipe, tuple[str, ...], Cause]] = [
    (SOFTMAX, LABELS, Cause.wrong_output),
    (RAW, NUMBERS, Cause.target_not_scaled),
    (a_network(32, **SOUND), NUMBERS, Cause.wrong_output),
    (a_network(32, output={"units": 2}, **SOUND), NUMBERS, Cause.wrong_output),
]


@pytest.mark.parametrize(
    ("recipe", "targets", "cause"),
    slow_but(CASES, fast=CASES[:1]),
    ids=["softmax", "raw", "one unit", "two units"],
)
def test_cause_of_several_targets_comes_first(
    recipe: Recipe, targets: tuple[str, ...], cause: Cause, executor: LocalExecutor
) -> None:
    diagnosis = diagnosed(recipe, targets, executor)

    first, end = diagnosis.harmful[0], diagnosis.remedied_recipe
    assert first.cause is cause
    assert first.effect is not None
    assert first.effect.share > 0.5
    assert end.output.units == 3
    assert [target.name for target in diagnosis.targets] == list(targets)
    for target in diagnosis.targets:
        assert target.remedied is not None
        assert target.remedied < 0.8 * target.constant


@pytest.mark.slow
def test_a_sound_recipe_of_labels_has_no_wrong_output(executor: LocalExecutor) -> None:
    diagnosis = diagnosed(SIGMOID, LABELS, executor)

    assert not {Cause.wrong_output, Cause.wrong_loss} & {f.cause for f in diagnosis.findings}


@pytest.mark.slow
def test_stock_keras_trains_several_targets_behind_further_layers(executor: LocalExecutor) -> None:
    diagnosis = diagnosed(NORMALISED, NUMBERS, executor, seconds=60)

    assert diagnosis.loss is not None
    assert diagnosis.loss < 0.9 * diagnosis.constant
    assert any("stock Keras trains this recipe" in note for note in diagnosis.notes)


OF_BUDGETS: list[tuple[Recipe, tuple[str, ...], float]] = [
    (recipe, targets, seconds)
    for recipe, targets in ((RAW, NUMBERS), (SOFTMAX, LABELS))
    for seconds in (0.0, 5.0, 60.0)
]


@pytest.mark.parametrize(
    ("recipe", "targets", "seconds"),
    slow_but(OF_BUDGETS, fast=[OF_BUDGETS[2], OF_BUDGETS[4]]),
    ids=[f"{targets[0]} {seconds:g}" for _, targets, seconds in OF_BUDGETS],
)
def test_what_is_said_of_several_targets_was_measured(
    recipe: Recipe,
    targets: tuple[str, ...],
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    trainers: list[Trainer] = []
    real_init = Trainer.__post_init__

    def remember(trainer: Trainer) -> None:
        real_init(trainer)
        trainers.append(trainer)

    monkeypatch.setattr(Trainer, "_train_group", pretend_group)
    monkeypatch.setattr(Trainer, "__post_init__", remember)
    columns = several_numbers() if targets == NUMBERS else several_labels()
    last = columns[targets[-1]]
    columns[targets[-1]] = pl.Series(last).scatter(range(30), None)
    table, spec, checked = a_case(columns, recipe, targets=targets)
    budget = DiagnosisBudget.model_construct(max_seconds=seconds, max_extension=3.0)
    spec = spec.model_copy(update={"budget": budget})

    diagnosis = diagnose(table, spec, checked, executor=LocalExecutor(), clock=StandingClock())

    assert false_statements(diagnosis, trainers[-1]) == []
    assert "30 of 300 rows lack a target, and are left out." in diagnosis.notes
    for text in texts_of(diagnosis, tmp_path):
        for target in targets:
            assert f" of {target}: the recipe " in text


@pytest.mark.parametrize(
    ("recipe", "targets"),
    [
        pytest.param(
            RAW.with_changes({"scale_target": "standard"}), NUMBERS, marks=pytest.mark.slow
        ),
        (SIGMOID, LABELS),
    ],
    ids=["numbers", "labels"],
)
def test_the_script_trains_on_all_targets_of_its_table(
    recipe: Recipe, targets: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = several_numbers() if targets == NUMBERS else several_labels()
    if targets == LABELS:
        columns["red"] = np.where(columns["red"] == 1, "yes", "no")
    table, _, checked = a_case(columns, recipe, targets=targets)
    written = write_plain_table(tmp_path / "table.csv", table, checked)
    monkeypatch.setattr("sys.argv", ["train.py", str(tmp_path / "table.csv")])
    keras.utils.set_random_seed(0)
    names: dict[str, Any] = {}

    code = training_code(recipe.with_changes({"epochs": 3}), written)
    exec(compile(code, "train.py", "exec"), names)

    losses = names["model"].history.history["loss"]
    assert losses[-1] < losses[0] < 5
    assert names["y"].shape == (300, 3)
    answers = names.get("predict", names["model"].predict)(names["x"])
    assert answers.shape == (300, 3)
    if targets == NUMBERS:
        assert answers[:, 0].std() > 1e4
