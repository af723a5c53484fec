"""What is known of a table that programs are trained on, without loading it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from lowloss.spec import Task


@dataclass(frozen=True)
class ProgramTable:
    """A table, what is known of it without loading it, and what a sound recipe for it looks like.

    `classes` is 0 for a regression. `scalings` suit its columns; `dropout` does no harm to it.
    `others` are further columns that the same network predicts. Where the order of the rows means
    something, `is_ordered`, they stay in it. `fresh` rows are of the same formula.
    """

    name: str
    load: Callable[[], pl.DataFrame]
    target: str
    task: Task
    rows: int
    classes: int = 0
    has_missing: bool = False
    scalings: tuple[str, ...] = ("standard", "standard", "robust", "quantile")
    dropouts: tuple[float, ...] = (0.0,)
    min_width: int = 16
    min_layers: int = 1
    others: tuple[str, ...] = ()
    is_ordered: bool = False
    fresh: Callable[[], pl.DataFrame] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target, *self.others)
