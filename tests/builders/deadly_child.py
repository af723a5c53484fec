"""`python -m tests.builders.deadly_child FOLDER`: a child that some trials kill as they train."""

from __future__ import annotations

import os
import signal

from worker.engine.plans import Epoch, Plan
from worker.jobs.main import main
from worker.progress.reporter import Reporter, StopCause

DEADLY_TRIALS = frozenset({2, 3})
"""The numbers of the trials whose first epoch ends the process."""

record_epoch = Reporter.on_epoch


def kill_or_record(reporter: Reporter, plan: Plan, epoch: Epoch) -> StopCause | None:
    """End this process as the kernel does where memory is short, if a deadly trial trains."""
    if plan.number in DEADLY_TRIALS:
        os.kill(os.getpid(), signal.SIGKILL)
    return record_epoch(reporter, plan, epoch)


if __name__ == "__main__":
    Reporter.on_epoch = kill_or_record  # type: ignore[assignment,method-assign]  # deadly trials
    main()
