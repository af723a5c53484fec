"""Timelines: trials side by side where they ran at the same time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lowloss.charts.timelines import MAX_TIPS, choose_time_unit, draw_timeline
from lowloss.results import Trial, TrialState
from tests.builders.facts import START, some_trials
from tests.unit.lowloss.charts.test_charts import parts, texts

(TRIAL,) = some_trials(1, diverged=0)


def a_trial(number: int, begin: float, end: float | None, state: TrialState) -> Trial:
    return TRIAL.model_copy(
        update={
            "number": number,
            "state": state,
            "started_at": START + timedelta(seconds=begin),
            "finished_at": None if end is None else START + timedelta(seconds=end),
        }
    )


def test_trials_at_the_same_time_lie_below_each_other() -> None:
    trials = [
        a_trial(1, 0, 10, TrialState.completed),
        a_trial(2, 1, 5, TrialState.pruned),
        a_trial(3, 5, 9, TrialState.diverged),
        a_trial(4, 12, None, TrialState.running),
    ]

    svg = draw_timeline(trials, now=START + timedelta(seconds=20), address="/jobs/j/trials").chart

    spans = [mark for mark in parts(svg, "span") if mark.get("d")]
    heights = [mark.get("d", "").split()[1].split("h")[0] for mark in spans]
    widths = [float(mark.get("d", "").split("h")[1]) for mark in spans]
    assert heights[0] == heights[3] != heights[1] == heights[2]
    assert widths[0] / widths[3] == pytest.approx(10 / 8, rel=0.01)
    assert 'href="/jobs/j/trials/2"' in svg
    assert "trial 4: running, 8 s" in svg
    assert texts(svg, "tick")[-4:] == ["running", "completed", "pruned", "diverged"]


def test_timeline_of_many_trials_names_the_last_ones() -> None:
    count = MAX_TIPS + 20
    trials = [a_trial(n, n, n + 1, TrialState.completed) for n in range(1, count + 1)]

    svg = draw_timeline(trials, now=START).chart

    silent, *named = [mark for mark in parts(svg, "span") if mark.get("d")]
    assert silent.get("d", "").count("M") == 20
    assert len(named) == MAX_TIPS
    assert f"trial {count}: " in svg


def test_search_without_trials_has_no_timeline() -> None:
    assert draw_timeline([], now=START).chart == ""


def test_unit_of_time_grows_with_the_search() -> None:
    assert [choose_time_unit(seconds)[0] for seconds in (60, 3600, 86_400)] == [
        "seconds",
        "minutes",
        "hours",
    ]
