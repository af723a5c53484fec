"""How the pages look: readable for all, on every screen, with hostile names, and for long."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Dialog, Route, expect

from service.store.trials import record_epochs, start_trial
from tests.browser.accessibility import find_faults
from tests.browser.conftest import WIDTHS, NewPage, Site
from tests.builders.store import a_claim, a_curve, a_diagnosis_job, a_job, some_hyperparameters
from tests.unit.service.dashboard.test_pages import filled_pages

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_readable_for_all(new_page: NewPage, site: Site, scheme: str) -> None:
    page = new_page(scheme=scheme)
    faults = []
    # Swagger UI is not ours to mend.
    for address in [a for a in filled_pages(site.store) if a != "/docs"]:
        page.goto(site.url + address)
        faults += [(address, fault) for fault in find_faults(page)]

    assert faults == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_screen(new_page: NewPage, site: Site, width: int) -> None:
    page = new_page(width=width)
    wide = {}
    for address in filled_pages(site.store):
        page.goto(site.url + address)
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            wide[address] = excess

    assert wide == {}


def test_rows_of_a_phone_are_cards_and_nothing_is_off_screen(new_page: NewPage, site: Site) -> None:
    page = new_page(width=390)
    hidden, broken = {}, {}
    for address in filled_pages(site.store):
        page.goto(site.url + address)
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        excess = page.evaluate(
            "Math.max(0, ...[...document.querySelectorAll('.wide:has(.list, .profile)')]"
            ".map((wide) => wide.scrollWidth - wide.clientWidth))"
        )
        lines = page.evaluate(
            "Math.max(0, ...[...document.querySelectorAll('td time')]"
            ".map((time) => time.getClientRects().length))"
        )
        if excess > 0:
            hidden[address] = excess
        if lines > 1:
            broken[address] = lines

    assert hidden == {}
    # No date wraps within itself.
    assert broken == {}


def test_list_of_jobs_is_whole_on_a_tablet(new_page: NewPage, site: Site) -> None:
    a_job(site.store, name="a name of several words that takes the room that there is")
    a_claim(site.store)
    a_job(site.store)
    page = new_page(width=768)
    page.goto(site.url)

    excess = page.locator(".wide").evaluate("wide => wide.scrollWidth - wide.clientWidth")

    assert excess <= 0


def test_hostile_names_run_nothing(new_page: NewPage, site: Site) -> None:
    page = new_page()
    alerts = list[str]()

    def note(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)

    for address in filled_pages(site.store):
        page.goto(site.url + address)
        assert page.locator("img[src=x]").count() == 0, address

    assert alerts == []


def test_open_page_does_not_grow(new_page: NewPage, site: Site) -> None:
    page = new_page()
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    with site.store.transaction() as session:
        start_trial(session, fence, 1, seed=1, hyperparameters=some_hyperparameters())
    page.clock.install()
    page.goto(f"{site.url}/jobs/{job}")

    counts, line = set[int](), page.locator("path.line")
    drawn = ""
    for epoch in range(2, 14):
        with site.store.transaction() as session:
            record_epochs(session, fence, {1: a_curve(epoch)})
        # Five minutes of the page's own time: its timers run, and it asks again.
        page.clock.run_for(300_000)
        expect(line).not_to_have_attribute("d", drawn)
        drawn = line.get_attribute("d") or ""
        counts.add(page.evaluate("document.querySelectorAll('body > *, [data-live] > *').length"))

    assert len(counts) == 1


def test_seconds_of_a_running_job_go_on_in_the_page(new_page: NewPage, site: Site) -> None:
    page = new_page()
    job = a_diagnosis_job(site.store)
    a_claim(site.store)
    page.clock.install()
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.resource_type))
    page.goto(f"{site.url}/jobs/{job}/diagnosis")
    used = page.locator(".progress [data-seconds]").last
    expect(used).to_have_text(re.compile(r"^\d s$"))

    page.clock.run_for(200_000)

    expect(used).to_have_text(re.compile(r"^3 min 2\d s$"))
    assert page.locator("progress").evaluate("bar => bar.value === bar.max")
    assert "fetch" not in asked


def test_running_job_is_shown_every_nine_seconds_by_a_slow_server(
    new_page: NewPage, site: Site
) -> None:
    page = new_page()
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    with site.store.transaction() as session:
        start_trial(session, fence, 1, seed=1, hyperparameters=some_hyperparameters())
    page.goto(f"{site.url}/jobs/{job}")

    def answer_slowly(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route(f"**/jobs/{job}", answer_slowly)
    line, drawn = page.locator("path.line"), ""
    for epoch in (2, 3, 4):
        with site.store.transaction() as session:
            record_epochs(session, fence, {1: a_curve(epoch)})
        # One per cent of the time, alone, would be a pause of 50 s.
        expect(line).not_to_have_attribute("d", drawn, timeout=20_000)
        drawn = line.get_attribute("d") or ""
