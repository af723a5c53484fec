"""From a typed table to arrays: splits, transforms fitted on training rows, targets, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lowloss.spec import Task, Validation
from tests.builders.tables import checked, mixed_columns, write_csv
from worker.data.columns import input_names
from worker.data.features import design_matrix
from worker.data.input_choices import InputChoice
from worker.data.prepare import Prepared, prepare, prepare_refit
from worker.data.splits import Traits, split_rows
from worker.data.target import class_weights
from worker.engine.arrays import Loss


def prepared_from(path: Path, target: str, **given: object) -> Prepared:
    table, check = checked(path, target, **given)
    return prepare(table, check, max_levels=100)


def test_splits_are_disjoint_and_complete() -> None:
    splits = split_rows(Traits(103), Validation(strategy="holdout", test_fraction=0.3), seed=1)

    together = np.concatenate([splits.folds[0].train, splits.folds[0].validation, splits.test])
    assert sorted(together) == list(range(103))
    assert (len(splits.test), len(splits.folds[0].validation)) == (31, 21)


def test_splits_follow_from_the_seed() -> None:
    splits = [
        split_rows(Traits(50), Validation(strategy="holdout"), seed=seed) for seed in (1, 1, 2)
    ]
    first, again, other = (each.test.tolist() for each in splits)

    assert first == again != other


def test_rows_are_drawn_by_the_seed_of_the_validation_where_it_has_one(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", mixed_columns(100) | {"y": np.arange(100.0)})

    def test_rows(seed: int, of_rows: int | None) -> list[int]:
        given = {"strategy": "holdout", "seed": of_rows}
        return list(prepared_from(path, "y", seed=seed, validation=given).splits.test)

    assert test_rows(1, None) == test_rows(2, 1) == test_rows(1, 1) != test_rows(2, None)


def test_every_class_is_in_every_split() -> None:
    classes = np.array([0] * 90 + [1] * 7 + [2] * 3)

    splits = split_rows(Traits(100, classes=classes), Validation(strategy="holdout"), seed=0)

    for rows in (splits.folds[0].train, splits.folds[0].validation, splits.test):
        assert set(classes[rows]) == {0, 1, 2}


def test_features_and_target_are_standardised_by_the_training_rows(tmp_path: Path) -> None:
    columns = mixed_columns() | {"y": np.arange(400) * 3.0 + 1000}
    prepared = prepared_from(write_csv(tmp_path / "t.csv", columns), "y")

    arrays = prepared.arrays.rows()
    numbers = len(prepared.fits[0].features.numeric)
    assert np.allclose(arrays.x_train_ND[:, :numbers].mean(axis=0), 0, atol=0.05)
    assert np.allclose(arrays.x_train_ND[:, 1:numbers].std(axis=0), 1, atol=0.2)
    assert np.allclose([arrays.y_train_N.mean(), arrays.y_train_N.std()], [0, 1], atol=1e-5)
    assert abs(float(arrays.y_val_M.mean())) > 1e-4
    restored = prepared.fits[0].target.to_predictions(arrays.y_val_M[:, None])[:, 0]
    held = prepared.splits.folds[0].validation
    assert np.allclose(restored, prepared.labelled.y[held], rtol=1e-6)


@pytest.mark.parametrize("log_target", [False, True])
def test_every_fold_sees_the_target_in_its_own_units(tmp_path: Path, log_target: bool) -> None:
    y = 1e6 + np.random.default_rng(0).normal(size=300)
    path = write_csv(tmp_path / "t.csv", {"x": np.random.default_rng(1).normal(size=300), "y": y})
    prepared = prepared_from(
        path,
        "y",
        validation={"strategy": "kfold", "folds": 4},
        preprocessing={"log_target": log_target, "scale_features": "standard"},
    )

    for fold, fit in enumerate(prepared.fits):
        seen = prepared.arrays.rows(fold).y_train_N
        own = fit.target.standardise(prepared.labelled.y[fit.split.train])
        assert np.allclose(seen, own, atol=1e-5)
        assert np.allclose([seen.mean(), seen.std()], [0, 1], atol=1e-4)


def test_ways_of_scaling_are_input_choices_their_own(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", mixed_columns() | {"y": np.arange(400) * 1.5})
    both = prepared_from(
        path,
        "y",
        preprocessing={"scale_features": {"choices": ["robust", "quantile"]}},
        validation={"strategy": "kfold", "folds": 2},
    )

    assert [fit.features.scaling for fit in both.fits] == ["robust"] * 2 + ["quantile"] * 2
    assert [fold.view for fold in both.arrays.folds] == [0, 1, 2, 3]
    for fold, fit in enumerate(both.fits):
        width = both.arrays.features
        seen = design_matrix(fit.features, both.raw_test, numbers=width)
        assert np.array_equal(both.x_test(fold), seen)


def test_refit_trains_on_all_rows_but_the_test_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", mixed_columns() | {"y": np.arange(400) * 1.5})
    table, check = checked(path, "y", validation={"strategy": "kfold", "folds": 4})
    prepared = prepare(table, check, max_levels=100)

    refit = prepare_refit(prepared, check.spec, (InputChoice("robust"),))

    (fold,) = refit.arrays.folds
    assert not fold.is_validated
    assert sorted([*fold.train_N, *refit.splits.test]) == list(range(400))
    assert np.array_equal(refit.splits.test, prepared.splits.test)
    assert refit.fits[0].features.scaling == "robust"


def test_missing_values_become_the_mean_and_an_indicator(tmp_path: Path) -> None:
    x = [1.0, 3.0, None, 5.0] * 25
    path = write_csv(
        tmp_path / "t.csv", {"x": x, "z": np.arange(100) / 2, "y": np.arange(100) * 1.5}
    )
    prepared = prepared_from(path, "y")

    x_ND = prepared.arrays.rows().x_train_ND
    is_missing = np.array([x[row] is None for row in prepared.splits.folds[0].train])
    assert x_ND.shape[1] == 3
    assert np.array_equal(x_ND[:, 2] == 1.0, is_missing)
    assert np.all(x_ND[is_missing, 0] == 0.0)
    assert np.isfinite(x_ND).all()


def test_rare_levels_share_a_column_with_unseen_ones(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "c": ["a"] * 40 + ["b"] * 40 + ["rare"] * 20,
        "y": np.arange(100) * 1.5,
    }
    table, check = checked(write_csv(tmp_path / "t.csv", columns), "y")

    prepared = prepare(table, check, max_levels=2)

    assert set(prepared.fits[0].features.categorical[0].levels) == {"a", "b"}
    is_rare = np.array([columns["c"][row] == "rare" for row in prepared.splits.folds[0].train])
    assert is_rare.any()
    x_ND = prepared.arrays.rows().x_train_ND
    assert np.array_equal(x_ND[:, 2] == 1, is_rare)
    assert np.all(x_ND.sum(axis=1) == 1)


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    y = [float(i) + 0.5 if i % 4 else None for i in range(100)]
    prepared = prepared_from(write_csv(tmp_path / "t.csv", {"x": np.arange(100) / 2, "y": y}), "y")

    assert len(prepared.labelled.y) == 75


@pytest.mark.parametrize(
    ("values", "task", "labels"),
    [
        (["no", "yes"], Task.binary, ("no", "yes")),
        ([True, False], Task.binary, ("false", "true")),
        ([0, 1, 2], Task.multiclass, ("0", "1", "2")),
        (["10", "9", "x"], Task.multiclass, ("9", "10", "x")),
    ],
)
def test_classes_are_indexed_in_the_order_of_their_labels(
    tmp_path: Path, values: list[object], task: Task, labels: tuple[str, ...]
) -> None:
    y = [values[i % len(values)] for i in range(90)]
    text = [str(v).lower() if isinstance(v, bool) else str(v) for v in y]
    path = tmp_path / "t.csv"
    rows = "\n".join(f"{i / 2},{v}" for i, v in enumerate(text))
    path.write_text(f"x,y\n{rows}\n")

    prepared = prepared_from(path, "y")

    assert (prepared.fits[0].target.task, prepared.fits[0].target.labels) == (task, labels)
    assert [prepared.fits[0].target.labels[int(c)] for c in prepared.labelled.y] == text


def test_unscaled_target_keeps_losses_in_one_unit(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", {"x": np.arange(100) / 2, "y": np.arange(100) * 7.5})
    scaled = prepared_from(path, "y")
    raw = prepared_from(path, "y", preprocessing={"scale_target": False})

    assert raw.arrays.loss is Loss.mse
    assert raw.arrays.folds[0].loss_unit == pytest.approx(scaled.fits[0].target.sd ** 2)
    assert raw.arrays.rows().y_train_N.max() > 100


def test_class_weights_balance_classes_and_average_to_one() -> None:
    y = np.array([0.0] * 90 + [1.0] * 10)

    weights = class_weights(y, np.arange(100))

    assert weights is not None
    assert weights.mean() == pytest.approx(1.0)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())
    assert class_weights(np.array([0.0, 1.0] * 50), np.arange(100)) is None


def test_npz_features_keep_their_places_in_the_matrix(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=60), np.ones(60), rng.normal(size=60)], axis=1)
    np.savez(tmp_path / "t.npz", X=x, y=x[:, 0] * 3)

    prepared = prepared_from(tmp_path / "t.npz", "y")

    assert prepared.fits[0].features.matrix_columns == 3
    assert prepared.fits[0].features.positions == (0, 2)


def test_inputs_are_named_after_plain_columns_and_numbered_otherwise() -> None:
    names = input_names(["plain_1", "two words", "column_1", "ümlaut", "1st"])

    assert names == {
        "plain_1": "plain_1",
        "two words": "column_1_",
        "column_1": "column_1",
        "ümlaut": "column_3",
        "1st": "column_4",
    }
