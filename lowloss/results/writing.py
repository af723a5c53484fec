"""Writes predictions as CSV."""

from __future__ import annotations

import csv
from typing import TextIO

from lowloss.results.jobs import Predictions


def write_predictions(predictions: Predictions, file: TextIO) -> None:
    """Write one line per row: the prediction and, for a classification, all probabilities."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["prediction", *(f"probability[{label}]" for label in predictions.labels)])
    probabilities = predictions.probabilities or ((),) * len(predictions.predictions)
    for prediction, row in zip(predictions.predictions, probabilities, strict=True):
        # The writer leaves None empty.
        writer.writerow([prediction, *row])
