"""`python -m service.maintenance backup DEST`, or `restore SRC`: behind the `lowloss` commands."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lowloss.errors import LowlossError
from lowloss.wording import format_bytes
from service.settings import read_settings
from service.store.backups import back_up, restore

REFUSED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command on the database of the settings; return its exit code."""
    parser = argparse.ArgumentParser(prog="service.maintenance")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("backup", "restore"):
        commands.add_parser(name).add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{_run(options)}\n")
    except LowlossError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return REFUSED
    return 0


def _run(options: argparse.Namespace) -> str:
    url, file = read_settings().url, options.file
    if options.command == "backup":
        size = format_bytes(back_up(url, file))
        return f"{file}: {size}, checked; whoever reads it reads all that the server stores"
    restore(url, file)
    return "restored; `lowloss serve` brings it up to date where an older version wrote it"


if __name__ == "__main__":
    sys.exit(main())
