"""Temporary folders of workers: none stays behind, and none is taken from a worker that lives."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path

import pytest

from service.machine import WORK_FOLDER_LOCK, WORK_FOLDER_PREFIX
from worker.supervisor.folders import WorkFolder, reap_folders, reap_regularly


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


def test_folder_without_its_lock_is_reaped_at_once(temporary: Path) -> None:
    """The child of a killed worker writes while its other thread deletes the folder."""
    folder = WorkFolder.make()
    (folder.path / "checkpoint").touch()
    (folder.path / WORK_FOLDER_LOCK).unlink()
    folder.lock.close()

    reap_folders()

    assert list(temporary.iterdir()) == []


def test_folder_that_is_reaped_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_folder, paths = tempfile.mkdtemp, []

    def make_and_reap(prefix: str) -> str:
        paths.append(Path(make_folder(prefix=prefix)))
        if len(paths) == 1:
            reap_folders()
        return str(paths[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_reap)

    folder = WorkFolder.make()

    assert not paths[0].exists()
    assert folder.path == paths[1]
    assert (folder.path / WORK_FOLDER_LOCK).exists()
    folder.remove()


def test_folder_that_is_locked_while_it_is_reaped_stays(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    path = temporary / f"{WORK_FOLDER_PREFIX}new"
    path.mkdir()
    delete = Path.rmdir

    def lock_and_delete(path: Path) -> None:
        (path / WORK_FOLDER_LOCK).touch()
        delete(path)

    monkeypatch.setattr(Path, "rmdir", lock_and_delete)

    reap_folders()

    assert (path / WORK_FOLDER_LOCK).exists()


def test_folder_whose_holder_ends_later_is_reaped_a_minute_later(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    folder = WorkFolder.make()
    waits = []

    def end_holder(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise InterruptedError
        folder.lock.close()

    monkeypatch.setattr("worker.supervisor.folders.time.sleep", end_holder)

    with pytest.raises(InterruptedError):
        reap_regularly()

    assert list(temporary.iterdir()) == []
    assert max(waits) <= 60


def test_folders_of_others_stay(temporary: Path) -> None:
    (temporary / "lowloss-data").mkdir()
    (temporary / "lowloss-data" / WORK_FOLDER_LOCK).touch()

    reap_folders()

    assert (temporary / "lowloss-data" / WORK_FOLDER_LOCK).exists()


def test_folder_is_locked_while_it_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who makes it could hold it for his own, just before it is gone."""
    WorkFolder.make().lock.close()
    refusals = []

    def delete(path: Path, **_: object) -> None:
        with (
            (path / WORK_FOLDER_LOCK).open("rb") as lock,
            pytest.raises(BlockingIOError) as refused,
        ):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        refusals.append(refused.value)

    monkeypatch.setattr("worker.supervisor.folders.shutil.rmtree", delete)

    reap_folders()

    assert len(refusals) == 1
