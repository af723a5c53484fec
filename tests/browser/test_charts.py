"""What the charts of a page answer: the pointer, a finger and the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FloatRect, Page, expect

from lowloss.results import Importance, TrialState
from service.store.jobs import record_outcome
from tests.browser.conftest import NewPage, Site
from tests.builders.store import a_claim, a_job, a_trial


@pytest.fixture
def job_address(site: Site) -> str:
    """The page of a search of some trials whose hyperparameters differ."""
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    for number in range(1, 9):
        a_trial(site.store, fence, number, score=number / 10, dropout=number / 20)
    return f"{site.url}/jobs/{job}"


def count_threads(page: Page) -> int:
    """Return how many lines of the parallel coordinates are shown."""
    return page.locator(".thread:not(.dim)").count()


def test_point_names_its_trial_and_leads_to_it(page: Page, job_address: str) -> None:
    page.goto(job_address)
    point = page.locator('#charts a[aria-label^="trial 3:"]').first

    point.hover()
    expect(page.locator("#tip")).to_have_text(re.compile(r"^trial 3: 0\.3, "))
    point.click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Trial 3")


def test_hollow_point_is_one_to_its_middle(page: Page, site: Site) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    for number in range(1, 4):
        a_trial(site.store, fence, number, state=TrialState.pruned, score=number / 10)
    page.goto(f"{site.url}/jobs/{job}")
    point = page.locator('#charts a[aria-label^="trial 2:"]').first

    point.hover()

    expect(page.locator("#tip")).to_have_text("trial 2: 0.2, pruned")


def test_finger_reads_a_point_before_it_opens_it(new_page: NewPage, job_address: str) -> None:
    page = new_page(width=390, has_touch=True)
    page.goto(job_address)
    point = page.locator('#charts a[aria-label^="trial 3:"]').first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    # A finger need not hit what is smaller than it.
    page.touchscreen.tap(x + 8, y)

    expect(page.locator("#tip")).to_have_text(re.compile(r"^trial 3: 0\.3, .*: tap again"))
    assert page.url == job_address
    page.touchscreen.tap(x + 8, y)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Trial 3")


def find_axis(page: Page) -> FloatRect:
    """Bring the first axis into view, and return where it is."""
    axis = page.locator(".brush").first
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    assert box is not None
    return box


def test_range_is_drawn_along_an_axis_and_reset_by_a_click(page: Page, job_address: str) -> None:
    page.goto(job_address)
    every = count_threads(page)
    box = find_axis(page)
    x, y = box["x"] + box["width"] / 2, box["y"]

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + box["height"] / 2)
    page.mouse.up()

    assert 0 < count_threads(page) < every
    page.mouse.click(x, y + box["height"] * 0.9)
    assert count_threads(page) == every


def test_range_of_an_axis_is_chosen_with_the_keyboard(page: Page, job_address: str) -> None:
    page.goto(job_address)
    every = count_threads(page)
    axis = page.get_by_role("button", name="dropout: all")

    axis.focus()
    page.keyboard.press("ArrowUp")
    at_the_top = count_threads(page)
    expect(page.get_by_role("button", name="dropout: from 75 to 100 % of the axis")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="dropout: from 70 to 95 % of the axis")).to_be_focused()
    page.keyboard.press("Shift+ArrowUp")
    expect(page.get_by_role("button", name="dropout: from 70 to 100 % of the axis")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="dropout: from 70 to 100 % of the axis")).to_be_focused()
    page.keyboard.press("Escape")

    assert 0 < at_the_top < every
    assert count_threads(page) == every


def test_finger_draws_a_range_and_the_page_stays(page: Page, job_address: str) -> None:
    page.goto(job_address)
    every = count_threads(page)
    box = find_axis(page)
    before = page.evaluate("scrollY")
    fingers = page.context.new_cdp_session(page)

    fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for kind, share in (("touchStart", 0.9), ("touchMove", 0.7), ("touchMove", 0.4)):
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + share * box["height"]}
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    assert 0 < count_threads(page) < every
    assert page.evaluate("scrollY") == before


def test_switch_answers_the_space_bar_and_the_charts_stay_in_sight(
    page: Page, job_address: str
) -> None:
    page.goto(job_address)

    page.get_by_role("switch", name="pruned trials").focus()
    page.keyboard.press("Space")

    expect(page.get_by_role("switch", name="pruned trials")).to_have_attribute(
        "aria-checked", "false"
    )
    assert page.url.endswith("#charts")
    expect(page.get_by_role("switch", name="pruned trials")).to_be_in_viewport()


def test_first_column_stays_while_a_phone_scrolls_a_table(
    new_page: NewPage, job_address: str
) -> None:
    page = new_page(width=390)
    page.goto(f"{job_address}/trials")
    cell = page.locator("tbody .stays").first
    before = cell.bounding_box()

    scrolled = page.locator(".wide:has(.stays)").last.evaluate(
        "(wide) => { wide.scrollLeft = 200; return wide.scrollLeft; }"
    )

    after = cell.bounding_box()
    assert before is not None
    assert after is not None
    assert scrolled > 100
    assert after["x"] == pytest.approx(before["x"], abs=1)


def test_names_of_bars_are_whole_on_a_phone(new_page: NewPage, site: Site) -> None:
    page = new_page(width=390)
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    importances = [
        Importance(column=name, increase=0.5, sd=0.1).model_dump()
        for name in ("promo", "MMMM", "a", "www")
    ]
    with site.store.transaction() as session:
        record_outcome(session, fence, phase=None, importances=importances)
    a_trial(site.store, fence, 1)

    page.goto(f"{site.url}/jobs/{job}")

    ends = page.locator(".chart.bars").evaluate(
        """chart => {
          const { left, right } = chart.getBoundingClientRect();
          const texts = [...chart.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
          return texts.filter((text) => text.left < left || text.right > right).length;
        }"""
    )
    assert ends == 0
