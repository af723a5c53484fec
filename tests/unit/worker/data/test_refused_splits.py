"""Splits that only the rows themselves can tell to be of no use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.errors import JobFailed
from tests.builders.tables import checked_frame
from worker.data.prepare import prepare

ROWS = 100
TIME = np.arange(ROWS) * 0.5
NUMBERS = np.random.default_rng(0).normal(size=ROWS)
LATE = ["a"] * 50 + ["b"] * 50
EARLY = ["a", "b"] * 25 + ["a"] * 50
ONE_TIME = np.where((np.arange(ROWS) < 10) | (np.arange(ROWS) >= 80), TIME, 20.0)
ORDERED = {"strategy": "ordered", "column": "c"}
GROUPED = {"strategy": "grouped", "column": "c"}


@pytest.mark.parametrize(
    ("y", "column", "validation", "reason", "said"),
    [
        (NUMBERS, ONE_TIME, ORDERED | {"folds": 3}, "split_too_small", "validation rows of a fold"),
        (NUMBERS, ["g"] * 97 + ["h", "i", "j"], GROUPED, "split_too_small", "2 are needed"),
        (
            NUMBERS,
            [*"ghi", *["j"] * 97],
            GROUPED | {"folds": 3},
            "split_too_small",
            "Change validation.folds",
        ),
        (LATE, TIME, ORDERED | {"folds": 4}, "split_lacks_a_class", "training rows of a fold lack"),
        (EARLY, TIME, ORDERED, "split_lacks_a_class", "validation rows of a fold are all of one"),
        (EARLY, TIME, ORDERED | {"fraction": 0.6}, "split_lacks_a_class", "test rows of a fold"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_split_that_cannot_judge_is_refused_with_its_reason(
    *, y: Any, column: Any, validation: dict[str, Any], reason: str, said: str
) -> None:
    columns = {"x": NUMBERS, "c": column, "y": y}
    table, check = checked_frame(columns, "y", validation=validation)

    with pytest.raises(JobFailed) as caught:
        prepare(table, check, max_levels=100)

    assert caught.value.reason == reason
    assert said in str(caught.value)
