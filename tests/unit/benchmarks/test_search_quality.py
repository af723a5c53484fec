"""The comparison of searches: what a lookup answers, what it costs, how good a search was."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search_quality.lookup import Answers, Lookup, end_of, load
from benchmarks.search_quality.measures import (
    best_after_seconds,
    best_after_trials,
    mean_over_tables,
    mean_ranks,
    regret,
    seconds_to_reach,
)
from benchmarks.search_quality.simulate import Ended, Limit, Search, TrainingRequest, simulate
from lowloss.spec import SearchSpace
from tests.builders.trainings import a_plan
from worker.engine.plans import Plan

EPOCHS = 4
ENOUGH = Limit(trials=10, seconds=0.0, max_trials=10)


def a_setting(number: int, **given: object) -> Plan:
    return a_plan(
        **{"number": number, "widths": (64,), "learning_rate": 1e-2, "l2": 1e-5, "dropout": 0.1}
        | {"batch_size": 32, "patience": 30, "max_epochs": EPOCHS}
        | given
    )


def a_lookup(curves: Sequence[Sequence[float]], plans: Sequence[Plan] | None = None) -> Lookup:
    """Settings whose epochs cost 1, 2, 3 … seconds."""
    val_loss_SE = np.full((len(curves), EPOCHS), np.nan)
    for row_E, curve in zip(val_loss_SE, curves, strict=True):
        row_E[: len(curve)] = curve
    numbers = range(1, len(curves) + 1)
    return Lookup(
        space=SearchSpace(),
        plans=tuple(plans or [a_setting(n, learning_rate=10.0**-n) for n in numbers]),
        epochs_S=np.array([len(curve) for curve in curves]),
        val_loss_SE=val_loss_SE,
        epoch_seconds_S=np.arange(1.0, len(curves) + 1),
        cpu_seconds=1.0,
    )


class Given:
    """Asks for what it is given; prunes what it is told to."""

    def __init__(self, asked: Sequence[TrainingRequest], prune_at: int | None = None) -> None:
        self.waiting = list(asked)
        self.told: list[Ended] = []
        self.open = self.max_open = 0
        self._prune_at = prune_at

    def ask(self) -> TrainingRequest | None:
        if not self.waiting:
            return None
        self.open += 1
        self.max_open = max(self.open, self.max_open)
        return self.waiting.pop(0)

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        return epoch != self._prune_at

    def tell(self, ended: Ended) -> None:
        self.open -= 1
        self.told.append(ended)

    def close(self) -> None:
        """Holds nothing."""


def test_a_setting_is_answered_by_the_nearest_on_a_logarithmic_scale() -> None:
    lookup = a_lookup([[0.5], [0.4], [0.3]])

    assert lookup.nearest(a_setting(9, learning_rate=2e-3)) == 2
    assert lookup.nearest(a_setting(9, learning_rate=4e-3)) == 1


@pytest.mark.parametrize("other", [{"widths": (64, 64)}, {"batch_size": 128}, {"fold": 1}])
def test_only_settings_of_the_same_kind_answer(other: dict[str, object]) -> None:
    far = a_setting(2, learning_rate=1e-4, **other)
    lookup = a_lookup([[0.5], [0.4]], [a_setting(1), far])

    assert lookup.nearest(dataclasses.replace(far, learning_rate=1e-2)) == 1


def test_widths_are_compared_layer_by_layer() -> None:
    plans = [a_setting(1, widths=(16, 256)), a_setting(2, widths=(256, 16))]
    lookup = a_lookup([[0.5], [0.4]], plans)

    assert lookup.nearest(a_setting(9, widths=(200, 64))) == 1


def test_no_training_answers_for_two_settings_until_all_of_a_kind_have() -> None:
    lookup, plan = a_lookup([[0.5], [0.4]]), a_setting(9, learning_rate=0.1)
    answers = Answers(lookup)
    others = [dataclasses.replace(plan, dropout=share) for share in (0.2, 0.3)]

    found = [answers.answer(each).val_loss_E[0] for each in (plan, *others)]

    assert found == [0.5, 0.4, 0.5]
    assert answers.answer(dataclasses.replace(plan, number=10, patience=3)).val_loss_E[0] == 0.5


def test_a_curve_is_cut_where_the_plans_patience_or_epochs_end_it() -> None:
    lookup = a_lookup([[0.5, 0.6, 0.4, 0.3]])

    assert lookup.curve(0, a_setting(1, patience=1)).val_loss_E.tolist() == [0.5, 0.6]
    assert lookup.curve(0, a_setting(1, patience=2, max_epochs=3)).val_loss_E[-1] == 0.4
    assert len(lookup.curve(0, a_setting(1, patience=2)).val_loss_E) == 4


def test_patience_counts_anew_where_a_training_goes_on() -> None:
    lookup = a_lookup([[0.5, 0.6, 0.6, 0.3]])

    assert len(lookup.curve(0, a_setting(1, patience=2)).val_loss_E) == 3
    assert len(lookup.curve(0, a_setting(1, patience=2), after_epoch=2).val_loss_E) == 4


def test_early_stopping_never_takes_what_is_not_finite_for_better() -> None:
    assert end_of([0.5, math.nan, math.nan], patience=2, max_epochs=9) == 3


def test_a_lookup_is_read_as_it_was_written(tmp_path: Path) -> None:
    lookup = a_lookup([[0.5, 0.4], [0.3]])

    lookup.save(tmp_path / "t.npz")
    read = load(tmp_path / "t.npz")

    assert (read.space, read.plans) == (lookup.space, lookup.plans)
    assert np.array_equal(read.val_loss_SE, lookup.val_loss_SE, equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == ["t.npz"]


def test_a_random_settings_cost_is_the_mean_over_settings_and_patience() -> None:
    falling, flat = [0.4, 0.3, 0.2, 0.1], [0.4, 0.5, 0.5, 0.5]
    lookup = dataclasses.replace(
        a_lookup([falling, flat]), space=SearchSpace(patience={"min": 1, "max": 2})
    )

    assert lookup.mean_seconds == pytest.approx((4 + 4 + 2 * 2 + 2 * 3) / 4)


def test_a_search_costs_what_its_epochs_cost() -> None:
    algorithm = Given([TrainingRequest(a_setting(n, learning_rate=10.0**-n)) for n in (1, 2)])

    search = simulate(algorithm, a_lookup([[0.5, 0.4], [0.6, 0.3, 0.2]]), ENOUGH, open_trials=1)

    assert (search.best, search.seconds) == ((0.4, 0.2), (2.0, 2.0 + 3 * 2.0))
    assert algorithm.told == [Ended(1, 0.4, is_pruned=False), Ended(2, 0.2, is_pruned=False)]


def test_a_pruned_trial_costs_its_epochs_and_is_no_winner() -> None:
    algorithm = Given([TrainingRequest(a_setting(1, learning_rate=0.1))], prune_at=2)

    search = simulate(algorithm, a_lookup([[0.5, 0.4, 0.3]]), ENOUGH, open_trials=1)

    assert (search.best, search.seconds, search.pruned) == ((math.inf,), (2.0,), 1)
    assert algorithm.told == [Ended(1, 0.4, is_pruned=True)]


def test_a_trial_that_ends_by_itself_is_not_pruned() -> None:
    algorithm = Given([TrainingRequest(a_setting(1, learning_rate=0.1))], prune_at=3)

    search = simulate(algorithm, a_lookup([[0.5, 0.4, 0.3]]), ENOUGH, open_trials=1)

    assert (search.best, search.pruned) == ((0.3,), 0)


def test_a_trial_that_diverges_is_told_without_a_score() -> None:
    algorithm = Given([TrainingRequest(a_setting(1, learning_rate=0.1))])

    search = simulate(algorithm, a_lookup([[0.5, math.inf]]), ENOUGH, open_trials=1)

    assert search.best == (math.inf,)
    assert algorithm.told == [Ended(1, None, is_pruned=False)]


def test_a_training_that_goes_on_costs_its_new_epochs_alone() -> None:
    plan = a_setting(1, learning_rate=0.1)
    algorithm = Given(
        [
            TrainingRequest(plan, after_epoch=2),
            TrainingRequest(dataclasses.replace(plan, number=2), 4),
        ]
    )

    search = simulate(algorithm, a_lookup([[0.1, 0.4, 0.3, 0.2]]), ENOUGH, open_trials=1)

    assert (search.best, search.seconds) == ((0.2, 0.2), (2.0, 2.0))


def test_trials_are_open_side_by_side_and_end_by_their_own_pace() -> None:
    asked = [TrainingRequest(a_setting(n, learning_rate=10.0**-n)) for n in (2, 1, 3)]
    algorithm = Given(asked)

    search = simulate(algorithm, a_lookup([[0.5], [0.4], [0.3]]), ENOUGH, open_trials=2)

    assert [ended.number for ended in algorithm.told] == [1, 2, 3]
    assert search.seconds == (1.0, 3.0, 6.0)
    assert algorithm.max_open == 2


def test_a_search_ends_once_it_has_its_trials_and_its_seconds() -> None:
    def trials(limit: Limit) -> int:
        algorithm = Given([TrainingRequest(a_setting(n, learning_rate=0.1)) for n in range(1, 20)])
        return len(simulate(algorithm, a_lookup([[0.5]]), limit, open_trials=1).best)

    assert trials(Limit(trials=3, seconds=0.0, max_trials=9)) == 3
    assert trials(Limit(trials=3, seconds=5.0, max_trials=9)) == 5
    assert trials(Limit(trials=3, seconds=50.0, max_trials=9)) == 9


A_SEARCH = Search((0.5, math.inf, 0.2), (1.0, 2.0, 4.0), 0, 0.0)


def test_the_best_is_that_of_trials_that_have_ended() -> None:
    assert [best_after_trials(A_SEARCH, n) for n in (1, 2, 3)] == [0.5, 0.5, 0.2]
    assert [best_after_seconds(A_SEARCH, s) for s in (0.5, 1, 3.9, 4)] == [math.inf, 0.5, 0.5, 0.2]


def test_a_search_says_nothing_of_what_came_after_it() -> None:
    assert math.isnan(best_after_trials(A_SEARCH, 4))
    assert math.isnan(best_after_seconds(A_SEARCH, 4.5))


def test_the_time_to_a_target_is_that_of_the_first_trial_as_good() -> None:
    assert [seconds_to_reach(A_SEARCH, target) for target in (0.5, 0.2, 0.1)] == [1, 4, math.inf]


def test_regret_is_0_for_the_best_setting_and_1_for_the_median() -> None:
    lookup = a_lookup([[0.2], [0.4], [0.9]])

    assert [regret(best, lookup) for best in (0.2, 0.4, 0.9, math.inf)] == [0, 1, 1, 1]


def test_a_mean_over_tables_lies_within_its_interval() -> None:
    found = mean_over_tables({"a": np.array([0.0, 1.0]), "b": np.array([2.0, 2.0])})

    assert found is not None
    assert (found.mean, found.low, found.high) == (1.25, 1.0, 1.5)
    assert mean_over_tables({"a": np.array([0.0, math.nan])}) is None


def test_ranks_are_over_all_pairs_of_seeds_and_equals_share_theirs() -> None:
    ranks = mean_ranks(
        {
            "good": {"a": np.array([1.0, 1.0])},
            "even": {"a": np.array([1.0])},
            "poor": {"a": np.array([2.0])},
        }
    )

    assert ranks == {"good": 1.5, "even": 1.5, "poor": 3.0}
