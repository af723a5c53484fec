"""Fitted features: pure data, and what they make of raw columns with numpy.

`worker.artifacts.model` writes the same steps as Keras layers and as ONNX nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from lowloss.results import ColumnKind
from lowloss.spec import Scaling
from worker.data.columns import RawColumns
from worker.engine.array_types import FloatArray
from worker.engine.bins import Bins

CLIP = 3.0
"""Robust scaling leads x to x / sqrt(1 + (x / 3)²) (RealMLP, Holzmüller et al. 2024)."""
FAR = np.float32(1e6)
"""Multiples of a column's spread that any value is cut off at: beyond, a network's products and
the square of robust scaling would not stay finite in float32."""


@dataclass(frozen=True)
class NumericFeature:
    """A number, a boolean (0 or 1) or a date (days since 1970-01-01 UTC).

    All is of the training rows that have a value: `center` is their mean, or their median where
    scaling is robust or by quantiles, and stands for a missing value; `scale` their spread.
    `has_missing` says whether some had none, which adds an indicator to the design matrix. Each of
    a date's `seasons`, in days, adds a sine and a cosine. Scaling by quantiles leads from `knots`,
    in units of `scale` around `center`, to `heights`, the normal scores there; where scaling is
    piecewise, `knots` are the ends of bins. What standard scaling leads beyond the `limits` is cut
    off there: of what lies far beyond all training rows a network knows nothing. Where float32
    cannot tell the numbers apart, `offset` was subtracted from them in float64; all else is of the
    rest.
    """

    column: str
    input: str
    kind: ColumnKind
    center: float
    scale: float
    has_missing: bool
    seasons: tuple[float, ...] = ()
    knots: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    limits: tuple[float, float] = (-float(FAR), float(FAR))
    offset: float | None = None


NO_NUMBERS: FloatArray = np.empty(0, dtype=np.float32)
EMBEDDING_SIZE = 8
"""What an embedding learns of each code."""


@dataclass(frozen=True)
class CategoricalFeature:
    """A string; `levels` are those that are told apart.

    The empty string is a missing value, and a level of its own where training rows had it. One-hot,
    each level has a column of the design matrix; where training rows had a value that is no level,
    since it is rare, `has_other` adds a column for all such values, unseen ones included; else they
    leave all columns 0. Embedded, there is one column of codes: 0 for a value that is no level,
    else the level's number from 1 up. `others` are the values of training rows that are no levels.
    """

    column: str
    input: str
    levels: tuple[str, ...]
    others: tuple[str, ...] = ()
    is_embedded: bool = False

    @property
    def has_other(self) -> bool:
        """Whether training rows had a value that is no level."""
        return bool(self.others)

    @property
    def width(self) -> int:
        """Columns of the design matrix."""
        return 1 if self.is_embedded else len(self.levels) + self.has_other


@dataclass(frozen=True)
class FittedFeatures:
    """All fitted features, in the order of the design matrix.

    That is: the numeric columns, their seasons, an indicator for each of them with missing values,
    each category's levels, and last the codes of embedded categories. `matrix_columns` is the width
    of an NPZ's `X`, of which `positions` are used; None for a table with named columns.
    """

    numeric: tuple[NumericFeature, ...]
    categorical: tuple[CategoricalFeature, ...]
    scaling: Scaling
    matrix_columns: int | None = None
    positions: tuple[int, ...] = ()

    @property
    def missing_positions(self) -> tuple[int, ...]:
        """Which of the numeric features have an indicator."""
        return tuple(i for i, feature in enumerate(self.numeric) if feature.has_missing)

    @property
    def seasons(self) -> tuple[tuple[int, float], ...]:
        """Each season: which numeric feature it is of, and its days."""
        return tuple((i, days) for i, f in enumerate(self.numeric) for days in f.seasons)

    @property
    def centers(self) -> FloatArray:
        """[R] What stands for a missing value, and is subtracted."""
        return np.array([feature.center for feature in self.numeric], dtype=np.float32)

    @property
    def scales(self) -> FloatArray:
        """[R] What is divided by."""
        return np.array([feature.scale for feature in self.numeric], dtype=np.float32)

    @property
    def limits(self) -> tuple[FloatArray, FloatArray]:
        """[R] each: between which scaled numbers are."""
        limits = [feature.limits for feature in self.numeric]
        limits_R2 = np.array(limits, dtype=np.float32).reshape(-1, 2)
        return limits_R2[:, 0], limits_R2[:, 1]

    @property
    def bins(self) -> Bins | None:
        """The bins of all numeric features, where scaling is piecewise."""
        if self.scaling != "piecewise" or not self.numeric:
            return None
        counts = [len(feature.knots) - 1 for feature in self.numeric]
        ends = [np.array(feature.knots, dtype=np.float32) for feature in self.numeric]
        return Bins(
            np.repeat(np.arange(len(counts)), counts),
            np.concatenate([knots[:-1] for knots in ends]),
            np.concatenate([np.diff(knots) for knots in ends]),
        )

    @property
    def embedded(self) -> tuple[CategoricalFeature, ...]:
        """The categories whose codes are embedded."""
        return tuple(feature for feature in self.categorical if feature.is_embedded)

    @property
    def numbers(self) -> int:
        """Columns of the design matrix before the codes."""
        numbers = len(self.numeric) + 2 * len(self.seasons) + len(self.missing_positions)
        return numbers + sum(
            category.width for category in self.categorical if not category.is_embedded
        )

    @property
    def indicators(self) -> range:
        """The columns of the design matrix that say where a number is missing."""
        first = len(self.numeric) + 2 * len(self.seasons)
        return range(first, first + len(self.missing_positions))

    @property
    def column_of_inputs(self) -> tuple[str, ...]:
        """The column that each of the `numbers` is made of."""
        of_seasons = (self.numeric[i].column for i, _ in self.seasons for _ in range(2))
        of_missing = (self.numeric[i].column for i in self.missing_positions)
        one_hot = (one for one in self.categorical if not one.is_embedded)
        of_levels = (one.column for one in one_hot for _ in range(one.width))
        numeric = (feature.column for feature in self.numeric)
        return (*numeric, *of_seasons, *of_missing, *of_levels)


def design_matrix(
    features: FittedFeatures, raw: RawColumns, *, numbers: int | None = None
) -> FloatArray:
    """Compute what arrays hold of rows [N, D]; zeros make it `numbers` columns before the codes.

    Where scaling is piecewise, the network sees bins in place of the first columns.
    """
    missing_NR = np.isnan(raw.numeric_NR)
    filled_NR = np.where(missing_NR, features.centers, raw.numeric_NR)
    parts = [_scaled(features, filled_NR)]
    parts += [wave for i, days in features.seasons for wave in _season(filled_NR[:, i], days)]
    parts.append(missing_NR[:, features.missing_positions].astype(np.float32))
    categories = list(zip(features.categorical, raw.strings, strict=True))
    parts += [_one_hot(*category) for category in categories if not category[0].is_embedded]
    padding = 0 if numbers is None else numbers - features.numbers
    parts.append(np.zeros((len(raw.numeric_NR), padding), dtype=np.float32))
    parts += [_codes(*category) for category in categories if category[0].is_embedded]
    return np.concatenate(parts, axis=1)


def _scaled(features: FittedFeatures, filled_NR: FloatArray) -> FloatArray:
    if features.scaling == "none":
        return filled_NR
    with np.errstate(over="ignore"):  # what is infinite is cut off
        # Subtract, then divide: x·scale + offset would lose a large mean's digits in float32.
        scaled_NR = (filled_NR - features.centers) / features.scales
    match features.scaling:
        case "standard":
            within_NR: FloatArray = np.clip(scaled_NR, *features.limits)
            return within_NR
        case "piecewise":
            cut_NR: FloatArray = np.clip(scaled_NR, -FAR, FAR)
            return cut_NR
        case "robust":
            share_NR = np.clip(scaled_NR, -FAR, FAR) / np.float32(CLIP)
            clipped_NR: FloatArray = np.float32(CLIP) * share_NR / np.sqrt(1 + share_NR * share_NR)
            return clipped_NR
        case "quantile":
            for i, feature in enumerate(features.numeric):
                scaled_NR[:, i] = np.interp(scaled_NR[:, i], feature.knots, feature.heights)
            return scaled_NR


def _season(days_N: FloatArray, period: float) -> tuple[FloatArray, FloatArray]:
    """Return sine and cosine, [N, 1] each, of a date's phase within a period of days."""
    # A remainder is exact in float32, where a quotient of thousands has few digits left.
    angle_N = np.mod(days_N, np.float32(period)) * np.float32(2 * math.pi / period)
    return np.sin(angle_N)[:, None], np.cos(angle_N)[:, None]


def _one_hot(feature: CategoricalFeature, strings: pl.Series) -> FloatArray:
    """Return one-hot codes [N, width]; the last column is of other levels where there are any."""
    levels = feature.levels
    other = len(levels) if feature.has_other else -1
    codes = strings.replace_strict(
        levels, range(len(levels)), default=other, return_dtype=pl.Int64
    ).to_numpy()
    return np.asarray(codes[:, None] == np.arange(feature.width), dtype=np.float32)


def _codes(feature: CategoricalFeature, strings: pl.Series) -> FloatArray:
    """Return each level's number from 1 up [N, 1]; 0 for a value that is no level."""
    levels = feature.levels
    codes = strings.replace_strict(
        levels, range(1, len(levels) + 1), default=0, return_dtype=pl.Float32
    )
    return codes.to_numpy()[:, None]
