"""What stands out in a job: a sentence for each thing, and silence where there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import pytest

from lowloss.results import (
    Cause,
    Confirmation,
    Curve,
    DivergedRegion,
    Edge,
    FinalGain,
    Histogram,
    Requested,
    Trial,
    TrialState,
)
from lowloss.spec import Task
from tests.builders.diagnoses import a_diagnosis, a_finding
from tests.builders.facts import (
    METRICS,
    a_category,
    a_number,
    some_baselines,
    some_facts,
    some_insights,
    some_trials,
)
from worker.artifacts.reports.comparison import verdict
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.remarks import remarks


def plain_trials(**hyperparameters: Any) -> tuple[Trial, ...]:
    """Trials in the middle of every range, or as given."""
    middle = {
        "learning_rate": 0.003, "layers": 2, "widths": (128, 64), "l2": 1e-5, "dropout": 0.25,
        "patience": 20, "batch_size": 32, "optimizer": "adam",
    }  # fmt: skip
    return tuple(
        trial.model_copy(
            update={
                "hyperparameters": trial.hyperparameters.model_copy(update=middle | hyperparameters)
            }
        )
        for trial in some_trials(10, diverged=0)
    )


def plain_facts(
    task: Task = Task.regression, *, spec: dict[str, Any] | None = None, **given: Any
) -> Facts:
    """Facts of a job that asks for one network and has it."""
    spec = {"final": {"refit": False, "members": 1}} | (spec or {})
    plain = {"trials": plain_trials(), "columns": (a_number("x"),)}
    return some_facts(task, spec=spec, **plain | given)


def test_nothing_is_said_where_nothing_stands_out() -> None:
    assert remarks(plain_facts()) == ()


def an_edge(name: str, end: Literal["min", "max"], value: float) -> Edge:
    return Edge(name=name, end=end, limit=value, value=value, proposal={"min": 1, "max": 2})


def a_region(**given: Any) -> DivergedRegion:
    counts = {"failed": 5, "trials": 6, "failed_elsewhere": 0, "trials_elsewhere": 40}
    return DivergedRegion(name="learning_rate", **counts | given)


def a_gain(**given: Any) -> FinalGain:
    values = {"refit": True, "members": 3, "before": {"rmse": 1.5}, "after": {"rmse": 1.25}}
    return FinalGain.model_validate(values | given)


def worse(metrics: dict[str, float]) -> dict[str, Any]:
    return {"test_metrics": METRICS[Task.regression] | metrics}


CASES: dict[str, Callable[[], Facts]] = {
    "The baseline mean of the target is better on the test rows: RMSE 1 against 1.25. Whether that is chance was not tested.": lambda: (
        plain_facts(outcome={"baselines": some_baselines(Task.regression, 0.8)})
    ),
    "The best baseline, mean of the target, is within noise of the model": lambda: plain_facts(
        outcome={
            "baselines": some_baselines(Task.regression, 1.1, {"rmse": (-0.3, 0.1)}),
        },
    ),
    "The test result is much worse than the validation result: RMSE 1.75 against 1.25.": lambda: (
        plain_facts(outcome=worse({"rmse": 1.75}))
    ),
    "The winner, trial 1, is within seed noise of the runner-up, trial 2": lambda: plain_facts(
        outcome={"within_noise": True}
    ),
    "The winner was not confirmed: it was compared on one seed, not on 3": lambda: plain_facts(
        outcome={"confirmations": (Confirmation(trial=1, scores=(0.2,), mean=0.2, sd=0.0),)}
    ),
    "The model overfits: where its validation loss is least, 0.4, the training loss is 0.1": lambda: plain_facts(
        curves={1: Curve(loss=(0.1,) * 30, val_loss=(0.4,) * 30, penalised_loss=(0.1,) * 30)}
    ),
    "2 trials of 10 (20 %) diverged": lambda: plain_facts(
        trials=(
            *plain_trials()[:8],
            *(t.model_copy(update={"state": TrialState.diverged, "score": None}) for t in plain_trials()[8:]),
        )
    ),
    "the winner's best epoch is the last one allowed, 30. Raise budget.max_epochs.": lambda: (
        plain_facts(spec={"budget": {"max_epochs": 30}})
    ),
    "learning_rate 0.1 (of at most 0.1), width 16 (of at least 16)": lambda: plain_facts(
        outcome={"insights": some_insights(edges=(an_edge("learning_rate", "max", 0.1), an_edge("width", "min", 16)))}
    ),
    "Trials diverged or failed where learning_rate is from 0.03 to 0.1: 5 of 6 there, 0 of 40 elsewhere.": lambda: (
        plain_facts(outcome={"insights": some_insights(diverged=(a_region(low=0.03, high=0.1),))})
    ),
    "Trials diverged or failed where learning_rate is sgd": lambda: (
        plain_facts(outcome={"insights": some_insights(diverged=(a_region(choice="sgd"),))})
    ),
    "300 rows of 1,200 have no 'price' and were left out.": lambda: with_target(missing=300),
    "Many values are missing in 'x' (50 %).": lambda: plain_facts(columns=(a_number("x", missing=600),)),
    "The model is the mean of 3 networks of 2 trials, refitted on all rows but the test rows: that improves RMSE on "
    "the test rows, from 1.5 to 1.25.": lambda: plain_facts(outcome={"final_gain": a_gain(trials=(4, 4, 1))}),
    "The model is the mean of 5 networks, 2 of them linear and the others of 2 trials, refitted on": lambda: (
        plain_facts(outcome={"final_gain": a_gain(members=5, trials=(4, 4, 1, 0, 0))})
    ),
    "The model is the mean of 3 networks, all of them linear, refitted on": lambda: (
        plain_facts(outcome={"final_gain": a_gain(trials=(0, 0, 0))})
    ),
    "The model is the mean of 3 networks, refitted on all rows but the test rows: that worsens RMSE": lambda: (
        plain_facts(outcome={"final_gain": a_gain(trials=(4, 4, 4), before={"rmse": 1.0})})
    ),
    "The model is the best run of trial 1, trained on the training rows. It was to be 8 networks, refitted on all rows "
    "but the test rows, but either no time was left for more (raise budget.max_seconds), or their trainings failed.": (
        lambda: plain_facts(spec={"final": {}})
    ),
    "The model is one network, refitted on all rows but the test rows: that worsens RMSE on the test rows, from 1 to "
    "1.25, and the first lies within the second's 95 % interval.": lambda: plain_facts(
        outcome={
            "final_gain": a_gain(members=1, trials=(4,), before={"rmse": 1.0}),
            "test_intervals": {"rmse": (0.9, 1.6)},
        }
    ),
    "The network leaves inputs out: it sees 1 of 2 columns (outcome.seen_by); these are 'a'.": lambda: plain_facts(
        outcome={"seen_by": {"a": 1, "b": 0}}
    ),
    "There are only 40 test rows: the test result is uncertain.": lambda: plain_facts(
        outcome={"rows": {"train": 720, "validation": 240, "test": 40}}
    ),
}  # fmt: skip


def with_target(**given: Any) -> Facts:
    facts = plain_facts()
    profile = (*facts.dataset.profile[:-1], facts.target.model_copy(update=given))
    dataset = facts.dataset.model_copy(update={"profile": profile})
    return dataclasses.replace(facts, dataset=dataset)


@pytest.mark.parametrize("told", CASES)
def test_what_stands_out_is_said_once(told: str) -> None:
    found = remarks(CASES[told]())

    assert len(found) == 1
    assert told in found[0]


def test_gain_of_a_model_that_was_trained_once_more_is_that_of_the_one_before() -> None:
    outcome = {"final_gain": a_gain(), "all_rows_refit": "complete"}

    assert any(
        remark.startswith("The model that was scored is the mean of")
        for remark in remarks(plain_facts(outcome=outcome))
    )


def test_model_of_a_cancelled_job_with_some_of_its_networks_says_so() -> None:
    gain = a_gain(members=2, trials=(1, 1), refit=False)
    facts = plain_facts(spec={"final": {"refit": False}}, outcome={"final_gain": gain})
    job = facts.job.model_copy(update={"requested": Requested.cancel})

    assert (
        "The model has 2 of the 8 networks that were to be trained: either the job was cancelled "
        "before that, or no time was left for more (raise budget.max_seconds), or a training failed."
    ) in remarks(dataclasses.replace(facts, job=job))


def test_model_that_was_not_refitted_is_not_compared_with_a_baseline_of_more_rows() -> None:
    baselines = some_baselines(Task.regression, 0.8, {"rmse": (0.1, 0.4)})
    of_fewer_rows = plain_facts(spec={"final": {}}, outcome={"baselines": baselines})
    refitted = plain_facts(outcome={"baselines": baselines, "final_gain": a_gain()})

    assert remarks(of_fewer_rows)[0].endswith(
        "RMSE 1 against 1.25. It has the validation rows to learn from, too, which the model has "
        "not, as it was not refitted."
    )
    assert remarks(refitted)[0].endswith("Use it, or search longer or wider.")


def test_columns_that_all_and_no_networks_see_are_counted() -> None:
    seen_by = {f"x{number:02}": 3 for number in range(22)} | {"y": 1, "z": 0}

    said = remarks(plain_facts(outcome={"final_gain": a_gain(), "seen_by": seen_by}))

    assert (
        "The model's 3 networks leave inputs out: of 24 columns none sees 1, and all see 22 "
        "(outcome.seen_by); these are 'x00', "
    ) in "".join(said)
    assert "'x18', 'x19' and 2 more." in "".join(said)


def test_gain_that_rounding_makes_is_none() -> None:
    gain = a_gain(before={"rmse": 1.5}, after={"rmse": 1.4999})

    (remark,) = remarks(plain_facts(outcome={"final_gain": gain}))

    assert "that hardly changes RMSE on the test rows, from 1.5 to 1.5." in remark


def test_classes_that_are_told_apart_have_no_remark_on_smaller_differences() -> None:
    tiny = METRICS[Task.binary] | {"log_loss": 0.0007}
    better = some_baselines(Task.binary)[0].model_copy(
        update={"test_metrics": tiny | {"log_loss": 2e-5}}
    )
    outcome = {
        "metrics": tiny | {"log_loss": 6e-8},
        "test_metrics": tiny,
        "baselines": (better,),
        "final_gain": a_gain(before={"log_loss": 5e-8}, after={"log_loss": 0.0007}),
    }

    first, *others = remarks(plain_facts(Task.binary, outcome=outcome))

    assert first.startswith("The classes are told apart: the log loss of the ")
    assert not [one for one in others if "log loss" in one]
    assert "baseline" not in first


def test_rare_class_is_named() -> None:
    facts = plain_facts(Task.binary)
    target = a_category("price", ["no", "yes"])
    levels = (
        target.levels[0].model_copy(update={"rows": 1150}),
        target.levels[1].model_copy(update={"rows": 50}),
    )
    dataset = facts.dataset.model_copy(
        update={"profile": (a_number("x"), target.model_copy(update={"levels": levels}))}
    )

    found = remarks(dataclasses.replace(facts, dataset=dataset))

    assert len(found) == 1
    assert "few are 'yes' (4.2 %)" in found[0]


@pytest.mark.parametrize(
    "trials",
    [
        plain_trials(layers=1),
        plain_trials(dropout=0.0),
        plain_trials(batch_size=128),
    ],
)
def test_edges_beyond_which_there_is_nothing_are_not_told(trials: tuple[Trial, ...]) -> None:
    assert remarks(plain_facts(trials=trials)) == ()


NOT_TESTED = "; whether that is chance was not tested."
NOISE = " The difference is within what another draw of test rows could bring."


@pytest.mark.parametrize(
    ("task", "factor", "difference", "told"),
    [
        (Task.regression, 1.5, (-0.9, -0.3), "This model beats the best baseline, mean of the target, which has RMSE 1.875, 50 % more."),
        (Task.regression, 0.8, (0.1, 0.4), "The baseline mean of the target beats this model: it has RMSE 1, 20 % less."),
        (Task.regression, 1.5, (-0.9, 0.1), "The best baseline, mean of the target, has RMSE 1.875, 50 % more." + NOISE),
        (Task.regression, 1.5, None, "On these rows this model is better than the best baseline, mean of the target, which has RMSE 1.875, 50 % more" + NOT_TESTED),
        (Task.regression, 0.8, None, "On these rows this model is worse than the best baseline, mean of the target, which has RMSE 1, 20 % less" + NOT_TESTED),
        (Task.binary, 1.0, None, "The best baseline, mean of the target, is as good: it has the same log loss."),
    ],
)  # fmt: skip
def test_verdict_says_who_wins_where_an_interval_says_so(
    task: Task, factor: float, difference: tuple[float, float] | None, told: str
) -> None:
    intervals = None if difference is None else {"rmse": difference}
    facts = some_facts(task, outcome={"baselines": some_baselines(task, factor, intervals)})

    assert verdict(facts) == told


def test_metric_of_the_objective_decides_and_more_may_be_better() -> None:
    facts = some_facts(
        Task.binary,
        spec={"objective": "val_accuracy"},
        outcome={"baselines": some_baselines(Task.binary, 0.5, {"accuracy": (-0.1, -0.01)})},
    )

    assert verdict(facts) == (
        "The baseline mean of the target beats this model: it has accuracy 0.95, 5.6 % more."
    )


def test_winner_that_was_not_confirmed_says_why() -> None:
    alone = (Confirmation(trial=1, scores=(0.2,), mean=0.2, sd=0.0),)
    facts = plain_facts(outcome={"confirmations": alone})
    cancelled = facts.job.model_copy(update={"requested": Requested.cancel})

    (plain,) = remarks(facts)
    (of_cancelled,) = remarks(dataclasses.replace(facts, job=cancelled))

    assert "no time was left" in plain
    assert "cancelled" not in plain
    assert "either the job was cancelled before that, or no time was left" in of_cancelled


def test_trial_of_score_0_is_the_best_where_less_is_better() -> None:
    worst, best = plain_trials()[:2]
    best = best.model_copy(update={"score": 0.0})

    facts = plain_facts(trials=(worst, best))

    assert facts.ranked_trials == (best, worst)


def test_baselines_that_are_missing_or_not_complete_are_named() -> None:
    _, baseline, *_ = some_baselines(Task.regression, 1.5)
    partial = baseline.model_copy(update={"note": "20 of 100 iterations, since its 4 s were up"})
    missing = {"gradient_boosting": "it failed: " + "x" * 1_000}

    said = remarks(plain_facts(outcome={"baselines": (partial,), "missing_baselines": missing}))

    assert any(
        sentence.endswith("it has 20 of 100 iterations, since its 4 s were up.")
        for sentence in said
    )
    (left_out,) = (sentence for sentence in said if "was left out" in sentence)
    assert left_out.startswith("The baseline gradient boosting was left out: it failed: xx")
    assert len(left_out) < 300


def test_codes_that_a_first_try_wants_as_categories_are_named_unless_they_are_such() -> None:
    codes = a_finding(Cause.codes_as_numbers, columns=("shop", "city"))
    facts = plain_facts(diagnosis=a_diagnosis(findings=(codes,)))

    (said,) = remarks(facts)

    assert "each value of 'shop', 'city' has a column of its own" in said
    assert 'features.categorical=["shop", "city"]' in said
    spec = facts.job.search
    features = spec.features.model_copy(update={"categorical": ("shop", "city")})
    job = facts.job.model_copy(update={"spec": spec.model_copy(update={"features": features})})
    assert remarks(dataclasses.replace(facts, job=job)) == ()


def test_codes_are_named_with_how_the_winner_took_them() -> None:
    codes = a_finding(Cause.codes_as_numbers, columns=("shop",))
    facts = plain_facts(diagnosis=a_diagnosis(findings=(codes,)))
    settings = facts.winner.hyperparameters.model_copy(update={"scale_features": "piecewise"})
    winner = facts.winner.model_copy(update={"hyperparameters": settings})

    assert "this search took them for numbers" in remarks(facts)[0]
    told_apart = remarks(dataclasses.replace(facts, trials=(winner,)))[0]
    assert "this search told their values apart by bins" in told_apart


@pytest.mark.parametrize(
    ("counts", "low", "log_target", "is_said"),
    [
        ((900, 80, 15, 4, 1), 0.0, False, True),
        ((900, 80, 15, 4, 1), -5.0, False, False),
        ((900, 80, 15, 4, 1), 0.0, "auto", False),
        ((900, 80, 15, 4, 1), 0.0, True, False),
        ((100, 200, 300, 200, 100), 0.0, False, False),
        ((1, 4, 15, 80, 900), 0.0, False, False),
    ],
)
def test_skewed_target_is_told_with_its_logarithm(
    counts: tuple[int, ...], low: float, log_target: bool | str, is_said: bool
) -> None:
    histogram = Histogram(edges=tuple(low + 10.0 * i for i in range(6)), counts=counts)
    facts = plain_facts(spec={"preprocessing": {"log_target": log_target}})
    target = facts.target.model_copy(update={"histogram": histogram, "min": low})
    profile = (*facts.dataset.profile[:-1], target)
    dataset = facts.dataset.model_copy(update={"profile": profile})

    sentences = remarks(dataclasses.replace(facts, dataset=dataset))

    assert any("preprocessing.log_target=auto" in sentence for sentence in sentences) == is_said
    assert len(sentences) == is_said
