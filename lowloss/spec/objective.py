"""Tasks, and the metrics that trials are ranked by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Task(StrEnum):
    """The kind of value that a model predicts."""

    regression = "regression"
    binary = "binary"
    multiclass = "multiclass"


@dataclass(frozen=True)
class PredictedTargets:
    """What a network predicts: the task of each target, and how many targets a row has."""

    task: Task
    targets: int = 1

    @property
    def has_several(self) -> bool:
        """Whether a row has several targets."""
        return self.targets > 1

    @property
    def is_of_numbers(self) -> bool:
        """Whether targets are numbers."""
        return self.task is Task.regression

    @property
    def is_of_classes(self) -> bool:
        """Whether there is one target of classes, which exclude each other."""
        return not self.is_of_numbers and not self.has_several

    @property
    def is_of_labels(self) -> bool:
        """Whether there are several labels a row, which need not exclude each other."""
        return not self.is_of_numbers and self.has_several


@dataclass(frozen=True)
class TargetColumn:
    """A column that is predicted; `labels` are its classes in order, none of a number."""

    name: str
    labels: tuple[str, ...] = ()


class Direction(StrEnum):
    """Which way an objective improves."""

    min = "min"
    max = "max"

    @property
    def sign(self) -> float:
        """The factor by which scores become losses: of two products, the lower is better."""
        return 1.0 if self is Direction.min else -1.0

    @property
    def verb(self) -> Literal["minimize", "maximize"]:
        """What a search does to the objective."""
        return "minimize" if self is Direction.min else "maximize"

    def is_better(self, first: float, second: float) -> bool:
        """Return whether the first score beats the second."""
        return self.sign * first < self.sign * second


class Objective(StrEnum):
    """The validation metric that trials are ranked by."""

    val_loss = "val_loss"
    val_rmse = "val_rmse"
    val_mae = "val_mae"
    val_median_absolute_error = "val_median_absolute_error"
    val_mape = "val_mape"
    val_r2 = "val_r2"
    val_log_loss = "val_log_loss"
    val_accuracy = "val_accuracy"
    val_balanced_accuracy = "val_balanced_accuracy"
    val_roc_auc = "val_roc_auc"
    val_average_precision = "val_average_precision"
    val_f1 = "val_f1"

    @property
    def metric(self) -> str:
        """The metric's name in a trial's `metrics`: without `val_`, except for `val_loss`."""
        return self.value if self is Objective.val_loss else self.removeprefix("val_")

    @property
    def direction(self) -> Direction:
        """Whether a lower or a higher value is better."""
        return direction_of(self.metric)

    @property
    def is_balanced(self) -> bool:
        """Whether rare classes count as much as frequent ones."""
        return self in {Objective.val_balanced_accuracy, Objective.val_f1}

    def fits(self, task: Task) -> bool:
        """Return whether this metric is defined for the task."""
        if self is Objective.val_loss:
            return True
        return (self.metric in REGRESSION_METRICS) == (task is Task.regression)


REGRESSION_METRICS = ("rmse", "mae", "median_absolute_error", "mape", "r2")
HIGHER_IS_BETTER = frozenset(
    {"r2", "accuracy", "balanced_accuracy", "roc_auc", "average_precision", "f1"}
)


def direction_of(metric: str) -> Direction:
    """Return the direction in which a metric improves."""
    return Direction.max if metric in HIGHER_IS_BETTER else Direction.min
