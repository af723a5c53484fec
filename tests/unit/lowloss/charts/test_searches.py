"""Charts of a search: all its trials, as what they ended as, and on one scale."""

from __future__ import annotations

import pytest

from lowloss.charts.hyperparameters import (
    draw_hyperparameters,
    draw_importances,
    draw_pair,
    draw_space,
    list_comparable,
)
from lowloss.charts.plots import BROAD
from lowloss.charts.scores import has_far_worse
from lowloss.charts.searches import (
    MAX_CURVES,
    draw_best_losses,
    draw_best_so_far,
    draw_convergence,
    draw_curves,
    draw_losses,
    draw_scores,
)
from lowloss.results import HyperparameterImportance, Job, Trial, TrialState
from tests.builders.facts import a_curve, some_facts, some_improvements, some_insights, some_trials
from tests.unit.lowloss.charts.test_charts import parts, texts

TRIALS = some_trials(10, diverged=2)
PRUNED = TRIALS[5].model_copy(update={"state": TrialState.pruned})
ALL = (*TRIALS[:5], PRUNED, *TRIALS[6:])
JOB = some_facts(trials=ALL).job
ADDRESS = "/jobs/job_1/trials"


def test_every_trial_that_ended_has_a_mark_of_its_kind() -> None:
    svg = draw_scores(JOB, ALL).chart

    tips = [mark.get("data-tip", "") for mark in parts(svg, "point") if mark.get("data-tip")]
    assert sorted(int(tip.split()[1].strip(":")) for tip in tips) == list(range(1, 11))
    assert [tip for tip in tips if tip.endswith("pruned")] == ["trial 6: 0.45, pruned"]
    assert [tip for tip in tips if tip.endswith("diverged")] == [
        "trial 9: diverged",
        "trial 10: diverged",
    ]
    assert texts(svg, "tick")[-5:] == [
        "completed",
        "pruned",
        "diverged or failed",
        "the best",
        "best so far",
    ]


def test_trial_numbers_have_no_fractions() -> None:
    svg = draw_scores(JOB, ALL[:3], size=BROAD).chart

    assert {"1", "2", "3"} <= set(texts(svg, "tick"))
    assert "1.5" not in texts(svg, "tick")


def test_marks_lead_to_their_trials_where_these_have_pages() -> None:
    assert f'href="{ADDRESS}/6"' in draw_scores(JOB, ALL, address=ADDRESS).chart
    assert f'href="{ADDRESS}/1"' in draw_space(JOB, ALL, address=ADDRESS).chart
    assert f'href="{ADDRESS}/3"' in draw_curves({3: a_curve(0.2, 9)}, address=ADDRESS)
    for svg in (
        draw_scores(JOB, ALL).chart,
        draw_space(JOB, ALL).chart,
        draw_curves({3: a_curve(0.2, 9)}),
    ):
        assert "href" not in svg


def test_pruned_trials_are_left_out_where_asked() -> None:
    assert "pruned" not in draw_scores(JOB, ALL, pruned=False).chart


def test_ten_thousand_trials_are_all_drawn_and_small() -> None:
    trials = [TRIALS[0].model_copy(update={"number": n, "score": n / 7}) for n in range(1, 10_001)]

    svg = draw_scores(JOB, trials).chart

    (dots,) = parts(svg, "dots")
    assert dots.get("d", "").count("M") + len(svg.split("data-tip")) - 1 == 10_000
    assert len(svg) < 500_000


def test_convergence_is_by_epochs_and_by_time() -> None:
    job = some_facts(outcome={"insights": some_insights(improvements=some_improvements())}).job

    figures = draw_convergence(job, TRIALS)

    assert [texts(figure.chart, "axis")[0] for figure in figures] == ["epochs", "seconds"]
    assert all(len(parts(figure.chart, "point")) == 3 for figure in figures)
    assert "1, 0.5, 0.2" in draw_best_so_far(job.outcome.insights)


def test_hyperparameters_that_differ_have_a_chart_the_most_important_first() -> None:
    importances = (
        HyperparameterImportance(name="width", share=0.6),
        HyperparameterImportance(name="optimizer", share=0.3),
    )
    job = some_facts(outcome={"insights": some_insights(importances=importances)}).job

    charts = draw_hyperparameters(job, TRIALS)

    labels = [texts(chart, "axis")[0] for chart in charts]
    assert labels[:2] == ["widest layer", "optimizer"]
    assert "activation" not in labels
    assert {"adam", "sgd"} <= set(texts(charts[1], "tick"))
    assert texts(draw_importances(job.outcome.insights).chart, "tick")[:2] == ["width", "60 %"]


def test_good_and_bad_trials_lie_by_the_two_that_matter_most() -> None:
    importances = (
        HyperparameterImportance(name="width", share=0.6),
        HyperparameterImportance(name="optimizer", share=0.3),
    )
    job = some_facts(outcome={"insights": some_insights(importances=importances)}).job

    svg = draw_pair(job, TRIALS, address=ADDRESS).chart

    assert texts(svg, "axis") == ["widest layer", "optimizer"]
    assert f'href="{ADDRESS}/1"' in svg
    assert len(parts(svg, "shade-0")) == 2 + 1  # two of eight, and the legend's
    assert draw_pair(JOB, TRIALS).chart == ""


def test_best_losses_share_a_scale_and_begin_with_the_winner() -> None:
    curves = {trial.number: a_curve(0.1 * trial.number, 30) for trial in TRIALS}
    job = some_facts(outcome={"winner": 3}).job

    figures = draw_best_losses(job, TRIALS, curves)

    assert [figure.caption for figure in figures][:2] == ["Trial 3", "Trial 1"]
    assert len(figures) == MAX_CURVES
    assert len({tuple(t.get("y") for t in parts(f.chart, "gridline")) for f in figures}) == 1


def test_losses_have_whole_epochs_and_a_mark_at_the_best() -> None:
    svg = draw_losses(TRIALS[0].model_copy(update={"best_epoch": 2}), a_curve(0.2, 3))

    assert {"1", "2", "3"} <= set(texts(svg, "tick"))
    assert "1.5" not in texts(svg, "tick")
    assert len(parts(svg, "guide")) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_search_without_trials_to_compare_has_no_charts(count: int) -> None:
    trials = ALL[:count]

    assert draw_space(JOB, trials).chart == ""
    assert draw_hyperparameters(JOB, trials) == []
    assert draw_convergence(JOB, trials) == []
    assert bool(draw_scores(JOB, trials).chart) == bool(count)


def test_chosen_trial_is_marked_in_each_chart_whatever_became_of_it() -> None:
    completed, diverged = TRIALS[0], TRIALS[-1]
    assert (completed.state, diverged.score) == (TrialState.completed, None)

    for chosen, marks in ((None, 0), (completed, 1), (diverged, 0)):
        charts = draw_hyperparameters(JOB, ALL, chosen=chosen)

        assert charts
        for chart in charts:
            assert len(parts(chart, "best")) == marks
            assert len(parts(chart, "guide")) == (chosen is not None)


def a_search(objective: str, *scores: float) -> tuple[Job, list[Trial]]:
    """A search of trials with these scores, each with a dropout of its own."""
    trials = []
    for number, score in enumerate(scores, start=1):
        values = TRIALS[0].hyperparameters.model_copy(update={"dropout": number / 50})
        changes = {"number": number, "score": score, "hyperparameters": values}
        trials.append(TRIALS[0].model_copy(update=changes))
    return some_facts(spec={"objective": objective}).job, trials


NEAR = [0.5 + n / 100 for n in range(10)]


@pytest.mark.parametrize(("objective", "far"), [("val_loss", 600.0), ("val_r2", -600.0)])
def test_far_worse_trial_stands_at_the_edge_of_every_axis_of_scores(
    objective: str, far: float
) -> None:
    job, trials = a_search(objective, *NEAR, far)

    for outliers in (False, True):
        charts = [
            draw_scores(job, trials, log=False, outliers=outliers).chart,
            draw_hyperparameters(job, trials, log=False, outliers=outliers)[0],
            draw_space(job, trials, log=False, outliers=outliers).chart,
        ]
        for chart in charts:
            assert ("600" in " ".join(texts(chart, "tick"))) == outliers
        caption = draw_space(job, trials, outliers=outliers).caption
        assert ("Far worse ones" in caption) != outliers
    assert has_far_worse(job, trials)


@pytest.mark.parametrize("scores", [NEAR, [0.5] * 9 + [0.9], [0.1, 0.2, 9.0]])
def test_scores_of_which_none_is_far_are_all_drawn_to_scale(scores: list[float]) -> None:
    job, trials = a_search("val_loss", *scores)

    assert not has_far_worse(job, trials)
    assert "Far" not in draw_scores(job, trials).caption


def test_score_axes_are_logarithmic_where_asked() -> None:
    job, trials = a_search("val_loss", *(n / 10 for n in range(1, 10)))

    for draw in (draw_hyperparameters, draw_space):
        assert draw(job, trials, log=True) != draw(job, trials, log=False)


def test_too_few_completed_trials_are_not_compared() -> None:
    assert list_comparable(TRIALS[:5]) == ()
    assert list_comparable(TRIALS[:6]) == TRIALS[:6]
    assert list_comparable([PRUNED, *TRIALS[:5]]) == ()
