"""Forms that answer while somebody types: a job's time, a recipe's fields, a prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from lowloss.results import Column, ColumnKind, JobState
from service.store.artifacts import NewArtifact, add_artifact
from service.store.queue import finish_job
from tests.browser.conftest import Site
from tests.browser.test_walks import choose, drop, write
from tests.builders.store import a_blob, a_claim, a_dataset, a_job_of, a_profile, a_spec

pytestmark = pytest.mark.slow


def test_budget_says_how_long_the_job_may_take(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path)
    time = page.locator("[data-time]")

    expect(time).to_contain_text("It trains for 10 min 30 s at most")
    page.get_by_label("Seconds of search").fill("3600")
    page.get_by_label("Seconds of the diagnosis").fill("0")
    expect(time).to_contain_text("It trains for 1 h at most")
    page.get_by_label("Seconds of search").fill("")
    expect(time).to_contain_text("for as long as 150 trials take")


def submitted(page: Page, button: str, address: str) -> dict[str, Any]:
    """Return the body that a button sends."""
    with page.expect_request(f"**{address}") as sent:
        page.get_by_role("button", name=button).click()
    body: dict[str, Any] = json.loads(sent.value.post_data or "")
    return body


def test_untouched_form_sends_the_dataset_and_the_target_alone(
    page: Page, site: Site, tmp_path: Path
) -> None:
    choose(page, site, tmp_path)
    page.get_by_text("What is searched").click()
    expect(page.get_by_label("Trials are ranked by")).to_have_value("val_loss")

    body = submitted(page, "Submit the job", "/v1/jobs")

    assert set(body) == {"dataset", "target"}
    assert body["target"] == "y"


def test_ranking_that_was_chosen_stays_where_the_next_target_has_it(
    page: Page, site: Site, tmp_path: Path
) -> None:
    table = "x,y,kind\n" + "".join(f"{n},{n % 13 * 1.5},{'ab'[n % 2]}\n" for n in range(60))
    page.goto(f"{site.url}/new")
    drop(page, write(tmp_path, "kinds.csv", table.encode()))
    page.wait_for_url("**/new?dataset=*")
    page.get_by_label("Target, the column").select_option("x")
    page.wait_for_url("**target=x")
    page.get_by_text("What is searched").click()
    ranking = page.get_by_label("Trials are ranked by")
    ranking.select_option("val_mae")

    page.get_by_label("Target, the column").select_option("y")
    page.wait_for_url("**target=y")
    expect(ranking).to_have_value("val_mae")
    page.get_by_label("Target, the column").select_option("kind")
    page.wait_for_url("**target=kind")
    expect(ranking).to_have_value("val_loss")

    page.get_by_text("The same from elsewhere").click()
    expect(page.locator("[data-as=curl]")).to_contain_text('"target": "kind"')
    expect(page.locator("[data-as=curl]")).not_to_contain_text("objective")


def recipe_of(page: Page) -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(page.locator("[name=recipe]").input_value())
    return recipe


def test_fields_of_a_recipe_and_its_json_follow_each_other(
    page: Page, site: Site, tmp_path: Path
) -> None:
    choose(page, site, tmp_path, "/diagnose")
    text = page.locator("[name=recipe]")
    units = page.get_by_label("Units of the hidden layers")
    expect(units).to_have_value("64, 64")

    units.fill("32, 16, 8")
    page.get_by_label("Dropout behind each").fill("0.2")
    page.get_by_label("Learning rate").fill("0.01")
    page.get_by_label("Patience of early stopping").fill("5")
    recipe = recipe_of(page)

    hidden = {"activation": "relu", "dropout": 0.2}
    assert recipe["layers"] == [*({"units": n} | hidden for n in (32, 16, 8)), {"units": 1}]
    assert recipe["optimizer"] == {"name": "adam", "learning_rate": 0.01}
    assert recipe["early_stopping"] == {"patience": 5}
    page.get_by_label("Patience of early stopping").fill("")
    assert "early_stopping" not in recipe_of(page)

    layers = [{"units": 9, "l2": 0.1}, {"units": 1}]
    text.fill(json.dumps({"layers": layers, "loss": "huber", "optimizer": "sgd"}))

    expect(units).to_have_value("9")
    expect(page.locator("[data-path=loss]")).to_have_value("huber")
    expect(page.locator("[data-path='optimizer.name']")).to_have_value("sgd")
    page.get_by_label("Epochs", exact=True).fill("7")
    assert recipe_of(page) == {
        "layers": layers,
        "loss": "huber",
        "optimizer": {"name": "sgd"},
        "epochs": 7,
    }


def test_hidden_layers_come_back_as_their_units_are_typed_anew(
    page: Page, site: Site, tmp_path: Path
) -> None:
    choose(page, site, tmp_path, "/diagnose")
    layers: list[dict[str, Any]] = [
        {"units": 9, "l2": 0.1},
        {"units": 8, "dropout": 0.5},
        {"units": 1},
    ]
    page.locator("[name=recipe]").fill(json.dumps({"layers": layers}))
    units = page.get_by_label("Units of the hidden layers")

    units.fill("")
    assert recipe_of(page)["layers"] == [{"units": 1}]
    units.press_sequentially("6, 5")

    assert recipe_of(page)["layers"] == [
        layers[0] | {"units": 6},
        layers[1] | {"units": 5},
        layers[2],
    ]


@pytest.mark.parametrize("text", ["6x", "6, 2.5", "0"])
def test_units_that_are_none_are_marked_and_not_written(
    page: Page, site: Site, tmp_path: Path, text: str
) -> None:
    choose(page, site, tmp_path, "/diagnose")
    units = page.get_by_label("Units of the hidden layers")
    before = recipe_of(page)

    units.fill(text)

    expect(units).to_have_attribute("aria-invalid", "true")
    assert not units.evaluate("field => field.checkValidity()")
    assert recipe_of(page) == before
    units.fill("6")
    expect(units).not_to_have_attribute("aria-invalid", "true")
    assert [layer["units"] for layer in recipe_of(page)["layers"]] == [6, 1]


def test_json_that_is_none_is_left_as_it_is(page: Page, site: Site, tmp_path: Path) -> None:
    choose(page, site, tmp_path, "/diagnose")
    text = page.locator("[name=recipe]")
    text.fill('{"layers": [')

    page.get_by_label("Epochs", exact=True).fill("7")

    assert text.input_value() == '{"layers": ['


def test_prediction_is_made_as_one_types(page: Page, site: Site) -> None:
    shop = Column(name="x", kind=ColumnKind.numeric, missing=0, distinct=40, min=1.0, max=130.0)
    dataset = a_dataset(site.store, profile=(shop, *a_profile()[1:]))
    job = a_job_of(site.store, a_spec(dataset))
    fence = a_claim(site.store).fence
    card = a_blob(site.store, b"# card")
    with site.store.transaction() as session:
        add_artifact(session, fence, NewArtifact("model_card.md", "text/markdown", card, 6))
        finish_job(session, fence, state=JobState.succeeded)
    rows: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        rows.extend(json.loads(route.request.post_data or "")["rows"])
        predictions = [2 * (rows[-1]["x"] or 0)]
        route.fulfill(
            json={"target": "y", "predictions": predictions, "probabilities": None, "labels": []}
        )

    page.route("**/predict", answer)
    page.goto(f"{site.url}/jobs/{job}/predict")

    page.get_by_label("x", exact=True).press_sequentially("125", delay=10)

    expect(page.locator("output")).to_contain_text("y: ")
    value = float(page.get_by_label("x", exact=True).input_value())
    expect(page.locator("output")).to_have_text(f"y: {2 * value:,.6g}")
    page.get_by_label("x", exact=True).fill("999")
    expect(page.locator("output")).to_contain_text(
        "x: 999 lies outside of what the table has, 1 to 130."
    )
    # Not for each key that is pressed.
    assert len(rows) < 4
    page.get_by_label("x", exact=True).press_sequentially("e")
    expect(page.locator("output")).to_be_empty()


def test_several_targets_are_diagnosed_from_the_form(
    page: Page, site: Site, tmp_path: Path
) -> None:
    table = "a,b,c\n" + "".join(f"{n},{n % 7},{n % 5}\n" for n in range(60))
    page.goto(f"{site.url}/diagnose")
    drop(page, write(tmp_path, "several.csv", table.encode()))
    page.wait_for_url("**/diagnose?dataset=*")
    page.get_by_label("Target, the column").select_option("b")
    page.wait_for_url("**target=b")
    page.get_by_text("Several targets").click()
    for name in ("b", "c"):
        page.locator(f"[data-more-target={name}]").check()
    body = submitted(page, "Find out why", "/v1/diagnoses")

    assert body["target"] == ["b", "c"]
    assert body["recipe"]["layers"][-1] == {"units": 2}


def test_output_follows_the_target_until_somebody_touches_it(
    page: Page, site: Site, tmp_path: Path
) -> None:
    table = "a,b,kind\n" + "".join(f"{n},{n % 13 * 1.5},{'rgb'[n % 3]}\n" for n in range(60))
    page.goto(f"{site.url}/diagnose")
    drop(page, write(tmp_path, "kinds.csv", table.encode()))
    page.wait_for_url("**/diagnose?dataset=*")
    units = page.get_by_label("Units of the output layer")
    note = page.locator("[data-output-note]")

    page.get_by_label("Target, the column").select_option("kind")
    expect(units).to_have_value("3")
    recipe = recipe_of(page)
    assert recipe["layers"][-1] == {"units": 3, "activation": "softmax"}
    assert recipe["loss"] == "sparse_categorical_crossentropy"
    assert recipe["encode_labels"]
    page.get_by_label("Target, the column").select_option("b")
    expect(units).to_have_value("1")
    recipe = recipe_of(page)
    assert recipe["layers"][-1] == {"units": 1}
    assert "encode_labels" not in recipe
    expect(note).to_be_hidden()

    page.get_by_text("Several targets").click()
    page.locator("[data-more-target=a]").check()
    expect(units).to_have_value("2")
    units.fill("1")
    expect(note).to_have_text("2 targets take 2 units, one for each.")
    page.locator("[data-more-target=a]").uncheck()
    expect(note).to_be_hidden()
    page.get_by_label("Target, the column").select_option("kind")
    expect(note).to_have_text("3 classes take 3 units, one for each.")
    expect(units).to_have_value("1")


def test_model_is_dropped_on_the_form_of_a_diagnosis(
    page: Page, site: Site, tmp_path: Path
) -> None:
    choose(page, site, tmp_path, "/diagnose")
    page.locator(".drop").evaluate(
        """area => {
          const data = new DataTransfer();
          const recipe = { layers: [{ units: 21 }, { units: 1 }], loss: "huber" };
          data.items.add(new File([JSON.stringify(recipe)], "recipe.json"));
          area.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
        }"""
    )

    expect(page.get_by_label("Units of the hidden layers")).to_have_value("21")
