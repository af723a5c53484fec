"""What a search tells of itself, of trials with a known answer; and the search as an Optuna study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from lowloss.results import Curve, SearchInsights, Trial, TrialState
from lowloss.spec import JobSpec, SearchSpace
from worker.search.cube import Cube
from worker.search.insights import MIN_SCORED, tell_of_search
from worker.search.space import define_space, to_hyperparameters
from worker.search.study import MOST_VALUES, write_study

Score = Callable[[Any], float | None]
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_spec(**given: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "d", "target": "y"} | given)


def some_trials(spec: JobSpec, score: Score, count: int = 60) -> list[Trial]:
    """Random settings and what they score; one that scores nothing diverged."""
    cube = Cube(define_space(spec))
    points_NU = cube.draw(np.random.default_rng(0), count)
    trials = []
    for number, point_U in enumerate(points_NU, start=1):
        hyperparameters = to_hyperparameters(cube.values(point_U))
        value = score(hyperparameters)
        trials.append(
            Trial(
                number=number,
                state=TrialState.diverged if value is None else TrialState.completed,
                reason="loss_not_finite" if value is None else "early_stopping",
                seed=number,
                hyperparameters=hyperparameters,
                score=value,
                metrics={} if value is None else {"val_loss": value},
                epochs=10,
                best_epoch=None if value is None else 8,
                seconds=0.5,
                attempt=1,
                started_at=START + timedelta(seconds=number),
                finished_at=START + timedelta(seconds=number + 1),
            )
        )
    return trials


def tell(spec: JobSpec, trials: Sequence[Trial]) -> SearchInsights:
    return tell_of_search(spec, trials, rows=100, cpu_seconds=2.5)


def off(value: float, wanted: float) -> float:
    return 1.0 + (math.log10(value) - math.log10(wanted)) ** 2


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


def test_few_trials_say_nothing_of_importance() -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), count=MIN_SCORED - 1)

    assert tell(spec, trials).importances == ()


@pytest.mark.parametrize(
    ("score", "name", "end", "proposal"),
    [
        (
            lambda h: off(h.learning_rate, 10.0),
            "learning_rate",
            "max",
            {"min": 0.00316, "max": 1.0, "scale": "log"},
        ),
        (
            lambda h: off(h.learning_rate, 1e-9),
            "learning_rate",
            "min",
            {"min": 3.16e-06, "max": 0.00316, "scale": "log"},
        ),
        (
            lambda h: 1000.0 - max(h.widths),
            "width",
            "max",
            {"min": 136, "max": 376, "scale": "linear", "step": 16, "per_layer": True},
        ),
    ],
    ids=["rate above", "rate below", "width"],
)
def test_range_that_ends_where_the_best_lie_is_named_with_another(
    score: Score, name: str, end: str, proposal: dict[str, Any]
) -> None:
    spec = a_spec(search_space={"patience": 9})

    (edge,) = tell(spec, some_trials(spec, score, 200)).edges

    assert (edge.name, edge.end) == (name, end)
    if name == "width":
        assert edge.proposal["min"] % 16 == 0
        assert edge.proposal["max"] > 256
    else:
        assert edge.proposal == proposal
    SearchSpace.model_validate({name: edge.proposal})


@pytest.mark.parametrize(
    "score",
    [
        lambda h: off(h.learning_rate, 3e-3),
        lambda h: 1.0 + h.dropout,
        lambda h: float(h.layers),
        lambda h: 1.0 + math.log10(h.l2 / 1e-9),
    ],
    ids=["in the middle", "no dropout", "one layer", "least penalty"],
)
def test_best_in_the_middle_or_at_a_natural_end_is_no_edge(score: Score) -> None:
    spec = a_spec(search_space={"patience": 9})
    trials = some_trials(spec, lambda h: score(h) + 0.01 * abs(max(h.widths) - 128), 100)

    assert tell(spec, trials).edges == ()


def test_lucky_trial_at_an_edge_is_no_edge() -> None:
    spec = a_spec(search_space={"patience": 9})
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), 100)
    highest = max(trials, key=lambda trial: trial.hyperparameters.learning_rate)
    lucky = [t.model_copy(update={"score": 0.1}) if t is highest else t for t in trials]

    assert all(edge.name != "learning_rate" for edge in tell(spec, lucky).edges)


def test_proposals_are_a_space_together() -> None:
    spec = a_spec(search_space={"patience": 9})
    trials = some_trials(spec, lambda h: off(h.learning_rate, 10.0) - max(h.widths) / 20, 300)

    told = tell(spec, trials)

    assert set(told.next_space) == {"learning_rate", "width"}
    SearchSpace.model_validate(told.next_space)


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

    regions = {region.name: region for region in tell(spec, trials).diverged}

    assert regions["optimizer"].choice == "sgd"
    assert regions["optimizer"].failed_elsewhere == 0


def test_divergence_by_chance_names_no_region() -> None:
    spec = a_spec()
    chance = np.random.default_rng(3)
    trials = some_trials(spec, lambda _: None if chance.random() < 0.2 else 1.0, 100)

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
    assert told.near_best_after == 3
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
    assert told.near_best_after is None
    assert told.consumed.epochs == 50


def test_study_opens_in_optuna_with_the_same_best_trial(tmp_path: Path) -> None:
    spec = a_spec()
    trials = some_trials(
        spec, lambda h: None if h.learning_rate > 0.05 else off(h.learning_rate, 3e-3)
    )
    trials[0] = trials[0].model_copy(update={"state": TrialState.pruned})
    curve = Curve(val_loss=(None, *(1.0 / epoch for epoch in range(2, 101))))

    write_study(tmp_path / "study.db", "job_1", spec, trials, {2: curve})

    study = optuna.load_study(study_name="job_1", storage=f"sqlite:///{tmp_path / 'study.db'}")
    best = min((t for t in trials[1:] if t.score is not None), key=lambda trial: trial.score or 0.0)
    assert study.best_trial.user_attrs["number"] == best.number
    assert study.best_params["learning_rate"] == best.hyperparameters.learning_rate
    assert study.trials[0].state.name == "PRUNED"
    assert {t.state.name for t in study.trials} == {"COMPLETE", "PRUNED", "FAIL"}
    kept = study.trials[1].intermediate_values
    assert len(kept) <= MOST_VALUES
    assert kept[100] == 0.01
    study._storage.remove_session()


def test_width_of_an_absent_layer_is_no_parameter_of_the_study(tmp_path: Path) -> None:
    spec = a_spec()
    trials = some_trials(spec, lambda _: 1.0, 10)

    write_study(tmp_path / "study.db", "job_1", spec, trials, {})

    study = optuna.load_study(study_name="job_1", storage=f"sqlite:///{tmp_path / 'study.db'}")
    for ours, theirs in zip(trials, study.trials, strict=True):
        widths = [theirs.params.get(f"width_{layer}") for layer in (1, 2, 3)]
        assert [w for w in widths if w is not None] == list(ours.hyperparameters.widths)
    study._storage.remove_session()
