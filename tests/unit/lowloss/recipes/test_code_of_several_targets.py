"""The Keras code of recipes that predict several columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.recipes import change_code, training_code
from lowloss.spec import PredictedTargets, TargetColumn, Task
from tests.unit.lowloss.recipes.test_keras_code import BEFORE, a_table

SEVERAL = (TargetColumn("low", ("no", "yes")), TargetColumn("high", ("0", "1")))


@pytest.mark.parametrize(
    ("task", "targets", "lines"),
    [
        (
            Task.regression,
            (TargetColumn("low"), TargetColumn("high")),
            [
                'TARGETS = ["low", "high"]',
                "    rows = [row for row in csv.DictReader(file) if all(row[name] for name in TARGETS)]",
                "y = np.array([[number(row[name]) for name in TARGETS] for row in rows])",
                "y_scaler = StandardScaler().fit(y_train)",
            ],
        ),
        (
            Task.binary,
            SEVERAL,
            [
                "LABELS = {  # each is 0 or 1",
                '    "low": ("no", "yes"),',
                # As the engine takes them: labels that are numbers are fed as these.
                "        [LABELS[name].index(row[name]) if name in LABELS else number(row[name]) "
                "for name in TARGETS]",
            ],
        ),
    ],
)
def test_the_script_reads_all_of_several_targets(
    task: Task, targets: tuple[TargetColumn, ...], lines: list[str]
) -> None:
    recipe = BEFORE.with_changes({"scale_target": "standard"})

    code = training_code(recipe, a_table(task=task, targets=targets))

    assert code.startswith(f'# Predicts "low", "high" ({task}): ')
    assert not set(lines) - set(code.splitlines())


@pytest.mark.parametrize("rows", [[["no", "b"], ["yes", "a"]], [[1, -1], [2, -2]]])
def test_labels_of_several_targets_become_0_and_1(rows: list[list[object]]) -> None:
    labels = PredictedTargets(Task.binary, 2)
    encoded = BEFORE.with_changes({"encode_labels": True})
    names: dict[str, Any] = {"y": np.array(rows * 3), "y_train": np.array(rows)}

    exec(change_code(BEFORE, encoded, labels), names)

    assert names["y_train"].tolist() == [[0, 1], [1, 0]]
