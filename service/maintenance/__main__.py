"""`python -m service.maintenance backup DEST`, `restore SRC`, `vacuum` or `doctor`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from lowloss.errors import LowlossError
from lowloss.wording import counted, format_bytes
from service.maintenance.doctor import Check, Verdict, examine
from service.settings import read_settings
from service.store.backups import back_up, restore
from service.store.database import Database
from service.store.facts import count_objects
from service.store.space import compact

FAILED, REFUSED = 1, 2
BACKUP_LACKS = "not in it, and to be copied with their bucket (docs/operations.md)"
RESTORED_SHARES = (
    "still in the object store; give a copy beside the original another LOWLOSS_BLOB_STORE, or "
    "none: it would delete the original's objects"
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command on the database of the settings; return its exit code."""
    parser = argparse.ArgumentParser(prog="service.maintenance")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("backup", "restore"):
        commands.add_parser(name).add_argument("file", type=Path)
    commands.add_parser("vacuum")
    commands.add_parser("doctor").add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    try:
        if options.command == "doctor":
            return _report(examine(read_settings()), as_json=options.as_json)
        sys.stdout.write(f"{_run(options)}\n")
    except LowlossError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return REFUSED
    return 0


def _report(checks: list[Check], *, as_json: bool) -> int:
    """Print checks, and return whether one is wrong as an exit code."""
    shown = (
        json.dumps([asdict(check) for check in checks]) if as_json else "\n".join(map(str, checks))
    )
    sys.stdout.write(f"{shown}\n")
    return FAILED if any(check.verdict is Verdict.wrong for check in checks) else 0


def _run(options: argparse.Namespace) -> str:
    url = read_settings().url
    if options.command == "vacuum":
        before, after = map(format_bytes, compact(url))
        return f"{before} before, {after} after"
    file = options.file
    if options.command == "backup":
        size = format_bytes(back_up(url, file))
        return (
            f"{file}: {size}; whoever reads it reads all that the server stores"
            f"{_describe_objects(url, BACKUP_LACKS)}"
        )
    restore(url, file)
    return (
        "restored; `lowloss serve` brings it up to date where an older version wrote it"
        f"{_describe_objects(url, RESTORED_SHARES)}"
    )


def _describe_objects(url: str, what: str) -> str:
    """Say how many blobs a database has in an object store, and what that means; else nothing."""
    database = Database(url)
    try:
        blobs, size_bytes = count_objects(database) if database.is_ready() else (0, 0)
    finally:
        database.close()
    if not blobs:
        return ""
    return f"; objects of {counted(blobs, 'blob')} ({format_bytes(size_bytes)}) are {what}"


if __name__ == "__main__":
    sys.exit(main())
