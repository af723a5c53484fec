"""Who cannot use a page, by the rules of axe."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = frozenset({"serious", "critical"})


def find_faults(page: Page) -> list[tuple[str, list[str]]]:
    """Return the serious faults of a page: the rule, and the first elements that break it."""
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in SERIOUS
    ]
