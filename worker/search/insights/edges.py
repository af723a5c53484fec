"""Ranges at whose end the best trials lie, and ranges that go on beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from scipy.stats import binom

from lowloss.results import Edge, Trial, TrialState
from lowloss.spec import Choice, Float, Int, JobSpec, SearchSpace
from worker.search.sides import Side, Varying
from worker.search.space import value_of, varying_sides

End = Literal["min", "max"]

TOP_SHARE, MIN_TOP = 0.1, 3
AT_EDGE, NEAR_EDGE = 0.05, 0.15
"""How near the end of a range the best trial must lie, and how near most of the best ones."""
CHANCE = 0.01
"""An edge is named where so many of the best lie near it less often by chance."""
MIN_CHOICES = 3
"""Of two numbers one is always at the end."""
LOWEST_VALUES: Mapping[str, float] = {
    "learning_rate": 1e-6,
    "layers": 0,
    "width": 1,
    # A weaker penalty is none.
    "l2": 1e-6,
    "l1": 1e-6,
    "weight_decay": 1e-6,
    "dropout": 0,
    "patience": 1,
    "batch_size": 1,
    "clip_norm": 1e-3,
    "noise": 0,
    "mixup": 0,
}
"""Below these there is nothing to search."""
# Of layers, widths and batches: what servers take by default.
HIGHEST_VALUES: Mapping[str, float] = {
    "learning_rate": 1.0,
    "layers": 10,
    "width": 4096,
    # A penalty as strong as the loss of a constant answer leaves nothing to learn.
    "l2": 1.0,
    "l1": 1.0,
    "weight_decay": 1.0,
    "dropout": 0.9,
    "batch_size": 65_536,
    "mixup": 10.0,
}
"""Above these there is nothing to search."""


def find_edges(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[Edge]:
    """Yield ranges at whose end the best trial lies, and more of the best ones than by chance.

    Ranges are left out where nothing legal, or nothing that makes a difference, lies beyond.
    """
    best = _best_trials(spec, trials)
    for name, side in varying_sides(spec).items() if best else ():
        if name not in SearchSpace.model_fields:
            continue  # What is kept of the inputs is no part of the space that is proposed.
        values = [value_of(trial.hyperparameters, name) for trial in best]
        if None in values:
            continue  # Some of the best networks are linear, and have no width.
        parameter, end = side.parameter, _end_of(side, values)
        if end is None or (name == "patience" and end == "max" and not _used_up_patience(best)):
            continue
        bound = LOWEST_VALUES[name] if end == "min" else _largest_sensible(name, spec)
        proposal = _beyond(parameter, end, bound)
        if proposal is not None:
            limit = _limit(parameter, end)
            yield Edge(name=name, end=end, limit=limit, value=values[0], proposal=proposal)


def _best_trials(spec: JobSpec, trials: Sequence[Trial]) -> list[Trial]:
    """Return the best of the completed trials, best first; none where they are too few."""
    sign = spec.objective.direction.sign
    ranked = sorted(
        (sign * trial.score, trial.number, trial)
        for trial in trials
        if trial.state is TrialState.completed and trial.score is not None
    )
    count = max(MIN_TOP, round(TOP_SHARE * len(trials)))
    return [trial for _, _, trial in ranked[:count]] if len(ranked) >= MIN_TOP else []


def _used_up_patience(trials: Sequence[Trial]) -> bool:
    """Return whether one trial ended by its patience: if none did, more makes no difference."""
    return any(trial.reason == "early_stopping" for trial in trials)


def _largest_sensible(name: str, spec: JobSpec) -> float:
    """Return the largest sensible value: a patience of all epochs waits for ever."""
    return spec.budget.max_epochs if name == "patience" else HIGHEST_VALUES.get(name, math.inf)


def _end_of(side: Side, values: Sequence[Any]) -> End | None:
    """Return the end at which the best value lies, and more of the others than by chance."""
    parameter = side.parameter
    if isinstance(parameter, Choice):
        if not _is_ladder(parameter):
            return None
        ladder = sorted(parameter.choices)
        positions = [ladder.index(value) / (len(ladder) - 1) for value in values]
    else:
        positions = [side.position(value) for value in values]
    end: End = "min" if positions[0] <= 0.5 else "max"
    from_end = [position if end == "min" else 1 - position for position in positions]
    if from_end[0] > AT_EDGE:
        return None
    near = sum(position <= NEAR_EDGE for position in from_end)
    # The chance of as many or more.
    chance = binom.sf(near - 1, len(positions), _share_near(parameter))
    return end if chance < CHANCE else None


def _is_ladder(choice: Choice[Any]) -> bool:
    """Return whether choices are numbers, and enough of them to go on from."""
    numbers = [c for c in choice.choices if isinstance(c, int | float)]
    return len(numbers) == len(choice.choices) >= MIN_CHOICES


def _share_near(parameter: Varying) -> float:
    """Return the share of a range's values that lie near one end."""
    if isinstance(parameter, Choice):
        steps = len(parameter.choices) - 1
    elif parameter.scale == "log" or (parameter.step is None and isinstance(parameter, Float)):
        return NEAR_EDGE
    else:
        steps = round((parameter.max - parameter.min) / (parameter.step or 1))
    return (int(NEAR_EDGE * steps) + 1) / (steps + 1)


def _limit(parameter: Varying, end: End) -> float:
    if isinstance(parameter, Choice):
        return float(min(parameter.choices) if end == "min" else max(parameter.choices))
    return parameter.min if end == "min" else parameter.max


def _beyond(parameter: Varying, end: End, bound: float) -> dict[str, Any] | None:
    """Propose choices or a range that go on beyond an end, up to a bound; None if it is there."""
    limit = _limit(parameter, end)
    if limit <= bound if end == "min" else limit >= bound:
        return None
    if isinstance(parameter, Choice):
        return _next_choices(parameter, end, bound)
    return parameter.model_dump(mode="json", exclude_none=True) | _next_range(parameter, end, bound)


def _next_choices(choice: Choice[Any], end: End, bound: float) -> dict[str, Any]:
    """Drop the choice farthest from an end, and add one beyond that end."""
    ladder = sorted(choice.choices, reverse=end == "min")
    before, last = ladder[-2:]
    is_even = math.isclose(ladder[-2] - ladder[-3], last - before)
    beyond = last + (last - before) if is_even or before <= 0 else last * last / before
    beyond = max(beyond, bound) if end == "min" else min(beyond, bound)
    is_whole = all(isinstance(number, int) for number in ladder)
    return {"choices": sorted([*ladder[1:], round(beyond) if is_whole else _readable(beyond)])}


def _next_range(parameter: Float | Int, end: End, bound: float) -> dict[str, Any]:
    """Return a range of the same width whose middle is the end, no further than a bound."""
    low, high = float(parameter.min), float(parameter.max)
    if parameter.scale == "log":
        half = math.sqrt(high / low)
        inner, outer = low * half, high * half if end == "max" else low / half
    else:
        half = (high - low) / 2
        inner, outer = low + half, high + half if end == "max" else low - half
    outer = max(outer, bound) if end == "min" else min(outer, bound)
    if parameter.step is not None:
        return _in_steps(parameter.step, _limit(parameter, end), inner, outer)
    is_whole = isinstance(parameter, Int)
    ends = sorted(
        round(bound_value) if is_whole else _readable(bound_value) for bound_value in (inner, outer)
    )
    return {"min": ends[0], "max": ends[1]}


def _in_steps(step: float, limit: float, inner: float, outer: float) -> dict[str, Any]:
    """Return ends that whole steps from the old end lead to: smaller steps where none has room."""
    is_whole = isinstance(step, int)
    while (beyond := math.floor(abs(outer - limit) / step + 1e-9)) == 0:
        step = max(1, step // 4) if is_whole else step / 4
    back = max(1, round(abs(limit - inner) / step))
    sign = 1 if outer > limit else -1
    ends = sorted((limit - sign * back * step, limit + sign * beyond * step))
    low, high = ends if is_whole else map(_readable, ends)
    return {"min": low, "max": high, "step": step}


def _readable(value: float) -> float:
    return float(f"{value:.3g}")
