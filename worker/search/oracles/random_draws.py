"""Random search."""

from __future__ import annotations

from typing import Any

from worker.search.oracles.store import StoreOracle


class RandomOracle(StoreOracle):
    """Independent draws, none twice."""

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Draw a random setting that was not tried yet."""
        return self.draw_untried(number)
