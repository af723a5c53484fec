"""The search as an Optuna study: an SQLite file that Optuna and its dashboard open.

Optuna's own way to add a trial asks the database anew for each of its values: 1,000 trials take a
minute. Here Optuna makes the file, and the rows go into its tables in bulk.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lowloss import results
from lowloss.results import Curve, Trial
from lowloss.spec import Direction, JobSpec
from worker.search.space import hyperparameter_name, to_setting, varying_sides

STUDY = "study.db"
ATTRIBUTE_FIELDS = {
    "number", "state", "reason", "seed", "program", "attempt", "epochs", "best_epoch", "seconds",
}  # fmt: skip
"""Fields of a trial that become user attributes, where they have a value; so do its metrics."""
ROWS_AT_ONCE = 10_000
Row = dict[str, Any]


def write_study(
    path: Path, name: str, spec: JobSpec, trials: Sequence[Trial], curves: Mapping[int, Curve]
) -> None:
    """Write the finished trials: the hyperparameters that vary, `val_loss` by epoch, the rest.

    Optuna counts trials from 0, in order: ours have their numbers in the attribute `number`.
    """
    finished = [trial for trial in trials if trial.state.is_finished]
    with closing(_Study.create(path, name, spec)) as study:
        study.add(models.TrialModel, _trials(finished, study.id))
        study.add(models.TrialValueModel, _values(finished))
        study.add(models.TrialParamModel, _params(finished, spec))
        study.add(models.TrialUserAttributeModel, _attributes(finished))
        study.add(models.TrialIntermediateValueModel, _losses(finished, curves))


@dataclass(frozen=True)
class _Study:
    """An empty study in a new file, and the way into its tables."""

    storage: optuna.storages.RDBStorage
    id: int

    @classmethod
    def create(cls, path: Path, name: str, spec: JobSpec) -> _Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        is_min = spec.objective.direction is Direction.min
        direction = StudyDirection.MINIMIZE if is_min else StudyDirection.MAXIMIZE
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        study_id = storage.create_new_study([direction], study_name=name)
        attributes = {"objective": spec.objective.value, "target": spec.target, "seed": spec.seed}
        for key, value in attributes.items():
            storage.set_study_user_attr(study_id, key, value)
        return cls(storage, study_id)

    def add(self, model: Any, rows: Iterator[Row]) -> None:
        """Insert rows into the table of one of Optuna's models, which knows how to write them."""
        with self.storage.engine.begin() as connection:
            while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
                connection.execute(model.__table__.insert(), batch)

    def close(self) -> None:
        """Let go of the file."""
        self.storage.remove_session()
        self.storage.engine.dispose()


def _trials(trials: Sequence[Trial], study_id: int) -> Iterator[Row]:
    for index, trial in enumerate(trials):
        ended = trial.finished_at
        yield {
            "trial_id": index + 1,
            "number": index,
            "study_id": study_id,
            "state": _state(trial),
            # Optuna's columns hold UTC without saying so.
            "datetime_start": trial.started_at.replace(tzinfo=None),
            "datetime_complete": None if ended is None else ended.replace(tzinfo=None),
        }


def _state(trial: Trial) -> TrialState:
    """Return what Optuna calls the end of a trial; it has no completed trial without a value."""
    match trial.state:
        case results.TrialState.completed if trial.score is not None:
            return TrialState.COMPLETE
        case results.TrialState.pruned:
            return TrialState.PRUNED
        case _:
            return TrialState.FAIL


def _values(trials: Sequence[Trial]) -> Iterator[Row]:
    for trial_id, trial in enumerate(trials, start=1):
        if trial.score is not None:
            value, kind = models.TrialValueModel.value_to_stored_repr(trial.score)
            yield {"trial_id": trial_id, "objective": 0, "value": value, "value_type": kind}


def _params(trials: Sequence[Trial], spec: JobSpec) -> Iterator[Row]:
    """Yield the values that vary: a width for each layer, unless all have the same."""
    distributions = {name: side.distribution for name, side in varying_sides(spec).items()}
    ranges = {name: distribution_to_json(entry) for name, entry in distributions.items()}
    for trial_id, trial in enumerate(trials, start=1):
        values = to_setting(trial.hyperparameters, spec.search_space)
        values["clip_norm"] = trial.hyperparameters.clip_norm
        for name, value in values.items():
            key = hyperparameter_name(name)
            if key in ranges:
                yield {
                    "trial_id": trial_id,
                    "param_name": name,
                    "param_value": distributions[key].to_internal_repr(value),
                    "distribution_json": ranges[key],
                }


def _attributes(trials: Sequence[Trial]) -> Iterator[Row]:
    for trial_id, trial in enumerate(trials, start=1):
        fields = trial.model_dump(mode="json", include=ATTRIBUTE_FIELDS, exclude_none=True)
        for key, value in {**trial.metrics, **fields}.items():
            yield {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}


def _losses(trials: Sequence[Trial], curves: Mapping[int, Curve]) -> Iterator[Row]:
    """Yield validation losses by epoch; one that was not finite is not a number."""
    to_stored = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
    for trial_id, trial in enumerate(trials, start=1):
        losses = curves.get(trial.number, Curve()).val_loss
        for epoch, loss in enumerate(losses, start=1):
            value, kind = to_stored(math.nan if loss is None else loss)
            yield {
                "trial_id": trial_id,
                "step": epoch,
                "intermediate_value": value,
                "intermediate_value_type": kind,
            }
