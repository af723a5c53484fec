"""The committed results of benchmarks: short, and all that their pages are written from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, results_page
from benchmarks.diagnosis import page as diagnosis_page
from benchmarks.results_file import write_results
from benchmarks.search_quality import page as search_quality_page

ROOT = Path(__file__).parents[3]
MAX_LINES = 200
WritePage = Callable[[dict[str, Any], Path], object]
PAGES: list[tuple[str, WritePage, str]] = [
    ("diagnosis.json", diagnosis_page.write_page, "diagnosis_quality.md"),
    ("results.json", report.write_page, "performance.md"),
    ("real_tables.json", results_page.write_page, "results.md"),
    ("search_quality.json", search_quality_page.write_page, "search_quality.md"),
]


@pytest.mark.parametrize(("results", "write_page", "page"), PAGES)
def test_page_is_written_from_a_short_summary(
    results: str, write_page: WritePage, page: str, tmp_path: Path
) -> None:
    text = (ROOT / "benchmarks" / results).read_text()

    write_page(json.loads(text), tmp_path / page)

    assert (tmp_path / page).read_text() == (ROOT / "docs" / page).read_text()
    assert len(text.splitlines()) <= MAX_LINES


def test_results_are_json_with_an_entry_a_line(tmp_path: Path) -> None:
    results = {"machine": {"cores": 2}, "runs": [{"s": 1.234567891}, {"s": 0.0}], "none": {}}

    write_results(tmp_path / "results.json", results)

    text = (tmp_path / "results.json").read_text()
    assert json.loads(text) == results | {"runs": [{"s": 1.2345679}, {"s": 0.0}]}
    assert len(text.splitlines()) == 10
