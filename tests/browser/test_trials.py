"""What people do with the trials of a search, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from lowloss.results import JobState
from service.store.queue import finish_job
from tests.browser.conftest import Site
from tests.builders.store import a_claim, a_job, a_trial


def test_trials_are_drawn_as_they_are_ticked(page: Page, site: Site) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    for number in range(1, 9):
        a_trial(site.store, fence, number)
    page.goto(f"{site.url}/jobs/{job}/trials")
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_label("Draw the curve of trial 7").check()
    page.get_by_role("button", name="Draw curves of the ticked ones").click()

    expect(page.locator("path.line")).to_have_count(1)
    expect(page.get_by_label("Draw the curve of trial 7")).to_be_checked()
    page.get_by_role("link", name="7", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Trial 7")


def test_trial_is_repeated(page: Page, site: Site) -> None:
    job = a_job(site.store, name="first")
    fence = a_claim(site.store).fence
    a_trial(site.store, fence, 1)
    with site.store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    page.goto(f"{site.url}/jobs/{job}/trials/1")
    expect(page.get_by_text("keras.Sequential")).to_be_visible()

    page.get_by_role("button", name="Repeat").click()

    page.wait_for_url(lambda url: "/jobs/job_" in url and job not in url)
    expect(page.get_by_text("0 of 1 trials")).to_be_visible()
    expect(page.get_by_text("It learns from")).to_be_visible()


def test_curves_of_a_job_that_has_ended_are_drawn_as_they_are_ticked(
    page: Page, site: Site
) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    for number in range(1, 5):
        a_trial(site.store, fence, number)
    with site.store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    page.goto(f"{site.url}/jobs/{job}")
    page.get_by_label("Draw the curve of trial 2").check()
    page.get_by_label("Draw the curve of trial 4").check()
    page.get_by_role("button", name="Draw curves of the ticked ones").click()
    page.wait_for_url("**curve=4**")

    expect(page.get_by_label("Draw the curve of trial 4")).to_be_checked()
    expect(page.locator("path.line")).to_have_count(3)
    page.get_by_role("switch", name="pruned trials").click()
    expect(page.get_by_label("Draw the curve of trial 2")).to_be_checked()
    # A level line has no height, and so no element to hover for Playwright.
    x, y = page.locator("path.span").first.evaluate(
        """(span) => {
          span.scrollIntoView({ block: "center" });
          const box = span.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }"""
    )
    page.mouse.move(x, y)
    expect(page.locator("#tip")).to_contain_text("completed")
