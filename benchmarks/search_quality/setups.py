"""What is compared: algorithms, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.spec import Pruning

SEEDS = 30
ENGINE_OPEN = 8
"""Trials that the engine has open at once, about, beside one at a time."""


@dataclass(frozen=True)
class Setup:
    """An algorithm, whether it prunes, and how many trials are open at once.

    A search ends after `trials` trials that cost `trainings` average trainings at least, or after
    `most_trials`.
    """

    algorithm: str
    pruning: Pruning | None = None
    open_trials: int = 1
    seeds: int = SEEDS
    trials: int = 100
    trainings: float = 100.0
    most_trials: int = 350

    @property
    def name(self) -> str:
        """What it is called in results, and its file by."""
        parts = [self.algorithm.replace("_", " ")]
        if self.pruning is not None:
            parts.append(f"pruned {self.pruning.reduction}/{self.pruning.min_epochs}")
        if self.open_trials > 1:
            parts.append(f"{self.open_trials} open")
        return ", ".join(parts)


RANDOM = Setup("random", trials=200)
STOCK_BAYESIAN = Setup("kerastuner_bayesian", seeds=6, most_trials=60)
"""It takes seconds for each suggestion."""
STOCK = (STOCK_BAYESIAN, Setup("kerastuner_hyperband"))
OURS = tuple(
    Setup(algorithm, pruning, open_trials)
    for algorithm in ("random", "tpe", "bayesian")
    for pruning in (None, Pruning())
    for open_trials in (1, ENGINE_OPEN)
    if (algorithm, pruning, open_trials) != ("random", None, 1)
)
HYPERBAND = tuple(Setup("hyperband", Pruning(), count) for count in (1, ENGINE_OPEN))
PRUNINGS = tuple(
    Setup("tpe", Pruning(reduction=reduction, min_epochs=min_epochs), ENGINE_OPEN)
    for reduction in (2, 3, 4)
    for min_epochs in (3, 5, 10)
    if Pruning(reduction=reduction, min_epochs=min_epochs) != Pruning()
)
