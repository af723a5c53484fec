"""How quick the pages are: `python -m benchmarks.pages`.

A job of 1,000 trials of 200 epochs, on SQLite. For each page its size, the server's processor time,
and when Chromium, if there is one, first showed something of it; then the server's processor time
for a page of a job that is left open while it trains.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import httpx2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from lowloss.results import Curve, TrialState
from service.store.database import Database
from service.store.queue import Fence
from service.store.trials import TrialEnd, finish_trial, record_epochs, start_trial
from tests.builders.server_process import ServerProcess, a_server_process
from tests.builders.store import a_claim, a_job, some_hyperparameters

TRIALS, EPOCHS = 1000, 200
REPEATS = 10
OPEN_SECONDS = 60
FIRST_PAINT = """new Promise((resolve) =>
  new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime)).observe(
    { type: "paint", buffered: true }))"""


class Running:
    """A trial that trains one epoch at a time."""

    def __init__(self, database: Database, fence: Fence) -> None:
        self.database, self.fence = database, fence
        self.losses: list[float] = []
        with database.transaction() as session:
            hyperparameters = some_hyperparameters()
            start_trial(session, fence, TRIALS + 1, seed=1, hyperparameters=hyperparameters)

    def train(self) -> None:
        """Record the next epoch."""
        self.losses.append(1 / (1 + len(self.losses)))
        losses = tuple(self.losses)
        with self.database.transaction() as session:
            record_epochs(session, self.fence, {TRIALS + 1: Curve(loss=losses, val_loss=losses)})


def fill(database: Database) -> Fence:
    """Add a job that trains, with its finished trials."""
    a_job(database)
    fence = a_claim(database).fence
    random = np.random.default_rng(0)
    for number in range(1, TRIALS + 1):
        losses = np.exp(random.normal(size=EPOCHS) * 0.1) / np.arange(1, EPOCHS + 1) ** 0.3
        curve = Curve(loss=tuple(losses.tolist()), val_loss=tuple((losses * 1.1).tolist()))
        hyperparameters = some_hyperparameters(
            learning_rate=float(10 ** random.uniform(-4, -1)),
            l2=float(10 ** random.uniform(-7, -2)),
            dropout=float(random.uniform(0, 0.5)),
        )
        score = float(losses.min())
        state = TrialState.pruned if number % 3 else TrialState.completed
        end = TrialEnd(number, state, None, score, {"val_loss": score}, EPOCHS, 1.0, "cohort")
        with database.transaction() as session:
            start_trial(session, fence, number, seed=number, hyperparameters=hyperparameters)
            finish_trial(session, fence, end, curve)
    return fence


def measure_pages(server: ServerProcess, paths: list[str]) -> None:
    """Print a line for each page."""
    with server.client() as client:
        for path in paths:
            size = len(client.get(path).content)
            before = server.processor_seconds()
            for _ in range(REPEATS):
                client.get(path)
            seconds = (server.processor_seconds() - before) / REPEATS
            print(f"{path:<40} {size / 1000:6.0f} kB  {1000 * seconds:6.0f} ms of the server")


def measure_browser(server: ServerProcess, paths: list[str], running: Running) -> None:
    """Print when each page was first painted, and what an open one costs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto(server.url)
        for path in paths:
            page.goto(server.url + path)
            painted_at = page.evaluate(FIRST_PAINT)
            print(f"{path:<40} first painted after {painted_at:.0f} ms")
        page.goto("about:blank")
        alone = train_for_a_while(server, page, running)
        page.goto(f"{server.url}/jobs/{running.fence.job_id}")
        page.wait_for_timeout(1000)
        first = train_for_a_while(server, page, running)
        other = browser.new_page()
        other.goto(f"{server.url}/jobs/{running.fence.job_id}")
        other.wait_for_timeout(1000)
        second = train_for_a_while(server, page, running)
        print(f"a job with an epoch a second: {alone:.1%} of a core in the server without a page")
        print(f"an open page of it: {first - alone:.1%} more; another: {second - first:.1%}")
        browser.close()


def train_for_a_while(server: ServerProcess, page: Page, running: Running) -> float:
    """Train an epoch a second, and return the share of a core that the server takes meanwhile."""
    used, begun_at = server.processor_seconds(), time.monotonic()
    while time.monotonic() - begun_at < OPEN_SECONDS:
        running.train()
        page.wait_for_timeout(1000)
    return (server.processor_seconds() - used) / (time.monotonic() - begun_at)


def main() -> None:
    """Fill a database, and measure the pages over it."""
    with tempfile.TemporaryDirectory() as folder, a_server_process(Path(folder)) as server:
        httpx2.get(f"{server.url}/readyz").raise_for_status()
        database = Database(f"sqlite:///{folder}/lowloss.sqlite3")
        fence = fill(database)
        own = f"/jobs/{fence.job_id}"
        paths = ["/", own, f"{own}/trials", f"{own}/trials/1", "/datasets", "/new"]
        measure_pages(server, paths)
        if shutil.which("chromium"):
            measure_browser(server, paths, Running(database, fence))


if __name__ == "__main__":
    main()
