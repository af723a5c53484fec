"""Temporary folders of workers: none stays behind, and none is taken from a worker that lives."""

from __future__ import annotations

import fcntl
import tempfile
import time
from pathlib import Path

import pytest

from worker.supervisor.folders import LOCK, PREFIX, UNLOCKED_SECONDS, WorkFolder, reap_folders


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folder_in_use_is_not_reaped() -> None:
    folder = WorkFolder.make()
    (folder.path / "table").write_bytes(b"x,y\n")

    reap_folders()

    assert (folder.path / "table").exists()
    folder.remove()
    assert not folder.path.exists()


def test_folder_of_a_killed_worker_is_reaped(temporary: Path) -> None:
    folder = WorkFolder.make()
    (folder.path / "tmp_saved_model").mkdir()
    # The end of a process closes its files, and with them its locks.
    folder.lock.close()

    reap_folders()

    assert list(temporary.iterdir()) == []


def test_folder_that_is_being_made_is_reaped_only_later(temporary: Path) -> None:
    (temporary / f"{PREFIX}young").mkdir()

    reap_folders()
    before = list(temporary.iterdir())
    reap_folders(now=time.time() + 2 * UNLOCKED_SECONDS)

    assert len(before) == 1
    assert list(temporary.iterdir()) == []


def test_folders_of_others_stay(temporary: Path) -> None:
    (temporary / "lowloss-data").mkdir()
    (temporary / "lowloss-data" / LOCK).touch()

    reap_folders(now=time.time() + 2 * UNLOCKED_SECONDS)

    assert (temporary / "lowloss-data" / LOCK).exists()


def test_folder_is_locked_while_it_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who makes it could hold it for his own, just before it is gone."""
    WorkFolder.make().lock.close()
    refusals = []

    def delete(path: Path, **_: object) -> None:
        with (path / LOCK).open("rb") as lock, pytest.raises(BlockingIOError) as refused:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        refusals.append(refused.value)

    monkeypatch.setattr("worker.supervisor.folders.shutil.rmtree", delete)

    reap_folders()

    assert len(refusals) == 1
