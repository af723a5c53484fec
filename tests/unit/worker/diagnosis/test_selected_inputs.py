"""Recipes that keep the inputs which tell most of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of
from worker.data.selection import find_dropped
from worker.data.target import Float64Array
from worker.diagnosis.checks.network import check_network
from worker.diagnosis.training.treatment import Treatment
from worker.engine.array_types import FloatArray, RowNumbers

ROWS = 120
RNG = np.random.default_rng(0)
SKEWED = np.exp(2 * RNG.normal(size=ROWS))
LINE = RNG.normal(size=ROWS)
COLUMNS = {
    "line": LINE,
    "noise": RNG.normal(size=ROWS),
    "skewed": SKEWED,
    "y": np.log(SKEWED) / 2 + 0.8 * LINE,
}
"""What `skewed` tells is seen once it is scaled by quantiles."""


def a_recipe(scaling: str, count: int | None = 1) -> Recipe:
    return a_network(4, scale_features=scaling, missing="mean", select_features=count)


@pytest.mark.parametrize("scaling", ["none", "minmax", "standard", "robust", "quantile"])
def test_inputs_are_selected_as_they_are_scaled(scaling: str) -> None:
    recipe = a_recipe(scaling)
    data, _ = data_of(COLUMNS, recipe)
    draw = data.draws[0]
    all_ND = data.transform(Treatment.of(a_recipe(scaling, None)), draw)

    x_ND = data.transform(Treatment.of(recipe), draw)

    rows = draw.fit_rows
    dropped = find_dropped(all_ND[rows], data.y[rows], count=1, is_regression=True)
    assert np.flatnonzero(~x_ND.any(axis=0)).tolist() == dropped.tolist()
    assert data.inputs(recipe) == 1


def test_scaling_by_quantiles_changes_what_is_selected() -> None:
    selected = {}
    for scaling in ("standard", "quantile"):
        data, _ = data_of(COLUMNS, a_recipe(scaling))
        x_ND = data.transform(Treatment.of(a_recipe(scaling)), data.draws[0])
        (selected[scaling],) = np.flatnonzero(x_ND.any(axis=0)).tolist()

    assert selected == {"standard": 0, "quantile": 2}


def test_bins_of_dropped_columns_are_no_inputs() -> None:
    data, _ = data_of(COLUMNS, a_recipe("piecewise"))
    bins = data.bins(Treatment.of(a_recipe("piecewise")), data.draws[0])

    assert bins is not None
    assert len(np.unique(bins.column_J[bins.width_J > 0])) == 1
    assert data.inputs(a_recipe("piecewise")) == int(np.count_nonzero(bins.width_J))
    assert data.inputs(a_recipe("piecewise")) < data.inputs(a_recipe("piecewise", None))


@pytest.mark.parametrize("scaling", ["standard", "piecewise"])
def test_weights_of_dropped_inputs_do_not_make_a_network_too_complex(scaling: str) -> None:
    rng = np.random.default_rng(0)
    table = {f"x{i}": rng.normal(size=60) for i in range(50)} | {"y": rng.normal(size=60)}

    causes = {}
    for count in (20, None):
        recipe = a_recipe(scaling, count).with_changes({"layers": [{"units": 64}, {"units": 1}]})
        data, _ = data_of(table, recipe)
        causes[count] = [suspect.cause for suspect in check_network(data, recipe)]

    assert Cause.too_complex not in causes[20]
    assert Cause.too_complex in causes[None]


def test_inputs_are_selected_once_for_each_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = a_recipe("piecewise")
    data, _ = data_of(COLUMNS, recipe)
    selections = []

    def count_selections(x_ND: FloatArray, y_N: Float64Array, **options: Any) -> RowNumbers:
        selections.append(len(x_ND))
        return find_dropped(x_ND, y_N, **options)

    monkeypatch.setattr("worker.diagnosis.training.data.find_dropped", count_selections)

    for _ in range(2):
        data.inputs(recipe)
        for draw in data.draws:
            data.bins(Treatment.of(recipe), draw)
            data.transform(Treatment.of(recipe), draw)

    assert len(selections) == len(data.draws)


def test_inputs_are_not_selected_among_missing_numbers() -> None:
    with pytest.raises(ValidationError, match="set missing to mean"):
        a_recipe("standard").with_changes({"missing": "keep"})
