"""Choosing the winner on several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from lowloss.spec import Direction
from tests.builders.trainings import a_plan, a_training
from worker.engine.plans import Plan
from worker.engine.results import TrainingOutcome
from worker.trials.folds import TrainFunction, TrainingResult
from worker.winner.confirm import Confirmed, Finalist, confirm


def the_plan(number: int, seed: int) -> Plan:
    return a_plan(number=number, seed=seed)


def a_run(
    plan: Plan, value: float | None, outcome: TrainingOutcome = TrainingOutcome.completed
) -> TrainingResult:
    return TrainingResult(plan, (a_training(plan, value, outcome),))


def finalists(*numbers: int, seeds: int = 3) -> list[Finalist]:
    return [Finalist(n, tuple(the_plan(n, seed) for seed in range(seeds))) for n in numbers]


class Trainer:
    """Trains by looking results up, and remembers what it was asked for; stops after `most`."""

    def __init__(self, values: dict[tuple[int, int], float | None], most: int = 100) -> None:
        self.values = values
        self.most = most
        self.asked: list[tuple[int, int]] = []
        self.needed: Plan | None = None

    def __call__(self, plans: Sequence[Plan], needed: Plan | None) -> Iterator[TrainingResult]:
        self.needed = needed
        asked = list(plans[: self.most])
        self.asked = [(plan.number, plan.seed) for plan in asked]
        # They end in an order of their own.
        for plan in reversed(asked):
            value = self.values[plan.number, plan.seed]
            outcome = TrainingOutcome.diverged if value is None else TrainingOutcome.completed
            yield a_run(plan, value, outcome)


def choose(
    train: TrainFunction,
    some: list[Finalist],
    *,
    held: dict[int, TrainingResult] | None = None,
    direction: Direction = Direction.min,
) -> Confirmed | None:
    return confirm(
        some,
        held or {},
        direction=direction,
        train=train,
        score=lambda t: t.folds[0].epochs[0].val_loss,
    )


LUCKY: dict[tuple[int, int], float | None] = {
    (1, 0): 0.1,
    (1, 1): 0.9,
    (1, 2): 0.8,
    (2, 0): 0.3,
    (2, 1): 0.2,
    (2, 2): 0.4,
}


def test_winner_is_the_best_on_average_and_exports_its_best_repeat() -> None:
    confirmed = choose(Trainer(LUCKY), finalists(1, 2))

    assert confirmed is not None
    assert (confirmed.winner.plan.number, confirmed.winner.plan.seed) == (2, 1)
    assert [c.trial for c in confirmed.confirmations] == [2, 1]
    assert confirmed.confirmations[0].mean == pytest.approx(0.3)
    assert confirmed.confirmations[0].sd == pytest.approx(0.1)


def test_objective_that_is_maximised_picks_the_highest_mean() -> None:
    confirmed = choose(Trainer(LUCKY), finalists(1, 2), direction=Direction.max)

    assert confirmed is not None
    assert (confirmed.winner.plan.number, confirmed.winner.plan.seed) == (1, 1)


def test_trainings_still_in_memory_are_not_done_again() -> None:
    train = Trainer(LUCKY)

    choose(train, finalists(1, 2), held={1: a_run(the_plan(1, 0), 0.1)})

    assert (1, 0) not in train.asked
    assert len(train.asked) == 5


@pytest.mark.parametrize(
    ("second", "within_noise"), [([0.31, 0.21, 0.41], True), ([5.3, 5.2, 5.4], False)]
)
def test_small_difference_is_called_noise(second: list[float], within_noise: bool) -> None:
    values: dict[tuple[int, int], float | None] = {
        (1, seed): value for seed, value in enumerate([0.3, 0.2, 0.4])
    }
    values |= {(2, seed): value for seed, value in enumerate(second)}

    confirmed = choose(Trainer(values), finalists(1, 2))

    assert confirmed is not None
    assert confirmed.is_within_noise is within_noise


def test_best_finalist_alone_is_trained_to_its_end_in_any_case() -> None:
    train, second = Trainer(LUCKY, most=1), Trainer(LUCKY)

    confirmed = choose(train, finalists(1, 2))
    choose(second, finalists(1, 2), held={1: a_run(the_plan(1, 0), 0.1)})

    assert train.needed == the_plan(1, 0)
    assert confirmed is not None
    assert confirmed.winner.plan.number == 1
    assert confirmed.is_within_noise is None
    # What is in memory needs no training.
    assert second.needed is None


def test_stopped_in_between_it_compares_only_seeds_that_all_have() -> None:
    confirmed = choose(Trainer(LUCKY, most=3), finalists(1, 2))

    assert confirmed is not None
    # Trial 1 has seeds 0 and 1, trial 2 only seed 0.
    assert [c.scores for c in confirmed.confirmations] == [(0.1,), (0.3,)]


def test_held_trial_that_was_cut_short_is_what_there_is_of_it() -> None:
    held = {1: a_run(the_plan(1, 0), 0.1, TrainingOutcome.stopped)}

    confirmed = choose(Trainer(LUCKY, most=0), finalists(1), held=held)

    assert confirmed is not None
    assert confirmed.winner is held[1]


def test_equal_means_without_spread_are_within_noise() -> None:
    same: dict[tuple[int, int], float | None] = dict.fromkeys(LUCKY, 1.0)

    confirmed = choose(Trainer(same), finalists(1, 2))

    assert confirmed is not None
    assert confirmed.is_within_noise is True


def test_setting_that_diverged_on_a_seed_loses_to_one_that_never_did() -> None:
    train = Trainer(LUCKY | {(1, 1): None, (1, 2): None})

    confirmed = choose(train, finalists(1, 2))

    assert confirmed is not None
    assert confirmed.winner.plan.number == 2
    assert [c.scores for c in confirmed.confirmations] == [(0.3, 0.2, 0.4)]


def test_diverged_repeats_do_not_count_where_every_setting_has_one() -> None:
    train = Trainer(LUCKY | {(1, 2): None, (2, 2): None})

    confirmed = choose(train, finalists(1, 2))

    assert confirmed is not None
    assert [c.scores for c in confirmed.confirmations] == [(0.3, 0.2), (0.1, 0.9)]


def test_repeat_that_was_cut_short_does_not_count() -> None:
    train = Trainer(LUCKY)

    def cut_last(plans: Sequence[Plan], needed: Plan | None) -> Iterator[TrainingResult]:
        for ended in train(plans, needed):
            is_cut = ended.plan.seed == 2
            yield a_run(ended.plan, 0.0, TrainingOutcome.stopped) if is_cut else ended

    confirmed = choose(cut_last, finalists(1, 2))

    assert confirmed is not None
    assert {c.trial: c.scores for c in confirmed.confirmations} == {1: (0.1, 0.9), 2: (0.3, 0.2)}


def test_nothing_is_chosen_where_all_diverged() -> None:
    values = dict.fromkeys(LUCKY)

    assert choose(Trainer(dict(values)), finalists(1, 2)) is None
    assert choose(Trainer({}), []) is None
