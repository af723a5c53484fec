"""Which rows train, which judge trials, and which judge the winner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowloss.spec import Validation

Rows = NDArray[np.int64]
SPLIT_STREAM = 1
"""Sets the random numbers of the splits apart from others that follow from the job's seed."""


@dataclass(frozen=True)
class Split:
    """Rows that train, and rows that judge what they trained; disjoint."""

    train: Rows
    validation: Rows


@dataclass(frozen=True)
class Splits:
    """Row indices into the labelled rows. The test rows are in no fold but the last refit's."""

    folds: tuple[Split, ...]
    test: Rows

    @property
    def non_test_rows(self) -> Rows:
        """All rows but the test rows."""
        rows = np.concatenate(
            [part for fold in self.folds for part in (fold.train, fold.validation)]
        )
        return np.unique(rows)


@dataclass(frozen=True)
class Traits:
    """What a strategy looks at, one value for each of `count` rows.

    `classes` are class indices, `groups` numbers of groups, `order` ranks of a time or of another
    number that rows are sorted by.
    """

    count: int
    classes: Rows | None = None
    groups: Rows | None = None
    order: Rows | None = None


def split_rows(traits: Traits, validation: Validation, *, seed: int) -> Splits:
    """Split rows by the strategy; random ones split each class by itself."""
    rng = np.random.default_rng([seed, SPLIT_STREAM])
    match validation.strategy:
        case "auto":
            raise ValueError("check_job decides what auto is")
        case "holdout":
            train, validation_rows, test = _stratified(traits, validation, rng)
            return Splits((Split(train, validation_rows),), test)
        case "repeated":
            return _repeated(traits, validation, rng)
        case "kfold":
            return _kfold(traits, validation, rng)
        case "grouped":
            return _grouped(traits, validation, rng)
        case "ordered":
            return _ordered(traits, validation)


def _stratified(
    traits: Traits, validation: Validation, rng: np.random.Generator, test: Rows | None = None
) -> tuple[Rows, Rows, Rows]:
    """Split rows for training, validation and test class by class; `test` may be given.

    Each class of three rows or more has at least one in each part.
    """
    parts: list[list[Rows]] = [[], [], []]
    for rows in _strata(traits):
        if test is None:
            test_count, validation_count = _sizes(len(rows), validation)
            order = rng.permutation(rows)
        else:
            is_test = np.isin(rows, test)
            test_count, validation_count = int(is_test.sum()), _sizes(len(rows), validation)[1]
            order = np.concatenate([rows[is_test], rng.permutation(rows[~is_test])])
        for part, part_rows in zip(
            parts, np.split(order, [test_count, test_count + validation_count]), strict=True
        ):
            part.append(part_rows)
    tested_rows, validation_rows, train = (np.sort(np.concatenate(part)) for part in parts)
    return train, validation_rows, tested_rows


def _strata(traits: Traits) -> list[Rows]:
    """Return the rows of each class, or all rows."""
    if traits.classes is None:
        return [np.arange(traits.count)]
    return [np.flatnonzero(traits.classes == c) for c in np.unique(traits.classes)]


def _sizes(count: int, validation: Validation) -> tuple[int, int]:
    """Return how many of `count` rows test and validate; the others train."""
    test_count = max(1, round(count * validation.test_fraction))
    validation_count = max(1, round(count * validation.fraction))
    while test_count + validation_count >= count > 2:
        # Rounding took the last training row of a small class: the larger part gives one back.
        if test_count > validation_count:
            test_count -= 1
        else:
            validation_count -= 1
    return test_count, validation_count


def _repeated(traits: Traits, validation: Validation, rng: np.random.Generator) -> Splits:
    train, validation_rows, test = _stratified(traits, validation, rng)
    folds = [Split(train, validation_rows)]
    for _ in range(validation.fold_count - 1):
        train, validation_rows, _ = _stratified(traits, validation, rng, test)
        folds.append(Split(train, validation_rows))
    return Splits(tuple(folds), test)


def _kfold(traits: Traits, validation: Validation, rng: np.random.Generator) -> Splits:
    """Deal rows to the folds class by class, as cards are dealt."""
    fold_N = np.full(traits.count, -1)
    dealt = 0
    for rows in _strata(traits):
        order = rng.permutation(rows)
        # A small class has fewer test rows: each fold is dealt one first.
        test_count = round(len(rows) * validation.test_fraction)
        fold_rows = order[max(1, min(test_count, len(rows) - validation.fold_count)) :]
        fold_N[fold_rows] = (dealt + np.arange(len(fold_rows))) % validation.fold_count
        dealt += len(fold_rows)
    return _of_folds(fold_N, validation.fold_count)


def _grouped(traits: Traits, validation: Validation, rng: np.random.Generator) -> Splits:
    """Split whole groups: those for test and validation are drawn, the others train."""
    assert traits.groups is not None
    sizes = np.bincount(traits.groups)
    order = rng.permutation(np.flatnonzero(sizes))
    test_row_count = validation.test_fraction * traits.count
    if validation.folds is None:
        validation_row_count = validation.fraction * traits.count
        (test_groups, validation_groups), rest = _draw_groups(
            order, sizes, [test_row_count, validation_row_count], leave=1
        )
        parts = (
            np.flatnonzero(np.isin(traits.groups, part))
            for part in (rest, validation_groups, test_groups)
        )
        train_rows, validation_rows, tested = parts
        return Splits((Split(train_rows, validation_rows),), tested)
    _, rest = _draw_groups(order, sizes, [test_row_count], leave=validation.folds)
    fold_of_group = np.full(len(sizes), -1)
    fold_of_group[rest] = _balanced(sizes[rest], validation.folds)
    return _of_folds(fold_of_group[traits.groups], validation.folds)


def _draw_groups(
    order: Rows, sizes: Rows, row_targets: Sequence[float], *, leave: int
) -> tuple[list[list[int]], list[int]]:
    """Draw groups for parts that need `row_targets` rows, and return the other groups, too.

    A group goes to the part that lacks most rows, unless that would bring it no nearer to its
    target: a group of most rows goes to no part. At least `leave` groups go to no part. A part has
    at least one group, where there are enough of them.
    """
    parts: list[list[int]] = [[] for _ in row_targets]
    rest: list[int] = []
    missing = np.array(row_targets)
    spare = len(order) - len(parts) - leave
    for group in map(int, order):
        part = int(np.argmax(missing))
        is_first = not parts[part]
        if sizes[group] < 2 * missing[part] and (is_first or spare > 0):
            spare -= not is_first
            missing[part] -= sizes[group]
            parts[part].append(group)
        else:
            rest.append(group)
    for groups in parts:
        if not groups and rest:
            groups.append(min(rest, key=lambda group: int(sizes[group])))
            rest.remove(groups[0])
    return parts, rest


def _balanced(sizes: Sequence[int] | Rows, folds: int) -> Rows:
    """Assign each group to a fold: the largest group to the emptiest fold, and so on."""
    rows_of_fold, fold_of = np.zeros(folds), np.zeros(len(sizes), dtype=np.int64)
    for group in np.argsort(-np.asarray(sizes), kind="stable"):
        fold_of[group] = int(np.argmin(rows_of_fold))
        rows_of_fold[fold_of[group]] += sizes[group]
    return fold_of


def _ordered(traits: Traits, validation: Validation) -> Splits:
    """Take the last rows for the test, and those before them for validation.

    With folds, the rows before the test are cut into one block more than there are folds: each
    fold trains on the blocks before the one that it validates on (rolling origin, Tashman 2000).
    """
    assert traits.order is not None
    order = np.argsort(traits.order, kind="stable")
    sorted_N = traits.order[order]
    non_test_count = _boundary(
        sorted_N, traits.count - max(1, round(traits.count * validation.test_fraction))
    )
    if validation.folds is None:
        validation_count = max(1, round(traits.count * validation.fraction))
        cuts = [
            _boundary(sorted_N[:non_test_count], non_test_count - validation_count),
            non_test_count,
        ]
    else:
        blocks = validation.folds + 1
        cuts = [
            _boundary(sorted_N[:non_test_count], round(non_test_count * b / blocks))
            for b in range(1, blocks)
        ]
        cuts.append(non_test_count)
    folds = tuple(
        Split(np.sort(order[:start]), np.sort(order[start:end]))
        for start, end in itertools.pairwise(cuts)
    )
    return Splits(folds, np.sort(order[non_test_count:]))


def _boundary(sorted_N: Rows, cut: int) -> int:
    """Return the nearest cut that keeps rows of one time together, with rows on both sides."""
    cut = min(max(1, cut), len(sorted_N) - 1)
    moved = (int(np.searchsorted(sorted_N, sorted_N[cut], side=s)) for s in ("left", "right"))
    possible = [end for end in moved if 0 < end < len(sorted_N)]
    return min(possible, key=lambda end: abs(end - cut), default=cut)


def _of_folds(fold_N: Rows, folds: int) -> Splits:
    """Build splits from each row's fold, where it validates; -1 is the test."""
    is_not_test = fold_N >= 0
    return Splits(
        tuple(
            Split(np.flatnonzero(is_not_test & (fold_N != f)), np.flatnonzero(fold_N == f))
            for f in range(folds)
        ),
        np.flatnonzero(~is_not_test),
    )
