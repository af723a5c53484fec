"""What is to be said of the networks of a model: which are missing, what they gain and see."""

from __future__ import annotations

from collections.abc import Iterator

from lowloss.results import Requested
from lowloss.spec import direction_of
from lowloss.wording import counted, format_metric, format_number, in_words, list_first
from worker.artifacts.reports.comparison import is_within_interval
from worker.artifacts.reports.facts import Facts

SAME_SHARE = 0.005
"""A metric that changes by less is the same."""
SHOWN_SEEN = 20
NO_TIME = "no time was left for more (raise budget.max_seconds)"
NO_ATTEMPT = "what was left to do had ended earlier attempts"


def missing_networks(facts: Facts) -> Iterator[str]:
    """Say that the model lacks networks that the job asked for."""
    final, gain = facts.job.search.final, facts.job.outcome.final_gain
    if (gain is None and not final.refit and final.members == 1) or (
        gain is not None and gain.members >= final.members
    ):
        return
    how = ", refitted on all rows but the test rows" if final.refit else ""
    if gain is not None:
        model = f"The model has {gain.members} of the {final.members} networks that were to be"
        trained = "refitted" if final.refit else "trained"
        yield f"{model} {trained}: {reasons(facts, 'a training failed')}."
        return
    yield (
        f"The model is the best run of trial {facts.winner.number}, trained on the training rows. "
        f"It was to be {counted(final.members, 'network')}{how}, but "
        f"{reasons(facts, 'their trainings failed')}."
    )


def reasons(facts: Facts, other: str) -> str:
    """Return why a job did not train all that it was to: what can have been, and another reason."""
    is_cancelled = facts.job.requested is Requested.cancel
    cancelled = "the job was cancelled before that, or " if is_cancelled else ""
    has_limit = facts.job.search.budget.max_seconds is not None
    return f"either {cancelled}{NO_TIME if has_limit else NO_ATTEMPT}, or {other}"


def gain_of_networks(facts: Facts) -> Iterator[str]:
    """Say what refitting and averaging gained."""
    gain, metric = facts.job.outcome.final_gain, facts.metric
    if gain is None or metric not in gain.after:
        return
    before, after = gain.before[metric], gain.after[metric]
    networks = "one network" if gain.members == 1 else f"the mean of {gain.members} networks"
    trials, linear = len({*gain.trials} - {0}), gain.trials.count(0)
    if linear:
        networks += f", {'all' if linear == gain.members else linear} of them linear"
    if trials > 1:
        networks += f"{' and the others' if linear else ''} of {counted(trials, 'trial')}"
    how = f"{networks}, refitted on all rows but the test rows" if gain.refit else networks
    change = f"from {format_metric(before, metric)} to {format_metric(after, metric)}"
    if abs(after - before) <= SAME_SHARE * abs(before):
        verb = "hardly changes"
    else:
        is_better = direction_of(metric).is_better(after, before)
        verb = "improves" if is_better else "worsens"
        if is_within_interval(facts, before):
            change += ", and the first lies within the second's 95 % interval"
    is_retrained = facts.job.outcome.all_rows_refit == "complete"
    model = "The model that was scored" if is_retrained else "The model"
    gained = f"{verb} {in_words(metric)} on the test rows, {change}"
    yield f"{model} is {how}: that {gained}."
    if gain.temperature != 1.0:
        how = "surer" if gain.temperature < 1.0 else "less sure"
        yield (
            f"Validation rows made its probabilities {how}: logits are divided by "
            f"{format_number(gain.temperature)}."
        )


def seen_columns(facts: Facts) -> Iterator[str]:
    """Say how many columns the model sees, where its networks leave inputs out."""
    seen_by, gain = facts.job.outcome.seen_by, facts.job.outcome.final_gain
    if not seen_by:
        return
    networks, columns = 1 if gain is None else gain.members, f"{len(seen_by):,} columns"
    by_all = [name for name, count in seen_by.items() if count == networks]
    unseen = sum(count == 0 for count in seen_by.values())
    if networks == 1:
        seen = f"The network leaves inputs out: it sees {len(by_all):,} of {columns}"
    else:
        seen = (
            f"The model's {networks} networks leave inputs out: of {columns} none sees "
            f"{unseen:,}, and all see {len(by_all):,}"
        )
    names = f"; these are {list_first(by_all, SHOWN_SEEN, repr)}" if by_all else ""
    yield f"{seen} (outcome.seen_by){names}."
