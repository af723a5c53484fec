"""Trials and their curves."""

from __future__ import annotations

from datetime import datetime

from lowloss.results.parts import Result
from lowloss.results.states import TrialState
from lowloss.spec import Activation, OptimizerName, Scaling, Schedule


class Hyperparameters(Result):
    """One point of the search space: all hyperparameters of a trial."""

    learning_rate: float
    layers: int
    widths: tuple[int, ...]
    l2: float
    l1: float
    dropout: float
    patience: int
    batch_size: int
    activation: Activation
    optimizer: OptimizerName
    weight_decay: float
    schedule: Schedule
    clip_norm: float | None
    noise: float = 0.0
    mixup: float = 0.0
    scale_features: Scaling = "standard"
    select_features: int | None = None


class Curve(Result):
    """The losses of one trial by epoch: each list has one value per epoch.

    A value that is not finite is null.
    """

    loss: tuple[float | None, ...] = ()
    val_loss: tuple[float | None, ...] = ()
    penalised_loss: tuple[float | None, ...] = ()


JOB_ENDED = "job_ended"
"""The reason of a failed trial that was cut off: it was training when its job ended."""


class Trial(Result):
    """One point of the search space, trained and scored.

    `metrics` are of the validation rows, in the target's units, with the best weights; `score` is
    the one that the job's objective names, null unless the trial completed. `score_error` is its
    standard error: how far other validation rows might have moved it. `program` names what
    trained it: the exact weights depend on it, the seed, the hyperparameters and the job's
    `threads`.
    """

    number: int
    state: TrialState
    reason: str | None
    seed: int
    hyperparameters: Hyperparameters
    score: float | None
    score_error: float | None = None
    metrics: dict[str, float]
    epochs: int
    best_epoch: int | None
    seconds: float | None
    program: str | None = None
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    curve: Curve | None = None
