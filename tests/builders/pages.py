"""Pages as a browser reads them."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from lowloss.charts.inline import read_script, script_source

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """The tags, attributes and text of a page; refuses tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += f" {data}"

    def close(self) -> None:
        super().close()
        assert not self._open


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    page.text = " ".join(page.text.split())
    return page


def needs_nothing_else(text: str) -> None:
    """Assert that a page is whole, runs the script of charts alone, and loads nothing."""
    page = parsed(text)
    ids = Counter(value for name, value in page.attributes if name == "id")
    links = [value for name, value in page.attributes if name in {"src", "href"}]
    policies = [value for _, value in page.attributes if value.startswith("default-src")]
    assert page.tags["html"] == page.tags["body"] == page.tags["h1"] == 1
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [read_script()]
    assert page.tags["script"] == 1
    assert [policy.split("; ")[:2] for policy in policies] == [
        ["default-src 'none'", f"script-src {script_source()}"]
    ]
    assert not page.tags["link"]
    assert not page.tags["iframe"]
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(link.startswith("#") for link in links)
    assert "@import" not in text
    assert set(ids.values()) <= {1}
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert "url(" not in text
