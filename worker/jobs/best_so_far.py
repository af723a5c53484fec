"""Gives users a model while the search goes on: the network of its best trial so far."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lowloss.processes.logs import about
from lowloss.results import Outcome
from lowloss.spec import JobSpec
from worker.artifacts.export import export_best_so_far
from worker.artifacts.model.check import ModelDiffers
from worker.data.prepare import Prepared
from worker.progress.reporter import Reporter
from worker.trials.folds import TrainingResult
from worker.winner.refit import single_model

log = logging.getLogger(__name__)

MIN_SECONDS, MAX_SHARE = 10.0, 0.05
"""The least time between two of these models, and the share of the search's time that they may
take. Chosen: a job of a minute has some of them."""


@dataclass
class BestSoFar:
    """Exports the best trial as its search goes on: the first one at once, later ones now and then.

    What an `earlier` attempt left stays for the first `MIN_SECONDS`; for ever, if that attempt had
    come to the model that the job ends with.
    """

    prepared: Prepared
    spec: JobSpec
    reporter: Reporter
    folder: Path
    earlier: Outcome
    clock: Callable[[], float] = time.monotonic
    _next_at: float = field(init=False)
    _exported: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._exported = self.earlier.model_trial
        if self.earlier.model_ready_at is None:
            self._next_at = -math.inf
        elif self.earlier.model_trial is None:
            self._next_at = math.inf
        else:
            self._next_at = self.clock() + MIN_SECONDS

    def offer(self, training: TrainingResult) -> None:
        """Export the network of the best trial, unless users have it, or got another just now."""
        started_at, trial = self.clock(), training.plan.number
        is_due = started_at >= self._next_at and trial != self._exported
        if not is_due or self.reporter.stop_cause is not None:
            return
        try:
            single = single_model(training, self.spec, self.prepared)
            export_best_so_far(single, self.reporter, self.folder)
        except ModelDiffers:
            # The job ends with another one, of several networks.
            log.warning("trial %d is no model", trial, exc_info=True, extra=about(trial=trial))
        self._exported, ended_at = trial, self.clock()
        self._next_at = ended_at + max(MIN_SECONDS, (ended_at - started_at) / MAX_SHARE)
