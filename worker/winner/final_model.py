"""What a job hands out: networks, and the mean that it predicts of theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lowloss.results import AllRowsRefit, FinalGain
from worker.data.columns import RawColumns
from worker.data.prepare import FittedFold, Prepared
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.keras.network import forward
from worker.engine.results import TrainedPlan

MAX_CHECKED_ROWS = 100_000
"""A file takes some seconds for so many rows."""


@dataclass(frozen=True)
class FinalModel:
    """Networks that were trained on the same rows; the model predicts the mean of theirs.

    Each sees the features scaled as in the fold of its plan. Their weights hold the `temperature`
    that logits are divided by.
    """

    prepared: Prepared
    members: tuple[TrainedPlan, ...]
    temperature: float = 1.0

    @property
    def fit(self) -> FittedFold:
        """What was fitted on the training rows, as the first network sees it.

        Rows, target, and inputs are the same for all.
        """
        return self.fit_of(self.members[0])

    @property
    def seen_by(self) -> dict[str, int]:
        """How many networks see each column of the table; empty where none leaves inputs out."""
        fits = [self.fit_of(member) for member in self.members]
        if not any(fit.dropped.size for fit in fits):
            return {}
        counts = Counter(name for fit in fits for name in fit.seen_columns)
        return {column.name: counts[column.name] for column in self.prepared.labelled.columns}

    def fit_of(self, member: TrainedPlan) -> FittedFold:
        """Return what was fitted on the training rows, as a network sees it."""
        return self.prepared.fits[member.plan.fold]

    def predict(self, raw: RawColumns) -> Float64Array:
        """Predict rows [N, C], in the units of `Target.to_predictions`."""
        fits, numbers = self.prepared.fits, self.prepared.arrays.numbers
        output_NC = self._output(lambda fold: fits[fold].columns(raw, numbers=numbers))
        return self.fit.target.to_predictions(output_NC)

    def predict_test(self) -> Float64Array:
        """Predict the test rows [T, C]; they are computed once."""
        return self._prediction_TC

    @property
    def checked_rows(self) -> slice:
        """Which test rows files are held to: all, or of very many evenly spread ones."""
        return slice(None, None, -(-len(self.prepared.splits.test) // MAX_CHECKED_ROWS))

    def rounding(self) -> float:
        """Return how far float32 may lead the output on the `checked_rows` from float64's."""
        output_TC = self._output(self._checked_columns)
        exact_TC = self._output(self._checked_columns, np.float64)
        step = np.finfo(np.float32).eps * np.max(np.abs(output_TC))
        return float(max(step, np.max(np.abs(output_TC - exact_TC))))

    @cached_property
    def _prediction_TC(self) -> Float64Array:
        arrays, test = self.prepared.arrays, self.prepared.splits.test
        output_TC = self._output(lambda fold: arrays.columns_of(arrays.folds[fold], test))
        return self.fit.target.to_predictions(output_TC)

    def _checked_columns(self, fold: int) -> FloatArray:
        arrays = self.prepared.arrays
        return arrays.columns_of(arrays.folds[fold], self.prepared.splits.test[self.checked_rows])

    def _output(
        self, columns_of: Callable[[int], FloatArray], dtype: type[np.floating[Any]] = np.float32
    ) -> FloatArray:
        """Return the networks' mean output [N, C]; `columns_of` those of the rows by fold."""
        arrays, folds = self.prepared.arrays, {member.plan.fold for member in self.members}
        x_by_fold = {fold: columns_of(fold).astype(dtype) for fold in sorted(folds)}
        head, outputs = arrays.output_activation, []
        for member in self.members:
            weights = tuple(weight.astype(dtype) for weight in member.weights)
            x_ND, bins = x_by_fold[member.plan.fold], arrays.bins_of(arrays.folds[member.plan.fold])
            outputs.append(forward(weights, member.plan.activations, head, x_ND, bins=bins))
        mean_NC: FloatArray = np.mean(np.stack(outputs), axis=0)
        return mean_NC


@dataclass(frozen=True)
class FinalModels:
    """The model that the test rows measure, and the one that a job hands out.

    They are the same unless the refit on all rows is `complete`: then the test rows trained the
    second one, and say nothing of how good it is.
    """

    scored: FinalModel
    gain: FinalGain | None
    handed_out: FinalModel
    all_rows_refit: AllRowsRefit | None = None
