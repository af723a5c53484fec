"""An admin makes a project and a token in the browser, and sees the project's pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import find_faults
from tests.browser.conftest import NewPage
from tests.builders.server_process import a_server_process

pytestmark = pytest.mark.slow


def test_first_token_is_shown_though_the_page_asks_for_one_from_then_on(
    new_page: NewPage, tmp_path: Path
) -> None:
    page = new_page()
    with a_server_process(tmp_path) as server:
        page.goto(f"{server.url}/access")
        page.get_by_label("Name, such as its holder's").fill("Ada")
        with page.expect_response(lambda answer: "/login" in answer.url):
            page.get_by_role("button", name="Make a token").click()
        secret = page.get_by_role("status").locator("code").inner_text()
        assert page.url == f"{server.url}/access"

        page.goto(server.url)
        page.get_by_label("Token").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_project_and_token_are_made_used_and_revoked(new_page: NewPage, tmp_path: Path) -> None:
    page, guest = new_page(), new_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with a_server_process(tmp_path, LOWLOSS_TOKENS="right") as server:
        page.goto(f"{server.url}/access")
        page.get_by_label("Token").fill("right")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Project", exact=True).first.fill("vision")
        page.get_by_role("button", name="Make a project").click()
        page.get_by_text("Quotas of vision").click()
        page.locator("details[open]").get_by_label("Jobs that wait, at most").fill("3")
        page.locator("details[open]").get_by_role("button").click()
        expect(page.get_by_role("row", name="vision").first).to_contain_text("3 jobs may wait")
        page.get_by_label("Name, such as its holder's").fill("Ada")
        page.get_by_role("combobox", name="Project").select_option("vision")
        page.get_by_role("button", name="Make a token").click()
        expect(page.get_by_role("status")).to_contain_text("lowloss_")
        secret = page.get_by_role("status").locator("code").inner_text()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == secret
        expect(page.locator("#tokens").get_by_role("cell", name="Ada")).to_be_visible()
        expect(page.get_by_label("Name, such as its holder's")).to_have_value("")
        assert find_faults(page) == []

        guest.goto(server.url)
        guest.get_by_label("Token").fill(secret)
        guest.get_by_role("button", name="Sign in").click()
        expect(guest.get_by_text("project vision")).to_be_visible()

        page.goto(f"{server.url}/access")
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("revoked", exact=True)).to_be_visible()
        guest.goto(f"{server.url}/datasets")
        assert "/login" in guest.url

        page.get_by_role("button", name="See its pages").click()
        expect(page.get_by_text("project vision")).to_be_visible()
