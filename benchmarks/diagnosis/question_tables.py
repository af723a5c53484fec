"""Tables of the shape that people asked about in forums, each from a formula and a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.diagnosis.program_table import ProgramTable
from lowloss.spec import Task

Floats = NDArray[np.float64]
ROWS_SEED, FRESH_SEED = 11, 12
"""Of the rows that are diagnosed, and of those that scripts are judged on."""
PARAMETERS = ("A", "B", "C", "D")


def _columns(x_ND: Floats) -> dict[str, Floats]:
    return {f"x{number}": column_N for number, column_N in enumerate(x_ND.T)}


def line_of_seven(_: int) -> pl.DataFrame:
    """Return y = 2 x - 1 for the whole numbers from -1 to 5."""
    x = np.arange(-1.0, 6.0)
    return pl.DataFrame({"x": x, "target": 2 * x - 1})


def degrees(_: int) -> pl.DataFrame:
    """Return 13 temperatures in Celsius, and in Fahrenheit."""
    celsius = np.linspace(-40, 80, 13)
    return pl.DataFrame({"celsius": celsius, "target": 1.8 * celsius + 32})


def tens(_: int) -> pl.DataFrame:
    """Return y = 10 x for the whole numbers from 1 to 10."""
    x = np.arange(1.0, 11.0)
    return pl.DataFrame({"x": x, "target": 10 * x})


def parabola(seed: int) -> pl.DataFrame:
    """Return y = b + x^2 of two columns, 100 rows."""
    rng = np.random.default_rng(seed)
    b, x = rng.uniform(0, 10, 100), rng.uniform(-10, 10, 100)
    return pl.DataFrame({"b": b, "x": x, "target": b + x**2})


def sale_prices(seed: int) -> pl.DataFrame:
    """Return 800 prices about 180,000, the highest near 755,000, of eight scores of a house."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 8))
    logarithm = 12 + 0.25 * x[:, 0] + 0.15 * x[:, 1] - 0.1 * x[:, 2] * x[:, 3]
    price = np.exp(logarithm + 0.08 * rng.normal(size=len(x)))
    return pl.DataFrame(_columns(x) | {"target": np.minimum(price, 755_000).round()})


def large_inputs(seed: int) -> pl.DataFrame:
    """Return 400 rows of six columns of hundreds, and a target of size 1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1000, size=(400, 6))
    z = x / 500 - 1
    target = z[:, 0] + z[:, 1] * z[:, 2] + 0.5 * z[:, 3] + 0.1 * rng.normal(size=len(x))
    return pl.DataFrame(_columns(x) | {"target": target})


def shifted_sums(seed: int) -> pl.DataFrame:
    """Return 400 weighted sums of eight columns, below zero in nearly every row."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.73, 1.73, size=(400, 8))
    target = x @ np.array([2, -1, 1, 0.5, 0, 0, 1, -2.0]) - 8 + 0.3 * rng.normal(size=len(x))
    return pl.DataFrame(_columns(x) | {"target": target})


def curve_parameters(seed: int) -> pl.DataFrame:
    """Return 800 curves at 20 points each, and the four parameters that each was drawn with."""
    rng = np.random.default_rng(seed)
    a, b, c, d = (rng.uniform(low, low + 1, 800) for low in (0.5, 0.2, 0.0, 1.0))
    t = np.linspace(0.3, 3, 20)[None]
    y = a[:, None] * np.exp(-b[:, None] * t) + c[:, None] * np.sin(d[:, None] * t)
    y += 0.01 * rng.normal(size=y.shape)
    return pl.DataFrame(_columns(y) | dict(zip(PARAMETERS, (a, b, c, d), strict=True)))


def pixels(seed: int) -> pl.DataFrame:
    """Return 600 rows of 16 numbers from 0 to 1, of three hidden ones, and the same as targets."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(ROWS_SEED).normal(size=(3, 16))
    x = 1 / (1 + np.exp(-rng.normal(size=(600, 3)) @ mixing))
    copies = {f"y{number}": column_N for number, column_N in enumerate(x.T)}
    return pl.DataFrame(_columns(x) | copies)


def cell_scores(seed: int) -> pl.DataFrame:
    """Return 569 rows of 30 columns that hang together, and two classes, 0 and 1."""
    rng = np.random.default_rng(seed)
    is_ill = rng.random(569) < 0.37
    mixing = np.random.default_rng(ROWS_SEED).normal(size=(6, 30))
    x = (rng.normal(size=(569, 6)) + 0.8 * is_ill[:, None]) @ mixing
    x += rng.normal(size=x.shape)
    return pl.DataFrame(_columns(x) | {"target": is_ill.astype(np.int64)})


def twelve_numbers(seed: int) -> pl.DataFrame:
    """Return 840 rows of ten columns, and twelve classes: the numbers from 0 to 11."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(ROWS_SEED).normal(size=(12, 10)) * 1.5
    code = np.tile(np.arange(12), 70)
    x = centres[code] + rng.normal(size=(len(code), 10))
    return pl.DataFrame(_columns(x) | {"target": code})


def flowers(seed: int) -> pl.DataFrame:
    """Return 150 rows of four lengths, and three classes, -1, 0 and 1, not in their order."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(3), 50)
    centres = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    x = centres[code] + rng.normal(size=(150, 4)) * np.array([0.4, 0.3, 0.4, 0.2])
    return pl.DataFrame(_columns(x) | {"target": np.array([0, -1, 1])[code]})


def two_signs(seed: int) -> pl.DataFrame:
    """Return 300 rows of two columns, and two classes, -2 and 2."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2))
    is_yes = x[:, 0] + 0.5 * x[:, 1] + 0.4 * rng.normal(size=len(x)) > 0
    return pl.DataFrame(_columns(x) | {"target": np.where(is_yes, 2, -2)})


def twenty_columns(seed: int) -> pl.DataFrame:
    """Return 300 rows of 20 columns of which three tell two classes, 15 % of them wrong."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 20))
    is_yes = x[:, 0] + x[:, 1] - x[:, 2] > 0
    is_yes ^= rng.random(len(x)) < 0.15
    return pl.DataFrame(_columns(x) | {"target": is_yes.astype(np.int64)})


def sorted_classes(seed: int) -> pl.DataFrame:
    """Return 600 rows of six columns, sorted by their five classes, the numbers from 0 to 4."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(ROWS_SEED).normal(size=(5, 6)) * 1.2
    code = np.repeat(np.arange(5), 120)
    x = centres[code] + rng.normal(size=(len(code), 6))
    return pl.DataFrame(_columns(x) | {"target": code})


def districts(seed: int) -> pl.DataFrame:
    """Return 800 house prices of columns as a census has them: degrees, years, counts, incomes."""
    rng = np.random.default_rng(seed)
    longitude, latitude = rng.uniform(-124, -114, 800), rng.uniform(32, 42, 800)
    age, rooms = rng.integers(1, 52, 800), rng.lognormal(7.5, 0.7, 800).round()
    people, income = rng.lognormal(7, 0.7, 800).round(), rng.lognormal(1.2, 0.45, 800)
    coast = np.exp(-(((longitude + 119) / 3 + (latitude - 36) / 3) ** 2))
    price = 4e4 * income + 6e4 * coast + 500 * age + 2e4 * rng.normal(size=800)
    columns = {"longitude": longitude, "latitude": latitude, "age": age, "rooms": rooms}
    return pl.DataFrame(columns | {"people": people, "income": income, "target": price})


def waves(seed: int) -> pl.DataFrame:
    """Return 500 rows of four columns, and a sum of waves of them."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(500, 4))
    target = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=len(x))
    return pl.DataFrame(_columns(x) | {"target": target})


def answer_in_a_column(seed: int) -> pl.DataFrame:
    """Return 400 rows of ten columns of which the sign of one is the class, 0 or 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 10))
    return pl.DataFrame(_columns(x) | {"target": (x[:, 4] > 0).astype(np.int64)})


def _a_table(
    name: str, rows: Callable[[int], pl.DataFrame], task: Task, classes: int = 0, **fields: object
) -> ProgramTable:
    frame = rows(ROWS_SEED)
    fresh = partial(rows, FRESH_SEED)
    values = {"target": "target", "rows": frame.height, "classes": classes} | fields
    return ProgramTable(name, partial(rows, ROWS_SEED), task=task, fresh=fresh, **values)  # type: ignore[arg-type]


QUESTION_TABLES = (
    _a_table("line of seven rows", line_of_seven, Task.regression),
    _a_table("13 temperatures", degrees, Task.regression),
    _a_table("tens", tens, Task.regression),
    _a_table("parabola", parabola, Task.regression),
    _a_table("sale prices", sale_prices, Task.regression),
    _a_table("large inputs", large_inputs, Task.regression),
    _a_table("shifted sums", shifted_sums, Task.regression),
    _a_table(
        "curve parameters", curve_parameters, Task.regression, target="A", others=PARAMETERS[1:]
    ),
    _a_table(
        "pixels", pixels, Task.regression, target="y0", others=tuple(f"y{n}" for n in range(1, 16))
    ),
    _a_table("cell scores", cell_scores, Task.binary, 2),
    _a_table("twelve numbers", twelve_numbers, Task.multiclass, 12),
    _a_table("flowers", flowers, Task.multiclass, 3),
    _a_table("two signs", two_signs, Task.binary, 2),
    _a_table("twenty columns", twenty_columns, Task.binary, 2),
    _a_table("sorted classes", sorted_classes, Task.multiclass, 5, is_ordered=True),
    _a_table("districts", districts, Task.regression),
    _a_table("waves", waves, Task.regression),
    _a_table("answer in a column", answer_in_a_column, Task.binary, 2),
)
