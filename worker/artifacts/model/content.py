"""What an exported model consists of, whatever the format that it is written in.

Q steps between quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from worker.data.features import FittedFeatures
from worker.data.prepare import FittedFold
from worker.data.target import Target
from worker.engine.array_types import FloatArray
from worker.engine.arrays import NO_COLUMNS
from worker.engine.bins import Bins
from worker.engine.results import TrainedPlan
from worker.engine.weights import LayerWeights, unflatten_weights
from worker.winner.final_model import FinalModel

MATRIX_INPUT = "X"
InputType = Literal["float32", "float64", "string"]


@dataclass(frozen=True)
class Member:
    """A network, and what was fitted to its training rows; `bins` are those of the arrays."""

    trained: TrainedPlan
    fit: FittedFold
    bins: Bins | None

    @property
    def features(self) -> FittedFeatures:
        """The transforms of its inputs."""
        return self.fit.features

    @property
    def weights(self) -> LayerWeights:
        """Its weights, without the columns and the bins that only other folds have.

        Those of dropped columns are 0.
        """
        weights = unflatten_weights(self.trained.weights)
        (kernel, bias), *rest = weights.layers
        learned = sum(table.shape[1] for table in weights.tables)
        bin_columns = NO_COLUMNS if self.bins is None else self.bins.column_J
        binned = 0 if self.bins is None else self.bins.columns
        is_seen = np.ones(len(kernel), dtype=bool)
        if self.features.bins is not None:
            is_seen[: len(bin_columns)] = self.features.bins.is_among(bin_columns)
        end = len(bin_columns) + self.features.numbers - binned
        is_seen[end : len(kernel) - learned] = False
        # What each row of the kernel is of: a column of the design matrix, or an embedding.
        column = np.r_[bin_columns, np.arange(binned, binned + len(kernel) - len(bin_columns))]
        is_dropped = np.isin(column, self.fit.dropped)
        seen = np.where(is_dropped[:, None], np.float32(0), kernel)[is_seen]
        return LayerWeights(((seen, bias), *rest), weights.tables)


@dataclass(frozen=True)
class Content:
    """Fitted transforms, and the networks whose outputs the model averages.

    Networks may see numbers scaled in several ways; inputs and categories are the same for all.
    """

    target: Target
    members: tuple[Member, ...]

    @property
    def features(self) -> FittedFeatures:
        """What the first network sees."""
        return self.members[0].features

    @property
    def scaled_features(self) -> tuple[FittedFeatures, ...]:
        """What networks see, one for each way of scaling."""
        return tuple(dict.fromkeys(member.features for member in self.members))

    @property
    def inputs(self) -> list[tuple[str, int, InputType]]:
        """The name, width and type of each input, numbers first."""
        features = self.features
        if features.matrix_columns is not None:
            return [(MATRIX_INPUT, features.matrix_columns, "float32")]
        numbers: list[tuple[str, int, InputType]] = [
            (feature.input, 1, "float32" if feature.offset is None else "float64")
            for feature in features.numeric
        ]
        return numbers + [(feature.input, 1, "string") for feature in features.categorical]


def model_content(final: FinalModel) -> Content:
    """Return what a job's model consists of."""
    arrays = final.prepared.arrays
    members = (
        Member(trained, final.fit_of(trained), arrays.bins_of(arrays.folds[trained.plan.fold]))
        for trained in final.members
    )
    return Content(final.fit.target, tuple(members))


@dataclass(frozen=True)
class Ramps:
    """Scaling by quantiles as a sum: `floor` plus each step's rise, as far as x has come in it."""

    starts_RQ: FloatArray
    widths_RQ: FloatArray
    rises_RQ: FloatArray
    floor_R: FloatArray


def ramps(features: FittedFeatures) -> Ramps:
    """Return the steps between every numeric feature's knots; missing ones do not rise."""
    count = max(1, *(len(feature.knots) - 1 for feature in features.numeric))
    shape = (len(features.numeric), count)
    starts, widths, rises = np.zeros(shape), np.ones(shape), np.zeros(shape)
    for i, feature in enumerate(features.numeric):
        steps = len(feature.knots) - 1
        starts[i, :steps] = feature.knots[:-1]
        widths[i, :steps] = np.diff(feature.knots)
        rises[i, :steps] = np.diff(feature.heights)
    floor = [feature.heights[0] for feature in features.numeric]
    as_32 = [np.asarray(a, dtype=np.float32) for a in (starts, widths, rises, floor)]
    return Ramps(*as_32)
