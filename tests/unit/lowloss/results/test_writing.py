"""Predictions as CSV."""

from __future__ import annotations

import io

from lowloss.results import Predictions
from lowloss.results.writing import write_predictions
from lowloss.spec import Task


def answers(task: Task, **given: object) -> Predictions:
    values = {"job": None, "model_sha256": "0", "target": "y", "labels": (), "ignored": ()}
    return Predictions.model_validate(values | {"task": task, "probabilities": None} | given)


def test_numbers_are_written_a_line_each() -> None:
    file = io.StringIO()

    write_predictions(answers(Task.regression, predictions=(1.5, None)), file)

    assert file.getvalue() == 'prediction\n1.5\n""\n'


def test_labels_are_written_with_their_probabilities() -> None:
    file = io.StringIO()
    given = {"labels": ("no", "a,b"), "predictions": ("no", None)}

    write_predictions(
        answers(Task.binary, probabilities=((0.75, 0.25), (None, None)), **given), file
    )

    assert file.getvalue() == 'prediction,probability[no],"probability[a,b]"\nno,0.75,0.25\n,,\n'


def test_labels_are_neither_formulas_nor_escapes_of_a_terminal() -> None:
    file = io.StringIO()
    labels = ("=1+1", "-2.5", "a\x1b[2Jb")
    probabilities = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    write_predictions(
        answers(Task.multiclass, labels=labels, predictions=labels, probabilities=probabilities),
        file,
    )

    header, *lines = file.getvalue().splitlines()
    assert header == "prediction,probability[=1+1],probability[-2.5],probability[a [2Jb]"
    assert [line.partition(",")[0] for line in lines] == ["'=1+1", "-2.5", "a [2Jb"]
