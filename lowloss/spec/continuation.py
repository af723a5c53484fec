"""The changes that a job makes to the specification of its parent."""

from __future__ import annotations

from typing import Any

from lowloss.spec.job import (
    MAX_SEED,
    Algorithm,
    JobSpec,
    Name,
    Priority,
    PruningParameter,
    Seed,
)
from lowloss.spec.objective import Objective
from lowloss.spec.parts import Spec

Changes = dict[str, Any]
"""Some fields of a part of a JobSpec; the others stay as they are."""


class Continuation(Spec):
    """The changes that a child job makes to its parent's JobSpec; fields left out stay."""

    name: Name | None = None
    objective: Objective | None = None
    search_space: Changes | None = None
    algorithm: Algorithm | None = None
    budget: Changes | None = None
    preprocessing: Changes | None = None
    pruning: PruningParameter = None
    final: Changes | None = None
    seed: Seed | None = None
    priority: Priority | None = None
    needs: Changes | None = None

    def child_of(self, job_id: str, parent: JobSpec) -> JobSpec:
        """Return the JobSpec of a job that learns from another; raise pydantic's ValidationError.

        Its random draws are new: without a seed of its own, it gets the parent's plus one. The rows
        that validate and test stay: what the parent's trials were ranked by must not test.
        """
        spec = parent.model_dump(mode="json")
        spec["validation"]["seed"] = parent.split_seed
        spec["seed"] = (parent.seed + 1) % (MAX_SEED + 1)
        if self.algorithm == "hyperband" and parent.pruning is None:
            # The parent's `auto` may have become null, and hyperband does not take null.
            spec["pruning"] = "auto"
        for name, change in self.model_dump(mode="json", exclude_unset=True).items():
            is_part = isinstance(change, dict) and isinstance(spec[name], dict)
            spec[name] = spec[name] | change if is_part else change
        return JobSpec.model_validate(spec | {"warm_start_from": [job_id]})


CONTINUATION_EXAMPLES: dict[str, Any] = {
    "longer": {"summary": "A larger budget", "value": {"budget": {"max_trials": 100}}},
    "elsewhere": {
        "summary": "Another range, where the best lay at an edge",
        "value": {"search_space": {"width": {"min": 128, "max": 1024, "step": 64}}},
    },
}
"""Examples for OpenAPI, by name."""
