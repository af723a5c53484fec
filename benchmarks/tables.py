"""The tables that are compared on: diamonds, which plotnine carries, and generated ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl

from worker.engine.arrays import Arrays, Fold, Loss

ORDERED = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("DEFGHIJ"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
COLUMNS = 26


def diamonds_csv() -> Path:
    """Return where plotnine keeps its diamonds table: 53,940 rows of 10 columns."""
    spec = importlib.util.find_spec("plotnine")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("plotnine is not installed: `make bench` installs it")
    return Path(spec.submodule_search_locations[0]) / "data" / "diamonds.csv"


def diamonds(train_rows: int, val_rows: int) -> Arrays:
    """Return the log of the price from 26 columns after one-hot, both standardised."""
    frame = pl.read_csv(diamonds_csv())
    frame = frame.select(["carat", "depth", "table", "x", "y", "z", *ORDERED, "price"])
    x = frame.drop("price").to_dummies(list(ORDERED)).to_numpy().astype(np.float64)
    return _standardised(x, np.log(frame["price"].to_numpy()), train_rows, val_rows)


def generated(train_rows: int, val_rows: int) -> Arrays:
    """Return a target of known noise, variance 0.25, over 26 columns of which six matter."""
    x, y = _generated_rows(train_rows + val_rows)
    return _standardised(x, y, train_rows, val_rows)


def generated_csv(folder: Path, rows: int) -> Path:
    """Write the generated table, whose target is `y`."""
    x, y = _generated_rows(rows)
    path = folder / "generated.csv"
    columns = {f"x{number}": values for number, values in enumerate(x.T)}
    pl.DataFrame(columns | {"y": y}).write_csv(path)
    return path


def _generated_rows(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, COLUMNS))
    signal = x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] + np.abs(x[:, 4]) - x[:, 5] ** 2 / 2
    return x, signal + rng.normal(size=rows) * 0.5


def _standardised(x: np.ndarray, y: np.ndarray, train_rows: int, val_rows: int) -> Arrays:
    rows = np.random.default_rng(1).permutation(len(x))[: train_rows + val_rows]
    x, y, train = x[rows], y[rows], slice(train_rows)
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    y = (y - y[train].mean()) / y[train].std()
    order = np.arange(len(x))
    fold = Fold(order[:train_rows], order[train_rows:])
    return Arrays(x[None].astype(np.float32), y.astype(np.float32), Loss.mse, 1, (fold,))
