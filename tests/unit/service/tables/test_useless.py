"""A dataset says which of its columns are features of no model."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lowloss.results import NOT_A_FEATURE, TableFormat, TableWarning
from lowloss.spec import JobSpec
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.settings import Limits
from service.tables.check import check_job
from service.tables.parse import Bounds, parse_upload
from service.tables.profile import profile_table
from service.tables.useless import warn_of_useless
from tests.builders.tables import LIMITS, a_dataset_of

ROWS = 120


@pytest.fixture
def path(tmp_path: Path) -> Path:
    frame = pl.DataFrame(
        {
            "row": range(ROWS),
            "user": [f"user-{i}" for i in range(ROWS)],
            "note": [f"a text {i % 110}" for i in range(ROWS)],
            "unit": ["m"] * ROWS,
            "empty": [None] * ROWS,
            "x": [i % 7 for i in range(ROWS)],
            "y": [i * 0.37 for i in range(ROWS)],
        }
    )
    frame.write_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def warnings_of(path: Path) -> dict[str, TableWarning]:
    bounds = Bounds(memory_bytes=2**31, seconds=60)
    profile = parse_upload(path, TableFormat.csv, ParseOptions(), limits=Limits(), bounds=bounds)
    return {w.column or "": w for w in profile.warnings if w.code == NOT_A_FEATURE}


def test_columns_without_use_are_told_with_what_to_do(path: Path) -> None:
    warnings = warnings_of(path)

    assert warnings.keys() == {"row", "user", "note", "unit", "empty"}
    assert "1 column ('row'): numbers that count the rows" in warnings["row"].detail
    assert "features.include" in warnings["row"].fix
    assert "features.include" not in warnings["user"].fix


def test_dataset_and_job_agree_on_the_columns_without_use(path: Path) -> None:
    table = read_table(path, TableFormat.csv, ParseOptions(), limits=LIMITS)

    checked = check_job(JobSpec(dataset="ds", target="y"), a_dataset_of(table), limits=Limits())

    assert {column.column for column in checked.excluded} == warnings_of(path).keys()


def test_columns_of_one_reason_are_told_together() -> None:
    table = pl.DataFrame({f"same {i}": [1, 1] for i in range(9)})
    profile = profile_table(Table(table), limits=LIMITS)

    (warning,) = warn_of_useless(profile, 2)

    assert (warning.column, warning.count) == (None, 9)
    assert "9 columns ('same 0', 'same 1', 'same 2', 'same 3', 'same 4' and 4 more)" in (
        warning.detail
    )
