"""Built-in demo tables: scikit-learn's, as CSV with plain column names."""

from __future__ import annotations

import csv
import importlib
import io
from typing import Any

from lowloss.errors import InvalidRequest

TARGET = "target"
LOADERS = {
    "diabetes": ("load_diabetes", {"scaled": False}),
    "iris": ("load_iris", {}),
    "wine": ("load_wine", {}),
    "breast_cancer": ("load_breast_cancer", {}),
    "digits": ("load_digits", {}),
}


def builtin_csv(name: str) -> bytes:
    """Return a built-in table as CSV bytes, raw and unscaled, with the target in `target`."""
    if name not in LOADERS:
        raise InvalidRequest(
            f"there is no built-in table {name!r}", field="builtin", fix=f"use {', '.join(LOADERS)}"
        )
    try:
        # By name: the client works without the packages that only a worker needs.
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise InvalidRequest(
            "the built-in tables come with scikit-learn, which is not installed",
            field="builtin",
            fix='pip install "lowloss[worker]"',
        ) from error
    loader, options = LOADERS[name]
    return _format_csv(getattr(datasets, loader)(**options))


def _format_csv(table: Any) -> bytes:
    labels = [str(label) for label in getattr(table, "target_names", [])]
    columns = [column.replace(" (cm)", "").replace(" ", "_") for column in table.feature_names]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, TARGET])
    for row, target in zip(table.data, table.target, strict=True):
        label = labels[target] if labels else _format_exactly(target)
        writer.writerow([*(_format_exactly(value) for value in row), label])
    return text.getvalue().encode()


def _format_exactly(value: Any) -> str:
    return repr(float(value)).removesuffix(".0")
