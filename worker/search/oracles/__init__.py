"""KerasTuner oracles whose memory is the store: one file an algorithm."""

from lowloss.spec import JobSpec
from worker.search.oracles.bayesian import BayesianOracle
from worker.search.oracles.grid import GridOracle
from worker.search.oracles.random_draws import RandomOracle
from worker.search.oracles.store import StoreOracle
from worker.search.oracles.tpe import TpeOracle

__all__ = ["StoreOracle", "make_oracle"]


def make_oracle(spec: JobSpec) -> StoreOracle:
    """Return the oracle that a job asks for."""
    match spec.algorithm:
        case "tpe":
            return TpeOracle(spec)
        # Hyperband draws at random: what makes it Hyperband are its brackets of rungs.
        case "random" | "hyperband":
            return RandomOracle(spec)
        case "bayesian":
            return BayesianOracle(spec)
        case "grid":
            return GridOracle(spec)
