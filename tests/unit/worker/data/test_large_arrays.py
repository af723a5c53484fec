"""Large arrays in files: the same numbers, no leftovers, and a clear end where there is no room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from service.store.database import is_out_of_space
from tests.builders.disks import a_small_disk
from tests.builders.tables import checked, mixed_columns, write_csv
from worker.data import large_arrays
from worker.data.input_choices import InputChoice
from worker.data.large_arrays import new_array
from worker.data.prepare import Prepared, prepare, prepare_refit

CHOICES = (InputChoice("piecewise"), InputChoice("robust"))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array is large, and is computed in parts that do not divide it."""
    monkeypatch.setattr(large_arrays, "MIN_FILE_BYTES", 0)
    monkeypatch.setattr(large_arrays, "PART_ROWS", 37)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with a_small_disk(tmp_path, "1m") as folder:
        yield folder


def files_mapped() -> set[str]:
    return {entry.path for entry in psutil.Process().memory_maps(grouped=False)}


@pytest.mark.usefixtures("small_parts")
def test_arrays_in_files_are_those_in_memory(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", mixed_columns(150) | {"y": np.arange(150.0)})
    table, check = checked(path, "y")
    folder = tmp_path / "files"
    folder.mkdir()

    def prepared(where: Path | None) -> tuple[Prepared, Prepared]:
        search = prepare(table, check, max_levels=100, folder=where)
        return search, prepare_refit(search, check.spec, CHOICES)

    mapped, plain = prepared(folder), prepared(None)
    names = files_mapped()

    assert any(name.startswith(str(folder)) for name in names)
    assert list(folder.iterdir()) == []
    for one, other in zip(mapped, plain, strict=True):
        assert one.arrays.x_VND.tobytes() == other.arrays.x_VND.tobytes()
        assert one.labelled.raw.numeric_NR.tobytes() == other.labelled.raw.numeric_NR.tobytes()
    del mapped, one
    assert not any(name.startswith(str(folder)) for name in files_mapped())


def test_small_array_is_in_memory(tmp_path: Path) -> None:
    before = files_mapped()

    array = new_array((10, 10), tmp_path)

    assert array.shape == (10, 10)
    assert not any(name.startswith(str(tmp_path)) for name in files_mapped() - before)


@pytest.mark.usefixtures("small_parts")
def test_disk_without_room_is_refused_before_anything_is_written(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left") as refused:
        new_array((2**20, 1), small_disk)

    assert is_out_of_space(refused.value)
    new_array((2**15, 1), small_disk)[:] = 1.0
