"""Which program trains a plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.trainings import a_plan, some_arrays
from worker.engine.arrays import Arrays
from worker.engine.cohort import buckets
from worker.engine.cohort.buckets import Buckets, Reach
from worker.engine.cohort.shape import Shape

SMALL = some_arrays(rows=90)
LARGE = some_arrays(rows=200_000)


def some_buckets(arrays: Arrays, reach: Reach = Reach(3, 256, frozenset({"dropout"}))) -> Buckets:  # noqa: B008
    return Buckets(arrays, reach, max_slots_of_cohort=4)


def shape_of(chosen: Buckets, **given: Any) -> Shape:
    return chosen.choose(a_plan(**given))


@pytest.mark.parametrize(
    ("rows", "usual", "wide"),
    [(90, (256, 256, 256), (256, 256, 256)), (9_000, (128, 128, 128), (256, 256, 256))],
)
def test_first_program_has_room_for_all_that_a_table_trains_fast(
    rows: int, usual: tuple[int, ...], wide: tuple[int, ...]
) -> None:
    chosen = some_buckets(some_arrays(rows=rows))

    widths = [
        shape_of(chosen, widths=widths, max_epochs=20).widths
        for widths in ((16,), (128, 16), (64, 64, 64), (240, 256, 256), (129,))
    ]

    assert widths == [usual] * 3 + [wide] * 2


def test_large_table_has_a_program_for_each_size() -> None:
    chosen = some_buckets(LARGE)

    widths = [
        shape_of(chosen, widths=widths, max_epochs=30).widths
        for widths in ((16,), (200, 48), (64, 64, 64))
    ]

    assert widths == [(32,), (256, 64), (64, 64, 64)]


def test_bucket_gets_its_own_program_once_padding_has_cost_as_much() -> None:
    chosen = some_buckets(some_arrays(rows=3_000), Reach(1, 1024, frozenset()))
    chosen.choose(a_plan(widths=(1024,), max_epochs=30))
    plan = a_plan(widths=(32,), max_epochs=30)
    widths = []
    for _ in range(120):
        shape = chosen.choose(plan)
        chosen.record(plan, epochs=30)
        widths.append(shape.widths)

    assert widths[0] == (1024,)
    assert widths[-1] == (32,)
    assert widths == sorted(widths, reverse=True)


def test_smaller_program_serves_all_plans_that_it_would_have_served() -> None:
    chosen = some_buckets(some_arrays(rows=3_000), Reach(2, 256, frozenset()))
    plans = [a_plan(widths=widths, max_epochs=30) for widths in ((33, 64), (64, 32), (60,))]
    chosen.choose(a_plan(widths=(200, 200), max_epochs=30))
    for plan in plans * 20:
        chosen.record(plan, epochs=30)

    assert {chosen.choose(plan).widths for plan in plans} == {(64, 64)}


def test_plans_that_end_early_pay_for_no_further_program() -> None:
    chosen = some_buckets(some_arrays(rows=3_000), Reach(1, 1024, frozenset()))
    chosen.choose(a_plan(widths=(1024,), max_epochs=30))
    plan = a_plan(widths=(32,), max_epochs=30)
    for _ in range(60):
        chosen.choose(plan)
        chosen.record(plan, epochs=1)

    assert chosen.choose(plan).widths == (1024,)


@pytest.mark.parametrize(
    "given",
    [{"batch_size": 32}, {"batch_size": 3}, {"activation": "gelu"}, {"optimizer": "sgd"}],
    ids=str,
)
def test_what_a_program_is_compiled_for_is_never_padded(given: dict[str, Any]) -> None:
    chosen = some_buckets(SMALL)
    usual = shape_of(chosen)

    assert shape_of(chosen, **given) != usual


def test_options_that_no_trial_may_use_are_left_out() -> None:
    chosen = some_buckets(SMALL)

    plain, clipped = shape_of(chosen), shape_of(chosen, clip_norm=1.0)

    assert plain.uses == {"dropout"}
    assert clipped.uses == {"dropout", "clip_norm"}


def test_shallow_plan_needs_its_last_width_in_all_further_layers() -> None:
    program = Shape(1, (64, 32), 16, "relu", "adam")

    assert buckets._holds(program, Shape(1, (32,), 16, "relu", "adam"))
    assert not buckets._holds(program, Shape(1, (64,), 16, "relu", "adam"))


@pytest.mark.parametrize("given", [{"batch_size": 4}, {"optimizer": "adamw"}], ids=str)
def test_what_is_a_run_time_value_needs_no_further_program(given: dict[str, Any]) -> None:
    chosen = some_buckets(SMALL)

    assert shape_of(chosen) == shape_of(chosen, **given)


def test_least_recently_used_program_is_given_up() -> None:
    chosen = Buckets(LARGE, Reach(1, 1024, frozenset()), max_slots_of_cohort=4, max_programs=2)
    for name in ("relu", "tanh", "relu", "gelu"):
        shape_of(chosen, activation=name, widths=(1024,), max_epochs=30)

    # A narrow plan goes to a wide program only where that is there already.
    widths = [
        shape_of(chosen, activation=name, widths=(16,), max_epochs=30).widths
        for name in ("relu", "gelu", "tanh")
    ]

    assert widths == [(1024,), (1024,), (128,)]


def test_wide_networks_have_few_slots() -> None:
    chosen = some_buckets(LARGE)

    slots = [shape_of(chosen, widths=(w,), max_epochs=99).slots for w in (64, 256, 512)]

    assert slots == [4, 2, 1]


def test_search_of_many_shapes_has_few_slots_a_cohort() -> None:
    chosen = some_buckets(LARGE, Reach(3, 512, frozenset(), shapes=168))

    slots = [shape_of(chosen, widths=(w,), max_epochs=99).slots for w in (64, 256, 512)]

    assert slots == [2, 1, 1]


def test_folds_of_a_trial_have_a_slot_each() -> None:
    chosen = Buckets(SMALL, Reach(1, 64, frozenset()), max_slots_of_cohort=4, slots=5)

    assert shape_of(chosen).slots == 5


def test_batch_is_no_larger_than_the_rows_there_are() -> None:
    chosen = some_buckets(SMALL)

    assert shape_of(chosen, batch_size=65_536) == shape_of(chosen, batch_size=90)
