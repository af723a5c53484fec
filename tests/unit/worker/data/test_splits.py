"""Which rows train, which judge trials, and which judge the winner: whatever the table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowloss.spec import Validation
from worker.data.splits import Splits, Traits, split_rows

SEEDS = st.integers(0, 2**31 - 1)
FRACTIONS = st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.4, 0.45])
FOLDS = st.integers(2, 6)


def a_validation(strategy: str, **given: object) -> Validation:
    """A strategy with the column that it needs, if any."""
    column = {"column": "c"} if strategy in {"grouped", "ordered"} else {}
    return Validation.model_validate({"strategy": strategy} | column | given)


def assert_partition(splits: Splits, rows: int) -> None:
    """In every fold the parts are disjoint; together the folds and the test are all rows, once."""
    for fold in splits.folds:
        together = np.concatenate([fold.train, fold.validation, splits.test])
        assert len(np.unique(together)) == len(together)
    everything = np.concatenate([splits.non_test_rows, splits.test])
    assert sorted(everything) == list(range(rows))


@st.composite
def classes_of(draw: st.DrawFn, *, least: int) -> np.ndarray:
    """Class indices of two to five classes, each of so many rows at least, shuffled."""
    sizes = draw(st.lists(st.integers(least, 40), min_size=2, max_size=5))
    rng = np.random.default_rng(draw(SEEDS))
    return rng.permutation(np.repeat(np.arange(len(sizes)), sizes))


@given(
    rows=st.integers(12, 300),
    strategy=st.sampled_from(["holdout", "kfold", "repeated", "grouped", "ordered"]),
    fractions=st.tuples(FRACTIONS, FRACTIONS),
    folds=FOLDS,
    has_folds=st.booleans(),
    seed=SEEDS,
)
def test_parts_are_disjoint_and_together_all_rows(
    *,
    rows: int,
    strategy: str,
    fractions: tuple[float, float],
    folds: int,
    has_folds: bool,
    seed: int,
) -> None:
    must = strategy in {"kfold", "repeated"}
    may = strategy in {"grouped", "ordered"} and has_folds
    validation = a_validation(
        strategy,
        fraction=fractions[0],
        test_fraction=fractions[1],
        folds=folds if must or may else None,
    )
    rng = np.random.default_rng(seed)
    groups = np.unique(rng.integers(0, 10, rows), return_inverse=True)[1]
    traits = Traits(rows, groups=groups, order=rng.integers(0, 50, rows))

    splits = split_rows(traits, validation, seed=seed)

    assert len(splits.folds) == validation.fold_count
    assert_partition(splits, rows)


@given(rows=st.integers(30, 500), fractions=st.tuples(FRACTIONS, FRACTIONS), seed=SEEDS)
def test_random_parts_are_as_large_as_asked_for(
    rows: int, fractions: tuple[float, float], seed: int
) -> None:
    validation = a_validation("holdout", fraction=fractions[0], test_fraction=fractions[1])

    splits = split_rows(Traits(rows), validation, seed=seed)

    assert len(splits.folds[0].validation) == max(1, round(rows * fractions[0]))
    assert len(splits.test) == max(1, round(rows * fractions[1]))


@given(classes=classes_of(least=3), fractions=st.tuples(FRACTIONS, FRACTIONS), seed=SEEDS)
def test_holdouts_have_every_class_in_every_part(
    classes: np.ndarray, fractions: tuple[float, float], seed: int
) -> None:
    traits = Traits(len(classes), classes=classes)
    given = {"fraction": fractions[0], "test_fraction": fractions[1]}

    once = split_rows(traits, a_validation("holdout", **given), seed=seed)
    repeated = split_rows(traits, a_validation("repeated", folds=3, **given), seed=seed)

    for splits in (once, repeated):
        assert_partition(splits, len(classes))
        for fold in splits.folds:
            for rows in (fold.train, fold.validation, splits.test):
                assert set(classes[rows]) == set(classes)


@given(data=st.data(), folds=st.integers(2, 20), test_fraction=FRACTIONS, seed=SEEDS)
def test_folds_have_every_class_where_each_has_a_row_for_every_fold_and_the_test(
    data: st.DataObject, folds: int, test_fraction: float, seed: int
) -> None:
    classes = data.draw(classes_of(least=1 + folds))
    validation = a_validation("kfold", folds=folds, test_fraction=test_fraction)

    splits = split_rows(Traits(len(classes), classes=classes), validation, seed=seed)

    assert_partition(splits, len(classes))
    for fold in splits.folds:
        for rows in (fold.train, fold.validation, splits.test):
            assert set(classes[rows]) == set(classes)


@given(classes=classes_of(least=7), folds=st.integers(2, 6), seed=SEEDS)
def test_each_known_row_is_validated_once_by_folds_of_equal_size(
    classes: np.ndarray, folds: int, seed: int
) -> None:
    traits = Traits(len(classes), classes=classes)

    splits = split_rows(traits, a_validation("kfold", folds=folds), seed=seed)

    validated = np.concatenate([fold.validation for fold in splits.folds])
    assert sorted(validated) == splits.non_test_rows.tolist()
    sizes = [len(fold.validation) for fold in splits.folds]
    assert max(sizes) - min(sizes) <= 1


def test_repeated_holdouts_share_the_test_rows_and_differ_otherwise() -> None:
    classes = np.array([0] * 60 + [1] * 40)
    validation = a_validation("repeated", folds=4)

    splits = split_rows(Traits(100, classes=classes), validation, seed=0)

    held = {tuple(fold.validation) for fold in splits.folds}
    assert len(held) == 4
    assert {len(rows) for rows in held} == {20}
    assert len(splits.test) == 20


@given(
    sizes=st.lists(st.integers(1, 60), min_size=3, max_size=30),
    fractions=st.tuples(FRACTIONS, FRACTIONS),
    seed=SEEDS,
)
def test_group_is_in_one_part_alone_and_each_part_has_one(
    sizes: list[int], fractions: tuple[float, float], seed: int
) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    validation = a_validation("grouped", fraction=fractions[0], test_fraction=fractions[1])

    splits = split_rows(Traits(len(groups), groups=groups), validation, seed=seed)

    fold = splits.folds[0]
    parts = [set(groups[rows]) for rows in (fold.train, fold.validation, splits.test)]
    assert_partition(splits, len(groups))
    assert all(parts)
    assert sum(map(len, parts)) == len(sizes)


@given(
    data=st.data(), folds=FOLDS, test_fraction=st.sampled_from([0.05, 0.2, 0.5, 0.9]), seed=SEEDS
)
def test_group_is_validated_by_one_fold_alone_and_each_fold_has_one(
    data: st.DataObject, folds: int, test_fraction: float, seed: int
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 60), min_size=folds + 1, max_size=25))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    validation = a_validation("grouped", folds=folds, test_fraction=test_fraction)

    splits = split_rows(Traits(len(groups), groups=groups), validation, seed=seed)

    assert_partition(splits, len(groups))
    validated = [set(groups[fold.validation]) for fold in splits.folds]
    assert all(validated)
    assert sum(map(len, validated)) + len(set(groups[splits.test])) == len(sizes)
    for fold, held in zip(splits.folds, validated, strict=True):
        assert not held & set(groups[fold.train])


@given(seed=SEEDS, has_folds=st.booleans())
def test_many_groups_are_shared_out_as_asked_for(seed: int, has_folds: bool) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(80), rng.integers(1, 20, 80))
    validation = a_validation("grouped", folds=4 if has_folds else None)

    splits = split_rows(Traits(len(groups), groups=groups), validation, seed=seed)

    assert len(splits.test) / len(groups) == pytest.approx(0.2, abs=0.03)
    for fold in splits.folds:
        assert len(fold.validation) / len(groups) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("seed", range(10))
def test_group_of_most_rows_trains(seed: int) -> None:
    groups = np.array([0] * 900 + [1 + i // 5 for i in range(100)])

    splits = split_rows(Traits(1000, groups=groups), a_validation("grouped"), seed=seed)

    fold = splits.folds[0]
    assert 0 in groups[fold.train]
    # What is left of the rows is shared between the two parts that want as many.
    assert abs(len(fold.validation) - len(splits.test)) <= 5


@given(
    order=st.lists(st.integers(0, 40), min_size=12, max_size=200),
    folds=st.none() | FOLDS,
    fractions=st.tuples(FRACTIONS, FRACTIONS),
)
def test_later_rows_judge_what_earlier_ones_trained(
    order: list[int], folds: int | None, fractions: tuple[float, float]
) -> None:
    time_N = np.array(order)
    validation = a_validation(
        "ordered", folds=folds, fraction=fractions[0], test_fraction=fractions[1]
    )

    splits = split_rows(Traits(len(order), order=time_N), validation, seed=0)

    assert_partition(splits, len(order))
    for fold in splits.folds:
        parts = [time_N[rows] for rows in (fold.train, fold.validation, splits.test) if len(rows)]
        for earlier, later in itertools.pairwise(parts):
            assert earlier.max() <= later.min()
    # Rows of one time are in one part, unless all of the known or of all rows are of one time.
    if len(set(time_N)) > 1:
        assert not set(time_N[splits.non_test_rows]) & set(time_N[splits.test])
    if len(set(time_N[splits.non_test_rows])) > 1:
        for fold in splits.folds:
            assert not set(time_N[fold.train]) & set(time_N[fold.validation])


def test_each_ordered_fold_trains_on_all_before_it() -> None:
    time_N = np.random.default_rng(0).permutation(100)

    splits = split_rows(Traits(100, order=time_N), a_validation("ordered", folds=3), seed=0)

    assert [len(fold.train) for fold in splits.folds] == [20, 40, 60]
    assert [len(fold.validation) for fold in splits.folds] == [20, 20, 20]
    assert sorted(time_N[splits.test]) == list(range(80, 100))


def test_cut_through_rows_of_one_time_moves_to_the_nearer_end_of_them() -> None:
    time_N = np.array([*range(40), *[50] * 42, *range(60, 78)])

    splits = split_rows(Traits(100, order=time_N), a_validation("ordered"), seed=0)

    assert sorted(splits.test) == list(range(82, 100))
    assert sorted(splits.folds[0].validation) == list(range(40, 82))


@pytest.mark.parametrize(
    "validation",
    [
        a_validation("holdout"),
        a_validation("kfold", folds=3),
        a_validation("repeated", folds=3),
        a_validation("grouped"),
        a_validation("grouped", folds=3),
    ],
    ids=str,
)
def test_same_seed_gives_the_same_split_and_another_one_another(validation: Validation) -> None:
    rng = np.random.default_rng(0)
    traits = Traits(90, classes=rng.integers(0, 2, 90), groups=np.arange(90) // 3)

    first, again, other = (split_rows(traits, validation, seed=seed) for seed in (1, 1, 2))

    for one, same in zip(first.folds, again.folds, strict=True):
        assert np.array_equal(one.train, same.train)
        assert np.array_equal(one.validation, same.validation)
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize("folds", [None, 3])
def test_single_group_leaves_the_other_parts_empty(folds: int | None) -> None:
    traits = Traits(10, groups=np.zeros(10, dtype=np.int64))

    splits = split_rows(traits, a_validation("grouped", folds=folds), seed=0)

    # What comes of it is refused by the rows that each part needs.
    assert not any(len(fold.train) for fold in splits.folds)


def test_order_leaves_nothing_to_chance() -> None:
    traits = Traits(50, order=np.arange(50)[::-1])

    first, other = (split_rows(traits, a_validation("ordered"), seed=seed) for seed in (1, 2))

    assert np.array_equal(first.test, other.test)
    assert np.array_equal(first.folds[0].train, other.folds[0].train)
