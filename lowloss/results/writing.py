"""Writes predictions as CSV."""

from __future__ import annotations

import csv
from typing import TextIO

from lowloss.results.jobs import Predictions
from lowloss.wording import make_plain_cell, make_printable


def write_predictions(predictions: Predictions, file: TextIO) -> None:
    """Write one line per row: the prediction and, for a classification, all probabilities.

    A stranger may have written the labels: they are neither formulas nor escapes.
    """
    writer = csv.writer(file, lineterminator="\n")
    labels = {label: make_plain_cell(label) for label in predictions.labels}
    header = (f"probability[{make_printable(label)}]" for label in labels)
    writer.writerow(["prediction", *header])
    probabilities = predictions.probabilities or ((),) * len(predictions.predictions)
    for prediction, row in zip(predictions.predictions, probabilities, strict=True):
        # The writer leaves None empty.
        shown = labels.get(prediction, prediction) if isinstance(prediction, str) else prediction
        writer.writerow([shown, *row])
