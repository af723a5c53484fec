"""The list of jobs, and what the buttons of a job do."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site
from tests.builders.store import a_claim, a_job, a_trial


def test_job_is_paused_resumed_and_cancelled(page: Page, site: Site) -> None:
    job = a_job(site.store)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.url}/jobs/{job}")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1 .state")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("h1 .state")).to_have_text("queued")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .state")).to_have_text("cancelled")


def test_cancel_is_shown_at_once_however_long_pages_take(page: Page, site: Site) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    page.on("dialog", lambda dialog: dialog.accept())
    address = f"{site.url}/jobs/{job}"
    page.goto(address)

    def answer_slowly(route: Route) -> None:
        time.sleep(0.2)
        route.continue_()

    page.route(address, answer_slowly)
    for number in (1, 2):
        a_trial(site.store, fence, number)
        if number == 1:
            expect(page.get_by_text("1 of")).to_be_visible()

    # The next look at the server is seconds away.
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("Cancel requested")).to_be_visible(timeout=4_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_back_leads_to_a_list_and_the_filters_that_made_it(page: Page, site: Site) -> None:
    a_job(site.store, name="alone")
    page.goto(site.url)

    page.get_by_label("Kind").select_option("diagnosis")
    page.wait_for_url("**kind=diagnosis**")
    page.get_by_role("searchbox").fill("zzzz")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**q=zzzz**")
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_label("Kind")).to_have_value("diagnosis")
    page.go_back()

    expect(page.get_by_label("Kind")).to_have_value("")
    expect(page.get_by_role("link", name="alone")).to_be_visible()


@pytest.mark.parametrize("end", ["Enter", "Tab"])
def test_arrow_keys_choose_a_filter_before_it_is_shown(page: Page, site: Site, end: str) -> None:
    page.goto(site.url)
    kinds = page.get_by_label("Kind")
    kinds.focus()

    kinds.press("ArrowDown")
    expect(kinds).to_have_value("search")
    # Whatever the first key began would have ended by now.
    page.wait_for_timeout(300)
    assert "kind" not in page.url
    kinds.press("ArrowDown")
    kinds.press(end)

    page.wait_for_url("**kind=diagnosis**")


def test_cancel_can_be_thought_over(page: Page, site: Site) -> None:
    job = a_job(site.store)
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(f"{site.url}/jobs/{job}")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("h1 .state")).to_have_text("queued")
