"""Rows in an order are suspect where the recipe splits or sees them in it, and else not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause
from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of, some_classes, some_numbers
from worker.diagnosis.checks.order import check_order
from worker.diagnosis.checks.suspects import Suspect

LAST = {"validation_split": 0.2, "validation_rows": "last"}


def in_order(columns: dict[str, Any]) -> dict[str, Any]:
    order = np.argsort(columns["y"], kind="stable")
    return {name: values[order] for name, values in columns.items()}


def suspects_of(columns: dict[str, Any], recipe: Recipe) -> list[Suspect]:
    data, _ = data_of(columns, recipe)
    return list(check_order(data, recipe))


@pytest.mark.parametrize("columns", [some_numbers(), some_classes()], ids=["numbers", "classes"])
@pytest.mark.parametrize("fields", [LAST, {"shuffle": False}], ids=["last", "unshuffled"])
def test_order_of_the_target_is_suspect(columns: dict[str, Any], fields: dict[str, Any]) -> None:
    (suspect,) = suspects_of(in_order(columns), a_network(8, **fields))

    assert suspect.cause is Cause.ordered_rows
    (evidence,) = suspect.evidence
    assert evidence.value is not None
    assert evidence.threshold is not None
    assert evidence.value > 2 * evidence.threshold


@pytest.mark.parametrize("columns", [some_numbers(), some_classes()], ids=["numbers", "classes"])
@pytest.mark.parametrize("fields", [LAST, {"shuffle": False}], ids=["last", "unshuffled"])
def test_rows_in_no_order_are_not_suspect(columns: dict[str, Any], fields: dict[str, Any]) -> None:
    assert suspects_of(columns, a_network(8, **fields)) == []


@pytest.mark.parametrize(
    "fields", [{}, {"validation_split": 0.2}, {"validation_rows": "last", "validation_split": 0.0}]
)
def test_order_that_a_recipe_does_not_use_is_not_suspect(fields: dict[str, Any]) -> None:
    assert suspects_of(in_order(some_numbers()), a_network(8, **fields)) == []


def test_sentence_says_what_the_last_rows_have() -> None:
    (numbers,) = suspects_of(in_order(some_numbers()), a_network(8, **LAST))
    (classes,) = suspects_of(in_order(some_classes()), a_network(8, **LAST))

    assert "last 48 rows validate" in numbers.sentence
    assert re.search(r"its mean is [\d.]+, and .?[\d.]+ in the training rows", numbers.sentence)
    assert "'2' is 100 % of them, and 17 % of the training rows" in classes.sentence


@pytest.mark.parametrize("rows", [2, 3, 12])
def test_tables_of_few_rows_are_looked_at(rows: int) -> None:
    columns = in_order(some_numbers(rows))

    assert suspects_of(columns, a_network(8, shuffle=False, **LAST)) == []


def test_target_of_many_zeros_in_no_order_is_not_suspect() -> None:
    columns = some_numbers()
    is_zero = np.random.default_rng(1).random(len(columns["y"])) < 0.9
    columns = columns | {"y": np.where(is_zero, 0.0, columns["y"])}

    assert suspects_of(columns, a_network(8, shuffle=False)) == []
