"""The search as an Optuna study: an SQLite file that Optuna and its dashboard open."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from lowloss import results
from lowloss.results import Curve, Trial
from lowloss.spec import Direction, JobSpec
from worker.search.insights import distribution_of, searched
from worker.search.space import possible_depths

STUDY = "study.db"
MOST_VALUES = 12
"""Epochs of a curve that are kept: Optuna writes each value by itself, which takes 0.3 ms."""
STATES = {
    results.TrialState.completed: TrialState.COMPLETE,
    results.TrialState.pruned: TrialState.PRUNED,
    results.TrialState.diverged: TrialState.FAIL,
    results.TrialState.failed: TrialState.FAIL,
}


def write_study(
    path: Path, name: str, spec: JobSpec, trials: Sequence[Trial], curves: Mapping[int, Curve]
) -> None:
    """Write the finished trials, with the hyperparameters that vary and some of their curves."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Made in memory and copied at once: 40 trials a second where each is committed to a disk.
    storage = optuna.storages.RDBStorage("sqlite://")
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="minimize" if spec.objective.direction is Direction.min else "maximize",
        )
        study.set_user_attr("objective", spec.objective.value)
        distributions = _distributions(spec)
        finished = [trial for trial in trials if trial.state.is_finished]
        study.add_trials(
            [_frozen(trial, curves.get(trial.number, Curve()), distributions) for trial in finished]
        )
        connection: Any = storage.engine.raw_connection()
        with sqlite3.connect(path) as file:
            connection.driver_connection.backup(file)
        file.close()
        connection.close()
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _distributions(spec: JobSpec) -> dict[str, Any]:
    """Optuna's ranges by name; the width of each layer is one of its own."""
    found = {name: distribution_of(parameter) for name, parameter in searched(spec).items()}
    width = found.pop("width", None)
    if width is not None:
        layers = range(1, max(possible_depths(spec.search_space)) + 1)
        found |= {f"width_{layer}": width for layer in layers}
    return found


def _frozen(trial: Trial, curve: Curve, distributions: Mapping[str, Any]) -> FrozenTrial:
    hyperparameters = trial.hyperparameters
    widths = {f"width_{layer}": w for layer, w in enumerate(hyperparameters.widths, start=1)}
    values = hyperparameters.model_dump() | widths
    params = {name: values[name] for name in distributions if name in values}
    frozen = optuna.trial.create_trial(
        state=STATES[trial.state],
        value=trial.score,
        params=params,
        distributions={name: distributions[name] for name in params},
        intermediate_values=_thinned(curve.val_loss),
        user_attrs={
            "number": trial.number,
            "seed": trial.seed,
            "reason": trial.reason,
            "epochs": trial.epochs,
            "best_epoch": trial.best_epoch,
            "metrics": trial.metrics,
            "program": trial.program,
        },
    )
    frozen.datetime_start = trial.started_at.replace(tzinfo=None)
    if trial.finished_at is not None:
        frozen.datetime_complete = trial.finished_at.replace(tzinfo=None)
    return frozen


def _thinned(val_loss: Sequence[float | None]) -> dict[int, float]:
    """Some epochs of a curve, the last among them; those without a finite loss left out."""
    step = max(1, math.ceil(len(val_loss) / MOST_VALUES))
    epochs = range(len(val_loss), 0, -step)
    kept = ((epoch, val_loss[epoch - 1]) for epoch in epochs)
    return {epoch: loss for epoch, loss in kept if loss is not None}
