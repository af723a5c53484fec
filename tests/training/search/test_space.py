"""What the engine is told of a search space."""

from __future__ import annotations

from typing import Any

from lowloss.spec import SearchSpace
from worker.engine.cohort.buckets import Reach
from worker.search.space import reach_of_space


def test_reach_is_the_largest_network_and_what_its_programs_need() -> None:
    given: dict[str, Any] = {
        "layers": {"min": 1, "max": 3},
        "width": {"min": 16, "max": 256, "step": 16},
        "batch_size": {"choices": [32, 128]},
        "dropout": {"min": 0.0, "max": 0.5},
        "clip_norm": {"choices": [None, 1.0]},
    }

    found = reach_of_space(SearchSpace.model_validate(given))
    fixed = reach_of_space(
        SearchSpace.model_validate({"layers": 2, "width": 48, "batch_size": 32, "dropout": 0.0})
    )

    # Widths 32, 64, 128 and 256 for each layer, and two batch sizes.
    assert found == Reach(3, 256, frozenset({"dropout", "clip_norm"}), 2 * (4 + 4**2 + 4**3))
    assert fixed == Reach(2, 48, frozenset(), 1)
