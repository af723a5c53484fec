"""The built-in tables are scikit-learn's, to the last digit."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest
from sklearn import datasets

from lowloss.cli.builtin import LOADERS, TARGET, builtin_csv
from lowloss.errors import InvalidRequest


def read(name: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(builtin_csv(name).decode()))
    return header, rows


@pytest.mark.parametrize("name", LOADERS)
def test_table_is_exact_and_ends_with_its_target(name: str) -> None:
    loader, given = LOADERS[name]
    table = getattr(datasets, loader)(**given)

    header, rows = read(name)

    values = np.array([[float(value) for value in row[:-1]] for row in rows])
    assert np.array_equal(values, table.data)
    assert header[-1] == TARGET
    assert len(set(header)) == len(header) == values.shape[1] + 1


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("iris", {"setosa", "versicolor", "virginica"}),
        ("breast_cancer", {"benign", "malignant"}),
        ("digits", set("0123456789")),
    ],
)
def test_classes_are_called_by_their_names(name: str, classes: set[str]) -> None:
    _, rows = read(name)

    assert {row[-1] for row in rows} == classes


def test_diabetes_is_raw() -> None:
    header, rows = read("diabetes")

    assert header[:3] == ["age", "sex", "bmi"]
    assert rows[0][:3] == ["59", "2", "32.1"]
    assert rows[0][-1] == "151"


def test_unknown_table_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidRequest, match="diabetes, iris") as caught:
        builtin_csv("titanic")

    assert caught.value.field == "builtin"


def test_missing_scikit_learn_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(InvalidRequest, match=r'pip install "lowloss\[worker\]"'):
        builtin_csv("iris")
