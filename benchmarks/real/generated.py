"""Tables with a known answer: what no model can do better than is the noise, of variance 1."""

from __future__ import annotations

import numpy as np
import polars as pl

REGIONS, PRODUCTS = 8, 200


def generate_thousands_of_columns(
    rows: int = 600, columns: int = 2_000, informative: int = 20
) -> pl.DataFrame:
    """Return normal columns; the target is the sum of a few, each times 1 or -1, and noise."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, columns))
    chosen = rng.choice(columns, size=informative, replace=False)
    weights = rng.choice([-1.0, 1.0], size=informative)
    y = x[:, chosen] @ weights + rng.normal(size=rows)
    return pl.DataFrame({f"x{i}": x[:, i] for i in range(columns)} | {"target": y})


def generate_half_a_million_rows(rows: int = 500_000) -> pl.DataFrame:
    """Return Friedman's first function of five columns of ten, effects of two categories, noise.

    Each product adds something, and each region multiplies the slope of a column (Friedman 1991,
    "Multivariate adaptive regression splines", for the function).
    """
    rng = np.random.default_rng(6)
    x = rng.uniform(size=(rows, 10))
    region, product = rng.integers(REGIONS, size=rows), rng.integers(PRODUCTS, size=rows)
    slopes, effects = rng.uniform(0, 2, size=REGIONS), rng.normal(scale=2, size=PRODUCTS)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * slopes[region] * x[:, 3] + 5 * x[:, 4] + effects[product]
    y += rng.normal(size=rows)
    regions = np.array([f"region {i}" for i in range(REGIONS)])
    products = np.array([f"product {i}" for i in range(PRODUCTS)])
    columns = {f"x{i}": x[:, i] for i in range(10)}
    categories = {"region": regions[region], "product": products[product]}
    return pl.DataFrame(columns | categories | {"target": y})
