"""Insights into a search, found from its trials."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lowloss.results.parts import Result


class HyperparameterImportance(Result):
    """The share of the differences between the scores of trials that a hyperparameter explains."""

    name: str
    share: float


class Edge(Result):
    """A range whose end, `limit`, the best trials lie at, and a proposal of a range beyond it.

    The same for choices of numbers. `value` is the best trial's.
    """

    name: str
    end: Literal["min", "max"]
    limit: float
    value: float
    proposal: dict[str, Any]


class DivergedRegion(Result):
    """A region of the search space where trials diverged or failed more often than elsewhere.

    It is a part of a range (`low` to `high`), or one `choice`. Of several regions the first is the
    clearest; the counts of each leave out the trials of the regions before it.
    """

    name: str
    low: float | None = None
    high: float | None = None
    choice: str | None = None
    failed: int
    trials: int
    failed_elsewhere: int
    trials_elsewhere: int


class Improvement(Result):
    """A trial that was better than all trials that ended before it.

    `ended` counts the trials that had ended by then, it included; `epochs` and `seconds` are the
    search's up to then.
    """

    trial: int
    score: float
    ended: int
    epochs: int
    seconds: float


class Consumed(Result):
    """The resources that a search used.

    `rows` counts training rows, once for each epoch; `cpu_seconds` is of its last attempt.
    """

    epochs: int
    trial_seconds: float
    rows: int
    cpu_seconds: float


class SearchInsights(Result):
    """Insights into a search.

    `importances` is empty where fewer trials than `trials_needed` were scored, or all scored the
    same. `next_space` is a part of a `search_space`: the proposals of all `edges`.
    `trials_to_near_best` counts the trials that had ended when the best score was first within 1 %
    of its final value.
    """

    importances: tuple[HyperparameterImportance, ...] = ()
    trials_needed: int | None = None
    edges: tuple[Edge, ...] = ()
    next_space: dict[str, Any] = Field(default_factory=dict)
    diverged: tuple[DivergedRegion, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    trials_to_near_best: int | None = None
    consumed: Consumed
