"""What a search tells of itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lowloss.results.parts import Result


class HyperparameterImportance(Result):
    """The share of the differences between the scores of trials that a hyperparameter explains."""

    name: str
    share: float


class Edge(Result):
    """A range at whose end, `limit`, the best trials lie, and a range that goes on beyond it.

    Or choices of numbers, likewise. `value` is that of the best trial.
    """

    name: str
    end: Literal["min", "max"]
    limit: float
    value: float
    proposal: dict[str, Any]


class DivergedRegion(Result):
    """Where trials diverged or failed more often than elsewhere.

    A part of a range (`low` to `high`), or one `choice`. The first of several is the clearest;
    the counts of each leave out the trials in those before it.
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
    """A trial that was better than all before it, in the order in which trials ended.

    `epochs` and `seconds` are those of the search up to its end.
    """

    trial: int
    score: float
    ended: int
    epochs: int
    seconds: float


class Consumed(Result):
    """What a search used up: `rows` are training rows seen, `cpu_seconds` of its last attempt."""

    epochs: int
    trial_seconds: float
    rows: int
    cpu_seconds: float


class SearchInsights(Result):
    """What a search tells of itself.

    `importances` are empty where too few trials were scored, fewer than `trials_needed`, or all
    scored the same. `next_space` is a part of a `search_space`: the proposals of all `edges`.
    `trials_to_near_best` counts the trials that had ended when the best score was within 1 % of what
    it came to.
    """

    importances: tuple[HyperparameterImportance, ...] = ()
    trials_needed: int | None = None
    edges: tuple[Edge, ...] = ()
    next_space: dict[str, Any] = Field(default_factory=dict)
    diverged: tuple[DivergedRegion, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    trials_to_near_best: int | None = None
    consumed: Consumed
