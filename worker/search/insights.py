"""What a search tells of itself: what mattered, where to go on, what diverged, what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import optuna

from lowloss.results import (
    Consumed,
    DivergedRegion,
    Edge,
    HyperparameterImportance,
    Hyperparameters,
    Improvement,
    SearchInsights,
    Trial,
    TrialState,
)
from lowloss.spec import Choice, Direction, Float, Int, JobSpec
from worker.search.space import parameters

MIN_SCORED = 20
"""With fewer scored trials nothing is said of what mattered."""
GOOD_SHARE = 0.2
"""The best part of the trials, which importance tells from the others."""
TOP_SHARE, MIN_TOP = 0.1, 3
EDGE, NEAR_EDGE = 0.05, 0.15
"""How near the end of a range the best trial must lie, and how near most of the best ones."""
LEAST = {"dropout": 0.0, "noise": 0.0, "mixup": 0.0, "layers": 1.0, "width": 1.0, "patience": 1.0}
"""What there is nothing to search below. Nor is there below the least penalty."""
PENALTIES = frozenset({"l1", "l2", "weight_decay"})
MOST = {"dropout": 0.9, "learning_rate": 1.0, "mixup": 10.0}
CHANCE = 0.01
"""An edge, or a region of failures, is named where it would come by chance less often."""
MIN_FAILED = 3
NEAR_BEST = 0.01


def tell_of_search(
    spec: JobSpec, trials: Sequence[Trial], *, rows: int, cpu_seconds: float
) -> SearchInsights:
    """What the finished trials of a search tell; `rows` are those that an epoch trains on."""
    ended = sorted(
        (trial for trial in trials if trial.finished_at), key=lambda t: (t.finished_at, t.number)
    )
    edges = tuple(_edges(spec, ended))
    improvements = tuple(_improvements(spec, ended))
    epochs = sum(trial.epochs for trial in ended)
    return SearchInsights(
        importances=_importances(spec, ended),
        edges=edges,
        next_space={edge.name: edge.proposal for edge in edges},
        diverged=tuple(_diverged(spec, ended)),
        improvements=improvements,
        near_best_after=_near_best_after(spec, improvements),
        consumed=Consumed(
            epochs=epochs,
            trial_seconds=round(sum(trial.seconds or 0.0 for trial in ended), 3),
            rows=epochs * rows * spec.validation.fold_count,
            cpu_seconds=round(cpu_seconds, 3),
        ),
    )


def value_of(hyperparameters: Hyperparameters, name: str) -> Any:
    """A hyperparameter's value; that of `width` is the widest layer's."""
    return max(hyperparameters.widths) if name == "width" else getattr(hyperparameters, name)


def searched(spec: JobSpec) -> dict[str, Any]:
    """The hyperparameters that vary, by name."""
    return {name: each for name, each in parameters(spec).items() if _varies(each)}


def _varies(parameter: object) -> bool:
    match parameter:
        case Choice(choices=choices):
            return len(choices) > 1
        case Float(min=low, max=high) | Int(min=low, max=high):
            return low < high
        case _:
            return False


def _importances(spec: JobSpec, trials: Sequence[Trial]) -> tuple[HyperparameterImportance, ...]:
    """PED-ANOVA (Watanabe et al. 2023) of the best trials against all; the greatest first."""
    scored = [trial.score for trial in trials if trial.score is not None]
    spaces = searched(spec)
    if len(scored) < MIN_SCORED or not spaces:
        return ()
    sign = 1.0 if spec.objective.direction is Direction.min else -1.0
    worst = max(sign * score for score in scored)
    losses = [worst if t.score is None else sign * t.score for t in trials]
    if sorted(losses)[math.ceil(GOOD_SHARE * len(losses)) - 1] == worst:
        # The best part is no better than the rest.
        return ()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    distributions = {name: distribution_of(each) for name, each in spaces.items()}
    for trial, loss in zip(trials, losses, strict=True):
        found = {name: value_of(trial.hyperparameters, name) for name in spaces}
        study.add_trial(
            optuna.trial.create_trial(params=found, distributions=distributions, value=loss)
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD_SHARE)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return tuple(HyperparameterImportance(name=name, share=share) for name, share in shares.items())


def distribution_of(parameter: Any) -> Any:
    """Optuna's distribution of a hyperparameter that varies."""
    match parameter:
        case Choice(choices=choices):
            return optuna.distributions.CategoricalDistribution(choices)
        case Int():
            is_log = parameter.scale == "log"
            return optuna.distributions.IntDistribution(parameter.min, parameter.max, log=is_log)
        case _:
            is_log = parameter.scale == "log"
            return optuna.distributions.FloatDistribution(parameter.min, parameter.max, log=is_log)


def _edges(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[Edge]:
    """Ranges at whose end the best trial and the middle one of the best ones lie."""
    best = _best(spec, trials)
    for name, parameter in searched(spec).items():
        if not best or not isinstance(parameter, Float | Int):
            continue
        values = [value_of(trial.hyperparameters, name) for trial in best]
        end = _end_of(parameter, values)
        beyond = None if end is None else _beyond(name, parameter, is_max=end == "max")
        if end is not None and beyond is not None:
            yield Edge(name=name, end=end, value=values[0], proposal=beyond)


def _end_of(parameter: Float | Int, values: Sequence[float]) -> Literal["min", "max"] | None:
    """The end at which the best value, the first, and more of the others than by chance lie."""
    places = [_place(parameter, value) for value in values]
    if places[0] >= 1 - EDGE:
        end: Literal["min", "max"] = "max"
        places = [1 - place for place in places]
    elif places[0] <= EDGE:
        end = "min"
    else:
        return None
    near, count = sum(place <= NEAR_EDGE for place in places), len(places)
    share = _share_near(parameter)
    chance = sum(
        math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(near, count + 1)
    )
    return end if chance < CHANCE else None


def _share_near(parameter: Float | Int) -> float:
    """The share of a range's values that lie near one end."""
    if not isinstance(parameter, Int) or parameter.scale == "log":
        return NEAR_EDGE
    steps = (parameter.max - parameter.min) // (parameter.step or 1)
    return (int(NEAR_EDGE * steps) + 1) / (steps + 1)


def _best(spec: JobSpec, trials: Sequence[Trial]) -> list[Trial]:
    """The best of the completed trials, the very best first; none where they are too few."""
    sign = 1.0 if spec.objective.direction is Direction.min else -1.0
    ranked = sorted(
        (sign * trial.score, trial.number, trial)
        for trial in trials
        if trial.state is TrialState.completed and trial.score is not None
    )
    count = max(MIN_TOP, round(TOP_SHARE * len(trials)))
    return [trial for _, _, trial in ranked[:count]] if len(ranked) >= MIN_TOP else []


def _place(parameter: Float | Int, value: float) -> float:
    """Where between the ends, 0 and 1, of its range a value lies, on the range's scale."""
    to_scale: Callable[[float], float] = math.log if parameter.scale == "log" else float
    low, high = to_scale(parameter.min), to_scale(parameter.max)
    return (to_scale(value) - low) / (high - low)


def _beyond(name: str, parameter: Float | Int, *, is_max: bool) -> dict[str, Any] | None:
    """A range of the same width whose middle is that end; None where nothing legal lies beyond."""
    low, high = float(parameter.min), float(parameter.max)
    if not is_max and (name in PENALTIES or low <= LEAST.get(name, -math.inf)):
        return None
    if parameter.scale == "log":
        half = math.sqrt(high / low)
        ends = (low * half, high * half) if is_max else (low / half, high / half)
    else:
        half = (high - low) / 2
        ends = (low + half, high + half) if is_max else (low - half, high - half)
    low, high = max(ends[0], LEAST.get(name, -math.inf)), min(ends[1], MOST.get(name, math.inf))
    changed = _snapped(parameter, low, high)
    if changed == {"min": parameter.min, "max": parameter.max} or changed["min"] >= changed["max"]:
        return None
    return parameter.model_dump(mode="json", exclude_none=True) | changed


def _snapped(parameter: Float | Int, low: float, high: float) -> dict[str, Any]:
    """Ends that a range may have: in whole steps from its least, and readable."""
    if parameter.step is not None:
        step = parameter.step
        least = parameter.min + step * round((low - parameter.min) / step)
        most = least + step * round((high - least) / step)
        least, most = max(least, step), max(most, step)
    else:
        least, most = float(f"{low:.3g}"), float(f"{high:.3g}")
    is_whole = isinstance(parameter, Int)
    return {"min": round(least) if is_whole else least, "max": round(most) if is_whole else most}


def _diverged(spec: JobSpec, trials: Sequence[Trial]) -> Iterator[DivergedRegion]:
    """Of each hyperparameter the region with the least likely share of failures, if any."""
    failed = [trial.state in {TrialState.diverged, TrialState.failed} for trial in trials]
    if sum(failed) < MIN_FAILED:
        return
    for name, parameter in searched(spec).items():
        values = [value_of(trial.hyperparameters, name) for trial in trials]
        found = [
            (_chance(inside, failed), region, inside)
            for region, inside in _regions(parameter, values)
        ]
        if not found:
            continue
        chance, region, inside = min(found, key=lambda each: each[0])
        if chance < CHANCE:
            yield DivergedRegion(
                name=name,
                **region,
                failed=sum(f for f, i in zip(failed, inside, strict=True) if i),
                trials=sum(inside),
                failed_elsewhere=sum(f for f, i in zip(failed, inside, strict=True) if not i),
                trials_elsewhere=len(inside) - sum(inside),
            )


def _regions(parameter: Any, values: Sequence[Any]) -> Iterator[tuple[dict[str, Any], list[bool]]]:
    """The parts of a space that are held against the rest: thirds, or each choice."""
    if isinstance(parameter, Choice):
        for choice in parameter.choices:
            yield {"choice": str(choice)}, [value == choice for value in values]
        return
    places = [_place(parameter, value) for value in values]
    for low, high in ((0.0, 1 / 3), (2 / 3, 1.0)):
        inside = [low <= place <= high for place in places]
        if any(inside):
            there = [value for value, is_in in zip(values, inside, strict=True) if is_in]
            yield {"low": min(there), "high": max(there)}, inside


def _chance(inside: Sequence[bool], failed: Sequence[bool]) -> float:
    """The chance of so many failures inside, or more, were they spread evenly (Fisher 1922)."""
    total, chosen, failures = len(inside), sum(inside), sum(failed)
    seen = sum(i and f for i, f in zip(inside, failed, strict=True))
    if seen < MIN_FAILED:
        return 1.0
    ways = math.comb(total, chosen)
    return sum(
        math.comb(failures, k) * math.comb(total - failures, chosen - k) / ways
        for k in range(seen, min(failures, chosen) + 1)
    )


def _improvements(spec: JobSpec, ended: Sequence[Trial]) -> Iterator[Improvement]:
    """The trials that were better than all before them, in the order in which they ended."""
    is_min = spec.objective.direction is Direction.min
    begun = min((trial.started_at for trial in ended), default=None)
    best: float | None = None
    epochs = 0
    for count, trial in enumerate(ended, start=1):
        epochs += trial.epochs
        score = trial.score
        if trial.state is not TrialState.completed or score is None:
            continue
        if best is None or (score < best if is_min else score > best):
            best = score
            assert begun is not None
            assert trial.finished_at is not None
            seconds = (trial.finished_at - begun).total_seconds()
            yield Improvement(
                trial=trial.number,
                score=score,
                ended=count,
                epochs=epochs,
                seconds=round(seconds, 3),
            )


def _near_best_after(spec: JobSpec, improvements: Sequence[Improvement]) -> int | None:
    if not improvements:
        return None
    best = improvements[-1].score
    margin = NEAR_BEST * abs(best)
    sign = 1.0 if spec.objective.direction is Direction.min else -1.0
    return next(each.ended for each in improvements if sign * (each.score - best) <= margin)
