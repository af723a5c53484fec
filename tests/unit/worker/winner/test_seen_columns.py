"""Which columns the networks of a model see, where they leave inputs out."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from tests.builders.finals import trained
from tests.builders.tables import checked_frame
from tests.builders.trainings import a_plan
from worker.data.features import design_matrix
from worker.data.prepare import Prepared, prepare
from worker.engine.results import TrainingOutcome
from worker.winner.final_model import FinalModel
from worker.winner.importance import importances

ROWS = 200
LEVELS = [f"l{number}" for number in range(20)]


def a_prepared(counts: list[int | None]) -> Prepared:
    """A number that tells the target, noise with missing values, dates, and two categories."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=ROWS)
    noise: list[float | None] = list(rng.normal(size=ROWS))
    noise[::3] = [None] * len(noise[::3])
    start = datetime.date(2020, 1, 1)
    columns = {
        "tells": y + 0.1 * rng.normal(size=ROWS),
        "noise": noise,
        "day": [start + datetime.timedelta(days=int(day)) for day in rng.integers(900, size=ROWS)],
        "few": rng.choice(["a", "b", "c"], ROWS),
        "many": rng.choice(LEVELS, ROWS),
        "y": y,
    }
    preprocessing: dict[str, Any] = {
        "scale_features": "standard",
        "select_features": {"choices": counts},
    }
    validation = {"strategy": "holdout"}
    table, check = checked_frame(columns, "y", preprocessing=preprocessing, validation=validation)
    return prepare(table, check, max_levels=100)


def a_model(prepared: Prepared, folds: list[int]) -> FinalModel:
    arrays = prepared.arrays
    plans = [a_plan(widths=(4,), fold=fold, seed=seed) for seed, fold in enumerate(folds)]
    networks = (trained(arrays, plan, 2, TrainingOutcome.completed) for plan in plans)
    return FinalModel(prepared, tuple(networks))


def test_each_input_has_its_column() -> None:
    prepared = a_prepared([None, 1])
    features = prepared.fits[0].features
    names = features.column_of_inputs
    x_ND = design_matrix(features, prepared.labelled.raw)

    assert len(names) == features.numbers
    assert names[:3] == ("tells", "noise", "day")
    assert names.count("few") == 3
    # Its number and an indicator; its number and its seasons.
    assert names.count("noise") == 2
    assert names.count("day") == 1 + 2 * len({days for _, days in features.seasons})
    # Those of a column of three levels are 1 in one place.
    of_few = [index for index, name in enumerate(names) if name == "few"]
    assert (x_ND[:, of_few].sum(axis=1) == 1).all()


def test_networks_that_see_a_column_are_counted() -> None:
    prepared = a_prepared([None, 1])

    both = a_model(prepared, [0, 1, 1])

    assert both.seen_by == {"tells": 3, "noise": 1, "day": 1, "few": 1, "many": 3}
    assert a_model(prepared, [0, 0]).seen_by == {}


def test_importances_are_of_columns_that_some_network_sees() -> None:
    prepared = a_prepared([None, 1])
    one, all_columns = (importances(a_model(prepared, [fold]), seed=0) for fold in (1, 0))

    assert {entry.column for entry in one} == {"tells", "many"}
    assert {entry.column for entry in all_columns} == {"tells", "noise", "day", "few", "many"}
