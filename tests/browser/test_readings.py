"""Tables that were refused or read wrongly, and how somebody reads them otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_walks import GERMAN, drop, write

pytestmark = pytest.mark.slow

WIDE_LINE = "x,y\n" + "".join(f"{n},{2 * n}\n" for n in range(40)) + "1,2,3,4\n"


def refuse(page: Page, site: Site, folder: Path) -> None:
    """Drop a table that is refused."""
    page.goto(f"{site.url}/new")
    drop(page, write(folder, "wide.csv", WIDE_LINE.encode()))
    expect(page.get_by_role("button", name="Read again")).to_be_visible()


def test_refused_table_is_read_again_with_other_options(
    page: Page, site: Site, tmp_path: Path
) -> None:
    refuse(page, site, tmp_path)
    alert = page.locator("form[data-upload] [role=alert]")
    expect(alert).to_contain_text("has 4 fields")
    expect(alert).to_contain_text("or fill in “Lines above the header” if the table")

    page.get_by_label("Delimiter").fill(";")
    page.get_by_label("Delimiter").press("Enter")
    page.wait_for_url("**/new?dataset=*")

    expect(page.get_by_text("read with delimiter ;")).to_be_visible()


def test_refusal_says_what_to_fill_in_with_which_value(
    page: Page, site: Site, tmp_path: Path
) -> None:
    page.goto(f"{site.url}/new")

    drop(page, write(tmp_path, "title.csv", b"a,b,c,d\n1,2\n3,4\n5,6\n"))

    alert = page.locator("form[data-upload] [role=alert]")
    advice = "or choose “Quote”, or fill in “Lines above the header” with 1 if the table"
    expect(alert).to_contain_text(advice)


def test_option_that_does_not_fit_is_told_at_its_field(
    page: Page, site: Site, tmp_path: Path
) -> None:
    refuse(page, site, tmp_path)

    page.get_by_label("Dates are").fill("day")
    page.get_by_role("button", name="Read again").click()

    field = page.get_by_label("Dates are")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator(".field-error")).to_contain_text("has no parts of a date")


def test_options_of_a_refused_table_are_not_those_of_the_next(
    page: Page, site: Site, tmp_path: Path
) -> None:
    refuse(page, site, tmp_path)
    page.get_by_label("Delimiter").fill("|")
    expect(page.get_by_label("Sheet")).to_be_hidden()

    drop(page, write(tmp_path, "german.csv", GERMAN.encode()))
    page.wait_for_url("**/new?dataset=*")

    expect(page.get_by_text("read with")).to_have_count(0)


def test_kinds_of_several_columns_are_chosen_at_once(
    page: Page, site: Site, tmp_path: Path
) -> None:
    page.goto(f"{site.url}/datasets")
    drop(page, write(tmp_path, "german.csv", GERMAN.encode()))
    page.wait_for_url("**/datasets/ds_*")
    first = page.url
    if not page.get_by_role("button", name="Read anew").is_visible():
        page.get_by_text("Was something read wrongly?").click()
    for position, name in enumerate(("Größe", "Preis")):
        if position:
            page.get_by_role("button", name="Another column").click()
        page.locator("[data-kind-column]").nth(position).select_option(name)
        page.locator("[data-kind-value]").nth(position).select_option("category")
    page.get_by_label("First line").select_option("true")
    page.get_by_role("button", name="Read anew").click()
    page.wait_for_url(lambda url: url != first)

    expect(page.locator("table.profile tbody")).not_to_contain_text("numeric")
    expect(page.locator("main")).to_contain_text("header")
    # What was chosen stands there again, with room for another.
    chosen = page.locator("[data-kind-column]").evaluate_all("all => all.map((one) => one.value)")
    assert sorted(chosen) == ["", "Größe", "Preis"]


def test_warning_leads_to_the_field_that_reads_the_table_otherwise(
    page: Page, site: Site, tmp_path: Path
) -> None:
    rows = "".join(f"0{n},0{n % 9 + 1}/0{n % 8 + 1}/2024,{n}\n" for n in range(10, 60))
    page.goto(f"{site.url}/new")
    drop(page, write(tmp_path, "dates.csv", f"code,day,y\n{rows}".encode()))
    page.wait_for_url("**/new?dataset=*")
    expect(page.get_by_role("button", name="Read anew")).to_be_hidden()

    page.get_by_role("link", name="Set “Dates are”").click()
    expect(page.get_by_label("Dates are")).to_be_focused()
    page.get_by_role("link", name="Set “Column … is” to number").click()

    expect(page.locator("[data-kind-column]")).to_be_focused()
    expect(page.locator("[data-kind-column]")).to_have_value("code")


def test_column_that_no_model_sees_has_no_tick(page: Page, site: Site, tmp_path: Path) -> None:
    rows = "".join(f"{n},same,{n * 0.5}\n" for n in range(40))
    page.goto(f"{site.url}/new")
    drop(page, write(tmp_path, "const.csv", f"a,const,y\n{rows}".encode()))
    page.wait_for_url("**/new?dataset=*")
    page.get_by_text("leave some out").click()

    expect(page.get_by_label("Use the column const")).to_be_disabled()
    expect(page.get_by_label("Use the column y")).to_be_checked()
    page.get_by_text("The same from elsewhere").click()
    expect(page.locator("[data-as=curl]")).not_to_contain_text("exclude")
