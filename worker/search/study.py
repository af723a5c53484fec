"""The search as an Optuna study: a journal file that Optuna and its dashboard open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from lowloss import results
from lowloss.results import Curve, Trial
from lowloss.spec import JobSpec
from worker.search.space import NULLS, hyperparameter_name, to_setting, varying_sides

STUDY = "study.journal"
ATTRIBUTE_FIELDS = {
    "number", "state", "reason", "seed", "program", "attempt", "epochs", "best_epoch", "seconds",
}  # fmt: skip
"""Fields of a trial that become user attributes, where they have a value; so do its metrics."""


def write_study(
    path: Path, name: str, spec: JobSpec, trials: Iterable[Trial], curves: Mapping[int, Curve]
) -> None:
    """Write the finished trials: the hyperparameters that vary, `val_loss` by epoch, the rest.

    Optuna counts trials from 0, in order: ours have their numbers in the attribute `number`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=name,
        direction=spec.objective.direction.verb,
    )
    attributes = {"objective": spec.objective.value, "target": spec.target, "seed": spec.seed}
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    finished = (trial for trial in trials if trial.state.is_finished)
    study.add_trials(
        _freeze(index, trial, spec, curves.get(trial.number, Curve()).val_loss)
        for index, trial in enumerate(finished)
    )


def _freeze(index: int, trial: Trial, spec: JobSpec, losses: Sequence[float | None]) -> FrozenTrial:
    """Return a trial as Optuna has it; a loss that was not finite is not a number."""
    state = _state(trial)
    params, distributions = _params(trial, spec)
    fields = trial.model_dump(mode="json", include=ATTRIBUTE_FIELDS, exclude_none=True)
    return FrozenTrial(
        number=index,
        trial_id=index,
        state=state,
        # Optuna takes no value of a trial that failed.
        value=None if state is TrialState.FAIL else trial.score,
        datetime_start=trial.started_at,
        datetime_complete=trial.finished_at,
        params=params,
        distributions=distributions,
        user_attrs={**trial.metrics, **fields},
        system_attrs={},
        intermediate_values={
            epoch: math.nan if loss is None else loss for epoch, loss in enumerate(losses, start=1)
        },
    )


def _state(trial: Trial) -> TrialState:
    """Return what Optuna calls the end of a trial; it has no completed trial without a value."""
    match trial.state:
        case results.TrialState.completed if trial.score is not None:
            return TrialState.COMPLETE
        case results.TrialState.pruned:
            return TrialState.PRUNED
        case _:
            return TrialState.FAIL


def _params(
    trial: Trial, spec: JobSpec
) -> tuple[dict[str, Any], dict[str, optuna.distributions.BaseDistribution]]:
    """Return the values that vary: a width for each layer, unless all have the same."""
    ranges = {name: side.distribution for name, side in varying_sides(spec).items()}
    values = to_setting(trial.hyperparameters, spec.search_space)
    values |= {name: getattr(trial.hyperparameters, name) for name in NULLS}
    keys = {name: hyperparameter_name(name) for name in values}
    distributions = {name: ranges[key] for name, key in keys.items() if key in ranges}
    return {name: values[name] for name in distributions}, distributions
