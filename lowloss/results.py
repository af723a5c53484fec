"""What you get back: jobs, trials, curves, datasets, artifacts, and their states."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from lowloss.spec import Activation, JobSpec, Optimizer, Scaling, Schedule, Task

T = TypeVar("T")


class Result(BaseModel):
    """A frozen part of an answer; fields of a newer server are ignored."""

    model_config = ConfigDict(frozen=True)


class JobState(StrEnum):
    """Where a job stands."""

    queued = "queued"
    running = "running"
    paused = "paused"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether the job will never change again."""
        return self in {JobState.succeeded, JobState.failed, JobState.cancelled}


class Requested(StrEnum):
    """What a user asked of a running job, until the worker obeys."""

    none = "none"
    pause = "pause"
    cancel = "cancel"


class TrialState(StrEnum):
    """Where a trial stands."""

    running = "running"
    completed = "completed"
    pruned = "pruned"
    diverged = "diverged"
    failed = "failed"

    @property
    def is_finished(self) -> bool:
        """Whether the trial will never change again."""
        return self is not TrialState.running


class TableFormat(StrEnum):
    """How an uploaded table is encoded."""

    csv = "csv"
    parquet = "parquet"
    arrow = "arrow"
    npz = "npz"


class ColumnKind(StrEnum):
    """What a column holds, as far as a model is concerned.

    An `integer_category` is a number whose values count 0, 1, 2 … or 1, 2, 3 …: it may be a code.
    An `identifier` tells every row from every other.
    """

    numeric = "numeric"
    boolean = "boolean"
    integer_category = "integer_category"
    categorical = "categorical"
    date = "date"
    text = "text"
    identifier = "identifier"
    constant = "constant"


QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The shares that a column's `quantiles` are of."""


class Histogram(Result):
    """How many values lie in each of some bins of equal width; `edges` has one more than them."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Level(Result):
    """One distinct value of a column and the number of rows that hold it."""

    value: str
    rows: int


class Column(Result):
    """What was measured of one column at upload. Missing values count in `missing` alone.

    `levels` holds the most frequent values, and is complete when `distinct` equals its length.
    `mean`, `sd`, `min`, `max`, `quantiles` (at `QUANTILES`) and `histogram` are null, or empty,
    unless the column holds numbers, booleans (as 0 and 1) or dates (as days since 1970-01-01).
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    is_integer: bool = False
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    sd: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    levels: tuple[Level, ...] = ()


class Dataset(Result):
    """An uploaded table; immutable, named by its SHA-256 and how it was parsed."""

    id: str
    name: str
    sha256: str
    format: TableFormat
    size_bytes: int
    rows: int
    columns: int
    created_at: datetime
    profile: tuple[Column, ...] = ()


class Hyperparameters(Result):
    """One setting of the search space: the whole recipe of a trial."""

    learning_rate: float
    layers: int
    widths: tuple[int, ...]
    l2: float
    l1: float
    dropout: float
    patience: int
    batch_size: int
    activation: Activation
    optimizer: Optimizer
    weight_decay: float
    schedule: Schedule
    clip_norm: float | None
    noise: float = 0.0
    mixup: float = 0.0
    scale_features: Scaling = "standard"


class Curve(Result):
    """The metric values of one trial, epoch by epoch: each list has one value an epoch.

    A value that is not finite is null.
    """

    loss: tuple[float | None, ...] = ()
    val_loss: tuple[float | None, ...] = ()
    penalised_loss: tuple[float | None, ...] = ()


class Trial(Result):
    """One setting of the hyperparameters, trained and scored.

    `metrics` are of the validation rows, in the target's units, with the best weights; `score` is
    the one that the job's objective names, null unless the trial completed. `program` says what
    trained it: its bits depend on that, its seed, its hyperparameters and the job's `threads`.
    """

    number: int
    state: TrialState
    reason: str | None
    seed: int
    hyperparameters: Hyperparameters
    score: float | None
    metrics: dict[str, float]
    epochs: int
    best_epoch: int | None
    seconds: float | None
    program: str | None = None
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    curve: Curve | None = None


class Progress(Result):
    """How far a job is. `seconds_left` is an estimate, null where there is no basis for one."""

    trials: int
    trials_done: int
    trials_running: int
    trials_failed: int
    epochs: int
    seconds: float
    seconds_left: float | None


class Baseline(Result):
    """What a model must beat: a simple predictor fitted on the same training rows.

    `difference` holds, for each metric, the central 95 % of the model's value less the baseline's
    over resampled test rows: where it holds 0, other test rows might have turned the two around.
    """

    name: str
    metrics: dict[str, float]
    test_metrics: dict[str, float]
    difference: dict[str, tuple[float, float]] | None = None


class Confirmation(Result):
    """A top trial trained again on other seeds: its objective's mean and standard deviation."""

    trial: int
    scores: tuple[float, ...]
    mean: float
    sd: float


class FinalGain(Result):
    """What refitting on all rows, or averaging members, gained.

    `before` are the test metrics of the winner's best run, `after` those of the model.
    """

    refit: bool
    members: int
    before: dict[str, float]
    after: dict[str, float]


class Importance(Result):
    """How much worse the model answers the test rows where one column is shuffled.

    `increase` is the mean rise of rmse or log loss over the shuffles, `sd` their deviation.
    """

    column: str
    increase: float
    sd: float


class ExcludedColumn(Result):
    """A column that the model does not see, and why."""

    column: str
    reason: str


class Best(Result):
    """The best trial so far and, once the search has ended, what became of it."""

    trial: int
    hyperparameters: Hyperparameters
    score: float
    metrics: dict[str, float]
    test_metrics: dict[str, float] | None = None


class Outcome(Result):
    """What a job found beside its trials: filled in as the worker gets there.

    `threads` are those that train; `open_trials` is how many trials they train at a time at most.
    `rows` are of the first fold. `test_intervals` hold the central 95 % of each test metric over
    resampled test rows. `agreement` is each model file's largest difference from the engine that
    trained it, on the test rows, as a share of their answers' spread. `missing_artifacts` says why
    an artifact could not be made.
    """

    threads: int | None = None
    open_trials: int | None = None
    rows: dict[Literal["train", "validation", "test"], int] | None = None
    excluded: tuple[ExcludedColumn, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    within_noise: bool | None = None
    winner: int | None = None
    metrics: dict[str, float] | None = None
    test_metrics: dict[str, float] | None = None
    test_intervals: dict[str, tuple[float, float]] | None = None
    final_gain: FinalGain | None = None
    importances: tuple[Importance, ...] = ()
    agreement: dict[str, float] = {}
    missing_artifacts: dict[str, str] = {}


class AttemptError(Result):
    """Why one attempt at a job ended early."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None


class Links(Result):
    """Where to go from a job: URL paths."""

    self: str
    trials: str
    events: str
    artifacts: str
    best_model: str


class Job(Result):
    """One durable run of a search."""

    id: str
    name: str
    state: JobState
    reason: str | None
    requested: Requested
    dataset: str
    task: Task
    spec: JobSpec
    attempt: int
    failures: int
    errors: tuple[AttemptError, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    best: Best | None
    outcome: Outcome
    links: Links


class Artifact(Result):
    """A downloadable result of a job."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime


class Predictions(Result):
    """What a model answers to rows, in their order.

    A prediction is a label, or for a regression a number in the target's units; it is null where
    the model's answer is not finite. `probabilities` has one list a row, in the order of `labels`;
    it is null for a regression. `ignored` names columns of the rows that the model does not take.
    `job` is null where the model came from a file.
    """

    model_config = ConfigDict(protected_namespaces=())

    job: str | None
    model_sha256: str
    task: Task
    target: str
    predictions: tuple[float | str | None, ...]
    labels: tuple[str, ...]
    probabilities: tuple[tuple[float | None, ...], ...] | None
    ignored: tuple[str, ...]


class Event(Result):
    """Something that happened to a job; numbered from 1 within it."""

    number: int
    kind: str
    data: dict[str, Any]
    created_at: datetime


class Page(Result, Generic[T]):
    """Some items of a list, and the cursor that leads to the rest (null at the end)."""

    items: tuple[T, ...]
    next: str | None


class Artifacts(Page[Artifact]):
    """What can be downloaded of a job; `missing` says why another could not be made."""

    missing: dict[str, str] = {}
