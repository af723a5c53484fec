"""Looks at what server and workers need: database, object store, clock, workers, disks."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from lowloss.errors import LowlossError
from lowloss.results.notes import NO_WORKER
from lowloss.wording import counted, format_bytes, format_duration
from service.machine import MIN_FREE_BYTES, UPLOAD_PREFIX, WORK_FOLDER_LOCK, WORK_FOLDER_PREFIX
from service.settings import Settings
from service.store.database import Database, complete_url
from service.store.facts import (
    DatabaseFacts,
    StoredObjects,
    count_live_workers,
    count_objects,
    list_newest_objects,
    read_facts,
)
from service.store.objects import LibraryMissing, ObjectStoreAway, has_part, probe_store
from service.store.space import Space

LOW_FREE_BYTES = 16 * MIN_FREE_BYTES
"""Room on a disk that one large table could use up."""
MAX_BLOBS = 10
"""So many of the newest blobs are looked for in their object store, by two requests each."""
MAX_SECONDS = 60.0
"""What has no answer by then is not waited for: each request has a limit, and many add up."""
CHECKS_OF_DATABASE = ("clock", "database", "space", "schema", "workers", "blobs")
CHECKS_OF_DISKS = ("data folder", "temporary files", "leftovers")
MAX_CLOCK_SECONDS = 5.0
"""Clocks that differ by less do not matter: leases last 30 s."""


class Verdict(StrEnum):
    """How one thing stands."""

    ok = "ok"
    warning = "warning"
    wrong = "wrong"


@dataclass(frozen=True)
class Check:
    """How one thing stands, and what to do where it is not ok."""

    name: str
    verdict: Verdict
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict:8}{self.name}: {self.detail}"
        return f"{line}: {self.fix}" if self.fix else line


class _Examination:
    """Checks that are made in a thread of their own, one after the other; `names` are theirs."""

    def __init__(self, names: Sequence[str], checks: Iterator[Check]) -> None:
        self._names = names
        self._checks = checks
        self._answered: list[Check] = []
        self._ended = Future[None]()
        # What does not answer must not keep the process from its end.
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            for check in self._checks:
                self._answered.append(check)
        except Exception as error:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    def wait(self, seconds: float) -> None:
        """Wait for the last check, no longer than some seconds."""
        wait([self._ended], seconds)

    def list_checks(self, limit_s: float) -> list[Check]:
        """Return the checks that were made, and those that were not within the limit as wrong.

        Raise what a check raised.
        """
        if self._ended.done():
            self._ended.result()
            return self._answered
        answered = list(self._answered)
        names_answered = {check.name for check in answered}
        detail = f"not looked at: no answer within {format_duration(limit_s)}"
        fix = "look whether what it is on answers, and run this again"
        names = [name for name in self._names if name not in names_answered]
        return answered + [Check(name, Verdict.wrong, detail, fix) for name in names]


def examine(settings: Settings, *, limit_s: float = MAX_SECONDS) -> list[Check]:
    """Look at everything, for no longer than a limit: what was not looked at then is said.

    A SQLite database is opened as a server opens it, in WAL mode.
    """
    end = time.monotonic() + limit_s
    examinations = [_Examination(CHECKS_OF_DATABASE, _check_database(settings))]
    if settings.blob_store is not None:
        checks = _check_object_store(settings.blob_store)
        examinations.append(_Examination(("object store",), checks))
    examinations.append(_Examination(CHECKS_OF_DISKS, _check_disks(settings.data_dir)))
    for examination in examinations:
        examination.wait(max(0.0, end - time.monotonic()))
    return [check for one in examinations for check in one.list_checks(limit_s)]


def _check_database(settings: Settings) -> Iterator[Check]:
    """Look at the database, and at nothing else in it where it does not respond."""
    try:
        url = complete_url(settings.url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            fix = "start `lowloss serve` once, or set LOWLOSS_DATA_DIR or LOWLOSS_DATABASE_URL"
            yield Check("database", Verdict.wrong, f"there is no file {url.database}", fix)
            return
        database = Database(settings.url)
    except LowlossError as error:
        yield Check("database", Verdict.wrong, str(error), "set LOWLOSS_DATABASE_URL")
        return
    try:
        before = datetime.now(UTC)
        facts = read_facts(database)
        yield _check_clock(facts.now, before=before, after=datetime.now(UTC))
        yield _check_product(facts)
        yield _check_space(facts.space)
        yield _check_schema(facts)
        if facts.has_schema:
            yield _check_workers(count_live_workers(database))
            yield _check_blobs(database, settings.blob_store)
    except LowlossError as error:
        yield Check("database", Verdict.wrong, str(error), "start it, or make it reachable")
    finally:
        database.close()


def _check_product(facts: DatabaseFacts) -> Check:
    if facts.journal_mode in {None, "wal"}:
        mode = "" if facts.journal_mode is None else f", journal mode {facts.journal_mode}"
        return Check("database", Verdict.ok, f"{facts.product}{mode}")
    detail = f"{facts.product}, journal mode {facts.journal_mode}: readers wait for writers"
    return Check("database", Verdict.warning, detail, "put its file on a local disk")


def _check_space(space: Space) -> Check:
    """Look whether the file of SQLite becomes smaller where rows are deleted."""
    detail = format_bytes(space.total_bytes)
    if space.free_bytes is not None:
        detail += f", of which {format_bytes(space.free_bytes)} are free"
    if space.can_shrink:
        return Check("space", Verdict.ok, detail)
    fix = "run `lowloss vacuum` once, with server and workers stopped"
    return Check("space", Verdict.warning, f"{detail}: its file never becomes smaller", fix)


def _check_schema(facts: DatabaseFacts) -> Check:
    if facts.has_schema:
        return Check("schema", Verdict.ok, "of this version")
    fix = "start this version's server, which brings an older one up to date, or install the newer"
    return Check("schema", Verdict.wrong, "of another version, or none", fix)


def _check_clock(now: datetime, *, before: datetime, after: datetime) -> Check:
    """Compare the database's time with this machine's before and after it was read."""
    # A read that takes long is no difference.
    seconds = (now - min(max(now, before), after)).total_seconds()
    if abs(seconds) <= MAX_CLOCK_SECONDS:
        return Check("clock", Verdict.ok, "the database's and this machine's agree")
    side = "ahead of" if seconds > 0 else "behind"
    detail = f"the database's is {format_duration(abs(seconds))} {side} this machine's"
    return Check("clock", Verdict.warning, detail, "set both by NTP")


def _check_workers(alive: int) -> Check:
    if alive:
        return Check("workers", Verdict.ok, f"{alive} alive")
    state, _, fix = NO_WORKER.partition(": ")
    return Check("workers", Verdict.warning, state, fix)


def _check_blobs(database: Database, store: str | None) -> Check:
    """Look whether the objects of the newest blobs are there: their first parts and their last."""
    count, size_bytes = count_objects(database)
    if not count:
        return Check("blobs", Verdict.ok, "all in the database")
    detail = f"{counted(count, 'blob')} of {format_bytes(size_bytes)} in an object store"
    newest = list_newest_objects(database, limit=MAX_BLOBS)
    try:
        lost = [blob.objects_url for blob in newest if not _has_ends(blob)]
    except ObjectStoreAway as error:
        return Check("blobs", Verdict.wrong, f"{detail}: {error.detail}", error.fix)
    except LibraryMissing as error:
        return Check("blobs", Verdict.wrong, f"{detail}: {error}")
    if lost:
        detail += f"; {len(lost)} of the {len(newest)} newest lack objects, such as {lost[0]}"
        fix = "restore them from the bucket's versions or a copy, or upload the same tables again"
        return Check("blobs", Verdict.wrong, detail, fix)
    if store is None:
        detail += ", which server and workers need, though LOWLOSS_BLOB_STORE is not set"
    return Check("blobs", Verdict.ok, detail)


def _has_ends(blob: StoredObjects) -> bool:
    """Return whether the first part of a blob is there, and the last that was written."""
    return all(
        has_part(blob.objects_url, number, blob.size_bytes, is_probe=True)
        for number in {0, blob.stored_parts - 1}
    )


def _check_object_store(store: str) -> Iterator[Check]:
    try:
        probe_store(store)
    except LowlossError as error:
        yield Check("object store", Verdict.wrong, str(error))
    except ObjectStoreAway as error:
        yield Check("object store", Verdict.wrong, error.detail, error.fix)
    else:
        yield Check("object store", Verdict.ok, f"{store} answers")


def _check_disks(data_dir: Path) -> Iterator[Check]:
    yield _check_disk("data folder", data_dir)
    yield _check_disk("temporary files", Path(tempfile.gettempdir()))
    yield _check_leftovers(data_dir)


def _check_disk(name: str, folder: Path) -> Check:
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, Verdict.wrong, f"{folder}: {error.strerror}", "make the folder")
    detail = f"{folder} has {format_bytes(free_bytes)} left"
    if not os.access(folder, os.W_OK):
        return Check(name, Verdict.wrong, f"{folder} cannot be written", "change its rights")
    if free_bytes < MIN_FREE_BYTES:
        return Check(name, Verdict.wrong, detail, "make room: nothing is accepted or claimed")
    if free_bytes < LOW_FREE_BYTES:
        return Check(name, Verdict.warning, detail, "make room")
    return Check(name, Verdict.ok, detail)


def _check_leftovers(data_dir: Path) -> Check:
    """Look for files of processes that were killed: those that nobody has locked."""
    uploads = [path for path in data_dir.glob(f"{UPLOAD_PREFIX}*") if not _is_locked(path)]
    folders = Path(tempfile.gettempdir()).glob(f"{WORK_FOLDER_PREFIX}*")
    idle = [path for path in folders if not _is_locked(path / WORK_FOLDER_LOCK)]
    leftovers = [str(path) for path in (*uploads, *idle)]
    if not leftovers:
        return Check("leftovers", Verdict.ok, "none")
    detail = f"{counted(len(leftovers), 'leftover')} of killed processes, such as {leftovers[0]}"
    fix = "a running server or worker deletes them within an hour; otherwise delete them"
    return Check("leftovers", Verdict.warning, detail, fix)


def _is_locked(path: Path) -> bool:
    """Return whether a process has a file locked; one that cannot be read is another user's."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
