"""What a search tells of itself, of trials with a known answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from lowloss.results import SearchInsights, Trial
from lowloss.spec import JobSpec
from tests.builders.searches import a_spec, by_chance, off, some_trials
from worker.search.insights import summarise_search
from worker.search.insights.importances import MIN_SCORED


def tell(spec: JobSpec, trials: Sequence[Trial]) -> SearchInsights:
    return summarise_search(spec, trials, rows=100, cpu_seconds=2.5)


def test_what_decides_the_score_is_the_most_important() -> None:
    spec = a_spec()
    by_rate = tell(spec, some_trials(spec, lambda h: off(h.learning_rate, 3e-3)))
    by_dropout = tell(spec, some_trials(spec, lambda h: 1 + h.dropout))

    assert by_rate.importances[0].name == "learning_rate"
    assert by_rate.importances[0].share > 0.5
    assert by_dropout.importances[0].name == "dropout"
    for told in (by_rate, by_dropout):
        assert sum(each.share for each in told.importances) == pytest.approx(1.0)
        assert {each.name for each in told.importances} == {
            "learning_rate",
            "layers",
            "width",
            "l2",
            "dropout",
            "patience",
            "batch_size",
            "scale_features",
        }


def test_depth_is_most_important_where_only_linear_networks_are_good() -> None:
    spec = a_spec(search_space={"layers": {"min": 0, "max": 3}})
    trials = some_trials(spec, lambda h: 1.0 if h.widths else 0.1, 100)

    assert tell(spec, trials).importances[0].name == "layers"


def test_narrow_networks_that_diverge_are_a_region_among_linear_ones() -> None:
    width = {"min": 16, "max": 256, "per_layer": False}
    spec = a_spec(search_space={"layers": {"min": 0, "max": 3}, "width": width})
    trials = some_trials(spec, lambda h: None if max(h.widths, default=99) < 64 else 1.0, 200)

    (region,) = tell(spec, trials).diverged

    assert (region.name, region.low) == ("width", 16)


def test_what_decided_stays_important_where_the_search_went_to_it() -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), 40)
    others = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), 2000)[40:]
    near = [trial for trial in others if (trial.score or 0.0) < 1.01]

    told = tell(spec, [*trials, *near])

    assert len(near) > 60
    assert told.importances[0].name == "learning_rate"
    assert told.importances[0].share > 0.5


def test_choice_that_decides_is_the_most_important() -> None:
    spec = a_spec()
    trials = some_trials(
        spec, lambda h: off(h.learning_rate, 3e-3) / 10 + (h.scale_features == "standard")
    )

    assert tell(spec, trials).importances[0].name == "scale_features"


def test_losses_that_exploded_hide_nothing() -> None:
    spec = a_spec()
    trials = some_trials(
        spec, lambda h: 1e12 * h.l2 if h.patience == 30 else off(h.learning_rate, 3e-3), 100
    )

    assert tell(spec, trials).importances[0].name == "learning_rate"


def test_rate_that_makes_trials_diverge_is_important() -> None:
    spec = a_spec()
    noise = np.random.default_rng(0)
    trials = some_trials(
        spec, lambda h: None if h.learning_rate > 0.02 else 1 + 0.1 * noise.random(), 100
    )

    assert tell(spec, trials).importances[0].name == "learning_rate"


def test_few_trials_say_nothing_of_importance_but_how_many_it_takes() -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), MIN_SCORED)

    few, enough = tell(spec, trials[1:]), tell(spec, trials)

    assert (few.importances, few.trials_needed) == ((), MIN_SCORED)
    assert enough.importances
    assert enough.trials_needed is None


def test_equal_scores_say_nothing_of_importance() -> None:
    spec = a_spec()

    assert tell(spec, some_trials(spec, lambda _: 1.0)).importances == ()


FIXED = {
    "learning_rate": 0.01, "layers": 1, "width": 8, "l2": 0.0, "dropout": 0.0, "patience": 5,
    "batch_size": 32,
}  # fmt: skip


def test_space_without_a_choice_says_nothing_of_importance() -> None:
    spec = a_spec(search_space=FIXED, preprocessing={"scale_features": "standard"})
    (trial,) = some_trials(spec, lambda _: 1.0, 1)
    trials = [trial.model_copy(update={"number": n, "score": n / 10}) for n in range(1, 31)]

    told = tell(spec, trials)

    assert (told.importances, told.edges, told.diverged) == ((), (), ())


def test_region_in_which_trials_diverge_is_named() -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: None if h.learning_rate > 0.02 else 1.0, 100)

    (region,) = tell(spec, trials).diverged

    assert region.name == "learning_rate"
    assert region.low is not None
    assert region.high is not None
    assert 0.009 < region.low < region.high <= 0.1
    assert region.failed > 0.5 * region.trials
    assert region.failed_elsewhere == 0


def test_choice_with_which_trials_diverge_is_named() -> None:
    spec = a_spec(search_space={"optimizer": {"choices": ["adam", "sgd"]}})
    trials = some_trials(spec, lambda h: None if h.optimizer == "sgd" else 1.0)

    (region,) = tell(spec, trials).diverged

    assert (region.name, region.choice) == ("optimizer", "sgd")
    assert region.failed == region.trials
    assert region.failed_elsewhere == 0


def test_what_went_along_with_a_region_is_not_blamed() -> None:
    spec = a_spec()
    trials = [
        trial
        for trial in some_trials(spec, lambda h: None if h.learning_rate > 0.02 else 1.0, 400)
        # A search that is bold only where networks are deep.
        if trial.score is not None or trial.hyperparameters.layers == 3
    ]

    assert [region.name for region in tell(spec, trials).diverged] == ["learning_rate"]


def test_second_region_is_counted_without_the_first() -> None:
    spec = a_spec(search_space={"optimizer": {"choices": ["adam", "sgd"]}})
    trials = some_trials(
        spec,
        lambda h: None if h.optimizer == "sgd" or h.learning_rate > 0.0215 else 1.0,
        200,
    )

    first, second = tell(spec, trials).diverged

    assert (first.name, first.choice, first.failed) == ("optimizer", "sgd", first.trials)
    assert second.name == "learning_rate"
    assert second.trials + second.trials_elsewhere == first.trials_elsewhere
    assert second.failed_elsewhere == 0


@pytest.mark.slow
def test_divergence_by_chance_names_no_region() -> None:
    spec = a_spec()

    named = [
        region
        for seed in range(20)
        for region in tell(spec, some_trials(spec, by_chance(seed, lost=0.2))).diverged
    ]

    assert named == []


def test_two_failures_are_no_region() -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: None if h.learning_rate > 0.09 else 1.0, 60)
    lost = [trial for trial in trials if trial.score is None]

    assert 0 < len(lost) < 3
    assert tell(spec, trials).diverged == ()


def test_search_tells_when_it_was_near_its_best_and_what_it_cost() -> None:
    spec = a_spec()
    scores: Iterator[float | None] = iter([5.0, None, 1.005, 3.0, 1.0, 2.0])
    trials = some_trials(spec, lambda _: next(scores), 6)

    told = tell(spec, trials)

    assert [(i.trial, i.score, i.ended, i.epochs) for i in told.improvements] == [
        (1, 5.0, 1, 10),
        (3, 1.005, 3, 30),
        (5, 1.0, 5, 50),
    ]
    assert told.improvements[1].seconds == 3.0
    assert told.trials_to_near_best == 3
    assert (told.consumed.epochs, told.consumed.rows) == (60, 6000)
    assert (told.consumed.trial_seconds, told.consumed.cpu_seconds) == (3.0, 2.5)


def test_objective_that_grows_is_read_upwards() -> None:
    spec = a_spec(objective="val_r2", search_space={"patience": 9})
    trials = some_trials(spec, lambda h: -off(h.learning_rate, 10.0), 100)

    told = tell(spec, trials)

    assert [edge.end for edge in told.edges if edge.name == "learning_rate"] == ["max"]
    assert told.improvements[-1].score == max(t.score for t in trials if t.score is not None)


def test_search_without_a_scored_trial_still_tells_what_it_cost() -> None:
    spec = a_spec()

    told = tell(spec, some_trials(spec, lambda _: None, 5))

    assert (told.importances, told.edges, told.improvements) == ((), (), ())
    assert told.trials_to_near_best is None
    assert told.consumed.epochs == 50
