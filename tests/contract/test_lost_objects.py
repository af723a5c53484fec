"""Objects that are lost come back with the bytes: whoever writes a blob anew heals it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store import blobs
from service.store.blobs import hash_file, read_blob, write_blob
from service.store.database import Database
from service.store.objects import PART_BYTES, BytesLost
from tests.builders.object_store import ObjectStore
from tests.conftest import NewUrl

DATA = b"".join(bytes([number]) * PART_BYTES for number in range(3)) + b"the end"


@pytest.fixture
def database(new_database_url: NewUrl, object_store: ObjectStore) -> Iterator[Database]:
    opened = Database(new_database_url("sqlite"), blob_store=object_store.new_url())
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "table.csv"
    written.write_bytes(DATA)
    return written


@pytest.mark.parametrize("change", ["deleted", "cut short", "emptied"])
@pytest.mark.parametrize("number", [1, 3])
def test_lost_object_is_written_again_by_who_has_the_bytes(
    database: Database, path: Path, object_store: ObjectStore, change: str, number: int
) -> None:
    store_url, sha256 = str(database.blob_store), hash_file(path)
    write_blob(database, path, sha256=sha256)
    keys = object_store.keys(store_url)
    if change == "deleted":
        object_store.delete(store_url, keys[number])
    else:
        object_store.put(store_url, keys[number], b"x" if change == "cut short" else b"")
    with pytest.raises(BytesLost):
        list(read_blob(database, sha256))

    write_blob(database, path, sha256=sha256)

    assert b"".join(read_blob(database, sha256)) == DATA
    assert object_store.keys(store_url) == keys


def test_writer_gives_a_sign_of_life_before_each_request_and_transaction(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    for name in ("has_part", "put_part", "_record_part", "reap_chunks", "_try_to_delete_objects"):
        note(monkeypatch, steps, name)

    for _ in range(2):
        write_blob(database, path, sha256=hash_file(path), alive=lambda: steps.append("alive"))

    first, *others = steps
    assert first == "alive"
    assert "has_part" in others
    assert others[1::2] == ["alive"] * (len(others) // 2)
    assert "alive" not in others[::2]


def note(monkeypatch: pytest.MonkeyPatch, steps: list[str], name: str) -> None:
    """Let a function of `blobs` note that it is called."""
    function = getattr(blobs, name)

    def noted(*args: object) -> object:
        steps.append(name)
        return function(*args)

    monkeypatch.setattr(blobs, name, noted)
