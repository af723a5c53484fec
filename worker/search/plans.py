"""The plan of a trial, and its hyperparameters again."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np

from lowloss.results import Hyperparameters
from lowloss.spec import JobSpec
from lowloss.spec.activations import usual_initializers
from lowloss.spec.optimizers import USUAL_MOMENTUM
from lowloss.spec.schedules import SEARCH_PLATEAU, Schedule
from worker.data.input_choices import InputChoice, input_choices
from worker.engine.plans import Plan

CONVERTED = {"layers", "schedule", *(field.name for field in fields(InputChoice))}
"""Hyperparameters that a plan has in another form."""


def to_plan(number: int, seed: int, hyperparameters: Hyperparameters, spec: JobSpec) -> Plan:
    """Build the plan of a trial, on the first fold of its inputs."""
    choice = InputChoice(hyperparameters.scale_features, hyperparameters.select_features)
    first = input_choices(spec).index(choice) * spec.validation.fold_count
    return Plan(
        number,
        seed,
        hyperparameters.widths,
        max_epochs=spec.budget.max_epochs,
        fold=first,
        momentum=USUAL_MOMENTUM,
        initializers=usual_initializers([hyperparameters.activation] * hyperparameters.layers),
        **_schedule_fields(hyperparameters.schedule),
        **hyperparameters.model_dump(exclude=CONVERTED | {"widths"}),
    )


def hyperparameters_of(plan: Plan, spec: JobSpec) -> Hyperparameters:
    """Return a plan's hyperparameters: the inverse of `to_plan`."""
    names = Hyperparameters.model_fields.keys() - CONVERTED
    return Hyperparameters(
        layers=len(plan.widths),
        schedule="plateau" if plan.plateau else plan.schedule,
        **asdict(input_choices(spec)[plan.fold // spec.validation.fold_count]),
        **{name: getattr(plan, name) for name in names},
    )


def _schedule_fields(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as a plan has it: a plateau is no function of the step."""
    if schedule == "plateau":
        return {"schedule": "constant", "plateau": SEARCH_PLATEAU}
    return {"schedule": schedule}


def trial_seed(job_seed: int, number: int, repeat: int = 0) -> int:
    """Return the seed of a trial, or of a repeat of it: the same on every machine."""
    entropy = [job_seed, number, repeat]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
