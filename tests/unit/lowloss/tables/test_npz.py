"""Reading NPZ: `X` and `y` as columns, checked before they are allocated."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lowloss.errors import (
    NpzArraysMissing,
    NpzContainsPickle,
    NpzShapesDiffer,
    Problem,
    TableEmpty,
    TableTooLarge,
    TableUnreadable,
)
from tests.builders.tables import read


def test_npz_becomes_columns_of_x_and_y(tmp_path: Path) -> None:
    x = np.array([[1.0, np.nan], [3.0, 4.0]], dtype=np.float32)
    np.savez(tmp_path / "t.npz", X=x, y=np.array(["a", "b"]))

    table = read(tmp_path / "t.npz")

    assert table.is_matrix
    assert table.frame.columns == ["X[0]", "X[1]", "y"]
    assert table.frame.rows() == [(1.0, None, "a"), (3.0, 4.0, "b")]


@pytest.mark.parametrize(
    ("arrays", "kind", "said"),
    [
        ({"X": np.ones((3, 2))}, NpzArraysMissing, "'y'"),
        ({"data": np.ones(3)}, NpzArraysMissing, "it has: data"),
        ({"X": np.ones((3, 2)), "y": np.ones(4)}, NpzShapesDiffer, r"\(3, 2\) and y \(4,\)"),
        ({"X": np.ones((3, 2, 2)), "y": np.ones(3)}, NpzShapesDiffer, "rows, columns"),
        ({"X": np.ones((3, 2)), "y": np.ones((3, 2))}, NpzShapesDiffer, "y"),
        ({"X": np.array([[{}]]), "y": np.ones(1)}, NpzContainsPickle, "'X'"),
        ({"X": np.ones((1, 1)), "y": np.array([{}])}, NpzContainsPickle, "'y'"),
        ({"X": np.ones((2, 2), dtype=complex), "y": np.ones(2)}, TableUnreadable, "complex"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, TableEmpty, "rows"),
    ],
)
def test_npz_that_cannot_be_used_is_refused(
    tmp_path: Path, arrays: dict[str, Any], kind: type[Problem], said: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)

    with pytest.raises(kind, match=said):
        read(tmp_path / "t.npz")


def test_npz_header_that_claims_gigabytes_is_refused_before_they_are_allocated(
    tmp_path: Path,
) -> None:
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 50)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())

    with pytest.raises(TableTooLarge):
        read(tmp_path / "t.npz")


def test_npz_of_what_is_no_text_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.ones(2), y=np.array(["a", "\ud800"]))

    with pytest.raises(TableUnreadable, match="'y'"):
        read(tmp_path / "t.npz")
