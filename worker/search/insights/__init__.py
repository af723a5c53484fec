"""What a search tells of itself: what mattered, where to go on, what diverged, what it cost."""

from worker.search.insights.summary import summarise_search

__all__ = ["summarise_search"]
