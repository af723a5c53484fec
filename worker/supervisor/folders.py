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

from service.machine import MIN_FREE_BYTES, WORK_FOLDER_LOCK, WORK_FOLDER_PREFIX

REAP_SECONDS = 60.0
"""The time between two looks for leftovers."""


@dataclass(frozen=True)
class WorkFolder:
    """A temporary folder that nobody reaps while this process runs."""

    path: Path
    lock: IO[bytes]

    @classmethod
    def make(cls) -> Self:
        """Make a folder, and lock it."""
        while True:
            path = Path(tempfile.mkdtemp(prefix=WORK_FOLDER_PREFIX))
            # Another worker may take it for a leftover before it is locked.
            with suppress(FileNotFoundError):
                lock = (path / WORK_FOLDER_LOCK).open("wb")
                fcntl.flock(lock, fcntl.LOCK_SH)
                if (path / WORK_FOLDER_LOCK).exists():
                    return cls(path, lock)
                lock.close()

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def has_room() -> bool:
    """Return whether the disk of temporary files has room for those of a job."""
    return shutil.disk_usage(tempfile.gettempdir()).free >= MIN_FREE_BYTES


def reap_folders() -> None:
    """Delete the folders of this user's workers that were killed together with their children."""
    for path in Path(tempfile.gettempdir()).glob(f"{WORK_FOLDER_PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                _reap(path)


def reap_regularly() -> None:
    """Reap leftovers at once, and then every minute.

    The child of a worker that was killed lives on for a moment, and may write into its folder while
    that is deleted.
    """
    while True:
        reap_folders()
        time.sleep(REAP_SECONDS)


def _reap(path: Path) -> None:
    """Delete a folder that nobody has locked, or makes."""
    # In this order: only who has made the lock writes anything else.
    names = os.listdir(path)
    try:
        with (path / WORK_FOLDER_LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Under the lock: who makes the folder waits for it, and then makes another.
            shutil.rmtree(path, ignore_errors=True)
    except FileNotFoundError:
        if names:
            shutil.rmtree(path, ignore_errors=True)
        else:
            # Fails where somebody makes the lock meanwhile.
            path.rmdir()
