"""What goes wrong in data: each edit answers a table with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

Edit = Callable[[pl.DataFrame, str, np.random.Generator], pl.DataFrame]
"""Of a table with a target; what it draws comes from the generator."""
NOISE = "noise_"
IDENTIFIER, LEAK, CODES = "row_id", "target_code", "shop"
FAR = 1e3
"""How many spreads from the mean an outlier lies."""
EDITED_COLUMNS = 3
"""Columns that get missing values, or outliers."""


def other_units(factor: float) -> Edit:
    """Multiply every other column of numbers."""

    def edit(frame: pl.DataFrame, target: str, _: np.random.Generator) -> pl.DataFrame:
        chosen = _numbers(frame, target)[::2]
        return frame.with_columns(pl.col(name).cast(pl.Float64) * factor for name in chosen)

    return edit


def target_times(factor: float) -> Edit:
    """Multiply the target."""
    return lambda frame, target, _: frame.with_columns(pl.col(target) * factor)


def missing_cells(share: float) -> Edit:
    """Remove a share of the values of some columns; one value at least."""

    def edit(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
        for name in _numbers(frame, target)[:EDITED_COLUMNS]:
            is_lost = pl.Series(_chosen(frame.height, share, rng))
            values = frame[name].cast(pl.Float64).set(is_lost, None)
            frame = frame.with_columns(values)
        return frame

    return edit


def outlying_cells(share: float) -> Edit:
    """Put a share of values far beyond all others into some columns."""

    def edit(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
        for name in _numbers(frame, target)[:EDITED_COLUMNS]:
            values = frame[name].cast(pl.Float64).to_numpy().copy()
            rows = _chosen(frame.height, share, rng)
            values[rows] = np.nanmean(values) + FAR * np.nanstd(values) * rng.normal(
                size=rows.sum()
            )
            frame = frame.with_columns(pl.Series(name, values))
        return frame

    return edit


def with_noise_columns(count: int, rows: int) -> Edit:
    """Keep only so many rows, and add columns that have to do with nothing."""

    def edit(frame: pl.DataFrame, _: str, rng: np.random.Generator) -> pl.DataFrame:
        frame = frame.head(rows)
        noise = rng.normal(size=(count, frame.height))
        return frame.with_columns(pl.Series(f"{NOISE}{i}", noise[i]) for i in range(count))

    return edit


def noise_columns(count: int) -> tuple[str, ...]:
    """Return the names of the columns that `with_noise_columns` adds."""
    return tuple(f"{NOISE}{i}" for i in range(count))


def with_identifier(frame: pl.DataFrame, _: str, rng: np.random.Generator) -> pl.DataFrame:
    """Add a column with a number of its own for every row."""
    return frame.with_columns(pl.Series(IDENTIFIER, rng.permutation(frame.height)))


def with_constant(frame: pl.DataFrame, _target: str, _: np.random.Generator) -> pl.DataFrame:
    """Add a column with one value."""
    return frame.with_columns(pl.lit(1.0).alias("version"))


def with_copy(frame: pl.DataFrame, target: str, _: np.random.Generator) -> pl.DataFrame:
    """Add a second column with the values of the first."""
    name = _numbers(frame, target)[0]
    return frame.with_columns(pl.col(name).alias(f"{name}_copy"))


def with_leak(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
    """Add a column that gives the target away: its value, or its class's number.

    And a little noise.
    """
    values = _codes(frame[target])
    noise = rng.normal(size=frame.height) * values.std() * 0.01
    return frame.with_columns(pl.Series(LEAK, values + noise))


def with_codes(levels: int) -> Edit:
    """Add a column of a category's codes, and to the target what each is worth: its spread."""

    def edit(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
        codes = rng.integers(levels, size=frame.height)
        values = frame[target].to_numpy().astype(np.float64)
        worth = rng.normal(size=levels)[codes] * values.std()
        return frame.with_columns(pl.Series(target, values + worth), pl.Series(CODES, codes))

    return edit


def in_order(frame: pl.DataFrame, target: str, _: np.random.Generator) -> pl.DataFrame:
    """Sort the rows by the target."""
    return frame.sort(target)


def repeated_rows(share: float) -> Edit:
    """Repeat a share of the rows."""

    def edit(frame: pl.DataFrame, _: str, rng: np.random.Generator) -> pl.DataFrame:
        again = frame.filter(pl.Series(_chosen(frame.height, share, rng)))
        whole = pl.concat([frame, again])
        shuffled: pl.DataFrame = whole[rng.permutation(whole.height).tolist()]
        return shuffled

    return edit


def first_rows(rows: int) -> Edit:
    """Keep only so many rows."""
    return lambda frame, _target, _: frame.head(rows)


def thin_class(share: float) -> Edit:
    """Leave the rarest class a share of the rows."""

    def edit(frame: pl.DataFrame, target: str, _: np.random.Generator) -> pl.DataFrame:
        counts = frame[target].value_counts().sort("count", target)
        rarest = counts[target][0]
        is_rare = frame[target] == rarest
        max_rare = round(share / (1 - share) * (frame.height - int(is_rare.sum())))
        return frame.filter(~is_rare | (is_rare.cast(pl.Int64).cum_sum() <= max_rare))

    return edit


def other_labels(share: float) -> Edit:
    """Give a share of the rows another class than their own."""

    def edit(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
        labels = np.array(frame[target].unique().sort().to_list())
        codes = _codes(frame[target]).astype(np.int64)
        rows = _chosen(frame.height, share, rng)
        codes[rows] = (codes[rows] + rng.integers(1, len(labels), size=rows.sum())) % len(labels)
        return frame.with_columns(pl.Series(target, labels[codes]))

    return edit


def noisy_target(spreads: float) -> Edit:
    """Add normal noise to a target of numbers, in units of its spread."""

    def edit(frame: pl.DataFrame, target: str, rng: np.random.Generator) -> pl.DataFrame:
        values = frame[target].to_numpy().astype(np.float64)
        noise = rng.normal(size=len(values)) * values.std() * spreads
        return frame.with_columns(pl.Series(target, values + noise))

    return edit


def applied(
    frame: pl.DataFrame, target: str, edits: Iterable[Edit], rng: np.random.Generator
) -> pl.DataFrame:
    """Return a table after some edits."""
    for edit in edits:
        frame = edit(frame, target, rng)
    return frame


def _numbers(frame: pl.DataFrame, target: str) -> list[str]:
    """Return columns of numbers with more than a few values, the most varied first."""
    names = [name for name in frame.select(pl.selectors.numeric()).columns if name != target]
    varied = [name for name in names if frame[name].n_unique() > 2]
    return sorted(varied, key=lambda name: -frame[name].n_unique())


def _chosen(rows: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return whether each row is one of a share of them [N]."""
    is_chosen = np.zeros(rows, dtype=bool)
    is_chosen[rng.permutation(rows)[: max(1, round(share * rows))]] = True
    return is_chosen


def _codes(target: pl.Series) -> np.ndarray:
    """Return a target's numbers [N], or its classes' numbers in sorted order."""
    if target.dtype.is_numeric():
        return target.to_numpy().astype(np.float64)
    return (target.rank("dense").to_numpy() - 1).astype(np.float64)
