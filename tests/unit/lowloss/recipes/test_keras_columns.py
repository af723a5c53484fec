"""What a Keras model makes of its columns: embeddings, and an input for each."""

from __future__ import annotations

import pytest

from lowloss.errors import RecipeUnsupported
from tests.builders.keras_descriptions import (
    Description,
    a_dense,
    a_functional,
    a_layer,
    a_model,
    an_input,
    called_on,
    read_model,
)


def an_embedding(name: str = "embedding", **config: object) -> Description:
    return a_layer("Embedding", name=name, input_dim=30, output_dim=4, **config)


def of_columns(*layers: Description, inputs: tuple[str, ...], last: str = "last") -> Description:
    """Return a model of an input for each column."""
    return a_functional(
        *(called_on(an_input(1, name=name)) for name in inputs),
        *layers,
        inputs=[[name, 0, 0] for name in inputs],
        outputs=[[last, 0, 0]],
    )


def test_an_embedding_makes_all_columns_of_whole_numbers_categories() -> None:
    model = a_model(an_embedding(), a_layer("Flatten"), a_dense(8, activation="relu"), a_dense(1))

    imported = read_model(model)

    assert imported.recipe.categorical == "all"
    assert [layer.units for layer in imported.recipe.layers] == [8, 1]
    assert imported.recipe.inputs is None
    assert "Embedding is taken as a column for each level" in imported.notes[0]


def test_the_named_inputs_of_embeddings_are_categories() -> None:
    model = of_columns(
        called_on(an_embedding("users"), "user"),
        called_on(a_layer("Flatten", name="flat"), "users"),
        called_on(a_layer("StringLookup", name="lookup"), "city"),
        called_on(a_layer("Normalization", name="scaled", axis=-1), "age"),
        called_on(a_layer("Concatenate", name="met"), "flat", "lookup"),
        called_on(a_layer("Concatenate", name="all"), "met", "scaled"),
        called_on(a_dense(8, name="hidden", built_on=None), "all"),
        called_on(a_dense(1, name="last", built_on=8), "hidden"),
        inputs=("user", "city", "age"),
    )

    recipe = read_model(model).recipe

    assert recipe.categorical == ("user", "city")
    assert recipe.scale_features == "standard"
    assert [layer.units for layer in recipe.layers] == [8, 1]


def test_what_the_user_says_of_categories_stands_above_the_names_of_inputs() -> None:
    model = of_columns(
        called_on(an_embedding("users"), "input_1"),
        called_on(a_layer("Flatten", name="flat"), "users"),
        called_on(a_layer("Concatenate", name="all"), "flat", "age"),
        called_on(a_dense(1, name="last", built_on=None), "all"),
        inputs=("input_1", "age"),
    )

    assert read_model(model, categorical=["user"]).recipe.categorical == ("user",)


def test_a_skip_may_start_with_the_columns_of_several_inputs() -> None:
    model = of_columns(
        called_on(an_embedding("users"), "user"),
        called_on(a_layer("Flatten", name="flat"), "users"),
        called_on(a_layer("Concatenate", name="all"), "flat", "age"),
        called_on(a_dense(8, name="deep", built_on=None), "all"),
        called_on(a_layer("Concatenate", name="wide"), "all", "deep"),
        called_on(a_dense(1, name="last", built_on=None), "wide"),
        inputs=("user", "age"),
    )

    recipe = read_model(model).recipe

    assert [layer.name for layer in recipe.front_layers] == ["skip_start"]
    assert recipe.has_skips


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            a_model(a_dense(4), an_embedding(), a_dense(1)),
            "'embedding' \\(Embedding\\) is not the first layer",
        ),
        (a_model(an_embedding(), a_dense(1, built_on=None)), "rows of 2 axes"),
        (
            a_model(an_embedding(embeddings_constraint="max_norm"), a_layer("Flatten"), a_dense(1)),
            "has a embeddings_constraint, which is not reproduced",
        ),
        (
            a_model(an_embedding(trainable=False), a_layer("Flatten"), a_dense(1)),
            "'embedding' \\(Embedding\\) is frozen",
        ),
        (
            a_model(a_layer("CategoryEncoding", output_mode="multi_hot"), a_dense(1)),
            "output_mode='multi_hot', which merges columns",
        ),
        (a_model(a_layer("Hashing", num_bins=8), a_dense(1)), "\\(Hashing\\) is not reproduced"),
        (
            of_columns(
                called_on(a_layer("Concatenate", name="all", axis=0), "user", "age"),
                called_on(a_dense(1, name="last"), "all"),
                inputs=("user", "age"),
            ),
            "'all' does not put columns beside columns",
        ),
        (
            of_columns(
                called_on(a_dense(4, name="tower"), "age"),
                called_on(a_layer("Concatenate", name="all"), "user", "tower"),
                called_on(a_dense(1, name="last"), "all"),
                inputs=("user", "age"),
            ),
            "'tower' \\(Dense\\) stands between the input 'age' and the Concatenate of all inputs",
        ),
        (
            of_columns(
                called_on(a_layer("Add", name="sum"), "user", "age"),
                called_on(a_dense(1, name="last"), "sum"),
                inputs=("user", "age"),
            ),
            "its 2 inputs do not meet in a Concatenate",
        ),
        (
            of_columns(
                called_on(a_layer("Flatten", name="one"), "user"),
                called_on(a_layer("Flatten", name="two"), "user"),
                called_on(a_layer("Concatenate", name="all"), "one", "two", "age"),
                called_on(a_dense(1, name="last"), "all"),
                inputs=("user", "age"),
            ),
            "2 layers take what 'user' gives",
        ),
    ],
)
def test_other_ways_from_columns_to_a_network_are_refused(model: Description, words: str) -> None:
    with pytest.raises(RecipeUnsupported, match=words):
        read_model(model)
