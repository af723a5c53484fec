"""What `lowloss doctor` finds, on each database."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import namedtuple
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.machine import UPLOAD_PREFIX, WORK_FOLDER_LOCK, WORK_FOLDER_PREFIX
from service.maintenance import doctor
from service.maintenance.__main__ import FAILED, main
from service.settings import Settings
from service.store.database import Database
from service.store.facts import DatabaseFacts, read_facts
from service.store.workers import Activity, Offer, WorkerProcess, record_worker
from tests.builders.store import use_later_schema

Usage = namedtuple("Usage", "free")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder and that of temporary files, which nobody else uses."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(free=5 * 10**9))
    return tmp_path


def examine(database: Database, folder: Path) -> dict[str, doctor.Check]:
    url = database.url.render_as_string(hide_password=False)
    checks = doctor.examine(Settings(database_url=url, data_dir=folder))
    return {check.name: check for check in checks}


def test_whole_server_is_ok_and_one_without_workers_is_warned_of(
    database: Database, folder: Path
) -> None:
    without = examine(database, folder)
    with database.transaction() as session:
        record_worker(session, WorkerProcess("wrk_1", "box", "1.0", Offer(2, 10**9)), Activity())

    checks = examine(database, folder)

    assert str(without["workers"]) == (
        "warning workers: no worker is running: start one with `lowloss worker`"
    )
    assert [str(c) for c in checks.values() if c.verdict is not doctor.Verdict.ok] == []
    assert "journal mode wal" in checks["database"].detail or not database.is_sqlite
    assert checks["workers"].detail == "1 alive"


def test_what_is_wrong_is_said_with_what_to_do(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_later_schema(sqlite_database)
    (folder / f"{UPLOAD_PREFIX}1").touch()
    (folder / f"{WORK_FOLDER_PREFIX}1").mkdir()
    (folder / f"{WORK_FOLDER_PREFIX}1" / WORK_FOLDER_LOCK).touch()
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(free=10**6))
    monkeypatch.setattr(doctor, "MAX_CLOCK_SECONDS", -1.0)

    checks = examine(sqlite_database, folder)

    wrong = {name for name, check in checks.items() if check.verdict is doctor.Verdict.wrong}
    assert wrong == {"schema", "data folder", "temporary files"}
    assert all(check.fix for name, check in checks.items() if name not in {"database", "space"})
    assert checks["clock"].verdict is doctor.Verdict.warning
    assert checks["leftovers"].detail.startswith("2 leftovers of killed processes")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4.0, "the database's and this machine's agree"),
        (-4.0, "the database's and this machine's agree"),
        (97.0, "the database's is 1 min 37 s ahead of this machine's"),
        (-97.0, "the database's is 1 min 37 s behind this machine's"),
    ],
)
def test_clocks_that_differ_are_told(
    sqlite_database: Database,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    said: str,
) -> None:
    def read_late(database: Database) -> DatabaseFacts:
        facts = read_facts(database)
        return replace(facts, now=facts.now + timedelta(seconds=seconds))

    monkeypatch.setattr(doctor, "read_facts", read_late)

    clock = examine(sqlite_database, folder)["clock"]

    assert clock.detail == said
    assert (clock.verdict is doctor.Verdict.ok) == (abs(seconds) < 5)


def test_check_that_does_not_end_is_named_and_those_after_it(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def wait_for_workers(_: Database) -> int:
        released.wait()
        return 1

    monkeypatch.setattr(doctor, "count_live_workers", wait_for_workers)
    url = sqlite_database.url.render_as_string(hide_password=False)

    checks = doctor.examine(Settings(database_url=url, data_dir=folder), limit_s=1.0)
    released.set()

    silent = [check for check in checks if "no answer within 1 s" in check.detail]
    assert {check.name for check in silent} >= {"workers", "blobs"}
    assert all(check.verdict is doctor.Verdict.wrong and check.fix for check in silent)
    names = (*doctor.CHECKS_OF_DATABASE, *doctor.CHECKS_OF_DISKS)
    assert [check.name for check in checks] == list(names)


def test_error_that_no_check_expects_is_raised(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "count_live_workers", lambda _: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        examine(sqlite_database, folder)


def test_command_fails_where_there_is_no_database_and_makes_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", f"sqlite:///{folder / 'none' / 'lowloss.sqlite3'}")
    monkeypatch.setenv("LOWLOSS_DATA_DIR", str(folder))

    code = main(["doctor", "--json"])

    assert code == FAILED
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["name"], first["verdict"]) == ("database", "wrong")
    assert not (folder / "none").exists()
