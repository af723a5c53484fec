"""What a job that goes on from another changes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from lowloss.spec.job import MAX_SEED, JobSpec
from lowloss.spec.parts import Spec, Text

Changes = dict[str, Any]
"""Some fields of a part of a JobSpec; the others stay."""


class Continuation(Spec):
    """The changes that a child job makes to its parent's JobSpec; what is left out stays."""

    name: Annotated[Text, Field(max_length=200)] | None = None
    objective: Any = None
    search_space: Changes | None = None
    algorithm: Any = None
    budget: Changes | None = None
    preprocessing: Changes | None = None
    pruning: Any = None
    final: Changes | None = None
    seed: Any = None
    priority: Any = None

    def child_of(self, job_id: str, parent: JobSpec) -> JobSpec:
        """The JobSpec of a job that learns from another; pydantic's ValidationError.

        Its draws are new: unless a seed is given, it is one more than the parent's.
        """
        spec = parent.model_dump(mode="json")
        spec["seed"] = (parent.seed + 1) % (MAX_SEED + 1)
        if self.algorithm == "hyperband" and parent.pruning is None:
            # Null may be what `auto` came to in the parent, and hyperband takes no null.
            spec["pruning"] = "auto"
        for name in self.model_fields_set:
            change = getattr(self, name)
            is_part = isinstance(change, dict) and isinstance(spec[name], dict)
            spec[name] = spec[name] | change if is_part else change
        return JobSpec.model_validate(spec | {"warm_start_from": [job_id]})
