"""Parses an upload, or a model of HDF5, in a child process, with limits on its memory and time.

A few bytes can unpack to gigabytes, and a parser of native code can crash: the server must survive.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from lowloss.errors import TableTooLarge, TableUnreadable
from lowloss.problem_codes import problem_from_document
from lowloss.recipes.keras_hdf5 import unreadable_hdf5
from lowloss.results import Column, Reading, TableFormat, TableWarning
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.wording import format_bytes
from service.settings import Limits
from service.tables.far_values import SENTINEL_VALUE, warn_of_far_values
from service.tables.possible_names import warn_of_possible_names
from service.tables.spellings import warn_of_spellings
from service.tables.useless import warn_of_useless

COMMAND = (sys.executable, "-m", "service.tables.child")
COLUMNS = TypeAdapter(tuple[Column, ...])
WATCH_SECONDS = 0.02
FILE_SHARE = 2
"""How often the file itself may be in the address space of its parser, beside the memory."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Profile:
    """The profile of a table."""

    rows: int
    columns: int
    profile: tuple[Column, ...]
    warnings: tuple[TableWarning, ...] = ()


@dataclass(frozen=True)
class Bounds:
    """The limits of parsing: resident memory in bytes, and seconds."""

    memory_bytes: int
    seconds: float


def parse_upload(
    path: Path,
    format: TableFormat,  # noqa: A002
    options: ParseOptions,
    *,
    limits: Limits,
    bounds: Bounds,
) -> Profile:
    """Read and profile a table in a process of its own, and wait; raise a TableInvalid."""
    options.check_format(format)
    request = {
        "kind": "table",
        "path": str(path),
        "format": format.value,
        "options": options.model_dump(),
        "limits": limits.model_dump(),
    }
    result = _read_in_child(request, bounds)
    columns = COLUMNS.validate_python(result["profile"])
    warnings = tuple(TableWarning.model_validate(warning) for warning in result["warnings"])
    coded = {warning.column for warning in warnings if warning.code == SENTINEL_VALUE}
    warnings += (
        *warn_of_far_values(columns, result["rows"], except_for=coded),
        *warn_of_spellings(columns),
        *warn_of_possible_names(columns, result["rows"]),
        *warn_of_useless(columns, result["rows"]),
    )
    return Profile(result["rows"], len(columns), columns, warnings)


def parse_rows(
    path: Path,
    options: ParseOptions,
    earlier: Mapping[str, Reading],
    *,
    defaults: Mapping[str, Any],
    limits: TableLimits,
    bounds: Bounds,
) -> tuple[dict[str, list[Any]], tuple[TableWarning, ...]]:
    """Read rows to predict in a process of its own; their columns as `earlier` ones were read.

    Options that are not set are the `defaults`, as far as the rows' format has them.
    """
    request = {
        "kind": "rows",
        "path": str(path),
        "options": options.model_dump(exclude_none=True),
        "defaults": dict(defaults),
        "earlier": {name: reading.model_dump() for name, reading in earlier.items()},
        "limits": limits.model_dump(),
    }
    result = _read_in_child(request, bounds)
    warnings = tuple(TableWarning.model_validate(warning) for warning in result["warnings"])
    return result["columns"], warnings


def parse_model(path: Path, *, bounds: Bounds) -> dict[str, str]:
    """Read what describes the Keras model of an HDF5 file, in a process of its own.

    Raise RecipeUnreadable.
    """
    request = {"kind": "model", "path": str(path)}
    try:
        attributes: dict[str, str] = _read_in_child(request, bounds)["attributes"]
    except TableTooLarge as error:
        raise unreadable_hdf5("it takes too much memory or time") from error
    except TableUnreadable as error:
        raise unreadable_hdf5("it crashed its parser") from error
    return attributes


def _read_in_child(request: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
    with _parent_pipe() as read_end:
        file_bytes = Path(request["path"]).stat().st_size
        child_bounds = {
            # The watch below is stricter and has better words, but may be too slow.
            "memory_bytes": bounds.memory_bytes + FILE_SHARE * file_bytes,
            "seconds": bounds.seconds,
            "parent_pipe": read_end,
        }
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(read_end,),
            # Tokens and the database are not for those who read what strangers wrote.
            env={
                name: text
                for name, text in os.environ.items()
                if not name.upper().startswith(("LOWLOSS", "PG"))
            },
        )
        with process:
            try:
                content = json.dumps(request | {"bounds": child_bounds}).encode()
                result = _run_child(process, content, bounds)
            finally:
                process.kill()
    if "problem" in result:
        raise problem_from_document(result["problem"])
    return result


@contextmanager
def _parent_pipe() -> Iterator[int]:
    """Open a pipe that ends with this process; a child reads from it until then."""
    read_end, write_end = os.pipe()
    try:
        yield read_end
    finally:
        os.close(read_end)
        os.close(write_end)


def _run_child(process: subprocess.Popen[bytes], request: bytes, bounds: Bounds) -> dict[str, Any]:
    """Send the child a request and await its reply, within bounds."""
    deadline = time.monotonic() + bounds.seconds
    unsent_input: bytes | None = request
    while True:
        try:
            output, errors = process.communicate(unsent_input, timeout=WATCH_SECONDS)
            break
        except subprocess.TimeoutExpired:
            unsent_input = None
        if _measure_memory(process.pid) > bounds.memory_bytes:
            raise _too_much_memory(bounds)
        if time.monotonic() > deadline:
            raise _too_much_time(bounds)
    if process.returncode == -signal.SIGXCPU:
        raise _too_much_time(bounds)
    if process.returncode != 0:
        # Rust ends the process where an allocation fails.
        if b"memory allocation of" in errors:
            raise _too_much_memory(bounds)
        logger.warning(
            "a parser ended with %s: %s",
            process.returncode,
            errors[-2000:].decode(errors="replace"),
        )
        raise TableUnreadable(
            "the table crashed its parser", fix="check the file, or write it in another format"
        )
    result: dict[str, Any] = json.loads(output)
    return result


def _too_much_memory(bounds: Bounds) -> TableTooLarge:
    return TableTooLarge(
        f"the table unfolds to over {format_bytes(bounds.memory_bytes)} in memory",
        fix="upload fewer rows or columns, or ask the server's operator to raise "
        "LOWLOSS_PARSE_MEMORY_BYTES",
    )


def _too_much_time(bounds: Bounds) -> TableTooLarge:
    return TableTooLarge(
        f"the table took over {bounds.seconds:.0f} s to parse",
        fix="upload fewer rows or columns, or as Parquet",
    )


def _measure_memory(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
