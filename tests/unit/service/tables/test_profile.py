"""What is measured of each column at upload."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from lowloss.errors import JobFailed
from lowloss.results import Column, ColumnKind, Dataset, TableFormat
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.profile import check_is_as_profiled, profile_table
from tests.builders.tables import LIMITS, read


def profile_of(values: Any, *, is_matrix: bool = False, limits: Limits = LIMITS) -> Column:
    (column,) = profile_table(Table(pl.DataFrame({"x": values}), is_matrix), limits=limits)
    return column


def test_profile_measures_every_kind_of_column(tmp_path: Path) -> None:
    rows = 60
    columns: dict[str, Any] = {
        "number": [float(i) + 0.5 for i in range(rows)],
        "whole": [i % 7 for i in range(rows)],
        "flag": [i % 2 == 0 for i in range(rows)],
        "category": ["ab"[i % 2] for i in range(rows)],
        "id": [f"user-{i}" for i in range(rows)],
        "same": ["x"] * rows,
        "day": [date(1970, 1, 1 + i % 20) for i in range(rows)],
        "gaps": [None if i < 15 else i for i in range(rows)],
    }
    pl.DataFrame(columns).write_csv(tmp_path / "t.csv")

    profile = {c.name: c for c in profile_table(read(tmp_path / "t.csv"), limits=LIMITS)}

    assert {name: column.kind for name, column in profile.items()} == {
        "number": ColumnKind.numeric,
        "whole": ColumnKind.numeric,
        "flag": ColumnKind.boolean,
        "category": ColumnKind.categorical,
        "id": ColumnKind.identifier,
        "same": ColumnKind.constant,
        "day": ColumnKind.date,
        "gaps": ColumnKind.numeric,
    }
    whole, gaps, day = profile["whole"], profile["gaps"], profile["day"]
    assert (whole.is_integer, profile["number"].is_integer) == (True, False)
    assert (whole.min, whole.max, whole.distinct) == (0, 6, 7)
    assert whole.mean == pytest.approx(np.mean(columns["whole"]))
    assert whole.sd == pytest.approx(np.std(np.array(columns["whole"])))
    assert (gaps.missing, gaps.distinct) == (15, 45)
    assert (day.min, day.max) == (0, 19)
    assert [(level.value, level.rows) for level in profile["flag"].levels] == [
        ("false", 30),
        ("true", 30),
    ]
    assert len(profile["number"].levels) <= 60


UUIDS = [str(UUID(int=i)) for i in range(200)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (list(range(21)), ColumnKind.identifier),
        (list(range(20)), ColumnKind.numeric),
        (list(range(1000, 1100))[::-1], ColumnKind.identifier),
        ([float(i) for i in range(1, 31)], ColumnKind.identifier),
        ([*range(29), 40], ColumnKind.numeric),
        ([*range(20), None, *range(20, 40)], ColumnKind.identifier),
        ([*range(0, 40, 2), None, *range(1, 40, 2)], ColumnKind.numeric),
        ([*range(10), None, None, *range(10, 29)], ColumnKind.numeric),
        ([i + 0.5 for i in range(30)], ColumnKind.numeric),
        ([f"row {i}" for i in range(21)], ColumnKind.identifier),
        ([f"row {i}" for i in range(20)], ColumnKind.categorical),
        (UUIDS + UUIDS[:50], ColumnKind.identifier),
        ([f"word {i % 200}" for i in range(250)], ColumnKind.text),
        (UUIDS[:3] * 50, ColumnKind.categorical),
        ([0, 1, 2] * 10, ColumnKind.integer_category),
        ([1.0, 2.0, 3.0] * 10, ColumnKind.integer_category),
        ([0, 1, 2] * 9, ColumnKind.numeric),
        ([0, 1] * 30, ColumnKind.numeric),
        ([2, 3, 4] * 10, ColumnKind.numeric),
        ([0, 1, 3] * 10, ColumnKind.numeric),
        ([0, 1] * 30 + [2], ColumnKind.numeric),
        (list(range(20)) * 10, ColumnKind.integer_category),
        (list(range(21)) * 10, ColumnKind.numeric),
        ([-(2**63), 2**63 - 1] * 20, ColumnKind.numeric),
        ([True, False] * 20, ColumnKind.boolean),
        ([date(2024, 1, 1 + i) for i in range(25)], ColumnKind.date),
        (pl.Series([None, None], dtype=pl.Float64), ColumnKind.constant),
    ],
    ids=lambda v: str(v)[:24],
)
def test_kind_follows_from_the_values(values: Any, kind: ColumnKind) -> None:
    assert profile_of(values).kind is kind


@pytest.mark.parametrize("values", [list(range(30)), [0, 1, 2] * 10, UUIDS])
def test_columns_of_a_matrix_are_no_codes(values: Any) -> None:
    kind = profile_of(values, is_matrix=True).kind

    assert kind in {ColumnKind.numeric, ColumnKind.text}


def test_quantiles_are_values_that_are_there() -> None:
    values = np.random.default_rng(0).permutation(201)

    assert profile_of(values).quantiles == (2, 10, 50, 100, 150, 190, 198)


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        ([0.0, 0.1, 2.0], np.linspace(0, 2, 21), [1, 1, *[0] * 17, 1]),
        ([3, 4, 4, 5, 5, 5], [3, 3 + 2 / 3, 4 + 1 / 3, 5], [1, 2, 3]),
        ([True, False, False], [0, 0.5, 1], [2, 1]),
        ([date(1970, 1, 3), date(1970, 1, 2), None], [1, 1.5, 2], [1, 1]),
        (
            [datetime(1970, 1, 1), datetime(1970, 1, 1, 12)],
            np.linspace(0, 0.5, 21),
            [1, *[0] * 18, 1],
        ),
        (list(range(40)), np.linspace(0, 39, 21), [2] * 20),
    ],
    ids=str,
)
def test_histogram_counts_values_in_bins_of_one_width(
    values: Any, edges: Any, counts: list[int]
) -> None:
    histogram = profile_of(values).histogram

    assert histogram is not None
    assert histogram.edges == pytest.approx(list(edges))
    assert histogram.counts == tuple(counts)


@pytest.mark.parametrize(
    "values", [["a", "b"], [1.0, 1.0], [1.0, np.nextafter(1.0, 2.0)], [-1e308, 1e308], [None]]
)
def test_there_is_no_histogram_where_nothing_is_between_the_ends(values: Any) -> None:
    assert profile_of(values).histogram is None


def test_numbers_too_large_to_be_squared_have_no_standard_deviation() -> None:
    column = profile_of([1e200, 3e200])

    assert column.mean == pytest.approx(2e200)
    assert column.sd is None


@pytest.mark.parametrize(
    "values",
    [[3, 1, 1, 2, 2, None], ["c", "a", "a", "b", "b", None], [3.0, 1.0, 1.0, 2.0, 2.0]],
    ids=str,
)
def test_levels_are_the_most_frequent_values_and_ties_go_by_value(values: list[Any]) -> None:
    names = sorted({str(v).removesuffix(".0") for v in values if v is not None})

    column = profile_of(values)

    assert [(level.value, level.rows) for level in column.levels] == [
        (names[0], 2),
        (names[1], 2),
        (names[2], 1),
    ]


@pytest.mark.parametrize("kind", [int, str])
def test_few_of_many_levels_are_kept(kind: type) -> None:
    values = [kind(1000 + i) for i in range(300)] + [kind(1200), kind(1100), kind(1200)]

    column = profile_of(values, limits=Limits(max_classes=20))

    assert column.distinct == 300
    assert [(level.value, level.rows) for level in column.levels[:4]] == [
        ("1200", 3),
        ("1100", 2),
        ("1000", 1),
        ("1001", 1),
    ]
    assert len(column.levels) == 10


@pytest.mark.parametrize(
    "stored",
    [
        {"profile": {"kind": ColumnKind.categorical}},
        {"profile": {"name": "z"}},
        {"rows": 4},
    ],
)
def test_a_table_that_an_earlier_version_read_otherwise_trains_no_job(
    stored: dict[str, Any],
) -> None:
    table = Table(pl.DataFrame({"x": [1.5, 2.5, 4.0]}))
    (column,) = profile_table(table, limits=LIMITS)
    changed = column.model_copy(update=stored.pop("profile", {}))
    values = {"rows": 3, "profile": (column,)}

    check_is_as_profiled(table, a_dataset(**values))
    with pytest.raises(JobFailed) as failed:
        check_is_as_profiled(table, a_dataset(**values | {"profile": (changed,)} | stored))

    assert failed.value.reason == "dataset_read_otherwise"
    assert "upload the table again" in str(failed.value)


def test_a_flag_of_numbers_is_read_as_it_was_profiled() -> None:
    table = Table(pl.DataFrame({"x": [5, None, 5, None], "y": [1.5, 2.5, 4.0, 0.5]}))
    profile = profile_table(table, limits=LIMITS)

    check_is_as_profiled(table, a_dataset(rows=4, profile=profile))

    assert profile[0].kind is ColumnKind.categorical


def a_dataset(**values: Any) -> Dataset:
    return Dataset(
        id="ds_1",
        name="t",
        sha256="0" * 64,
        format=TableFormat.csv,
        size_bytes=1,
        columns=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **values,
    )


def test_columns_are_profiled_alike_together_and_alone() -> None:
    rows, rng = 40, np.random.default_rng(0)
    is_missing = rng.random(rows) < 0.3
    columns = [
        pl.Series(f"{name} {step}", values).set(pl.Series(is_missing & bool(step % 2)), None)
        for step in range(6)
        for name, values in {
            "number": rng.normal(size=rows) * 10.0 ** (step * 30),
            "whole": rng.integers(0, 3 + step * 10, rows),
            "large": rng.integers(-(2**62), 2**62, rows),
            "flag": rng.random(rows) < 0.4,
            "word": rng.choice(np.array(["a", "b", "cc"]), rows),
            "id": np.array([f"user-{i}" for i in range(rows)]),
            "day": np.datetime64("2001-01-01") + rng.integers(0, 999, rows),
            "same": np.zeros(rows),
        }.items()
    ]

    together = profile_table(Table(pl.DataFrame(columns)), limits=LIMITS)

    alone = [profile_table(Table(pl.DataFrame([c])), limits=LIMITS)[0] for c in columns]
    assert list(together) == alone


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("", range(0, 500, 7), ColumnKind.identifier),
        ("", [n * 37 % 101 for n in range(90)], ColumnKind.identifier),
        ("Unnamed: 0", [n * 37 % 101 for n in range(90)], ColumnKind.identifier),
        ("area", [n * 37 % 101 for n in range(90)], ColumnKind.numeric),
        ("", [n % 45 for n in range(90)], ColumnKind.numeric),
        ("", range(-50, 300, 5), ColumnKind.numeric),
    ],
)
def test_row_numbers_of_a_sample_are_no_feature(
    tmp_path: Path, name: str, values: Iterable[int], kind: ColumnKind
) -> None:
    rows = "".join(f"{value},{position * 0.37:.2f}\n" for position, value in enumerate(values))
    (tmp_path / "t.csv").write_text(f"{name},y\n{rows}")

    first, _ = profile_table(read(tmp_path / "t.csv"), limits=LIMITS)

    assert first.kind is kind
