"""What people do with the pages, in a real browser: each way from its first click to its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lowloss.results import JobState
from service.store.artifacts import NewArtifact, add_artifact
from service.store.queue import finish_job
from service.store.trials import record_epochs, start_trial
from tests.browser.conftest import NewPage, Site
from tests.builders.live_server import a_csv
from tests.builders.server_process import a_server_process
from tests.builders.store import (
    a_blob,
    a_claim,
    a_curve,
    a_job,
    a_trial,
    add_diagnosis,
    some_hyperparameters,
)

GERMAN = "Größe;Preis\n" + "".join(f"{n},5;{n}.000\n" for n in range(10, 60))


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def choose(page: Page, site: Site, folder: Path, at: str = "/new") -> None:
    """Upload a table of houses for a form, and choose its target."""
    page.goto(site.url + at)
    drop(page, write(folder, "houses.csv", a_csv()))
    page.wait_for_url(f"**{at}?dataset=*")
    page.get_by_label("Target, the column").select_option("y")
    page.wait_for_url("**target=y")


def drop(page: Page, path: Path) -> None:
    """Choose a file for the page's upload."""
    page.locator("form[data-upload] input[type=file]").set_input_files(path)


def test_table_is_uploaded_and_a_job_submitted(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path)
    expect(page.get_by_text("This is a regression")).to_be_visible()
    page.get_by_label("Name, for people").fill("my job")
    page.get_by_label("Target").select_option("x")
    page.wait_for_url("**target=x")
    page.get_by_label("Target").select_option("y")
    page.wait_for_url("**target=y")
    page.get_by_label("Trials, at most").fill("7")
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url("**/jobs/job_*")

    expect(page.get_by_role("heading", level=1)).to_contain_text("my job")
    expect(page.get_by_text("0 of 7 trials")).to_be_visible()
    expect(page.get_by_text("n the queue.")).to_be_visible()


def test_what_the_command_line_would_send_is_shown(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path)
    page.get_by_text("What is searched").click()
    page.locator('[data-range="search_space.learning_rate"] [data-end=max]').fill("0.01")
    page.get_by_text("The same from elsewhere").click()

    curl = page.locator("[data-as=curl]").text_content() or ""
    spec = json.loads(curl.split("'")[3])
    assert spec["target"] == "y"
    assert spec["search_space"] == {"learning_rate": {"min": 0.0001, "max": 0.01, "scale": "log"}}
    assert "budget" not in spec


def test_table_that_was_read_wrongly_is_read_anew(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.url}/datasets")
    drop(page, write(tmp_path, "german.csv", GERMAN.encode()))
    page.wait_for_url("**/datasets/ds_*")
    first = page.url
    summary = page.get_by_text("Was something read wrongly?")
    if not page.get_by_role("button", name="Read anew").is_visible():
        summary.click()
    page.locator("[data-kind-column]").select_option("Preis")
    page.locator("[data-kind-value]").select_option("category")
    page.get_by_role("button", name="Read anew").click()
    page.wait_for_url(lambda url: url != first)

    row = page.locator("table.profile tr", has_text="Preis")
    expect(row).not_to_contain_text("numeric")


def test_error_stands_at_its_field(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path)
    page.get_by_text("What is searched").click()
    page.locator('[data-range="search_space.width"] [data-end=min]').fill("512")
    page.get_by_text("What is searched").click()
    page.get_by_role("button", name="Submit the job").click()

    field = page.locator('[data-range="search_space.width"]')
    expect(field.locator(".field-error")).to_contain_text("above max")
    expect(field.locator("[aria-invalid=true]")).to_be_focused()
    assert "/new" in page.url


def test_bad_upload_is_told_where_the_file_was_dropped(
    page: Page, site: Site, tmp_path: Path
) -> None:
    page.goto(f"{site.url}/new")
    drop(page, write(tmp_path, "page.csv", b"<!doctype html><html><body>404</body></html>"))

    expect(page.locator("form[data-upload] [role=alert]")).to_contain_text("HTML page")


def test_curve_moves_and_the_job_ends_without_a_reload(page: Page, site: Site) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    a_trial(site.store, fence, 1)
    page.goto(f"{site.url}/jobs/{job}")
    page.evaluate("window.isTheSamePage = true")
    expect(page.get_by_text("1 of")).to_be_visible()
    with site.store.transaction() as session:
        start_trial(session, fence, 2, seed=1, hyperparameters=some_hyperparameters())
        record_epochs(session, fence, {2: a_curve(5)})
    expect(page.locator("#charts").get_by_text("trial 2", exact=True).first).to_be_attached()
    first = page.locator("path.line").last.get_attribute("d")
    with site.store.transaction() as session:
        record_epochs(session, fence, {2: a_curve(9)})

    expect(page.locator("path.line").last).not_to_have_attribute("d", first or "")
    with site.store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    expect(page.locator("h1 .state")).to_have_text("cancelled")
    assert page.evaluate("window.isTheSamePage")


def test_jobs_are_compared(page: Page, site: Site) -> None:
    for name in ("first", "second"):
        a_job(site.store, name=name)
    page.goto(site.url)
    for name in ("first", "second"):
        expect(page.get_by_role("button", name="Compare the ticked ones")).to_be_disabled()
        page.get_by_label(f"Compare {name}").check()

    page.get_by_role("button", name="Compare the ticked ones").click()

    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    expect(page.get_by_role("link", name="second").first).to_be_visible()


def test_diagnosis_is_submitted_with_a_recipe(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path, "/diagnose")
    page.get_by_label("As JSON").fill('{"layers": [{"units": 0}]}')
    page.get_by_role("button", name="Find out why").click()
    expect(page.locator(".field-error").first).to_be_visible()
    page.get_by_label("As JSON").fill("{")
    page.get_by_role("button", name="Find out why").click()
    expect(page.locator(".field-error")).to_contain_text("not JSON")
    page.get_by_label("As JSON").fill(
        '{"layers": [{"units": 8, "activation": "relu"}, {"units": 1}], "loss": "mse", "epochs": 5}'
    )
    page.get_by_role("button", name="Find out why").click()
    page.wait_for_url("**/jobs/job_*")

    expect(page.get_by_text("diagnosis ·")).to_be_visible()


def test_diagnosis_is_shown_with_its_evidence(page: Page, site: Site) -> None:
    job = a_job(site.store)
    fence = a_claim(site.store).fence
    a_trial(site.store, fence, 1)
    add_diagnosis(site.store, fence)
    with site.store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    page.goto(f"{site.url}/jobs/{job}/diagnosis")

    expect(page.get_by_role("heading", name="Target not scaled")).to_be_visible()
    evidence = page.locator("table").first
    expect(evidence).to_be_visible()
    expect(evidence).to_contain_text("suspect from")
    page.get_by_text("Experiments").click()
    expect(page.get_by_role("cell", name="the recipe as it is", exact=True)).to_be_visible()


def test_login_with_a_wrong_token_and_then_a_right_one(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page()
    with a_server_process(tmp_path, LOWLOSS_TOKENS="right,other") as server:
        page.goto(f"{server.url}/datasets")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("no valid token")
        page.get_by_label("Token").fill("right")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/datasets")
        drop(page, write(tmp_path, "houses.csv", a_csv()))
        page.wait_for_url("**/datasets/ds_*")

        page.get_by_role("button", name="Sign out").click()

        page.wait_for_url("**/login")
        page.goto(server.url)
        assert "/login" in page.url


def test_api_is_shown_without_another_site(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/docs")

    expect(page.get_by_text("Submit a job").first).to_be_visible()


def test_job_is_submitted_with_the_keyboard_alone(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.url}/datasets")
    drop(page, write(tmp_path, "houses.csv", a_csv()))
    page.wait_for_url("**/datasets/ds_*")
    dataset = page.url.rpartition("/")[2]
    page.goto(f"{site.url}/new?dataset={dataset}&target=y")

    def press_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        pytest.fail(f"the keyboard does not reach {name}")

    press_to("To the content")
    press_to("Submit the job")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/job_*")

    press_to("Pause")
    page.keyboard.press("Enter")
    expect(page.locator("h1 .state")).to_have_text("paused")


def test_copy_is_what_its_form_shows(page: Page, site: Site) -> None:
    space = {"width": {"choices": [8, 24]}, "learning_rate": 0.01, "optimizer": "sgd"}
    job = a_job(
        site.store,
        name="first",
        algorithm="tpe",
        search_space=space,
        budget={"max_trials": 7},
        final={"members": 2},
    )
    page.goto(f"{site.url}/jobs/{job}")
    page.get_by_role("link", name="Clone").click()
    page.get_by_text("What is searched").click()
    expect(page.get_by_label("Algorithm")).to_have_value("tpe")
    expect(page.get_by_text("width 8, 24")).to_be_visible()
    page.get_by_label("Algorithm").select_option("bayesian")
    page.locator('[data-range="search_space.learning_rate"] [data-end=max]').fill("0.1")
    page.get_by_label("Trials, at most").fill("150")
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url(lambda url: "/jobs/job_" in url and job not in url)

    copy = page.request.get(f"{site.url}/v1/jobs/{page.url.rpartition('/')[2]}").json()["spec"]
    assert (copy["algorithm"], copy["budget"]["max_trials"]) == ("bayesian", 150)
    assert copy["search_space"]["width"] == {"choices": [8, 24]}
    assert copy["search_space"]["learning_rate"]["max"] == 0.1
    assert copy["search_space"]["optimizer"] == "sgd"
    assert copy["final"]["members"] == 2


def test_every_reading_adds_to_the_last(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.url}/datasets")
    rows = "".join(f"{n},{n % 9},{n % 7}\n" for n in range(60)) + "-1,k.A.,x\n"
    drop(page, write(tmp_path, "table.csv", b"a,b,c\n" + rows.encode()))
    page.wait_for_url("**/datasets/ds_*")
    for column in ("b", "c"):
        first = page.url
        if not page.get_by_role("button", name="Read anew").is_visible():
            page.get_by_text("Was something read wrongly?").click()
        page.get_by_label("Also missing").fill("k.A.\nx")
        page.locator("[data-kind-column]").last.select_option(column)
        page.locator("[data-kind-value]").last.select_option("category")
        page.get_by_role("button", name="Read anew").click()
        page.wait_for_url(re.compile(f"^(?!{re.escape(first)}$).*/datasets/ds_"))

    dataset = page.request.get(f"{site.url}/v1/datasets/{page.url.rpartition('/')[2]}").json()
    assert dataset["options"]["types"] == {"b": "category", "c": "category"}
    assert dataset["options"]["null_values"] == ["k.A.", "x"]


def test_dataset_is_deleted(page: Page, site: Site, tmp_path: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.url}/datasets")
    drop(page, write(tmp_path, "houses.csv", a_csv()))
    page.wait_for_url("**/datasets/ds_*")

    page.get_by_role("button", name="Delete the dataset").click()

    page.wait_for_url("**/datasets")
    expect(page.get_by_text("There are no datasets yet.")).to_be_visible()


def test_job_that_has_ended_is_deleted(page: Page, site: Site) -> None:
    job_id = a_job(site.store, state=JobState.failed)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.url}/jobs/{job_id}")

    page.get_by_role("button", name="Delete").click()

    page.wait_for_url(f"{site.url}/")
    expect(page.get_by_text("There are no jobs yet.")).to_be_visible()
    assert page.request.get(f"{site.url}/v1/jobs/{job_id}").status == 404


@pytest.mark.parametrize(
    ("value", "shown"), [(300000.0, "300,000"), (250000.3, "250,000"), (0.012345678, "0.0123457")]
)
def test_prediction_is_shown_as_it_is(page: Page, site: Site, value: float, shown: str) -> None:
    job, fence = a_job(site.store), a_claim(site.store).fence
    card = a_blob(site.store, b"# card")
    with site.store.transaction() as session:
        add_artifact(session, fence, NewArtifact("model_card.md", "text/markdown", card, 6))
        finish_job(session, fence, state=JobState.succeeded)
    answer = {"target": "y", "predictions": [value], "probabilities": None, "labels": []}
    warning = {"detail": "a value that no row had"}
    page.route(
        "**/predict",
        lambda route: (
            route.fulfill(json=answer | {"warnings": [warning]})
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.goto(f"{site.url}/jobs/{job}/predict")

    page.get_by_role("button", name="Predict", exact=True).click()

    expect(page.locator("output")).to_contain_text(f"y: {shown}")
    expect(page.locator("output")).to_contain_text("a value that no row had.")


def test_session_that_ended_leads_to_the_login(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page()
    with a_server_process(tmp_path, LOWLOSS_TOKENS="right") as server:
        page.goto(server.url)
        page.get_by_label("Token").fill("right")
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{server.url}/diagnose")
        page.context.clear_cookies()
        drop(page, write(tmp_path, "houses.csv", a_csv()))

        page.wait_for_url("**/login?next=*")
