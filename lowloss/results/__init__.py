"""What you get back: jobs, trials, curves, datasets, artifacts, and their states."""

from lowloss.results.datasets import (
    QUANTILES,
    Column,
    ColumnKind,
    Dataset,
    Histogram,
    Level,
    TableFormat,
)
from lowloss.results.insights import (
    Consumed,
    DivergedRegion,
    Edge,
    HyperparameterImportance,
    Improvement,
    SearchInsights,
)
from lowloss.results.jobs import (
    Artifact,
    Artifacts,
    AttemptError,
    Best,
    Event,
    Job,
    Links,
    Predictions,
    Progress,
)
from lowloss.results.outcome import (
    Baseline,
    Confirmation,
    ExcludedColumn,
    FinalGain,
    Importance,
    Outcome,
)
from lowloss.results.parts import Page, Result
from lowloss.results.states import JobState, Requested, TrialState
from lowloss.results.trials import Curve, Hyperparameters, Trial

__all__ = [
    "QUANTILES",
    "Artifact",
    "Artifacts",
    "AttemptError",
    "Baseline",
    "Best",
    "Column",
    "ColumnKind",
    "Confirmation",
    "Consumed",
    "Curve",
    "Dataset",
    "DivergedRegion",
    "Edge",
    "Event",
    "ExcludedColumn",
    "FinalGain",
    "Histogram",
    "HyperparameterImportance",
    "Hyperparameters",
    "Importance",
    "Improvement",
    "Job",
    "JobState",
    "Level",
    "Links",
    "Outcome",
    "Page",
    "Predictions",
    "Progress",
    "Requested",
    "Result",
    "SearchInsights",
    "TableFormat",
    "Trial",
    "TrialState",
]
