"""The model beside the baselines, and in one sentence which of them wins."""

from __future__ import annotations

from dataclasses import dataclass

from lowloss.results import Baseline
from lowloss.spec import direction_of
from lowloss.wording import counted, format_metric, format_percent, in_words
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
    interval = interval_of_difference(facts, baseline)
    return interval is not None and interval[0] <= 0.0 <= interval[1]


def interval_of_difference(facts: Facts, baseline: Baseline) -> tuple[float, float] | None:
    """Return the interval of the model's metric less a baseline's; None where none was drawn."""
    return (baseline.difference or {}).get(facts.metric)


def verdict(facts: Facts) -> str | None:
    """Compare the model with the best baseline; None without one.

    One beats the other where the interval of their difference says so.
    """
    best, metric = best_baseline(facts), facts.metric
    ours = (facts.job.outcome.test_metrics or {}).get(metric)
    if best is None or ours is None:
        return None
    theirs, who, name = best.test_metrics[metric], in_words(best.name), in_words(metric)
    if ours == theirs:
        return f"The best baseline, {who}, is as good: it has the same {name}."
    their_metric = f"{name} {format_metric(theirs, metric)}{_gap(ours, theirs)}"
    is_better = direction_of(metric).is_better(ours, theirs)
    if interval_of_difference(facts, best) is None:
        order = "is better than" if is_better else "is worse than"
        return (
            f"On these rows this model {order} the best baseline, {who}, which has {their_metric}; "
            "whether that is chance was not tested."
        )
    if is_within_noise(facts, best):
        return (
            f"The best baseline, {who}, has {their_metric}. The difference is within what another "
            "draw of test rows could bring."
        )
    if is_better:
        return f"This model beats the best baseline, {who}, which has {their_metric}."
    return f"The baseline {who} beats this model: it has {their_metric}."


def describe_rows(facts: Facts) -> str:
    """Describe how many rows the test result is of."""
    count = (facts.job.outcome.rows or {}).get("test")
    rows = "rows" if count is None else counted(count, "row")
    return f"{rows} that no trial saw"


def describe_baselines(facts: Facts) -> str:
    """Describe what the baselines were fitted on, and where the model was trained on fewer rows."""
    is_refit = facts.job.search.final.refit
    rows = "fitted on the training rows, or a random part of very many"
    if is_refit:
        rows += "; those that the test rows judge, on the validation rows, too"
        if facts.job.outcome.final_gain is None:
            rows += ", from which this model did not learn"
    return rows


def _gap(ours: float, theirs: float) -> str:
    """Describe how far the baseline is from the model, where that is a share of its value."""
    if min(ours, theirs) <= 0:
        return ""
    return f", {format_percent(abs(theirs - ours) / ours)} {'more' if theirs > ours else 'less'}"
