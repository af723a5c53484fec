"""The server, its start and its commands beside an object store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.errors import LowlossError, NotReady
from lowloss.results import Cause, JobState, Verdict
from service.app import create_app
from service.maintenance import doctor
from service.maintenance.__main__ import main
from service.settings import Settings
from service.store import blobs, objects
from service.store.database import Database, Session
from service.store.jobs import record_outcome
from service.store.queue import finish_job
from tests.builders.object_store import ObjectStore
from tests.builders.store import (
    a_blob,
    a_claim,
    a_diagnosis_job,
    a_job,
    add_diagnosis,
    an_artifact,
)
from tests.conftest import NewUrl

URL = "http://127.0.0.1"
DATA = bytes(range(256)) * 20_000


@pytest.fixture
def settings(new_database_url: NewUrl, tmp_path: Path, object_store: ObjectStore) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=new_database_url("sqlite"),
        blob_store=object_store.new_url(),
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.url, blob_store=settings.blob_store)
    yield opened
    opened.close()


@pytest.fixture
def store_url(settings: Settings) -> str:
    return str(settings.blob_store)


@pytest.fixture
def away(object_store: ObjectStore) -> Iterator[Callable[[], None]]:
    """A function that stops the object store; it is there again at the end of a test."""
    yield object_store.stop
    object_store.stop()
    object_store.start()


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[TestClient]:
    database.prepare()
    with TestClient(create_app(settings), URL, raise_server_exceptions=False) as opened:
        yield opened


def a_model(database: Database) -> str:
    """A job with a model of two parts; answers its id."""
    job_id = a_job(database)
    fence = a_claim(database).fence
    an_artifact(database, fence, DATA)
    with database.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    return job_id


def test_server_stores_tables_in_the_object_store_and_sends_ranges_of_models_from_it(
    client: TestClient, database: Database, store_url: str, object_store: ObjectStore
) -> None:
    table = b"x,y\n" + b"1.5,2.5\n2.5,3.5\n" * 50

    uploaded = client.post("/v1/datasets?name=t", content=table)
    model = f"/v1/jobs/{a_model(database)}/artifacts/model.keras"

    assert uploaded.status_code == 201
    keys = object_store.keys(store_url)
    assert any(f"/{uploaded.json()['sha256']}/" in key for key in keys)
    assert client.get(model).content == DATA
    part = client.get(model, headers={"Range": "bytes=4194300-4194310"})
    assert (part.status_code, part.content) == (206, DATA[4194300:4194311])


def test_server_says_that_its_store_is_away(
    client: TestClient, database: Database, away: Callable[[], None], object_store: ObjectStore
) -> None:
    model = f"/v1/jobs/{a_model(database)}/artifacts/model.keras"
    table = b"x,y\n" + b"1.5,2.5\n2.5,3.5\n" * 50
    assert client.get("/readyz").status_code == 200
    away()

    ready = client.get("/readyz")
    refused = [client.get(model), client.post("/v1/datasets?name=t", content=table)]

    assert ready.status_code == 503
    assert "does not answer" in ready.json()["detail"]
    assert "LOWLOSS_BLOB_STORE" in ready.json()["fix"]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert answer.json()["detail"] == "the object store (LOWLOSS_BLOB_STORE) is away"
    assert client.get("/v1/jobs").status_code == 200
    object_store.start()
    assert client.get("/readyz").status_code == 200
    assert client.get(model).content == DATA


def test_server_says_what_its_store_lacks(
    client: TestClient, store_url: str, object_store: ObjectStore
) -> None:
    object_store.delete(store_url, "blobs/lowloss.txt")
    unmarked = client.get("/readyz")
    object_store.delete_bucket(store_url)
    missing = client.get("/readyz")

    assert (unmarked.status_code, missing.status_code) == (503, 503)
    assert "lacks blobs/lowloss.txt" in unmarked.json()["detail"]
    assert "start `lowloss serve` once" in unmarked.json()["fix"]
    assert "there is no bucket" in missing.json()["detail"]
    assert missing.json()["fix"] == "make it, or set LOWLOSS_BLOB_STORE to another"


def test_server_names_a_lost_object_in_its_log(
    client: TestClient,
    database: Database,
    store_url: str,
    object_store: ObjectStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = a_model(database)
    for key in object_store.keys(store_url):
        object_store.delete(store_url, key)

    answer = client.get(f"/v1/jobs/{job_id}/artifacts/model.keras")

    assert (answer.status_code, answer.json()["code"]) == (500, "bytes_missing")
    assert "missing in the object store (LOWLOSS_BLOB_STORE)" in answer.json()["detail"]
    assert "000000 is not there, or not as it was written" in caplog.text


@pytest.mark.parametrize(
    "path", ["/v1/jobs/{}/diagnosis", "/jobs/{}", "/diagnose?from={}&remedied=true"]
)
def test_request_that_waits_for_objects_has_no_connection_to_the_database(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    job_id = a_diagnosis_job(database)
    fence = a_claim(database).fence
    add_diagnosis(database, fence)
    verdict = Verdict(sentence="It is the scale.", causes=(Cause.target_not_scaled,))
    with database.transaction() as session:
        record_outcome(session, fence, phase=None, diagnosis=verdict.model_dump(mode="json"))
        finish_job(session, fence, state=JobState.succeeded)
    sessions = count_sessions(monkeypatch)
    met: list[int] = []
    read_parts = objects.read_parts

    def note(objects_url: str, size_bytes: int, **given: Any) -> Iterator[bytes]:
        met.append(len(sessions))
        return read_parts(objects_url, size_bytes, **given)

    monkeypatch.setattr(blobs, "read_parts", note)

    answer = client.get(path.format(job_id))

    assert answer.status_code == 200
    assert met == [0]


def count_sessions(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """A list that has as many databases as sessions that only read are open."""
    sessions: list[Database] = []
    reading = Database.reading

    @contextmanager
    def counted(database: Database) -> Iterator[Session]:
        with reading(database) as session:
            sessions.append(database)
            yield session
            sessions.pop()

    monkeypatch.setattr(Database, "reading", counted)
    return sessions


def test_dataset_whose_object_is_lost_is_healed_by_its_upload(
    client: TestClient, store_url: str, object_store: ObjectStore
) -> None:
    table = b"x,y\n" + b"1.5,2.5\n2.5,3.5\n" * 50
    first = client.post("/v1/datasets?name=t", content=table)
    (key,) = [key for key in object_store.keys(store_url) if key.endswith("/000000")]
    object_store.delete(store_url, key)
    reread = f"/v1/datasets/{first.json()['id']}/reread?delimiter=;"
    lost = client.post(reread)

    again = client.post("/v1/datasets?name=t", content=table)

    assert (lost.status_code, lost.json()["code"]) == (500, "bytes_missing")
    assert "upload them again" in lost.json()["fix"]
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert key in object_store.keys(store_url)
    assert client.post(reread).json().get("code") != "bytes_missing"


def test_dataset_that_is_there_is_uploaded_again_while_the_store_is_away(
    client: TestClient,
    away: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = b"x,y\n" + b"1.5,2.5\n2.5,3.5\n" * 50
    first = client.post("/v1/datasets?name=t", content=table)
    away()

    again = client.post("/v1/datasets?name=u", content=table)

    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.json()["names"] == ["t", "u"]
    assert f"the bytes of the dataset {first.json()['id']} were not checked" in caplog.text


def test_doctor_looks_at_the_store(
    settings: Settings, database: Database, away: Callable[[], None]
) -> None:
    def examine() -> dict[str, doctor.Check]:
        return {check.name: check for check in doctor.examine(settings)}

    unmarked = examine()
    database.prepare()
    a_blob(database, DATA)
    marked = examine()
    away()
    gone = examine()

    assert unmarked["blobs"].detail == "all in the database"
    assert unmarked["object store"].verdict is doctor.Verdict.wrong
    assert "lacks blobs/lowloss.txt" in unmarked["object store"].detail
    assert marked["object store"].verdict is doctor.Verdict.ok
    assert marked["blobs"].detail == "1 blob of 5.12 MB in an object store"
    for name in ("object store", "blobs"):
        assert gone[name].verdict is doctor.Verdict.wrong
        assert "does not answer" in gone[name].detail
        assert "LOWLOSS_BLOB_STORE" in gone[name].fix


def test_library_s_words_are_in_the_log_and_not_in_what_users_read(
    client: TestClient, away: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    away()

    with caplog.at_level("INFO", "service.store.objects"):
        ready = client.get("/readyz").json()

    assert "S3 error" not in f"{ready['detail']} {ready['fix']}"
    assert "S3 error" in caplog.text


@pytest.mark.parametrize("number", [0, 1])
def test_doctor_says_which_blobs_lack_objects(
    settings: Settings,
    database: Database,
    store_url: str,
    object_store: ObjectStore,
    number: int,
) -> None:
    database.prepare()
    a_blob(database, b"another")
    a_blob(database, DATA)
    (key,) = [key for key in object_store.keys(store_url) if key.endswith("/000001")]
    object_store.delete(store_url, key.replace("/000001", f"/{number:06}"))

    blobs = {check.name: check for check in doctor.examine(settings)}["blobs"]

    assert blobs.verdict is doctor.Verdict.wrong
    assert "1 of the 2 newest lack objects, such as s3://" in blobs.detail
    assert blobs.detail.endswith(key.removesuffix("/000001"))


def test_objects_beside_a_setting_that_names_no_store_are_told(
    settings: Settings, database: Database, away: Callable[[], None]
) -> None:
    database.prepare()
    unset = settings.model_copy(update={"blob_store": None})
    a_blob(database, DATA)
    there = {check.name: check for check in doctor.examine(unset)}["blobs"]
    away()
    gone = {check.name: check for check in doctor.examine(unset)}["blobs"]

    assert (there.verdict, gone.verdict) == (doctor.Verdict.ok, doctor.Verdict.wrong)
    assert there.detail.endswith("though LOWLOSS_BLOB_STORE is not set")


def test_backup_says_that_objects_are_not_in_it(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", str(database.url))
    assert main(["backup", str(tmp_path / "none")]) == 0
    assert "objects of" not in capsys.readouterr().out
    a_blob(database, DATA)

    assert main(["backup", str(tmp_path / "one")]) == 0
    assert "; objects of 1 blob (5.12 MB) are not in it" in capsys.readouterr().out
    monkeypatch.setenv("LOWLOSS_DATABASE_URL", f"sqlite:///{tmp_path}/copy/lowloss.sqlite3")
    assert main(["restore", str(tmp_path / "one")]) == 0
    assert "it would delete the original's objects" in capsys.readouterr().out


def test_process_does_not_start_without_its_store(
    database: Database, store_url: str, object_store: ObjectStore, away: Callable[[], None]
) -> None:
    database.prepare()
    assert object_store.keys(store_url) == ["blobs/lowloss.txt"]
    missing = Database(
        database.url.render_as_string(hide_password=False), blob_store="s3://no-such-bucket/blobs"
    )
    with pytest.raises(
        NotReady,
        match=r"s3://no-such-bucket/blobs cannot be used: there is no bucket no-such-bucket",
    ):
        missing.prepare()
    missing.close()
    away()

    with pytest.raises(NotReady, match=f"{store_url} cannot be used.*LOWLOSS_BLOB_STORE"):
        database.prepare()


def test_library_is_asked_for_by_name(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)

    with pytest.raises(LowlossError, match=r"needs lowloss\[s3\] \(LOWLOSS_BLOB_STORE\)"):
        database.prepare()


def test_server_without_the_library_says_what_to_install(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = f"/v1/jobs/{a_model(database)}/artifacts/model.keras"
    for name in ("obstore", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)

    answer = client.get(model)

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "install lowloss[s3] where the server is" in answer.json()["fix"]


def test_nothing_loads_the_library_where_no_store_is_set(tmp_path: Path) -> None:
    program = (
        "import sys, service.app, worker.supervisor.loop, worker.progress.reporter\n"
        "from service.store.database import Database\n"
        "database = Database(f'sqlite:///{sys.argv[1]}/lowloss.sqlite3')\n"
        "database.prepare()\n"
        "from tests.builders.store import a_blob\n"
        "a_blob(database)\n"
        "assert 'obstore' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
