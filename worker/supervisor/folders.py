"""The temporary folders of children: locked while they are in use, and reaped once they are not."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from service.machine import MIN_FREE_BYTES

PREFIX = "lowloss-worker-"
LOCK = "in-use"
REAP_SECONDS = 3600.0
"""The time between two looks for leftovers."""
UNLOCKED_SECONDS = 60.0
"""A folder without a lock is younger than this while somebody makes it."""


@dataclass(frozen=True)
class WorkFolder:
    """A temporary folder that nobody reaps while this process runs."""

    path: Path
    lock: IO[bytes]

    @classmethod
    def make(cls) -> Self:
        """Make a folder, and lock it."""
        while True:
            path = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = (path / LOCK).open("wb")
            fcntl.flock(lock, fcntl.LOCK_SH)
            # Another worker may have taken it for a leftover just before.
            if (path / LOCK).exists():
                return cls(path, lock)
            lock.close()

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def has_room() -> bool:
    """Return whether the disk of temporary files has room for those of a job."""
    return shutil.disk_usage(tempfile.gettempdir()).free >= MIN_FREE_BYTES


def reap_folders(*, now: float | None = None) -> None:
    """Delete the folders of this user's workers that were killed together with their children."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                _reap(path, time.time() if now is None else now)


def reap_hourly() -> None:
    """Reap leftovers at once, and then every hour."""
    while True:
        reap_folders()
        time.sleep(REAP_SECONDS)


def _reap(path: Path, now: float) -> None:
    """Delete a folder that nobody has locked, or makes."""
    try:
        with (path / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Under the lock: who makes the folder waits for it, and then makes another.
            shutil.rmtree(path, ignore_errors=True)
    except FileNotFoundError:
        if now - path.stat().st_mtime > UNLOCKED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
