"""Jobs, and their events, artifacts and predictions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from lowloss.results.datasets import TableWarning
from lowloss.results.outcome import Outcome
from lowloss.results.parts import Page, Result
from lowloss.results.states import JobKind, JobState, Requested
from lowloss.results.trials import Hyperparameters
from lowloss.spec import DiagnosisSpec, JobSpec, Task


class Progress(Result):
    """The progress of a job; a diagnosis has no trials.

    `seconds_left` is an estimate, the diagnosis included; null where there is no basis for one, as
    once a job's time is over and only its export is left.
    """

    trials: int
    trials_done: int
    trials_running: int
    trials_failed: int
    epochs: int
    seconds: float
    seconds_left: float | None


class Best(Result):
    """The best trial so far and, once the search has ended, its test metrics."""

    trial: int
    hyperparameters: Hyperparameters
    score: float
    metrics: dict[str, float]
    test_metrics: dict[str, float] | None = None


class AttemptError(Result):
    """Why one attempt at a job ended early, and the last phase that it came to."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    phase: str | None = None
    outcome: str | None
    error: str | None


class Links(Result):
    """URL paths of what belongs to a job. Servers older than diagnoses have no `diagnosis`."""

    self: str
    trials: str
    events: str
    artifacts: str
    best_model: str
    diagnosis: str | None = None


class Job(Result):
    """One durable run of a search or of a diagnosis: `kind` says which, and the type of `spec`.

    `worker` has it, and `phase` is what that does; null where none has it. `queue_position` is 1
    for the job that its project's next worker takes, if that has what the job needs; it
    `lacks_worker` while no worker is alive that has it.
    `retry_reason` says how the attempt before this one ended: `crashed`, `lease_expired`,
    `worker_died`, `out_of_time`, `disk_full`, `cluster_full`, `cluster_lost`, `stopped` or
    `paused`; null in the first, and once the job has ended.
    """

    id: str
    kind: JobKind = JobKind.search
    name: str
    state: JobState
    reason: str | None
    requested: Requested
    dataset: str
    task: Task
    spec: JobSpec | DiagnosisSpec
    worker: str | None = None
    phase: str | None = None
    queue_position: int | None = None
    lacks_worker: bool = False
    attempt: int
    retry_reason: str | None = None
    failures: int
    errors: tuple[AttemptError, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress
    best: Best | None
    outcome: Outcome
    links: Links

    @property
    def search(self) -> JobSpec:
        """The specification of a search; raises TypeError for a diagnosis."""
        if not isinstance(self.spec, JobSpec):
            raise TypeError(f"{self.id} is a {self.kind}")
        return self.spec


class Event(Result):
    """Something that happened to a job; numbered from 1 within the job."""

    number: int
    kind: str
    data: dict[str, Any]
    created_at: datetime


class Artifact(Result):
    """A downloadable result of a job."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime


class Artifacts(Page[Artifact]):
    """The downloadable artifacts of a job; `missing` says why another could not be made."""

    missing: dict[str, str] = Field(default_factory=dict)


class Predictions(Result):
    """A model's predictions, in the order of the rows.

    A prediction is a label, or for a regression a number in the target's units; it is null where
    the model's output is not finite. `probabilities` has one list per row, in the order of
    `labels`; it is null for a regression. `ignored` names columns of the rows that the model does
    not use, `warnings` say which values no training row had, and what was decided in doubt where
    the rows came as a file. `job` is null where the model came from a file.
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
    warnings: tuple[TableWarning, ...] = ()

    def with_warnings(self, warnings: tuple[TableWarning, ...]) -> Predictions:
        """Return them with the warnings of the reader of their rows before their own."""
        return self.model_copy(update={"warnings": (*warnings, *self.warnings)})
