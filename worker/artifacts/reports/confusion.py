"""Which classes the model takes for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worker.artifacts.reports.facts import Facts, Floats

MAX_PAIRS = 10


@dataclass(frozen=True)
class Pair:
    """Rows of one class that were taken for another; `share` is of the actual class's rows."""

    actual: str
    predicted: str
    rows: int
    share: float


@dataclass(frozen=True)
class Confusion:
    """The counts of actual (rows) by predicted class (columns), and the most frequent mistakes."""

    labels: tuple[str, ...]
    counts_CC: Floats
    mistakes: tuple[Pair, ...]

    @property
    def shares_CC(self) -> Floats:
        """The counts as shares of each actual class."""
        rows_C1: Floats = self.counts_CC.sum(axis=1, keepdims=True)
        return self.counts_CC / np.maximum(rows_C1, 1.0)


def confusion(facts: Facts) -> Confusion:
    """Count the test rows."""
    labels, predictions = facts.labels, facts.predictions
    counts_CC = np.zeros((len(labels), len(labels)))
    np.add.at(counts_CC, (predictions.classes, predictions.likeliest), 1)
    wrong_CC = counts_CC * (1 - np.eye(len(labels)))
    order = np.argsort(-wrong_CC, axis=None, kind="stable")[:MAX_PAIRS]
    mistakes = []
    for actual, predicted in zip(*np.unravel_index(order, wrong_CC.shape), strict=True):
        rows = int(wrong_CC[actual, predicted])
        if rows:
            share = rows / counts_CC[actual].sum()
            mistakes.append(Pair(labels[actual], labels[predicted], rows, float(share)))
    return Confusion(labels, counts_CC, tuple(mistakes))
