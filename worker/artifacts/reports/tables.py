"""A search as tables: its trials and their curves, for a spreadsheet or a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from lowloss.results import Curve, Trial

TRIALS, CURVES = "trials.csv", "curves.csv"


def write_trials(path: Path, trials: Sequence[Trial]) -> None:
    """Write a row a trial: how it ended, its metrics, its hyperparameters (widths as `64-32`)."""
    pl.DataFrame([_row(trial) for trial in trials], infer_schema_length=None).write_csv(path)


def write_curves(path: Path, curves: Mapping[int, Curve]) -> None:
    """Write a row an epoch of a trial; a value that was not finite is empty."""
    columns = list(Curve.model_fields)
    rows = [
        (number, epoch, *values)
        for number, curve in curves.items()
        for epoch, values in enumerate(
            zip(*(getattr(curve, column) for column in columns), strict=True), start=1
        )
    ]
    schema = {"trial": pl.Int64, "epoch": pl.Int64} | dict.fromkeys(columns, pl.Float64)
    pl.DataFrame(rows, schema=schema, orient="row").write_csv(path)


def _row(trial: Trial) -> dict[str, Any]:
    hyperparameters = trial.hyperparameters.model_dump()
    hyperparameters["widths"] = "-".join(map(str, trial.hyperparameters.widths))
    ended = trial.model_dump(
        mode="json",
        include={
            "number",
            "state",
            "reason",
            "score",
            "score_error",
            "epochs",
            "best_epoch",
            "seconds",
        },
    )
    origin = trial.model_dump(
        mode="json", include={"seed", "program", "attempt", "started_at", "finished_at"}
    )
    return ended | trial.metrics | hyperparameters | origin
