"""The main job in the browser: from a dropped table to a downloaded model and a prediction."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lowloss.cli.builtin import builtin_csv
from tests.browser.conftest import NewPage
from tests.builders.processes import free_port, running, wait_for
from tests.conftest import NewUrl

pytestmark = pytest.mark.slow

JOB_MS = 240_000
SHORT = {
    "Trials, at most": "4",
    "Epochs of a trial, at most": "10",
    "Seconds of the diagnosis": "1",
}
"""The fields of the form that make the job a short one."""


@pytest.mark.timeout(600)
def test_dropped_table_becomes_a_model_that_predicts(
    new_page: NewPage, new_database_url: NewUrl, tmp_path: Path
) -> None:
    port, url = str(free_port()), new_database_url("sqlite")
    table = tmp_path / "wine.csv"
    table.write_bytes(builtin_csv("wine"))
    with (
        running("service.app", data_dir=tmp_path, database_url=url, LOWLOSS_PORT=port),
        running("worker.supervisor", data_dir=tmp_path, database_url=url),
    ):
        page = new_page()
        log = tmp_path / "service.app.log"
        wait_for(lambda: "serves" in log.read_text(), what="the server")
        page.goto(f"http://127.0.0.1:{port}/new")
        page.locator("form[data-upload] input[type=file]").set_input_files(table)
        page.wait_for_url("**/new?dataset=*")
        page.locator("select[name=target]").select_option("target")
        page.wait_for_url("**target=target")
        for label, value in SHORT.items():
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Submit the job").click()
        page.wait_for_url("**/jobs/job_*")
        page.evaluate("window.isTheSamePage = true")

        # Not once is the page loaded again.
        expect(page.locator("h1 .state")).to_have_text("succeeded", timeout=JOB_MS)
        expect(page.get_by_role("heading", name="On the test rows")).to_be_visible()
        assert page.evaluate("window.isTheSamePage")

        with page.expect_download() as downloaded:
            page.get_by_role("link", name="model.keras").click()
        with zipfile.ZipFile(downloaded.value.path()) as model:
            assert "model.weights.h5" in model.namelist()

        page.get_by_role("link", name="Try it: predict").click()
        predict_in(page, table)


def predict_in(page: Page, table: Path) -> None:
    """Predict one row of fields, and then all rows of a file."""
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("output")).to_contain_text("target: ")

    page.locator("form[data-predict-file] input").set_input_files(table)
    page.get_by_role("button", name="Predict the file").click()
    with page.expect_download() as predicted:
        page.get_by_role("link", name="predictions.csv").click()
    lines = predicted.value.path().read_text().splitlines()
    assert lines[0].startswith('"target",')
    assert len(lines) == 179
