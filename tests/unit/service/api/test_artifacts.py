"""/v1/jobs/{id}/artifacts and /best-model."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from lowloss.results import JobState
from service.store.artifacts import NewArtifact, add_artifact
from service.store.blobs import CHUNK_BYTES
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.store import a_blob, a_claim, a_job

# Over two chunks long, so that ranges cross their borders.
DATA = bytes(range(256)) * (2 * CHUNK_BYTES // 256) + b"the end"


@dataclass(frozen=True)
class Made:
    """A job that has ended and the address of its model."""

    job: str
    model: str
    etag: str


@pytest.fixture
def made(store: Database) -> Made:
    return make(store, DATA)


def make(store: Database, data: bytes, name: str = "model.keras") -> Made:
    job = f"/v1/jobs/{a_job(store)}"
    fence = a_claim(store).fence
    sha256 = a_blob(store, data)
    new = NewArtifact(name, "application/octet-stream", sha256, len(data))
    with store.transaction() as session:
        add_artifact(session, fence, new)
        finish_job(session, fence, state=JobState.succeeded)
    return Made(job, f"{job}/artifacts/{name}", f'"{sha256}"')


def test_artifacts_are_listed(client: TestClient, made: Made) -> None:
    answer = client.get(f"{made.job}/artifacts").json()

    assert [artifact["name"] for artifact in answer["items"]] == ["model.keras"]
    assert answer["items"][0]["size_bytes"] == len(DATA)
    assert answer["next"] is None


@pytest.mark.parametrize("address", ["artifacts/model.keras", "best-model"])
def test_download_is_whole_and_says_what_it_is(
    client: TestClient, made: Made, *, address: str
) -> None:
    answer = client.get(f"{made.job}/{address}")

    assert answer.status_code == 200
    assert answer.content == DATA
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    expected = {
        "etag": made.etag,
        "repr-digest": f"sha-256=:{digest}:",
        "accept-ranges": "bytes",
        "content-length": str(len(DATA)),
        "content-type": "application/octet-stream",
        "content-disposition": 'attachment; filename="model.keras"',
    }
    assert {name: answer.headers[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        (f"bytes={CHUNK_BYTES - 2}-{CHUNK_BYTES + 1}", CHUNK_BYTES - 2, CHUNK_BYTES + 2),
        (f"bytes={2 * CHUNK_BYTES}-", 2 * CHUNK_BYTES, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        (f"bytes=-{len(DATA) * 2}", 0, len(DATA)),
        (f"bytes=10-{10**17}", 10, len(DATA)),
    ],
)
def test_range_is_answered_with_its_part(
    client: TestClient, made: Made, *, asked: str, start: int, stop: int
) -> None:
    answer = client.get(made.model, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.content == DATA[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", f"bytes={10**17}-", "bytes=-0"])
def test_range_outside_the_artifact_is_refused(
    client: TestClient, made: Made, *, asked: str
) -> None:
    answer = client.get(made.model, headers={"Range": asked})

    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=a"])
def test_range_that_is_malformed_or_several_is_ignored(
    client: TestClient, made: Made, *, asked: str
) -> None:
    answer = client.get(made.model, headers={"Range": asked})

    assert (answer.status_code, len(answer.content)) == (200, len(DATA))


def test_range_of_other_bytes_than_these_is_ignored(client: TestClient, made: Made) -> None:
    def ask(etag: str) -> int:
        headers = {"Range": "bytes=0-9", "If-Range": etag}
        return client.get(made.model, headers=headers).status_code

    statuses = [ask(made.etag), ask('"other"'), ask(f"W/{made.etag}")]

    assert statuses == [206, 200, 200]


@pytest.mark.parametrize(
    ("condition", "status"),
    [("{etag}", 304), ("W/{etag}", 304), ('"a", {etag}', 304), ("*", 304), ('"other"', 200)],
)
def test_download_is_spared_those_who_have_it(
    client: TestClient, made: Made, *, condition: str, status: int
) -> None:
    headers = {"If-None-Match": condition.format(etag=made.etag)}

    answer = client.get(made.model, headers=headers)

    assert answer.status_code == status
    assert answer.headers["etag"] == made.etag
    assert len(answer.content) == (len(DATA) if status == 200 else 0)


@pytest.mark.parametrize("address", ["artifacts/model.keras", "best-model"])
def test_head_answers_what_get_would_without_the_bytes(
    client: TestClient, made: Made, *, address: str
) -> None:
    headers = {"Range": "bytes=0-9", "X-Request-ID": "same"}
    head = client.head(f"{made.job}/{address}", headers=headers)
    get = client.get(f"{made.job}/{address}", headers=headers)

    assert (head.status_code, head.content) == (206, b"")
    assert dict(head.headers) == dict(get.headers)


def test_name_that_no_header_can_hold_is_encoded(client: TestClient, store: Database) -> None:
    made = make(store, b"1", name="Übersicht;1.csv")

    answer = client.get(made.model)

    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''%C3%9Cbersicht%3B1.csv"


def test_empty_artifact_is_sent(client: TestClient, store: Database) -> None:
    made = make(store, b"")

    answer = client.get(made.model)

    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get(made.model, headers={"Range": "bytes=0-"}).status_code == 416


def test_download_is_read_a_chunk_at_a_time(client: TestClient, store: Database) -> None:
    made = make(store, b"\0" * (24 * CHUNK_BYTES))
    length = 0
    tracemalloc.start()

    with client.stream("GET", made.model) as answer:
        for piece in answer.iter_bytes():
            length += len(piece)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length == 24 * CHUNK_BYTES
    assert peak < 12 * CHUNK_BYTES


def test_artifact_that_does_not_exist_is_not_found(client: TestClient, made: Made) -> None:
    answer = client.get(f"{made.job}/artifacts/model.h5")

    assert (answer.status_code, answer.json()["code"]) == (404, "artifact_not_found")
    assert "artifacts" in answer.json()["fix"]


@pytest.mark.parametrize("state", [JobState.running, JobState.failed])
def test_best_model_that_is_not_there_says_why(
    client: TestClient, store: Database, *, state: JobState
) -> None:
    job_id = a_job(store, state=state)

    answer = client.get(f"/v1/jobs/{job_id}/best-model")

    assert (answer.status_code, answer.json()["code"]) == (409, "best_model_not_ready")
    assert state in answer.json()["detail"]
