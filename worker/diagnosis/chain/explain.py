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

    remedy: TriedRemedy
    rivals: tuple[TriedRemedy, ...] = ()
    alternatives: tuple[TriedRemedy, ...] = ()


@dataclass
class Explanation:
    """The chain of remedies, each remedy tried alone, and what there was no time for."""

    start: Variant
    steps: list[Step] = field(default_factory=list)
    isolated: dict[Cause, TriedRemedy] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def end(self) -> Variant:
        """The recipe with all remedies of the chain."""
        return self.steps[-1].remedy.after if self.steps else self.start

    @property
    def causes(self) -> set[Cause]:
        """The causes that the chain remedies."""
        return {step.remedy.cause for step in self.steps}


def explain(
    trainer: Trainer,
    start: Variant,
    candidates: Sequence[Candidate],
    *,
    references: Sequence[Variant],
    draws: Sequence[int],
) -> Explanation:
    """Build the chain of remedies on these draws."""
    explanation = Explanation(start)
    usual = [candidate for candidate in candidates if not candidate.is_late]
    first = [(candidate, candidate.apply(start)) for candidate in usual]
    _train_screened(trainer, start, first, draws)
    _record_isolated(trainer, explanation, first, draws)
    for candidate in _certain_remedies(candidates):
        if (
            candidate.cause not in explanation.causes
            and candidate.apply(explanation.end) != explanation.end
        ):
            after = candidate.apply(explanation.end)
            trainer.train([after], draws)
            measured = measure_gain(trainer, explanation.end, after, draws)
            explanation.steps.append(Step(TriedRemedy(candidate, explanation.end, after, measured)))
    while len(explanation.steps) < MAX_STEPS and trainer.seconds_left > 0:
        tried = _try_all(trainer, explanation, usual, references, draws)
        step = _choose_step(trainer, explanation, tried, draws)
        if step is None and _is_beaten(trainer, explanation.end, references):
            late = [candidate for candidate in candidates if candidate.is_late]
            tried += _try_all(trainer, explanation, late, references, draws)
            step = _choose_step(trainer, explanation, tried, draws)
        if step is None:
            step_pair = _best_pair(trainer, explanation, tried, references, draws)
            if not step_pair:
                break
            explanation.steps += step_pair
        else:
            explanation.steps.append(step)
        _settle_alternatives(trainer, explanation, draws)
    return explanation


def _certain_remedies(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return remedies without which nothing can be learned: the last of each cause.

    The last one is the strongest.
    """
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
    min_gain = minimum_gain(trainer.judged[before, draws[0]].relative_loss, is_suspect=True) / 2
    gaining = [
        after
        for _, after in tried
        if measure_gain(trainer, before, after, draws[:1]).mean > min_gain
    ]
    trainer.train([before, *gaining], draws[1:])


def _record_isolated(
    trainer: Trainer,
    explanation: Explanation,
    first: list[tuple[Candidate, Variant]],
    draws: Sequence[int],
) -> None:
    for candidate, after in first:
        measured = measure_gain(trainer, explanation.start, after, draws)
        if not measured.falls:
            explanation.skipped.append(candidate.text)
            continue
        best_so_far = explanation.isolated.get(candidate.cause)
        if best_so_far is None or measured.mean > best_so_far.gain.mean:
            explanation.isolated[candidate.cause] = TriedRemedy(
                candidate, explanation.start, after, measured
            )


def _try_all(
    trainer: Trainer,
    explanation: Explanation,
    candidates: Sequence[Candidate],
    references: Sequence[Variant],
    draws: Sequence[int],
) -> list[TriedRemedy]:
    """Return the best remedy of each remaining cause, on top of the chain."""
    current = explanation.end
    remaining = [
        (candidate, after)
        for candidate in candidates
        if candidate.cause not in explanation.causes
        and (after := candidate.apply(current)) != current
    ]
    if explanation.steps:
        if not _is_beaten(trainer, current, references):
            remaining = [
                (c, v)
                for c, v in remaining
                if c.suspect is not None and _isolated_gain(explanation, c.cause) > 0
            ]
        _train_screened(trainer, current, remaining, draws)
    best: dict[Cause, TriedRemedy] = {}
    for candidate, after in remaining:
        tried = TriedRemedy(candidate, current, after, measure_gain(trainer, current, after, draws))
        best_so_far = best.get(candidate.cause)
        if best_so_far is None or tried.gain.mean > best_so_far.gain.mean:
            best[candidate.cause] = tried
    return list(best.values())


def _isolated_gain(explanation: Explanation, cause: Cause) -> float:
    tried = explanation.isolated.get(cause)
    return tried.gain.mean if tried else 0.0


def _is_beaten(trainer: Trainer, current: Variant, references: Sequence[Variant]) -> bool:
    """Return whether a sound recipe beats the chain's end by what matters."""
    own = mean_relative_loss(trainer.runs_of(current))
    return _gap(trainer, current, references) >= minimum_gain(own, is_suspect=True)


def _gap(trainer: Trainer, current: Variant, references: Sequence[Variant]) -> float:
    """Return how much worse the chain's end is than a sound recipe."""
    reached = [mean_relative_loss(runs) for r in references if (runs := trainer.runs_of(r))]
    return mean_relative_loss(trainer.runs_of(current)) - min(reached, default=0.0)


def _choose_step(
    trainer: Trainer, explanation: Explanation, tried: list[TriedRemedy], draws: Sequence[int]
) -> Step | None:
    """Choose the upstream one of the remedies that gain about as much as the best."""
    before = mean_relative_loss(
        [
            trainer.judged[explanation.end, d]
            for d in draws
            if (explanation.end, d) in trainer.judged
        ]
    )
    passing = [
        remedy
        for remedy in tried
        if remedy.gain.is_sure
        and remedy.gain.mean
        >= minimum_gain(before, is_suspect=remedy.candidate.suspect is not None)
    ]
    if not passing:
        return None
    best_gain = max(remedy.gain.mean for remedy in passing)
    near = [remedy for remedy in passing if remedy.gain.mean >= NEAR * best_gain]
    if any(remedy.candidate.suspect for remedy in near):
        near = [remedy for remedy in near if remedy.candidate.suspect]
    first = min(_downstream_rank(remedy.cause) for remedy in near)
    upstream = [remedy for remedy in near if _downstream_rank(remedy.cause) == first]
    best_gain = max(remedy.gain.mean for remedy in upstream)
    close = [remedy for remedy in upstream if remedy.gain.mean >= SAME_STAGE_NEAR * best_gain]
    chosen = max(close, key=lambda remedy: (remedy.candidate.strength, remedy.gain.mean))
    rivals = [remedy for remedy in passing if remedy is not chosen]
    return Step(chosen, tuple(sorted(rivals, key=lambda remedy: -remedy.gain.mean)))


def _downstream_rank(cause: Cause) -> int:
    """Return how far downstream a cause lies."""
    return len(STAGES) if cause in LAST else STAGES[cause.stage]


def _best_pair(
    trainer: Trainer,
    explanation: Explanation,
    tried: list[TriedRemedy],
    references: Sequence[Variant],
    draws: Sequence[int],
) -> list[Step]:
    """Find two suspects' remedies that gain together what neither gains alone; else none."""
    current = explanation.end
    before = mean_relative_loss(trainer.runs_of(current))
    min_gain = minimum_gain(before, is_suspect=False)
    if _gap(trainer, current, references) < min_gain:
        return []
    suspects = [remedy for remedy in tried if remedy.candidate.suspect is not None]
    suspects = sorted(suspects, key=lambda remedy: -remedy.candidate.strength)[:MAX_PAIRED]
    pairs = [
        sorted(pair, key=lambda remedy: _downstream_rank(remedy.cause))
        for pair in itertools.combinations(suspects, 2)
    ]
    combined = [(one, two, two.candidate.apply(one.after)) for one, two in pairs]
    trainer.train([both for *_, both in combined], draws)
    best, best_gain = None, min_gain
    for one, two, both in combined:
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


def _settle_alternatives(trainer: Trainer, explanation: Explanation, draws: Sequence[int]) -> None:
    """Split the last step's rivals: those that gain little now are its alternatives."""
    step = explanation.steps[-1]
    after = step.remedy.after
    combined = [(rival, rival.candidate.apply(after)) for rival in step.rivals[:MAX_RIVALS]]
    trainer.train([variant for _, variant in combined if variant != after], draws[:2])
    alternatives = tuple(
        rival
        for rival, variant in combined
        if variant == after
        or measure_gain(trainer, after, variant, draws).mean < EXPLAINED_AWAY * rival.gain.mean
    )
    explanation.steps[-1] = Step(step.remedy, step.rivals, alternatives)
