"""What an executor is: where the networks of a job are trained."""

from __future__ import annotations

from typing import Protocol

from worker.engine.arrays import Arrays
from worker.engine.cohort.buckets import Reach
from worker.engine.protocol import Engine


class NoActorsError(RuntimeError):
    """A cluster had no room for an actor, or could start none."""


class JobEngine(Engine, Protocol):
    """An engine, and what it uses: so many `threads` train up to `max_open` groups of plans."""

    @property
    def threads(self) -> int:
        """Threads that train, on all machines together; of a cluster the most so far."""

    @property
    def max_open(self) -> int:
        """Groups of plans that train at a time at most, each of one trial."""


class Executor(Protocol):
    """Where the networks of jobs are trained: this process, or a Ray cluster."""

    @property
    def name(self) -> str:
        """`local` or `ray`."""

    @property
    def compile_seconds(self) -> float:
        """The time that compiles have taken so far, while nothing else was waited for."""

    @property
    def remote_cpu_seconds(self) -> float:
        """The processor time that other processes have taken for it so far."""

    def request_actors(self, actors: int | None) -> None:
        """Train in this many actors until the next release; None: in as many as fit."""

    def build_engine(
        self, arrays: Arrays, reach: Reach, *, trials: int, plans_together: int = 1, slots: int = 1
    ) -> JobEngine:
        """Return what trains plans on arrays; engines of one executor share compiled programs.

        A search has so many `trials`. `plans_together` plans of a trial, its folds, train side by
        side, in programs of so many `slots`.
        """

    def count_nodes(self) -> int:
        """Count the machines that have trained since the last release."""

    def explain_loss(self, error: Exception) -> str | None:
        """Return why the cluster is lost if that caused an error, else None.

        This process cannot use the executor any more then; the job can go on in another one.
        """

    def release(self) -> None:
        """Give back what is not needed until the next job."""
