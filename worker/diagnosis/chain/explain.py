"""Explains a recipe's excess loss: remedies one by one, upstream causes before those downstream.

A chain of remedies is built step by step. Of those that gain about as much, the one whose cause
lies upstream is taken, and the others are its alternatives if little is left for them to gain.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from lowloss.results import Cause, Stage
from worker.diagnosis.chain.gains import Gain, mean_relative_loss, measure_gain, minimum_gain
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

NEAR = 0.7
"""The share of the best gain from which a remedy is about as good."""
SAME_STAGE_NEAR = 0.85
EXPLAINED_AWAY = 0.5
"""A rival is an alternative where it gains less than this share of what it gained before."""
MAX_STEPS = 6
MAX_PAIRED, MAX_RIVALS = 6, 3
STAGES = {Stage.data: 0, Stage.architecture: 1, Stage.training: 2}
LAST = frozenset({Cause.augmentation_missing, Cause.regularisation_missing})
"""What helps against overfitting, whatever its cause: taken where nothing else gains as much."""


@dataclass(frozen=True)
class TriedRemedy:
    """A remedy, and what it gains where it was tried."""

    candidate: Candidate
    before: Variant
    after: Variant
    gain: Gain

    @property
    def cause(self) -> Cause:
        """The cause that it is for."""
        return self.candidate.cause


@dataclass(frozen=True)
class Step:
    """A link of the chain: the remedy taken, and those that gain about as much there."""

    taken: TriedRemedy
    rivals: tuple[TriedRemedy, ...] = ()
    alternatives: tuple[TriedRemedy, ...] = ()


@dataclass
class Explanation:
    """What was found: the chain, each remedy alone, and what there was no time for."""

    start: Variant
    steps: list[Step] = field(default_factory=list)
    alone: dict[Cause, TriedRemedy] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def end(self) -> Variant:
        """The recipe with all remedies of the chain."""
        return self.steps[-1].remedy.after if self.steps else self.start

    @property
    def causes(self) -> set[Cause]:
        """Those that the chain remedies."""
        return {step.remedy.cause for step in self.steps}


def explain(
    trainer: Trainer,
    start: Variant,
    candidates: Sequence[Candidate],
    *,
    references: Sequence[Variant],
    draws: Sequence[int],
) -> Explanation:
    """Build the chain on some draws."""
    found = Explanation(start)
    usual = [candidate for candidate in candidates if not candidate.is_late]
    first = [(candidate, candidate.apply(start)) for candidate in usual]
    _train_screened(trainer, start, first, draws)
    _note_alone(trainer, found, first, draws)
    for candidate in _certain(candidates):
        if candidate.cause not in found.causes and candidate.apply(found.end) != found.end:
            after = candidate.apply(found.end)
            trainer.train([after], draws)
            measured = measure_gain(trainer, found.end, after, draws)
            found.steps.append(Step(TriedRemedy(candidate, found.end, after, measured)))
    while len(found.steps) < MAX_STEPS and trainer.seconds_left > 0:
        tried = _try_all(trainer, found, usual, references, draws)
        step = _choose(trainer, found, tried, draws)
        if step is None and _is_beaten(trainer, found.end, references):
            late = [candidate for candidate in candidates if candidate.is_late]
            tried += _try_all(trainer, found, late, references, draws)
            step = _choose(trainer, found, tried, draws)
        if step is None:
            step_pair = _best_pair(trainer, found, tried, references, draws)
            if not step_pair:
                break
            found.steps += step_pair
        else:
            found.steps.append(step)
        _settle_alternatives(trainer, found, draws)
    return found


def _certain(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Remedies of what nothing can be learned without; the last, strongest one of each cause."""
    last = {candidate.cause: candidate for candidate in candidates if candidate.is_certain}
    return list(last.values())


def _train_screened(
    trainer: Trainer,
    before: Variant,
    tried: Sequence[tuple[Candidate, Variant]],
    draws: Sequence[int],
) -> None:
    """Train remedies on one draw, and on the others those that gain there."""
    trainer.train([before, *(after for _, after in tried)], draws[:1])
    if (before, draws[0]) not in trainer.judged:
        return
    least = minimum_gain(trainer.judged[before, draws[0]].relative_loss, is_suspect=True) / 2
    kept = [
        after for _, after in tried if measure_gain(trainer, before, after, draws[:1]).mean > least
    ]
    trainer.train([before, *kept], draws[1:])


def _note_alone(
    trainer: Trainer,
    found: Explanation,
    first: list[tuple[Candidate, Variant]],
    draws: Sequence[int],
) -> None:
    for candidate, after in first:
        measured = measure_gain(trainer, found.start, after, draws)
        if not measured.falls:
            found.skipped.append(candidate.text)
            continue
        known = found.isolated.get(candidate.cause)
        if known is None or measured.mean > known.gain.mean:
            found.isolated[candidate.cause] = TriedRemedy(candidate, found.start, after, measured)


def _try_all(
    trainer: Trainer,
    found: Explanation,
    candidates: Sequence[Candidate],
    references: Sequence[Variant],
    draws: Sequence[int],
) -> list[TriedRemedy]:
    """The best remedy of each cause that is left, on top of the chain."""
    current = found.end
    left = [
        (candidate, after)
        for candidate in candidates
        if candidate.cause not in found.causes and (after := candidate.apply(current)) != current
    ]
    if found.steps:
        if not _is_beaten(trainer, current, references):
            left = [
                (c, v) for c, v in left if c.suspect is not None and _gained(found, c.cause) > 0
            ]
        _train_screened(trainer, current, left, draws)
    best: dict[Cause, TriedRemedy] = {}
    for candidate, after in left:
        tried = TriedRemedy(candidate, current, after, measure_gain(trainer, current, after, draws))
        known = best.get(candidate.cause)
        if known is None or tried.gain.mean > known.gain.mean:
            best[candidate.cause] = tried
    return list(best.values())


def _gained(found: Explanation, cause: Cause) -> float:
    tried = found.isolated.get(cause)
    return tried.gain.mean if tried else 0.0


def _is_beaten(trainer: Trainer, current: Variant, references: Sequence[Variant]) -> bool:
    """Whether a sound recipe does better than the chain's end by what matters."""
    own = mean_relative_loss(trainer.runs_of(current))
    return _gap(trainer, current, references) >= minimum_gain(own, is_suspect=True)


def _gap(trainer: Trainer, current: Variant, references: Sequence[Variant]) -> float:
    """How much worse the chain's end is than a sound recipe."""
    reached = [mean_relative_loss(runs) for r in references if (runs := trainer.runs_of(r))]
    return mean_relative_loss(trainer.runs_of(current)) - min(reached, default=0.0)


def _choose(
    trainer: Trainer, found: Explanation, tried: list[TriedRemedy], draws: Sequence[int]
) -> Step | None:
    """Of the remedies that gain about as much as the best, the one that lies upstream."""
    before = mean_relative_loss(
        [trainer.judged[found.end, d] for d in draws if (found.end, d) in trainer.judged]
    )
    passing = [
        each
        for each in tried
        if each.gain.is_sure
        and each.gain.mean >= minimum_gain(before, is_suspect=each.candidate.suspect is not None)
    ]
    if not passing:
        return None
    most = max(each.gain.mean for each in passing)
    near = [each for each in passing if each.gain.mean >= NEAR * most]
    if any(each.candidate.suspect for each in near):
        near = [each for each in near if each.candidate.suspect]
    first = min(_place(each.cause) for each in near)
    upstream = [each for each in near if _place(each.cause) == first]
    most = max(each.gain.mean for each in upstream)
    close = [each for each in upstream if each.gain.mean >= SAME_STAGE_NEAR * most]
    taken = max(close, key=lambda each: (each.candidate.strength, each.gain.mean))
    rivals = [each for each in passing if each is not taken]
    return Step(taken, tuple(sorted(rivals, key=lambda each: -each.gain.mean)))


def _place(cause: Cause) -> int:
    """How far downstream a cause lies."""
    return len(STAGES) if cause in LAST else STAGES[cause.stage]


def _best_pair(
    trainer: Trainer,
    found: Explanation,
    tried: list[TriedRemedy],
    references: Sequence[Variant],
    draws: Sequence[int],
) -> list[Step]:
    """Two suspects' remedies that gain together what neither gains alone; none where none do."""
    current = found.end
    before = mean_relative_loss(trainer.runs_of(current))
    least = minimum_gain(before, is_suspect=False)
    if _gap(trainer, current, references) < least:
        return []
    suspects = [each for each in tried if each.candidate.suspect is not None]
    suspects = sorted(suspects, key=lambda each: -each.candidate.strength)[:MAX_PAIRED]
    pairs = [
        sorted(pair, key=lambda each: _place(each.cause))
        for pair in itertools.combinations(suspects, 2)
    ]
    made = [(one, two, two.candidate.apply(one.after)) for one, two in pairs]
    trainer.train([both for *_, both in made], draws)
    best, best_gain = None, least
    for one, two, both in made:
        together = measure_gain(trainer, current, both, draws)
        if together.is_sure and together.mean > best_gain:
            best, best_gain = (one, two, both), together.mean
    if best is None:
        return []
    one, two, both = best
    second = TriedRemedy(
        two.candidate, one.after, both, measure_gain(trainer, one.after, both, draws)
    )
    return [Step(one), Step(second)]


def _settle_alternatives(trainer: Trainer, found: Explanation, draws: Sequence[int]) -> None:
    """Tell the last step's rivals that it leaves little to from those that still have their own."""
    step = found.steps[-1]
    after = step.remedy.after
    made = [(rival, rival.candidate.apply(after)) for rival in step.rivals[:MAX_RIVALS]]
    trainer.train([variant for _, variant in made if variant != after], draws[:2])
    alternatives = tuple(
        rival
        for rival, variant in made
        if variant == after
        or measure_gain(trainer, after, variant, draws).mean < EXPLAINED_AWAY * rival.gain.mean
    )
    found.steps[-1] = Step(step.remedy, step.rivals, alternatives)
