"""Whatever a user gives is told apart by its content, and read within bounds."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowloss.errors import (
    InvalidRequest,
    Problem,
    RecipeUnreadable,
    RecipeUnsupported,
    UnknownField,
)
from lowloss.recipes import ImportedRecipe, read_recipe, recipe_from_keras_file
from lowloss.spec import Recipe
from tests.builders.keras_descriptions import (
    a_dense,
    a_functional,
    a_layer,
    a_loss,
    a_model,
    a_network,
    an_archive,
    an_input,
    an_optimizer,
    called_on,
    written,
)

RECIPE = {"layers": [{"units": 8, "activation": "relu"}, {"units": 1}], "loss": "mse"}


def unreadable(data: bytes) -> str:
    with pytest.raises(RecipeUnreadable) as caught:
        read_recipe(data, {})
    assert caught.value.fix
    return caught.value.detail


def test_a_recipe_of_our_own_is_read() -> None:
    imported = read_recipe(written(RECIPE), {"epochs": 20})

    assert imported.recipe == Recipe.model_validate(RECIPE | {"epochs": 20})
    assert imported.notes == ()


def test_the_name_of_a_class_is_a_name_in_a_recipe_too() -> None:
    layers = [{"units": 8, "activation": "LeakyReLU"}, {"units": 1}]
    given = RECIPE | {"optimizer": "AdamW", "loss": "MeanSquaredError", "layers": layers}

    recipe = read_recipe(written(given), {}).recipe

    assert recipe.optimizer.name == "adamw"
    assert recipe.loss == "mean_squared_error"
    assert recipe.layers[0].activation == "leaky_relu"


def test_a_keras_file_is_the_same_as_its_json(tmp_path: Path) -> None:
    text = written(a_network(a_dense(8, activation="relu")))
    path = tmp_path / "model.keras"
    path.write_bytes(an_archive(text))

    from_json = read_recipe(text, {"epochs": 5})

    assert recipe_from_keras_file(path, fit={"epochs": 5}) == from_json
    assert read_recipe(an_archive(text), {"epochs": 5}) == from_json
    packed = an_archive(text, compression=zipfile.ZIP_DEFLATED)
    assert read_recipe(packed, {"epochs": 5}) == from_json


def test_a_config_alone_is_read_as_a_model_that_was_not_compiled() -> None:
    sequential = a_network()["config"]
    functional = a_functional(
        called_on(an_input()),
        called_on(a_dense(1, name="last"), "input_layer"),
        inputs=["input_layer", 0, 0],
        outputs=["last", 0, 0],
    )["config"]

    for config in (sequential, functional):
        assert read_recipe(written(config), {"loss": "mse"}).recipe.output.units == 1


def test_a_byte_order_mark_is_not_in_the_way() -> None:
    assert read_recipe(b"\xef\xbb\xbf" + written(RECIPE), {}).recipe.output.units == 1


def test_what_a_model_file_does_not_say_is_noted() -> None:
    notes = read_recipe(written(a_network()), {"batch_size": 16}).notes

    assert notes == (
        "epochs is not in a model's file: taken as Keras's default, 1",
        "validation_split is not in a model's file: taken as Keras's default, 0.0",
    )


def test_the_rest_of_a_recipe_comes_from_fit() -> None:
    fit = {
        "epochs": 50,
        "scale_features": "robust",
        "scale_target": "standard",
        "class_weight": "balanced",
        "early_stopping": {"patience": 5},
        "exclude": ["row_id"],
        "noise": 0.1,
    }

    recipe = read_recipe(written(a_network()), fit).recipe

    assert recipe.epochs == 50
    assert recipe.scale_features == "robust"
    assert recipe.early_stopping is not None
    assert recipe.exclude == ("row_id",)
    assert recipe.noise == 0.1


def test_hdf5_is_left_to_a_server() -> None:
    detail = unreadable(b"\x89HDF\r\n\x1a\n" + bytes(100))

    assert "only a server reads" in detail


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither JSON nor a .keras file"),
        (b"\xff\xfe", "neither JSON nor a .keras file"),
        (b"backend: tensorflow\n", "neither JSON nor a .keras file"),
        (b"9" * 5000, "neither JSON nor a .keras file"),
        (b"[" * 5000 + b"]" * 5000, "nested more than 64 deep"),
        (b"[" * 70 + b"]" * 70, "nested more than 64 deep"),
        (b" " * 2**20 + b"{}", "over 1048576 characters"),
        (b"[1, 2]", "no object"),
        (b"null", "no object"),
        (b'{"class_name": "Sequential", "config": {}}', "no list of layers"),
        (b'{"class_name": "Sequential"}', "class_name and config"),
        (b"PK\x03\x04", "has no end"),
        (an_archive(b"{}", member="other.json"), "has no config.json"),
        (an_archive(b" " * (2**20 + 1), compression=8), "over 1048576 bytes"),
        (b'{"layers": [,]}', "the JSON is wrong at line 1, column 13: "),
        (b'{\n"layers": [', "the JSON is wrong at line 2, column 12: "),
        (an_archive(b"{", compression=8), "the JSON is wrong at line 1, column 2: "),
        (an_archive(b"{}", compression=zipfile.ZIP_LZMA), "compressed in a way"),
        (an_archive(b"{}")[:-30], "has no end"),
    ],
)
def test_bytes_that_are_no_model_are_refused(data: bytes, words: str) -> None:
    assert words in unreadable(data)


def test_a_zip_of_a_long_list_of_members_is_refused_before_it_is_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}" + "x" * 2**15, b"")

    assert "too many members" in unreadable(file.getvalue())


def test_a_zip_of_the_kind_for_over_4_gib_is_refused() -> None:
    data = an_archive(b"{}")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)

    assert "over 4 GiB" in unreadable(data[:-22] + locator + data[-22:])


def test_a_damaged_zip_is_refused() -> None:
    data = bytearray(an_archive(written(a_network()), compression=8))
    start = data.index(b"config.json") + len(b"config.json")
    data[start : start + 40] = bytes(40)

    assert "damaged" in unreadable(bytes(data))


def test_an_encrypted_zip_is_refused() -> None:
    data = bytearray(an_archive(b"{}"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 4)

    assert "damaged, or of a kind" in unreadable(bytes(data))


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"{}")

    with pytest.raises(RecipeUnreadable, match="it is no zip"):
        recipe_from_keras_file(path, fit={})


@pytest.mark.parametrize(
    ("change", "field", "fix"),
    [
        ({"epoch": 5}, "recipe.epoch", "did you mean 'epochs'?"),
        ({"layers": [{"unit": 5}]}, "recipe.layers.0.units", "add it"),
        ({"layers": [{"units": 5, "activations": "relu"}]}, "recipe.layers.0.activations", "acti"),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "recipe.optimizer.momentum", "sgd"),
        ({"epochs": -1}, "recipe.epochs", "greater than or equal to 0"),
        ({"loss": "dice"}, "recipe.loss", "be 'mean_squared_error'"),
        ({"front_layers": ["tanh"] * 21}, "recipe.front_layers", "at most 20 items"),
        ({"front_layers": ["conv"]}, "recipe.front_layers.0", "use one of batch_normalization"),
        (
            {"front_layers": [{"name": "elu", "alfa": 1}]},
            "recipe.front_layers.0.alfa",
            "did you mean 'alpha'?",
        ),
        ({"label_smoothing": 0.1}, "recipe.label_smoothing", "or use one of binary_crossentropy"),
        ({"noise": True}, "recipe.noise", ""),
    ],
)
def test_a_wrong_field_of_a_recipe_is_named(change: dict[str, Any], field: str, fix: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_recipe(written(RECIPE | change), {})

    assert caught.value.field == field
    assert fix in str(caught.value.fix)


def test_all_faults_of_a_recipe_are_listed() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_recipe(written(RECIPE | {"epochs": -1, "batch_sizes": 3}), {})

    assert [each["field"] for each in caught.value.errors] == [
        "recipe.epochs",
        "recipe.batch_sizes",
    ]


def test_fields_of_fit_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnknownField, match="did you mean 'epochs'"):
        read_recipe(written(a_network()), {"epoch": 5})


@pytest.mark.parametrize(
    ("layers", "fit", "field"),
    [
        ([], {"layers": [{"units": 1}]}, "recipe.layers"),
        ([a_layer("GaussianNoise", stddev=0.1)], {"noise": 0.1}, "recipe.noise"),
        (
            [a_layer("Rescaling", scale=1 / 255, offset=0.0)],
            {"scale_features": "standard"},
            "recipe.scale_features",
        ),
    ],
)
def test_what_the_model_and_fit_both_say_is_refused(
    layers: list[Any], fit: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_recipe(written(a_network(*layers)), fit)

    assert caught.value.field == field


def test_names_that_no_database_can_hold_come_escaped() -> None:
    with pytest.raises(RecipeUnsupported) as caught:
        read_recipe(written(a_network(a_layer("Conv1D", name="\0\ud800"))), {})

    assert caught.value.detail.startswith(r'layer "\u0000\ud800" (Conv1D)')


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "layers", "name", "units", "loss"])
            | st.text(),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
VALID = (
    RECIPE,
    a_model(
        a_layer("Normalization", axis=[-1], mean=None),
        a_layer("GaussianNoise", stddev=0.1),
        a_dense(8, activation="relu", kernel_regularizer="l2"),
        a_layer("Dropout", rate=0.5, noise_shape=None),
        a_layer("LeakyReLU", negative_slope=0.2),
        a_dense(1),
        optimizer=an_optimizer("SGD", momentum=0.9),
        loss=a_loss("BinaryCrossentropy", from_logits=True),
    ),
    a_functional(
        called_on(an_input()),
        called_on(a_dense(3, name="first"), "input_layer"),
        called_on(a_dense(1, name="last"), "first"),
        inputs=["input_layer", 0, 0],
        outputs=["last", 0, 0],
    ),
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    inside = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


@st.composite
def changed_documents(draw: st.DrawFn) -> Any:
    """What somebody may send: a document that is right but for some values."""
    document = json.loads(json.dumps(draw(st.sampled_from(VALID))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(document)))
        value = draw(JSON)
        if not path:
            return value
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
    return document


CODES = {"invalid_request", "recipe_unreadable", "recipe_unsupported", "unknown_field"}


def read(data: bytes, fit: dict[str, Any]) -> ImportedRecipe | Problem:
    try:
        return read_recipe(data, fit)
    except Problem as problem:
        return problem


@given(document=changed_documents() | JSON, fit=st.sampled_from([{}, {"epochs": 3, "loss": "mse"}]))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_a_recipe_or_a_problem(document: Any, fit: dict[str, Any]) -> None:
    outcome = read(json.dumps(document).encode(), fit)

    if isinstance(outcome, Problem):
        assert outcome.code in CODES
        json.dumps(outcome.to_document()).encode()
    else:
        assert Recipe.model_validate_json(outcome.recipe.model_dump_json()) == outcome.recipe
        "".join(outcome.notes).encode()


@given(
    changes=st.dictionaries(st.integers(0, 2**16), st.integers(0, 255), max_size=8),
    end=st.integers(0, 2**16),
)
@settings(max_examples=200, deadline=None)
def test_any_zip_is_a_recipe_or_a_problem(changes: dict[int, int], end: int) -> None:
    data = bytearray(an_archive(written(VALID[1]), compression=8))
    for place, byte in changes.items():
        data[place % len(data)] = byte
    data = data[: max(4, len(data) - end % 3000 * (end % 2))]

    outcome = read(bytes(data), {})

    assert isinstance(outcome, ImportedRecipe) or outcome.fix


@pytest.mark.parametrize(
    ("fit", "is_told"),
    [
        ({"validation_split": 0.2}, True),
        ({"validation_split": 0.2, "validation_rows": "last"}, False),
        ({"validation_split": 0.0}, False),
        ({}, False),
    ],
)
def test_which_rows_validate_is_told_where_nobody_says_it(
    fit: dict[str, Any], is_told: bool
) -> None:
    notes = read_recipe(written(a_network()), fit).notes

    assert any(note.startswith("validation_rows") for note in notes) is is_told
