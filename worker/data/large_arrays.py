"""Arrays of a job, the large ones in files, of which memory holds what there is room for.

Nothing but a job's own process knows these files: they have no name, and go with the arrays.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from worker.engine.array_types import FloatArray

MIN_FILE_BYTES = 256 * 2**20
"""An array from this size on is in a file."""
PART_ROWS = 2**18
"""So many rows are computed at once: what is computed on the way is not in memory for all rows."""


def new_array(shape: tuple[int, ...], folder: Path | None) -> FloatArray:
    """Return a new array to fill; a large one is in a file of the folder, if there is one.

    Raise OSError where the folder's disk has no room for it: a page that finds none later would end
    the process.
    """
    size_bytes = math.prod(shape) * np.dtype(np.float32).itemsize
    if folder is None or size_bytes < MIN_FILE_BYTES:
        return np.empty(shape, dtype=np.float32)
    with TemporaryFile(dir=folder) as file:
        if sys.platform == "darwin":  # It has no call for this.
            file.truncate(size_bytes)
        else:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
        return np.asarray(np.memmap(file, np.float32, mode="r+", shape=shape))


def parts_of(rows: int) -> Iterator[slice]:
    """Yield the parts of so many rows that are computed one after the other."""
    for start in range(0, rows, PART_ROWS):
        yield slice(start, min(start + PART_ROWS, rows))
