"""Chooses the inputs that tell most of the target: what `select_features` keeps.

The choice is scikit-learn's, so that a script can make the same one: by F of a linear relation to a
number, or of the difference between classes. It looks at one input at a time, and misses those that
tell something only together.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif, f_regression

from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray, RowNumbers


def find_dropped(
    x_ND: FloatArray, y_N: Float64Array, *, count: int, is_regression: bool
) -> RowNumbers:
    """Return which inputs are left out where `count` are kept, by these rows."""
    if count >= x_ND.shape[1]:
        return np.empty(0, dtype=np.int64)
    selector = SelectKBest(f_regression if is_regression else f_classif, k=count)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", UserWarning)  # of inputs of one value
        selector.fit(x_ND.astype(np.float64), y_N)
    return np.flatnonzero(~selector.get_support())
