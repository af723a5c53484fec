"""/v1/recipes: a recipe from what Keras writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lowloss.spec import Recipe
from service.app import create_app
from service.settings import Settings
from service.store.database import Database
from tests.builders.diagnoses import a_recipe
from tests.builders.live_server import count_rows
from tests.unit.service.api.conftest import URL

FIT = {
    "epochs": 50,
    "batch_size": 16,
    "validation_split": 0.2,
    "patience": 4,
    "restore_best_weights": True,
    "scale_features": "standard",
    "missing": "mean",
    "select_features": 20,
}


def post(client: TestClient, body: bytes, **given: Any) -> Any:
    return client.post("/v1/recipes", params=given, content=body)


def a_model() -> bytes:
    layers = [
        {"class_name": "Dense", "config": {"name": "a", "units": 64, "activation": "relu"}},
        {"class_name": "Dense", "config": {"name": "b", "units": 1, "activation": "linear"}},
    ]
    config = {"name": "sequential", "layers": layers}
    return json.dumps({"class_name": "Sequential", "config": config}).encode()


def test_recipe_of_a_keras_model_has_what_was_given_beside_it(
    client: TestClient, store: Database
) -> None:
    before = count_rows(store)

    answer = post(client, a_model(), loss="mse", optimizer="adam", **FIT)

    assert answer.status_code == 200, answer.json()
    recipe = Recipe.model_validate(answer.json()["recipe"])
    assert [layer.units for layer in recipe.layers] == [64, 1]
    assert (recipe.loss, recipe.optimizer.name) == ("mean_squared_error", "adam")
    assert (recipe.epochs, recipe.batch_size, recipe.validation_split) == (50, 16, 0.2)
    assert recipe.early_stopping is not None
    assert (recipe.early_stopping.patience, recipe.early_stopping.restore_best_weights) == (4, True)
    assert (recipe.scale_features, recipe.missing, recipe.select_features) == (
        "standard",
        "mean",
        20,
    )
    assert isinstance(answer.json()["notes"], list)
    assert count_rows(store) == before


def a_model_of_keras_2(path: Path, **attributes: str) -> bytes:
    with h5py.File(path, "w") as file:
        file.create_group("model_weights")
        for name, text in attributes.items():
            file.attrs[name] = text
    return path.read_bytes()


def test_recipe_of_an_hdf5_file_is_read_in_a_process_of_its_own(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"loss": "mae", "optimizer_config": {"class_name": "Adam", "config": {}}}
    body = a_model_of_keras_2(
        tmp_path / "model.h5",
        model_config=a_model().decode(),
        training_config=json.dumps(training),
    )
    # The server itself would fail.
    monkeypatch.setitem(sys.modules, "h5py", None)

    answer = post(client, body, epochs=50)

    assert answer.status_code == 200, answer.json()
    recipe = Recipe.model_validate(answer.json()["recipe"])
    assert [layer.units for layer in recipe.layers] == [64, 1]
    assert (recipe.loss, recipe.optimizer.name) == ("mean_absolute_error", "adam")
    assert recipe.epochs == 50


def test_recipe_of_ours_is_answered_as_it_is(client: TestClient) -> None:
    answer = post(client, a_recipe().model_dump_json().encode())

    assert Recipe.model_validate(answer.json()["recipe"]) == a_recipe()


@pytest.mark.parametrize(
    ("body", "given", "code"),
    [
        (b"", {}, "recipe_unreadable"),
        (b"hello", {}, "recipe_unreadable"),
        (b"PK\x03\x04", {}, "recipe_unreadable"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), {}, "recipe_unreadable"),
        (a_model(), {"loss": "dice", "optimizer": "adam"}, "invalid_request"),
        (a_model(), {"epochs": "many"}, "invalid_request"),
        (a_model(), {"epoch": 3}, "unknown_field"),
    ],
)
def test_what_is_no_recipe_is_refused(
    client: TestClient, *, body: bytes, given: dict[str, Any], code: str
) -> None:
    answer = post(client, body, **given)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["fix"]


def test_model_over_the_limit_is_refused(settings: Settings) -> None:
    app: FastAPI = create_app(settings.model_copy(update={"max_recipe_bytes": 100}))

    with TestClient(app, URL) as client:
        answer = post(client, b"x" * 101)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "LOWLOSS_MAX_RECIPE_BYTES" in answer.json()["fix"]
