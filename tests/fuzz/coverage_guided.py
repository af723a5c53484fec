"""`python -m tests.fuzz.coverage_guided READER SECONDS`: feeds a reader what reaches new code.

Whatever the bytes, a reader returns, or refuses them with a Problem. Anything else ends the run, and
its bytes are written into the current folder: they belong into `tests/fuzz/inputs/`, with the fix.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["lowloss", "service.api"]):
    from lowloss.errors import Problem
    from tests.fuzz.readers import INPUTS, READERS

MAX_BYTES = 4096
SLOW_SECONDS = 20
"""A reader that takes longer for so few bytes is a fault, too."""


def main() -> None:
    """Fuzz a reader for some seconds, from its inputs on."""
    name, seconds = sys.argv[1:]
    read = READERS[name]

    def try_bytes(data: bytes) -> None:
        with suppress(Problem):
            read(data)

    options = (f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={SLOW_SECONDS}")
    with tempfile.TemporaryDirectory() as corpus:
        atheris.Setup([sys.argv[0], *options, "-seed=1", corpus, str(INPUTS / name)], try_bytes)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
