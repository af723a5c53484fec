"""`python -m tests.builders.deadly_refit_child FOLDER`: a child that is killed as it refits."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from worker.jobs.main import main
from worker.winner import refit


def kill(*_: object, **__: object) -> NoReturn:
    """End this process as the kernel does where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


if __name__ == "__main__":
    refit._refit_members = kill
    main()
