"""`python -m tests.fuzz.binary_tables FORMAT SECONDS [SEED]`: damages small tables, and reads them.

Each is read as an upload is, by the code of the parser and within its bounds, in a fork of this
process: what ends that by a signal is no fault here, as the server refuses it. Then that is tried
with the real parser. An error that is no Problem ends the run, and its bytes are written into the
current folder: they belong into `tests/fuzz/inputs/`, with the fix.
"""

from __future__ import annotations

import io
import os
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lowloss.errors import Problem
from lowloss.results import TableFormat
from lowloss.tables.containers import FAULTS
from lowloss.tables.options import ParseOptions
from service.settings import Limits
from service.tables.child import profile_upload
from service.tables.child_bounds import ChildBounds
from service.tables.parse import Bounds, parse_upload
from tests.fuzz.readers import INPUTS

FORMATS: Mapping[str, TableFormat] = MappingProxyType(
    {
        "parquet": TableFormat.parquet,
        "arrow": TableFormat.arrow,
        "xlsx": TableFormat.xlsx,
        "ods": TableFormat.ods,
        "packed": TableFormat.csv,
    }
)
LIMITS = Limits()
BOUNDS = Bounds(memory_bytes=2**30, seconds=20.0)
MAX_CHANGES = 8
EDGES = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff" * 8)
READ, REFUSED, ERROR = "read", "refused", "error"
EXITS = {0: READ, 2: REFUSED, 1: ERROR}


def main() -> None:
    """Damage tables of a format for some seconds, print the counts, and fail on an error."""
    name, seconds, *seed = sys.argv[1:]
    rng = random.Random(int(seed[0]) if seed else 1)
    seeds = [path.read_bytes() for path in sorted((INPUTS / name).iterdir())]
    deadline = time.monotonic() + float(seconds)
    endings: Counter[str] = Counter()
    while time.monotonic() < deadline:
        data = damage(rng.choice(seeds), rng)
        ending, words = read_in_fork(data, FORMATS[name])
        endings[ending] += 1
        if ending not in {READ, REFUSED}:
            if ending != ERROR:
                words = check_is_refused(data, FORMATS[name])
            if words:
                Path(f"{name}-{endings.total()}").write_bytes(data)
                sys.exit(f"{name}: {ending}\n{words}")
    sys.stdout.write(f"{name}: {dict(endings)}\n")


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some changes; half of the times within a member of an archive."""
    if data.startswith(b"PK\3\4") and rng.random() < 0.5:
        with suppress(*FAULTS):
            return _damage_member(data, rng)
    return change_bytes(data, rng)


def _damage_member(data: bytes, rng: random.Random) -> bytes:
    """Return an archive with changes in one of its members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w") as new:
        chosen = rng.choice(old.namelist())
        for member in old.namelist():
            content = old.read(member)
            new.writestr(member, change_bytes(content, rng) if member == chosen else content)
    return packed.getvalue()


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some are flipped, set, left out, doubled, or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, MAX_CHANGES)):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 1, 4, 16, 64)))
        match rng.randrange(6):
            case 0 if start < len(changed):
                changed[start] ^= 1 << rng.randrange(8)
            case 1:
                changed[start:end] = rng.randbytes(end - start)
            case 2:
                edge = rng.choice(EDGES)
                changed[start : start + len(edge)] = edge
            case 3:
                del changed[start:end]
            case 4:
                changed[start:start] = changed[start:end]
            case _ if rng.random() < 0.1:
                del changed[start:]
    return bytes(changed)


def read_in_fork(data: bytes, table_format: TableFormat) -> tuple[str, str]:
    """Read bytes in a fork; return how that ended, and an error's traceback."""
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder, "table"), Path(folder, "log")
        path.write_bytes(data)
        pid = os.fork()
        if pid == 0:
            _read_and_exit(path, table_format, log)
        _, status = os.waitpid(pid, 0)
        words = log.read_text(errors="replace") if log.exists() else ""
    code = os.waitstatus_to_exitcode(status)
    return EXITS.get(code, f"code {code}"), words


def _read_and_exit(path: Path, table_format: TableFormat, log: Path) -> None:
    """Read a table as the parser does, and end this process."""
    code = 1
    try:
        # The pipe is open for as long as this process: nobody writes to it.
        ChildBounds(BOUNDS.memory_bytes, BOUNDS.seconds, os.pipe()[0]).enter()
        result = profile_upload(make_request(path, table_format))
        code = 2 if "problem" in result else 0
    except BaseException:
        log.write_text(traceback.format_exc())
    finally:
        os._exit(code)


def make_request(path: Path, table_format: TableFormat) -> dict[str, Any]:
    """Return what the server asks its parser."""
    return {
        "path": str(path),
        "format": table_format.value,
        "options": ParseOptions().model_dump(),
        "limits": LIMITS.model_dump(),
    }


def check_is_refused(data: bytes, table_format: TableFormat) -> str:
    """Return what is wrong with how the server refuses bytes that end a parser."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        try:
            with suppress(Problem):
                parse_upload(
                    Path(file.name), table_format, ParseOptions(), limits=LIMITS, bounds=BOUNDS
                )
        except Exception:
            return traceback.format_exc()
    return ""


if __name__ == "__main__":
    main()
