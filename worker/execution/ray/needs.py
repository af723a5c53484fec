"""What an actor needs of the node that it is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PRECISION = 4
"""Decimals of a quantity: Ray refuses more (2.60)."""


@dataclass(frozen=True)
class ActorNeeds:
    """What an actor takes of a node; of less than a core or a GPU other actors have the rest.

    `memory_bytes` is of the memory that Ray hands out, and what the engine goes by; None leaves
    both to the node. The other `resources` have names of the cluster's own.
    """

    cores: float
    gpus: float = 0.0
    memory_bytes: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def threads(self) -> int:
        """Threads that train: whole cores, and one where there is less than one."""
        return max(1, int(self.cores))

    @property
    def options(self) -> dict[str, Any]:
        """What `ray.remote(...).options` takes."""
        return {
            "num_cpus": round(self.cores, PRECISION),
            "num_gpus": round(self.gpus, PRECISION),
            "memory": self.memory_bytes,
            "resources": {name: round(n, PRECISION) for name, n in self.resources.items()},
        }

    def count_room(self, totals: Mapping[str, float]) -> int:
        """Count the actors that a node has room for while nobody else uses it.

        `totals` are its resources by Ray's names: `CPU`, `GPU`, `memory` in bytes, and others.
        """
        quantities = {"CPU": self.cores, "GPU": self.gpus, "memory": self.memory_bytes or 0}
        needs = quantities | dict(self.resources)
        # A node of 0.3 has room for three times 0.1, which floats deny.
        return min(
            int(totals.get(name, 0.0) / need + 10**-PRECISION)
            for name, need in needs.items()
            if need > 0
        )

    def __str__(self) -> str:
        """Return it in words: `2 cores and 1 of the resource fast`."""
        words = [f"{self.cores:g} cores"]
        if self.gpus:
            words.append(f"{self.gpus:g} GPUs")
        if self.memory_bytes is not None:
            words.append(f"{self.memory_bytes:,} bytes of memory")
        words += [f"{n:g} of the resource {name}" for name, n in self.resources.items()]
        return " and ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]
