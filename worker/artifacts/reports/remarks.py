"""What stands out in a finished job: plain sentences from what was measured, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lowloss.results import Cause, Curve, DivergedRegion, Histogram, TrialState
from lowloss.results.trials import JOB_ENDED
from lowloss.spec import Direction, Task, direction_of
from lowloss.wording import (
    clipped,
    counted,
    format_loss,
    format_metric,
    format_number,
    format_percent,
    format_rough,
    format_setting,
    in_words,
    list_first,
)
from worker.artifacts.reports.comparison import (
    best_baseline,
    interval_of_difference,
    is_within_interval,
    is_within_noise,
)
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.networks import (
    gain_of_networks,
    missing_networks,
    reasons,
    seen_columns,
)
from worker.data.target import SKEWED, skewness

WORSE_SHARE = 0.2
"""By how much of its error a test result may be worse than the validation result."""
CLEAR_GAP = 0.02
"""Shares that differ by less, such as 0.99 and 0.98, are as good as equal."""
OVERFIT_RATIO = 0.5
"""A training loss below this part of the validation loss is far below it."""
FAILED_SHARE = 0.1
LAST_EPOCH_SHARE = 0.25
RARE_CLASS = 0.2
"""A class with less than this part of its fair share of the rows is rare."""
MISSING_SHARE = 0.2
FEW_TEST_ROWS = 100
SHOWN = 5
MAX_REASON = 200
"""Characters of an error's text that are shown."""


def remarks(facts: Facts) -> tuple[str, ...]:
    """Return remarks on a job, the gravest first; none where nothing stands out."""
    separated = tuple(_separated(facts))
    # Of losses as small as that one differs from another by the luck of a row.
    of_losses = () if separated else (_worse_on_test(facts), _overfit(facts))
    parts = (
        separated or _baseline(facts),
        _codes(facts),
        _incomplete_baselines(facts),
        *of_losses,
        _better_earlier(facts),
        _unsure_winner(facts),
        _unconfirmed_winner(facts),
        missing_networks(facts),
        () if separated else gain_of_networks(facts),
        seen_columns(facts),
        _ended_badly(facts),
        _last_epoch(facts),
        _edges(facts),
        _imbalance(facts),
        _skewed_target(facts),
        _missing(facts),
        _few_rows(facts),
    )
    return tuple(sentence for part in parts for sentence in part)


def search_remarks(facts: Facts) -> tuple[str, ...]:
    """Return what kept losses high during the search, and what its model says of the noise."""
    parts = (
        _ended_badly(facts),
        _last_epoch(facts),
        _edges(facts),
        _overfit(facts),
        _noise_below_estimate(facts),
    )
    return tuple(sentence for part in parts for sentence in part)


def _baseline(facts: Facts) -> Iterator[str]:
    best, metric = best_baseline(facts), facts.metric
    ours = (facts.job.outcome.test_metrics or {}).get(metric)
    if best is None or ours is None:
        return
    theirs = best.test_metrics[metric]
    pair = f"{format_metric(theirs, metric)} against {format_metric(ours, metric)}"
    if not direction_of(metric).is_better(ours, theirs):
        is_in_doubt = is_within_noise(facts, best)
        advice = "Use it, or search longer or wider."
        if facts.job.outcome.final_gain is None and facts.job.search.final.refit:
            advice = (
                "It has the validation rows to learn from, too, which the model has not, as it was "
                "not refitted."
            )
        elif is_in_doubt:
            advice = "Other test rows might turn the two around; a longer or wider search may help."
        elif interval_of_difference(facts, best) is None:
            advice = "Whether that is chance was not tested."
        yield (
            f"The baseline {in_words(best.name)} is {'better' if theirs != ours else 'as good'} on "
            f"the test rows{', within noise' if is_in_doubt else ''}: {in_words(metric)} {pair}. "
            f"{advice}"
        )
    elif is_within_noise(facts, best):
        yield (
            f"The best baseline, {in_words(best.name)}, is within noise of the model: "
            f"{in_words(metric)} {pair}, and other test rows might have turned the two around."
        )


def _codes(facts: Facts) -> Iterator[str]:
    """Say that columns of codes do better as categories, where a first try measured that."""
    is_piecewise = facts.winner.hyperparameters.scale_features == "piecewise"
    how = "told their values apart by bins" if is_piecewise else "took them for numbers"
    harmful = facts.diagnosis.harmful if facts.diagnosis is not None else ()
    taken = facts.job.search.features.categorical
    for finding in harmful:
        names = [name for name in finding.columns if name not in taken]
        if finding.cause is Cause.codes_as_numbers and names:
            listed = ", ".join(f'"{name}"' for name in names)
            yield (
                f"A first try does better where each value of {list_first(names, SHOWN, repr)} has "
                f"a column of its own: this search {how}. Submit it again with "
                f"features.categorical=[{listed}]."
            )


def _better_earlier(facts: Facts) -> Iterator[str]:
    """Say that a job from which this one learned has a better trial on the same rows."""
    spec, sign = facts.job.search, facts.job.search.objective.direction.sign
    bests = [
        (sign * trial.score, job.id)
        for job in facts.earlier
        if job.compares_with(spec) and job.spec.split_seed == spec.split_seed
        for trial in job.trials
        if trial.state is TrialState.completed and trial.score is not None
    ]
    ours = min((sign * t.score for t in facts.completed if t.score is not None), default=None)
    if not bests or ours is None or min(bests)[0] >= ours:
        return
    (best, job_id), name = min(bests), spec.objective.value
    yield (
        f"The best trial of {job_id}, from which this search learned, is better on the same rows: "
        f"{name} {format_metric(sign * best, name)} against {format_metric(sign * ours, name)}. "
        "Its model is no candidate here: use that, or continue it with more time or trials."
    )


def _separated(facts: Facts) -> Iterator[str]:
    """Say that classes are told apart, where all test rows cost less than one costs by itself."""
    outcome, metric = facts.job.outcome, facts.metric
    loss, rows = (outcome.test_metrics or {}).get(metric), (outcome.rows or {}).get("test")
    if metric == "log_loss" and loss is not None and rows and loss < 1 / rows:
        yield (
            f"The classes are told apart: the log loss of the {counted(rows, 'test row')} is "
            f"{format_number(loss)}, less than a single row costs that gets a probability of 0.37 "
            f"({format_number(1 / rows)} of the mean). Smaller differences say nothing."
        )


def _incomplete_baselines(facts: Facts) -> Iterator[str]:
    outcome = facts.job.outcome
    for baseline in outcome.baselines:
        if baseline.note:
            yield f"The baseline {in_words(baseline.name)} is not complete: it has {baseline.note}."
    for missing, reason in outcome.missing_baselines.items():
        yield f"The baseline {in_words(missing)} was left out: {clipped(reason, MAX_REASON)}."


def _worse_on_test(facts: Facts) -> Iterator[str]:
    metric, outcome = facts.metric, facts.job.outcome
    seen, test = (outcome.metrics or {}).get(metric), (outcome.test_metrics or {}).get(metric)
    if seen is None or test is None or is_within_interval(facts, seen):
        return
    lower = direction_of(metric) is Direction.min
    error_seen, error_test = (seen, test) if lower else (1 - seen, 1 - test)
    is_clear = lower or error_test - error_seen > CLEAR_GAP
    if is_clear and error_test > (1 + WORSE_SHARE) * error_seen:
        yield (
            f"The test result is much worse than the validation result: {in_words(metric)} "
            f"{format_metric(test, metric)} against {format_metric(seen, metric)}. Many trials "
            "were ranked by the validation rows, which favours the lucky; the test result is the "
            "one to expect."
        )


def _overfit(facts: Facts) -> Iterator[str]:
    curve = facts.curves.get(facts.winner.number, Curve())
    pairs = zip(curve.val_loss, curve.loss, strict=True)
    finite = [(loss, train) for loss, train in pairs if loss is not None and train is not None]
    if not finite:
        return
    validation, train = min(finite)
    if train < OVERFIT_RATIO * validation:
        yield (
            "The model overfits: where its validation loss is least, "
            f"{format_number(validation)}, the training loss is {format_number(train)}. More rows, "
            "more dropout or L2, or narrower layers may help."
        )


def _unsure_winner(facts: Facts) -> Iterator[str]:
    outcome = facts.job.outcome
    if outcome.within_noise:
        first, second = outcome.confirmations[:2]
        yield (
            f"The winner, trial {first.trial}, is within seed noise of the runner-up, trial "
            f"{second.trial}: other seeds might have chosen otherwise."
        )


def _unconfirmed_winner(facts: Facts) -> Iterator[str]:
    """Say that nothing was trained on a second seed, where it was asked for."""
    confirmations, seeds = facts.job.outcome.confirmations, facts.job.search.final.confirm_seeds
    if confirmations and len(confirmations[0].scores) < min(2, seeds):
        why = reasons(facts, "the other seeds of the best trials diverged or failed")
        yield (
            f"The winner was not confirmed: it was compared on one seed, not on {seeds}: {why}. "
            "Another seed might have chosen otherwise."
        )


def _noise_below_estimate(facts: Facts) -> Iterator[str]:
    """Say that the model has less error than the diagnosis estimates for the noise alone."""
    floor = facts.diagnosis.noise_floor if facts.diagnosis is not None else None
    rmse = (facts.job.outcome.test_metrics or {}).get("rmse")
    if floor is None or floor.estimate is None or rmse is None or rmse**2 >= floor.estimate:
        return
    yield (
        f"The estimate of the noise floor, {format_loss(floor.estimate)}, is too high: it is above "
        f"what the search's model reached on its test rows, a mean squared error of "
        f"{format_loss(rmse**2)}. The noise is at most about that."
    )


def _ended_badly(facts: Facts) -> Iterator[str]:
    for state, ending in ((TrialState.diverged, "diverged"), (TrialState.failed, "failed")):
        trials = [trial for trial in facts.trials if trial.state is state]
        count = sum(trial.reason != JOB_ENDED for trial in trials)
        if count and count >= FAILED_SHARE * len(facts.trials):
            is_plain = state is TrialState.diverged and not facts.regions
            advice = ": lower the largest learning rate" if is_plain else ""
            share = format_percent(count / len(facts.trials))
            yield f"{counted(count, 'trial')} of {len(facts.trials)} ({share}) {ending}{advice}."
    for region in facts.regions:
        yield (
            f"Trials diverged or failed where {describe_region(region)}: "
            f"{region.failed} of {region.trials} there, "
            f"{region.failed_elsewhere} of {region.trials_elsewhere} elsewhere."
        )


def describe_region(region: DivergedRegion) -> str:
    """Describe a part of a search space in words."""
    if region.choice is not None:
        return f"{region.name} is {region.choice}"
    return f"{region.name} is from {format_number(region.low)} to {format_number(region.high)}"


def _last_epoch(facts: Facts) -> Iterator[str]:
    limit = facts.job.search.budget.max_epochs
    late = [trial for trial in facts.completed if (trial.best_epoch or 0) >= limit]
    if (facts.winner.best_epoch or 0) >= limit:
        whose = "the winner's best epoch is"
    elif facts.completed and len(late) >= LAST_EPOCH_SHARE * len(facts.completed):
        share = format_percent(len(late) / len(facts.completed))
        whose = f"{share} of the trials had their best epoch at"
    else:
        return
    yield (
        f"Training may have ended too early: {whose} the last one allowed, {limit}. "
        "Raise budget.max_epochs."
    )


def _edges(facts: Facts) -> Iterator[str]:
    insights = facts.job.outcome.insights
    if insights is None or not insights.edges:
        return
    ends = {"max": "of at most", "min": "of at least"}
    edge_list = ", ".join(
        f"{edge.name} {format_setting(edge.value)} ({ends[edge.end]} {format_setting(edge.limit)})"
        for edge in insights.edges
    )
    yield (
        f"The best trials lie at an end of what was searched: {edge_list}. Beyond it there may be "
        "better ones: continue the job with the proposed space, insights.next_space."
    )


def _imbalance(facts: Facts) -> Iterator[str]:
    if facts.job.task is Task.regression or not facts.target.levels:
        return
    rows = {level.value: level.rows for level in facts.target.levels}
    total = sum(rows.values())
    fair = 1 / len(rows)
    rare = sorted((count, label) for label, count in rows.items())
    few = [(count, label) for count, label in rare if count < RARE_CLASS * fair * total]
    if few:
        rare_classes = ", ".join(
            f"{clipped(label)!r} ({format_percent(count / total)})" for count, label in few[:SHOWN]
        )
        yield (
            f"The classes are unbalanced: of the rows, few are {rare_classes}"
            f"{' and others' if len(few) > SHOWN else ''}. Look at balanced accuracy and at the "
            "confusion matrix, not at accuracy."
        )


def _skewed_target(facts: Facts) -> Iterator[str]:
    target, setting = facts.target, facts.job.search.preprocessing.log_target
    if facts.job.task is not Task.regression or setting is not False:
        return
    if target.histogram is None or target.min is None or target.min < 0:
        return
    if (skew := _estimate_skewness(target.histogram)) > SKEWED:
        yield (
            f"{clipped(target.name)!r} has few values that are much larger than the others (its "
            f"skewness is about {format_rough(skew)}), and the squared error is mostly theirs. If "
            "errors in proportion matter, try preprocessing.log_target=auto, which trains on the "
            "logarithm of such a target."
        )


def _estimate_skewness(histogram: Histogram) -> float:
    """Estimate it of values at the middles of their bins."""
    edges = np.asarray(histogram.edges)
    return skewness((edges[:-1] + edges[1:]) / 2, np.asarray(histogram.counts))


def _missing(facts: Facts) -> Iterator[str]:
    rows = facts.dataset.rows
    if facts.target.missing:
        count, target = counted(facts.target.missing, "row"), clipped(facts.target.name)
        yield f"{count} of {rows:,} have no {target!r} and were left out."
    gaps = [c for c in facts.features if c.missing >= MISSING_SHARE * rows]
    if gaps:
        gaps.sort(key=lambda column: -column.missing)
        column_list = ", ".join(
            f"{clipped(column.name)!r} ({format_percent(column.missing / rows)})"
            for column in gaps[:SHOWN]
        )
        others = f" and {len(gaps) - SHOWN} others" if len(gaps) > SHOWN else ""
        yield f"Many values are missing in {column_list}{others}."


def _few_rows(facts: Facts) -> Iterator[str]:
    count = (facts.job.outcome.rows or {}).get("test")
    if count is not None and count < FEW_TEST_ROWS:
        yield f"There are only {counted(count, 'test row')}: the test result is uncertain."
