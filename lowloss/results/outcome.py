"""The results of a job other than its trials."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from lowloss.results.all_rows import AllRowsRefit, describe_all_rows_refit
from lowloss.results.datasets import TableWarning
from lowloss.results.diagnosis import Verdict
from lowloss.results.insights import SearchInsights
from lowloss.results.parts import Result
from lowloss.results.predictions import PredictionSummary
from lowloss.spec import ExecutorName


class Baseline(Result):
    """A simple predictor, fitted on rows that a model learns from, that it must beat.

    `difference` is, for each metric, the central 95 % of the model's value minus the baseline's
    over resampled test rows: where it contains 0, other test rows might have reversed the order.
    `note` says how far it came where its time was up before it was complete.
    """

    name: str
    metrics: dict[str, float]
    test_metrics: dict[str, float]
    difference: dict[str, tuple[float, float]] | None = None
    note: str | None = None


class Confirmation(Result):
    """A top trial trained again on other seeds: its objective's mean and standard deviation."""

    trial: int
    scores: tuple[float, ...]
    mean: float
    sd: float


class FinalGain(Result):
    """The gain from refitting on all rows, or from averaging members.

    `before` are the test metrics of the winner's best run, `after` those of the model. `trials`
    are the numbers of the trials whose settings the members have, one each; 0 is that of a linear
    network, whose weights are solved. Logits are divided by the `temperature`, which is 1 where
    another one gained nothing on validation rows.
    """

    refit: bool
    members: int
    trials: tuple[int, ...] = ()
    temperature: float = 1.0
    before: dict[str, float]
    after: dict[str, float]


class Importance(Result):
    """How much worse the model predicts the test rows when one column is shuffled.

    `increase` is the mean rise of rmse or log loss over the shuffles, `sd` their deviation.
    """

    column: str
    increase: float
    sd: float


class ExcludedColumn(Result):
    """A column that the model does not see, and why."""

    column: str
    reason: str


class Outcome(Result):
    """The results of a job other than its trials, filled in while the worker goes on.

    The `executor` is `local`, or `ray` for a cluster, of which `nodes` machines trained. `threads`
    is how many threads train, `open_trials` how many trials they train at a time at most.
    `rows` counts the rows of the first fold. `excluded` and `warnings` are known when the job is
    submitted: what the model will not see, and what was decided in doubt. `best_of_search` is the
    trial that had the best score, where the confirmation on more seeds chose another as `winner`.
    `seen_by` counts, by column, the networks of the model that see it, where some leave inputs out.
    `test_intervals` is the central 95 % of each test metric over resampled test rows.
    `test_predictions` is what charts of the predictions of these rows show, and `remarks` say what
    stands out. `agreement` is the largest difference of each model file's predictions of the test
    rows, of up to 100,000 of them, from the training engine's, as a share of their spread.
    `all_rows_refit` is null where the networks that were scored are handed out, as the job asks.
    Where it asks for them to be trained once more after their score, on all rows, it says how that
    ended: after a `complete` one the new networks are handed out, and whatever was measured on the
    test rows is of those before.
    `trainings` counts the networks that its diagnosis has trained so far; `diagnosis` is a summary,
    the whole one has a route of its own. `missing_baselines` and `missing_artifacts` say why one
    could not be made. From `model_ready_at` on, a model can be downloaded and predicts, while the
    job still runs: first the network of the best trial so far, `model_trial`; where that is null,
    the one the job ends with.
    """

    executor: ExecutorName | None = None
    nodes: int | None = None
    threads: int | None = None
    open_trials: int | None = None
    rows: dict[Literal["train", "validation", "test"], int] | None = None
    excluded: tuple[ExcludedColumn, ...] = ()
    warnings: tuple[TableWarning, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    missing_baselines: dict[str, str] = Field(default_factory=dict)
    confirmations: tuple[Confirmation, ...] = ()
    within_noise: bool | None = None
    winner: int | None = None
    best_of_search: int | None = None
    metrics: dict[str, float] | None = None
    test_metrics: dict[str, float] | None = None
    test_intervals: dict[str, tuple[float, float]] | None = None
    test_predictions: PredictionSummary | None = None
    final_gain: FinalGain | None = None
    all_rows_refit: AllRowsRefit | None = None
    seen_by: dict[str, int] = Field(default_factory=dict)
    importances: tuple[Importance, ...] = ()
    insights: SearchInsights | None = None
    agreement: dict[str, float] = Field(default_factory=dict)
    model_ready_at: datetime | None = None
    model_trial: int | None = None
    trainings: int | None = None
    diagnosis: Verdict | None = None
    missing_artifacts: dict[str, str] = Field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def score_note(self) -> str | None:
        """The sentence on which model the test result is of; None where the job asks for one."""
        return describe_all_rows_refit(self.all_rows_refit)
