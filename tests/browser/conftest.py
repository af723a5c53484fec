"""Chromium before a real server, over a database that a test fills."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from service.store.database import Database
from service.store.schema import ProjectRow
from tests.builders.server_process import a_server_process
from tests.conftest import NewUrl

CHROMIUM = shutil.which("chromium")
TIMEOUT_MS = 60_000
WIDTHS = (360, 768, 1440)
NewPage = Callable[..., Page]

expect.set_options(timeout=TIMEOUT_MS)


@dataclass(frozen=True)
class Site:
    """A running server, and its database."""

    url: str
    store: Database


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that `make browser` installs; without one these tests are skipped.

    It has an event loop of its own, beside which no other test could run one.
    """
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: `make browser` installs it")
    with sync_playwright() as playwright:
        # As root, in a container, Chromium has no sandbox of its own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running_site(
    new_database_url: NewUrl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A server without tokens, which is for this machine alone."""
    url = new_database_url("sqlite")
    with a_server_process(tmp_path_factory.mktemp("site"), LOWLOSS_DATABASE_URL=url) as server:
        store = Database(url)
        yield Site(server.url, store)
        store.close()


@pytest.fixture
def site(running_site: Site) -> Site:
    """The server, its database as a new one: empty but for the default project."""
    with running_site.store.transaction() as session:
        for table in reversed(ProjectRow.metadata.sorted_tables):
            if table.name != ProjectRow.__tablename__:
                session.execute(table.delete())
    return running_site


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[NewPage]:
    """Opens pages, and fails where one of them reported an error or asked another site."""
    contexts, faults = [], list[str]()

    def note(message: ConsoleMessage) -> None:
        # What the API refuses, a page shows at its field; the browser logs it, too.
        address = message.location["url"]
        is_refusal = "/v1/" in address or address.endswith("/login")
        is_answer = "Failed to load resource" in message.text and is_refusal
        if message.type in {"error", "warning"} and not is_answer:
            faults.append(message.text)

    def note_request(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1", "data:", "blob:", "file:")):
            faults.append(request.url)

    def make(*, width: int = 1280, scheme: str = "light", has_touch: bool = False) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            accept_downloads=True,
            has_touch=has_touch,
        )
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", note_request)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """One page."""
    return new_page()
