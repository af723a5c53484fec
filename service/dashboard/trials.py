"""Trials in the orders in which people look at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from lowloss.errors import InvalidRequest
from lowloss.recipes import recipe_of_trial, training_code
from lowloss.results import Dataset, Hyperparameters, Job, Trial, TrialState
from lowloss.results.ranking import rank_trials, sort_by_score
from lowloss.spec import JobSpec
from lowloss.wording import format_number, format_setting, in_words
from service.settings import Limits
from service.tables.check import check_table
from service.tables.script_table import describe_table

SHOWN_CURVES, MAX_CURVES = 6, 20
"""Curves that a page draws by itself, and at most."""
AROUND = 3.0
"""How far a search around a trial goes: so many times less, and more."""


def address_of_trials(job: Job) -> str:
    """Return where the pages of a job's trials are."""
    return f"/jobs/{job.id}/trials"


class TrialOrder(StrEnum):
    """What a list of trials is sorted by; the best, the last or the longest is first."""

    score = "score"
    number = "number"
    epochs = "epochs"
    seconds = "seconds"


def order_trials(job: Job, trials: Sequence[Trial], order: TrialOrder) -> list[Trial]:
    """Sort trials; by score, those that completed are first, and those without one last."""
    match order:
        case TrialOrder.score:
            others = [trial for trial in trials if trial.state is not TrialState.completed]
            return [*rank_trials(job, trials), *sort_by_score(job, others)]
        case TrialOrder.number:
            return sorted(trials, key=lambda trial: -trial.number)
        case TrialOrder.epochs:
            return sorted(trials, key=lambda trial: -trial.epochs)
        case TrialOrder.seconds:
            return sorted(trials, key=lambda trial: -(trial.seconds or 0.0))


def compare_trials(trials: Sequence[Trial]) -> dict[str, list[str]]:
    """Return what trials do not have in common, by its name: a cell for each trial."""
    rows: dict[str, list[str]] = {
        "score": [format_number(trial.score) for trial in trials],
        "best epoch": [format_number(trial.best_epoch) for trial in trials],
        "epochs": [str(trial.epochs) for trial in trials],
        "seconds": [format_number(trial.seconds) for trial in trials],
    }
    for name in Hyperparameters.model_fields:
        values = [getattr(trial.hyperparameters, name) for trial in trials]
        rows[in_words(name)] = [format_setting(value) for value in values]
    return {name: cells for name, cells in rows.items() if len(set(cells)) > 1}


def count_states(trials: Iterable[Trial]) -> dict[TrialState, int]:
    """Count the trials in each state that there is."""
    counts = Counter(trial.state for trial in trials)
    return {state: counts[state] for state in TrialState if counts[state]}


def list_finalists(job: Job) -> list[int]:
    """Return the best trials as far as the job itself knows them: those trained on more seeds."""
    best = [job.best.trial] if job.best else []
    confirmed = [confirmation.trial for confirmation in job.outcome.confirmations]
    return list(dict.fromkeys(best + confirmed))


def search_around(trial: Trial) -> dict[str, Any]:
    """Return the changes of a job that searches around a trial: its ranges, and its choices."""
    values, widths = trial.hyperparameters, trial.hyperparameters.widths
    width = {"min": max(1, min(widths) // 2), "max": 2 * max(widths)} if widths else None
    dropout = {"min": max(0.0, values.dropout - 0.1), "max": min(0.9, values.dropout + 0.1)}
    space = {
        "learning_rate": _range_around(values.learning_rate),
        "layers": values.layers,
        "l2": _range_around(values.l2) if values.l2 else 0.0,
        "dropout": dropout,
        "batch_size": values.batch_size,
        "activation": values.activation,
        "optimizer": values.optimizer,
    }
    return {"search_space": space if width is None else space | {"width": width}}


def describe_space(space: Mapping[str, Any]) -> str:
    """Describe a part of a search space as the API has it: `patience from 15 to 25`."""

    def describe(piece: Any) -> str:
        if not isinstance(piece, Mapping):
            return format_setting(piece)
        if "choices" in piece:
            return " or ".join(map(format_setting, piece["choices"]))
        return f"from {format_setting(piece['min'])} to {format_setting(piece['max'])}"

    return ", ".join(f"{in_words(name)} {describe(piece)}" for name, piece in space.items())


def train_alone(trial: Trial, spec: JobSpec) -> dict[str, Any]:
    """Return the changes of a job that trains a trial's hyperparameters alone, on the same rows.

    Layers of several widths are a choice of these: a child begins with what its parent completed.
    """
    values = trial.hyperparameters.model_dump(mode="json", exclude={"widths"})
    preprocessing = {name: values.pop(name) for name in ("scale_features", "select_features")}
    widths = sorted(set(trial.hyperparameters.widths))
    if widths:
        values["width"] = widths[0] if len(widths) == 1 else {"choices": widths}
    return {
        "search_space": values,
        "preprocessing": preprocessing,
        "algorithm": "random",
        "pruning": None,
        "budget": {"max_trials": 1},
        "seed": spec.seed,
    }


def write_code(job: Job, trial: Trial, dataset: Dataset, limits: Limits) -> str:
    """Write the Keras script of a trial; none where the table does not pass today's checks."""
    try:
        checked = check_table(job.search, dataset, limits=limits, is_split=False)
    except InvalidRequest:
        return ""
    recipe = recipe_of_trial(
        trial.hyperparameters, job.search, job.task, classes=len(checked.labels)
    )
    target = next(c for c in dataset.profile if c.name == job.search.target)
    return training_code(recipe, describe_table(checked, dataset.rows - target.missing))


def _range_around(value: float) -> dict[str, Any]:
    return {"min": value / AROUND, "max": value * AROUND, "scale": "log"}
