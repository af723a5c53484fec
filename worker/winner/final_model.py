"""The model that a job hands out: networks, and the mean that it predicts of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from worker.data.columns import RawColumns
from worker.data.prepare import FittedFold, Prepared
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.engine.keras.network import forward
from worker.engine.results import TrainedPlan


@dataclass(frozen=True)
class FinalModel:
    """Networks that were trained on the same rows; the model predicts the mean of theirs.

    Each sees the features scaled as in the fold of its plan.
    """

    prepared: Prepared
    members: tuple[TrainedPlan, ...]

    @property
    def fit(self) -> FittedFold:
        """What was fitted on the training rows, as the first network sees it.

        Rows, target, and inputs are the same for all.
        """
        return self.fit_of(self.members[0])

    def fit_of(self, member: TrainedPlan) -> FittedFold:
        """Return what was fitted on the training rows, as a network sees it."""
        return self.prepared.fits[member.plan.fold]

    def predict(self, raw: RawColumns) -> Float64Array:
        """Predict rows [N, C], in the units of `Target.to_predictions`."""
        return self.fit.target.to_predictions(self._output(partial(self.prepared.x_raw, raw)))

    def predict_test(self) -> Float64Array:
        """Predict the test rows [T, C]."""
        return self.fit.target.to_predictions(self._output(self.prepared.x_test))

    def rounding(self) -> float:
        """Return how far float32 may lead the network's output on test rows from float64's."""
        output_TC = self._output(self.prepared.x_test)
        exact_TC = self._output(self.prepared.x_test, np.float64)
        step = np.finfo(np.float32).eps * np.max(np.abs(output_TC))
        return float(max(step, np.max(np.abs(output_TC - exact_TC))))

    def _output(
        self, x_of: Callable[[int], FloatArray], dtype: type[np.floating[Any]] = np.float32
    ) -> FloatArray:
        """Return the networks' mean output [N, C]; `x_of` returns the rows as a fold sees them."""
        folds = {member.plan.fold for member in self.members}
        x_by_fold = {fold: x_of(fold).astype(dtype) for fold in sorted(folds)}
        head, outputs = self.prepared.arrays.output_activation, []
        for member in self.members:
            weights = tuple(weight.astype(dtype) for weight in member.weights)
            x_ND = x_by_fold[member.plan.fold]
            outputs.append(forward(weights, member.plan.activations, head, x_ND))
        mean_NC: FloatArray = np.mean(np.stack(outputs), axis=0)
        return mean_NC
