"""What the writers of reports need to know of a finished job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lowloss.results import (
    Column,
    Curve,
    Dataset,
    Diagnosis,
    DivergedRegion,
    Importance,
    Job,
    TableWarning,
    Trial,
    TrialState,
)
from lowloss.results.ranking import rank_trials
from lowloss.spec import Objective, Task
from service.store.earlier_jobs import EarlierJob


@dataclass(frozen=True)
class Facts:
    """A finished job whose outcome names its winner, and what was measured of its model.

    `metadata` is what `describe_model` puts into the model's file; `diagnosis` is None where there
    is none. The job learned from `earlier` ones.
    """

    job: Job
    dataset: Dataset
    trials: tuple[Trial, ...]
    curves: Mapping[int, Curve]
    metadata: Mapping[str, Any]
    diagnosis: Diagnosis | None = None
    earlier: tuple[EarlierJob, ...] = ()

    @property
    def winner(self) -> Trial:
        """The trial that became the model."""
        return next(trial for trial in self.trials if trial.number == self.job.outcome.winner)

    @property
    def warnings(self) -> tuple[TableWarning, ...]:
        """What was decided in doubt when the table was read, and when the job was checked."""
        return self.dataset.warnings + self.job.outcome.warnings

    @property
    def test_intervals(self) -> Mapping[str, tuple[float, float]]:
        """The 95 % intervals of test metrics."""
        return self.job.outcome.test_intervals or {}

    @property
    def importances(self) -> tuple[Importance, ...]:
        """By how much the error of the test rows rises when a column is shuffled, largest first."""
        return self.job.outcome.importances

    @property
    def regions(self) -> tuple[DivergedRegion, ...]:
        """Where trials diverged or failed more often than elsewhere."""
        insights = self.job.outcome.insights
        return insights.diverged if insights else ()

    @property
    def completed(self) -> tuple[Trial, ...]:
        """The trials that have a score."""
        return tuple(trial for trial in self.trials if trial.state is TrialState.completed)

    @property
    def pruned(self) -> tuple[Trial, ...]:
        """The trials that fell behind the others."""
        return tuple(trial for trial in self.trials if trial.state is TrialState.pruned)

    @property
    def ranked_trials(self) -> tuple[Trial, ...]:
        """The trials that have a score, the best first."""
        return tuple(rank_trials(self.job, self.trials))

    @property
    def target(self) -> Column:
        """The column that is predicted."""
        return next(c for c in self.dataset.profile if c.name == self.job.search.target)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that the model takes, the most important first, then as in the table.

        Among those whose importance was not measured, the ones that most networks see come first.
        """
        ranks = {entry.column: rank for rank, entry in enumerate(self.importances)}
        seen_by = self.job.outcome.seen_by
        used = {entry["column"] for entry in self.metadata["inputs"]}

        def order(column: Column) -> tuple[int, int]:
            return ranks.get(column.name, len(ranks)), -seen_by.get(column.name, 0)

        return tuple(sorted((c for c in self.dataset.profile if c.name in used), key=order))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in order; none for a regression."""
        return tuple(self.metadata["labels"])

    @property
    def metric(self) -> str:
        """The metric that models are compared by: the objective's, where baselines have it, too."""
        objective = self.job.search.objective
        if objective is not Objective.val_loss:
            return objective.metric
        return self.error

    @property
    def error(self) -> str:
        """The metric that importances are measured in."""
        return "rmse" if self.job.task is Task.regression else "log_loss"
