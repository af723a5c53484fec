"""What the machine, or the container on it, has: memory, and room on its disks."""

from __future__ import annotations

from pathlib import Path

import psutil

from lowloss.errors import LowlossError

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
UPLOAD_PREFIX = "upload-"
"""How the names of temporary uploads in the data folder begin."""
WORK_FOLDER_PREFIX, WORK_FOLDER_LOCK = "lowloss-worker-", "in-use"
"""How the names of workers' temporary folders begin, and the file that is locked in each. It is the
first one: a folder that has others and not this is a leftover."""
MIN_FREE_BYTES = 64 * 1024**2
"""Room on a disk without which a server is not ready, and a worker claims no job."""


def measure_memory() -> int:
    """Return the bytes of memory that this process may use."""
    total = int(psutil.virtual_memory().total)
    limit = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.exists() else "max"
    return min(total, int(limit)) if limit.isdigit() else total


def make_folder(folder: Path, noun: str, *, fix: str = "") -> None:
    """Make a folder if it is not there; raise LowlossError, `fix` included, where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LowlossError(f"{noun} {folder} cannot be made: {error.strerror}{fix}") from error
