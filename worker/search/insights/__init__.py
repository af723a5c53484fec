"""What a search tells of itself: what mattered, where to go on, what diverged, what it cost."""

from worker.search.insights.tell import tell_of_search

__all__ = ["tell_of_search"]
