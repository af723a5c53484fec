"""A linear network is not blamed for being linear where the target is linear, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of, some_classes, some_numbers
from worker.diagnosis.checks.linear import rule_out_causes

LINEAR = {"activation": "linear"}
RULED_OUT = {Cause.too_simple, Cause.wrong_activation}


def a_line(rows: int = 10, noise: float = 0.0) -> dict[str, Any]:
    x = np.arange(float(rows))
    return {"x": x, "y": 10 * x + 3 + noise * np.random.default_rng(0).normal(size=rows)}


@pytest.mark.parametrize(
    ("columns", "recipe", "ruled_out"),
    [
        (a_line(), a_network(), RULED_OUT),
        (a_line(300, noise=10.0), a_network(8, hidden=LINEAR), RULED_OUT),
        # Relu units may be too few even for a line.
        (a_line(), a_network(2), set()),
        # Noise of half of the spread: least squares leave far more than 1 %.
        (a_line(300, noise=400.0), a_network(), set()),
        (some_numbers(), a_network(), set()),
        # A line goes through any two points.
        (a_line(3), a_network(), set()),
        (some_classes(), a_network(output={"units": 3}, loss="categorical_crossentropy"), set()),
    ],
    ids=["line", "linear layers", "relu", "noise", "curve", "three rows", "classes"],
)
def test_a_linear_target_rules_out_what_a_linear_network_lacks(
    columns: dict[str, Any], recipe: Recipe, ruled_out: set[Cause]
) -> None:
    data, _ = data_of(columns, recipe)

    assert rule_out_causes(data, recipe) == ruled_out


def test_each_of_several_targets_has_to_be_linear() -> None:
    columns = a_line(100)
    columns["curve"] = columns["x"] ** 2
    recipe = a_network(output={"units": 2})

    both, _ = data_of(columns, recipe, targets=("y", "curve"))

    assert rule_out_causes(both, recipe) == set()


def test_least_squares_are_fitted_once_and_to_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = data_of(a_line(300, noise=10.0), a_network())
    fitted = []
    fit = np.linalg.lstsq

    def note(x: Any, y: Any, rcond: Any) -> Any:
        fitted.append(len(x))
        return fit(x, y, rcond=rcond)

    monkeypatch.setattr(np.linalg, "lstsq", note)
    monkeypatch.setattr("worker.diagnosis.training.data.MAX_FIT_ROWS", 50)

    assert [rule_out_causes(data, a_network()) for _ in range(2)] == [RULED_OUT] * 2
    assert fitted == [50]
