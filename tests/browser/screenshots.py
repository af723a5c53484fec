"""Makes the README's pictures of the pages from the demo's data: `make screenshots`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from lowloss import Client
from lowloss.results import JobKind
from tests.builders.server_process import a_server_process

FOLDER = Path("docs/images")
SIZE = {"width": 1200, "height": 1100}


def main() -> None:
    """Take pictures of the last search of the demo, of its trials and of its diagnosis."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-data")
    FOLDER.mkdir(exist_ok=True)
    with a_server_process(data.absolute()) as server, sync_playwright() as playwright:
        with Client(server.url) as client:
            job = next((job for job in client.jobs() if job.kind is JobKind.search), None)
        if job is None:
            sys.exit(f"{data} has no search: run `make demo` first")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        for name, path in (("job", ""), ("trials", "#charts"), ("diagnosis", "/diagnosis")):
            page.goto(f"{server.url}/jobs/{job.id}{path}")
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
