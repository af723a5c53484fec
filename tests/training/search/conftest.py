"""Searches of ours, and stock KerasTuner's oracles.

Imports are where they are needed: other tests of this folder do without TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def open_search(tmp_path: Path) -> Iterator[Any]:
    from tests.training.search.test_tuner import a_spec
    from worker.search.tuner import SearchTuner

    opened: list[SearchTuner] = []

    def make(**given: Any) -> SearchTuner:
        opened.append(SearchTuner(a_spec(**given), directory=tmp_path / str(len(opened))))
        return opened[-1]

    yield make
    for search in opened:
        search.close()


@pytest.fixture
def open_stock(tmp_path: Path) -> Iterator[Any]:
    import keras_tuner
    from keras_tuner.src.engine import oracle as keras_tuner_oracle

    opened: list[keras_tuner.Oracle] = []

    def make(oracle: Any, *, project: str | None = None, **given: Any) -> keras_tuner.Oracle:
        objective = keras_tuner.Objective("val_loss", "min")
        opened.append(oracle(**{"objective": objective, "seed": 1} | given))
        opened[-1]._set_project_dir(tmp_path, project or f"stock_{len(opened)}")
        opened[-1].verbose = 0
        return opened[-1]

    yield make
    for stock in opened:
        keras_tuner_oracle.LOCKS.pop(stock, None)
        keras_tuner_oracle.THREADS.pop(stock, None)
