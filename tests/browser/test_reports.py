"""Reports in a browser: readable for all, on every screen, and alive within their own policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lowloss.results import HyperparameterImportance, JobState, TrialState
from lowloss.spec import Task
from service.store.queue import finish_job
from tests.browser.accessibility import find_faults
from tests.browser.conftest import WIDTHS, NewPage, Site
from tests.builders.diagnoses import a_diagnosis, a_named_diagnosis
from tests.builders.facts import (
    HOSTILE,
    a_category,
    a_number,
    some_facts,
    some_improvements,
    some_insights,
    some_trials,
)
from tests.builders.store import a_claim, a_job, an_artifact
from worker.artifacts.reports.diagnosis import write_diagnosis
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.html import write_report

pytestmark = pytest.mark.slow


def some_search(task: Task) -> Facts:
    """A search with all that a report can show."""
    importances = (
        HyperparameterImportance(name="learning_rate", share=0.62),
        HyperparameterImportance(name="dropout", share=0.05),
    )
    insights = some_insights(
        improvements=some_improvements(),
        importances=importances,
        next_space={"width": {"min": 128, "max": 384, "step": 16}},
    )
    trials = some_trials(40, diverged=4)
    trials = (
        *trials[:20],
        *(trial.model_copy(update={"state": TrialState.pruned}) for trial in trials[20:30]),
        *trials[30:],
    )
    facts = some_facts(task, trials=trials, outcome={"insights": insights})
    return dataclasses.replace(facts, diagnosis=a_diagnosis())


def a_hostile_search() -> Facts:
    columns = (a_number(HOSTILE * 3), a_category(HOSTILE + "2", [HOSTILE, "x"]))
    return some_facts(
        Task.multiclass,
        target=HOSTILE,
        labels=(HOSTILE, "b" + HOSTILE, "c" * 80),
        columns=columns,
        spec={"name": HOSTILE},
        diagnosis=a_named_diagnosis(HOSTILE),
    )


REPORTS: dict[str, Callable[[Path], None]] = {
    "regression": lambda path: write_report(path, some_search(Task.regression)),
    "binary": lambda path: write_report(path, some_search(Task.binary)),
    "hostile": lambda path: write_report(path, a_hostile_search()),
    "many classes": lambda path: write_report(
        path, some_facts(Task.multiclass, labels=tuple(f"c{i}" for i in range(60)))
    ),
    "diagnosis": lambda path: write_diagnosis(path, a_diagnosis(), title="y from x"),
}


def open_report(page: Page, folder: Path, case: str) -> Page:
    """Open a report with all of its closed parts."""
    path = folder / "report.html"
    REPORTS[case](path)
    page.goto(path.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("case", REPORTS)
def test_report_is_readable_for_all(
    new_page: NewPage, tmp_path: Path, case: str, scheme: str
) -> None:
    page = open_report(new_page(scheme=scheme), tmp_path, case)

    assert find_faults(page) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", REPORTS)
def test_no_report_is_wider_than_the_screen(
    new_page: NewPage, tmp_path: Path, case: str, width: int
) -> None:
    page = open_report(new_page(width=width), tmp_path, case)

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_texts_of_charts_do_not_overlap(new_page: NewPage, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    REPORTS["regression"](path)

    for width in WIDTHS:
        page = new_page(width=width)
        page.goto(path.as_uri())
        assert page.evaluate(OVERLAPS) == [], width


OVERLAPS = """
() => [...document.querySelectorAll("svg.chart:not(.parallel)")].flatMap((chart) => {
  const boxes = [...chart.querySelectorAll("text")].map((text) => [
    text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([first, a], index) => boxes.slice(index + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1
      && a.top < b.bottom - 3 && b.top < a.bottom - 3)
    .map(([second]) => `${chart.getAttribute("aria-label")}: ${first} / ${second}`));
})
"""


def test_report_has_tips_within_the_servers_sandbox(
    new_page: NewPage, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    REPORTS["regression"](path)
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    content = path.read_bytes()
    an_artifact(site.store, fence, content, name="report.html", media_type="text/html")
    with site.store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    page = new_page()

    page.goto(f"{site.url}/jobs/{job}/files/report.html")
    page.locator(".chart.broad .point").first.hover()

    expect(page.locator("#tip")).to_contain_text("trial ")
