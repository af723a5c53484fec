"""Searches with a known answer: random settings, and what a function of them says."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lowloss.results import Trial, TrialState
from lowloss.spec import JobSpec
from tests.builders.store import some_hyperparameters
from worker.search.cube import Cube
from worker.search.space import Space, to_hyperparameters

Score = Callable[[Any], float | None]
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_spec(**given: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "d", "target": "y"} | given)


def some_trials(spec: JobSpec, score: Score, count: int = 60) -> list[Trial]:
    """Random settings and what they score; one that scores nothing diverged."""
    cube = Cube(Space.of(spec))
    points_NU = cube.draw(np.random.default_rng(0), count)
    trials = []
    for number, point_U in enumerate(points_NU, start=1):
        hyperparameters = to_hyperparameters(cube.setting(point_U))
        value = score(hyperparameters)
        trials.append(
            Trial(
                number=number,
                state=TrialState.diverged if value is None else TrialState.completed,
                reason="loss_not_finite" if value is None else "early_stopping",
                seed=number,
                hyperparameters=hyperparameters,
                score=value,
                metrics={} if value is None else {"val_loss": value},
                epochs=10,
                best_epoch=None if value is None else 8,
                seconds=0.5,
                attempt=1,
                started_at=START + timedelta(seconds=number),
                finished_at=START + timedelta(seconds=number + 1),
            )
        )
    return trials


def off(value: float, wanted: float) -> float:
    return 1.0 + (math.log10(value) - math.log10(wanted)) ** 2


def by_chance(seed: int, *, lost: float = 0.0) -> Score:
    """Scores that have nothing to do with the setting; some share of the trials diverges."""
    rng = np.random.default_rng(seed)
    return lambda _: None if rng.random() < lost else float(rng.random())


def an_earlier_trial(number: int, *, state: TrialState, epochs: int, score: float | None) -> Trial:
    """A trial that an earlier attempt left."""
    return Trial(
        number=number,
        state=state,
        reason=None,
        seed=1,
        hyperparameters=some_hyperparameters(learning_rate=10.0**-number, widths=(16,), l2=1e-5),
        score=score,
        metrics={},
        epochs=epochs,
        best_epoch=1,
        seconds=1.0,
        attempt=1,
        started_at=START,
        finished_at=START,
    )
