"""The model beside the baselines, and in one sentence which of them wins."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.results import Baseline
from lowloss.spec import direction_of
from lowloss.wording import counted, format_number, format_percent, in_words
from worker.artifacts.reports.facts import Facts


@dataclass(frozen=True)
class Contender:
    """A model or a baseline with its metrics of the validation and the test rows."""

    name: str
    is_ours: bool
    validation: dict[str, float]
    test: dict[str, float]


def contenders(facts: Facts) -> tuple[Contender, ...]:
    """Return the model and the baselines, the best on the test rows first."""
    outcome, metric = facts.job.outcome, facts.metric
    ours = Contender("this model", True, outcome.metrics or {}, outcome.test_metrics or {})
    others = (
        Contender(in_words(baseline.name), False, baseline.metrics, baseline.test_metrics)
        for baseline in outcome.baselines
    )
    sign = direction_of(metric).sign
    ranked = sorted(
        [ours, *others], key=lambda baseline: sign * baseline.test.get(metric, sign * 1e308)
    )
    return tuple(ranked)


def metrics_shown(facts: Facts) -> tuple[str, ...]:
    """Return the metrics that are compared, the first by which models are ranked."""
    metrics = facts.job.outcome.test_metrics or {}
    return (facts.metric, *(metric for metric in metrics if metric != facts.metric))


def best_baseline(facts: Facts) -> Baseline | None:
    """Return the baseline that is best on the test rows; None where there is none."""
    metric = facts.metric
    scored = [
        baseline for baseline in facts.job.outcome.baselines if metric in baseline.test_metrics
    ]
    sign = direction_of(metric).sign
    return min(scored, key=lambda baseline: sign * baseline.test_metrics[metric], default=None)


def is_within_interval(facts: Facts, value: float) -> bool:
    """Return whether a value of the metric lies in the test result's interval."""
    low, high = facts.test_intervals.get(facts.metric, (float("inf"), float("-inf")))
    return low <= value <= high


def is_within_noise(facts: Facts, baseline: Baseline) -> bool:
    """Return whether another draw of test rows could turn the model and a baseline around."""
    low, high = (baseline.difference or {}).get(facts.metric, (1.0, 1.0))
    return low <= 0.0 <= high


def verdict(facts: Facts) -> str | None:
    """Say whether the model beats the best baseline, and by how much; None without one."""
    best, metric = best_baseline(facts), facts.metric
    ours = (facts.job.outcome.test_metrics or {}).get(metric)
    if best is None or ours is None:
        return None
    theirs, who = best.test_metrics[metric], in_words(best.name)
    if direction_of(metric).is_better(ours, theirs):
        sentence = (
            f"This model beats every baseline: the best of them, {who}, has "
            f"{in_words(metric)} {format_number(theirs)}{_gap(ours, theirs)}."
        )
    elif ours == theirs:
        sentence = f"The best baseline, {who}, is as good: it has the same {in_words(metric)}."
    else:
        sentence = (
            f"The baseline {who} beats this model: it has {in_words(metric)} "
            f"{format_number(theirs)}{_gap(ours, theirs)}."
        )
    if is_within_noise(facts, best):
        sentence += " The difference is within what another draw of test rows could bring."
    return sentence


def describe_rows(facts: Facts) -> str:
    """Describe how many rows the test result is of."""
    count = (facts.job.outcome.rows or {}).get("test")
    rows = "rows" if count is None else counted(count, "row")
    return f"{rows} that no trial saw"


def _gap(ours: float, theirs: float) -> str:
    """Describe how far the baseline is from the model, where that is a share of its value."""
    if min(ours, theirs) <= 0:
        return ""
    return f", {format_percent(abs(theirs - ours) / ours)} {'more' if theirs > ours else 'less'}"
