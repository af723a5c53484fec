"""What an engine here and its actors, in other processes, tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.engine.plans import Epoch, Plan
from worker.engine.results import FailedPlan, TrainedPlan

PlanKey = tuple[int, int, int]
"""A plan's number, seed and fold: no two open plans of a run share them."""


def key_of(plan: Plan) -> PlanKey:
    """Return what names a plan within a run."""
    return plan.number, plan.seed, plan.fold


@dataclass(frozen=True)
class Order:
    """What an actor is to do: train `plans` of one trial, and all open ones for some epochs.

    `epochs_ahead` has how many epochs each open plan trains before the next report; 0 ends it.
    Where `is_ending`, all trainings end at once as their last epoch left them.
    """

    plans: tuple[Plan, ...] = ()
    epochs_ahead: Mapping[PlanKey, int] = field(default_factory=dict)
    is_ending: bool = False


@dataclass(frozen=True)
class Report:
    """What became of the plans of an actor since its last report.

    It `is_waiting` for an order, with room for `room` plans, and can copy checkpoints of
    `with_checkpoint` until then. Where it `is_idle` its run has ended, by `error` if there is one.
    A report of nothing is a sign of life. `compile_seconds` and `cpu_seconds`, of the processor,
    are those that the actor has taken so far.
    """

    epochs: tuple[tuple[PlanKey, Epoch], ...] = ()
    ended: tuple[TrainedPlan | FailedPlan, ...] = ()
    with_checkpoint: frozenset[PlanKey] = frozenset()
    room: int = 0
    is_waiting: bool = False
    is_idle: bool = False
    error: str | None = None
    compile_seconds: float = 0.0
    cpu_seconds: float = 0.0
