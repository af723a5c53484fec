"""What is compared: algorithms, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.spec import Pruning

SEEDS = 10
ENGINE_OPEN = 8
"""Trials that the engine has open at once, about, beside one at a time."""
MAX_TRIALS, BAYESIAN_TRIALS = 250, 150
"""Of a search: a Gaussian process takes longer as trials add up."""


@dataclass(frozen=True)
class Setup:
    """An algorithm, whether it prunes, and how many trials are open at once.

    A search ends after `trials` trials that cost `trainings` average trainings at least, or after
    `max_trials`.
    """

    algorithm: str
    pruning: Pruning | None = None
    open_trials: int = 1
    seeds: int = SEEDS
    trials: int = 100
    trainings: float = 100.0
    max_trials: int = MAX_TRIALS

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
STOCK_BAYESIAN = Setup("kerastuner_bayesian", seeds=3, trials=50, trainings=40, max_trials=50)
"""It takes half a second for each suggestion, and more and more."""
ALGORITHMS = (
    RANDOM,
    Setup("random", Pruning()),
    Setup("tpe"),
    Setup("tpe", Pruning()),
    Setup("tpe", None, ENGINE_OPEN),
    Setup("tpe", Pruning(), ENGINE_OPEN),
    Setup("bayesian", max_trials=BAYESIAN_TRIALS),
    Setup("bayesian", Pruning(), max_trials=BAYESIAN_TRIALS),
    Setup("bayesian", None, ENGINE_OPEN, max_trials=BAYESIAN_TRIALS),
    Setup("bayesian", Pruning(), ENGINE_OPEN, max_trials=BAYESIAN_TRIALS),
    Setup("hyperband", Pruning(), ENGINE_OPEN),
    Setup("kerastuner_hyperband"),
    STOCK_BAYESIAN,
)
PRUNINGS = tuple(
    Setup(algorithm, Pruning(reduction=reduction, min_epochs=min_epochs), max_trials=max_trials)
    for algorithm, max_trials in (("random", MAX_TRIALS), ("bayesian", BAYESIAN_TRIALS))
    for reduction in (2, 3, 4)
    for min_epochs in (3, 5, 10)
)
GROUPS = {"algorithms": ALGORITHMS, "prunings": PRUNINGS}
