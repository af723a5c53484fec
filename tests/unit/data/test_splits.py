"""Which rows train, validate and test, under every strategy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowloss.spec import Validation
from worker.data.splits import Rows, Splits, Traits, split_rows

FOLDED = [
    {"strategy": "holdout"},
    {"strategy": "kfold", "folds": 4},
    {"strategy": "repeated", "folds": 3},
    {"strategy": "grouped", "column": "g"},
    {"strategy": "grouped", "column": "g", "folds": 3},
    {"strategy": "ordered", "column": "t"},
    {"strategy": "ordered", "column": "t", "folds": 3},
]


def traits_of(rows: int, seed: int, classes: int = 0) -> Traits:
    rng = np.random.default_rng(seed)
    return Traits(
        rows,
        classes=np.arange(rows) % classes if classes else None,
        # Of very unequal sizes.
        groups=np.minimum(rng.geometric(0.15, rows), 12) - 1,
        order=np.sort(rng.integers(0, rows // 2, rows)).astype(float)[rng.permutation(rows)],
    )


def parts_of(splits: Splits) -> list[tuple[Rows, Rows, Rows]]:
    return [(fold.train, fold.validation, splits.test) for fold in splits.folds]


@pytest.mark.parametrize("given_validation", FOLDED, ids=str)
@settings(max_examples=25, deadline=None)
@given(rows=st.integers(60, 400), seed=st.integers(0, 1000), share=st.floats(0.1, 0.3))
def test_parts_are_disjoint_and_no_fold_sees_the_test(
    given_validation: dict[str, object], rows: int, seed: int, share: float
) -> None:
    validation = Validation.model_validate(given_validation | {"test_fraction": share})

    splits = split_rows(traits_of(rows, seed), validation, seed=seed)

    assert len(splits.folds) == validation.fold_count
    for train, held, test in parts_of(splits):
        together = np.concatenate([train, held, test])
        assert len(np.unique(together)) == len(together) <= rows
        assert min(map(len, (train, held, test))) > 0
    assert np.array_equal(np.sort(np.concatenate([splits.known, splits.test])), np.arange(rows))


@pytest.mark.parametrize("given_validation", FOLDED, ids=str)
def test_same_seed_splits_alike(given_validation: dict[str, object]) -> None:
    validation, traits = Validation.model_validate(given_validation), traits_of(90, 0)

    first, again = (split_rows(traits, validation, seed=5) for _ in range(2))

    assert np.array_equal(first.test, again.test)
    for one, other in zip(first.folds, again.folds, strict=True):
        assert np.array_equal(one.train, other.train)


def test_folds_validate_every_known_row_once() -> None:
    splits = split_rows(traits_of(103, 0), Validation(strategy="kfold", folds=4), seed=0)

    held = np.concatenate([fold.validation for fold in splits.folds])

    assert np.array_equal(np.sort(held), splits.known)
    sizes = [len(fold.validation) for fold in splits.folds]
    assert max(sizes) - min(sizes) <= 1
    assert len(splits.test) == 21


@pytest.mark.parametrize("given_validation", FOLDED[:3], ids=str)
@settings(max_examples=20, deadline=None)
@given(extra=st.integers(0, 60), classes=st.integers(2, 5), seed=st.integers(0, 100))
def test_every_class_is_in_every_part(
    given_validation: dict[str, object], extra: int, classes: int, seed: int
) -> None:
    validation = Validation.model_validate(given_validation)
    traits = traits_of(classes * 6 + extra, seed, classes)

    splits = split_rows(traits, validation, seed=seed)

    assert traits.classes is not None
    for train, held, test in parts_of(splits):
        assert set(traits.classes[train]) == set(traits.classes[test]) == set(range(classes))
        if validation.strategy != "kfold":
            assert set(traits.classes[held]) == set(range(classes))


@pytest.mark.parametrize("given_validation", FOLDED[3:5], ids=str)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_groups_stay_together(given_validation: dict[str, object], seed: int) -> None:
    traits = traits_of(150, seed)
    assert traits.groups is not None

    splits = split_rows(traits, Validation.model_validate(given_validation), seed=seed)

    for parts in parts_of(splits):
        groups = [set(traits.groups[part]) for part in parts]
        assert not groups[0] & groups[1]
        assert not groups[0] & groups[2]
        assert not groups[1] & groups[2]


def test_grouped_parts_are_about_as_large_as_asked_for() -> None:
    groups = np.repeat(np.arange(100), 5)
    validation = Validation(strategy="grouped", column="g", fraction=0.3, test_fraction=0.1)

    splits = split_rows(Traits(500, groups=groups), validation, seed=3)

    assert len(splits.test) == 50
    assert len(splits.folds[0].validation) == 150


@pytest.mark.parametrize("given_validation", FOLDED[5:], ids=str)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_ordered_parts_follow_one_another(given_validation: dict[str, object], seed: int) -> None:
    traits = traits_of(150, seed)
    assert traits.order is not None

    splits = split_rows(traits, Validation.model_validate(given_validation), seed=seed)

    for train, held, test in parts_of(splits):
        # Rows of one time are in one part.
        assert traits.order[train].max() < traits.order[held].min()
        assert traits.order[held].max() < traits.order[test].min()


def test_later_folds_train_on_all_that_came_before() -> None:
    traits = Traits(100, order=np.arange(100.0))
    validation = Validation(strategy="ordered", column="t", folds=3, test_fraction=0.2)

    splits = split_rows(traits, validation, seed=0)

    assert [len(fold.train) for fold in splits.folds] == [20, 40, 60]
    assert [fold.validation.tolist()[0] for fold in splits.folds] == [20, 40, 60]
    assert splits.test.tolist() == list(range(80, 100))


def test_rows_of_one_time_are_cut_only_where_there_is_no_other_way() -> None:
    splits = split_rows(
        Traits(40, order=np.zeros(40)), Validation(strategy="ordered", column="t"), seed=0
    )

    assert [len(part) for part in parts_of(splits)[0]] == [24, 8, 8]
