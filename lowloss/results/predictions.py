"""How a model predicts the test rows, in as few numbers as charts of it take."""

from __future__ import annotations

from lowloss.results.datasets import Histogram
from lowloss.results.parts import Result


class CalibrationGroup(Result):
    """Test rows of similar predicted probability of the second class.

    `predicted` is the mean of those probabilities, `observed` the class's share of the rows.
    """

    predicted: float
    observed: float
    rows: int


class Mistake(Result):
    """Test rows of one class that were taken for another; `share` is of the actual class's rows."""

    actual: str
    predicted: str
    rows: int
    share: float


class PredictionSummary(Result):
    """How the model predicts the test rows, which no trial saw.

    Of a regression: `pairs` are the actual and the predicted values of some rows, drawn by chance;
    `residuals` counts all rows by their predicted minus their actual value. Of classes:
    `confusion` counts rows by actual class (a line) and by the likeliest one (a column), in the
    order of `labels`; it is empty for more than 100 classes. `mistakes` are the most frequent ones.
    Of two classes: `roc` are false and true positive rates, and `calibration` has groups of equally
    many rows.
    """

    labels: tuple[str, ...] = ()
    pairs: tuple[tuple[float, float], ...] = ()
    residuals: Histogram | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    roc: tuple[tuple[float, float], ...] = ()
    calibration: tuple[CalibrationGroup, ...] = ()
