"""Explains a recipe's excess loss: remedies one by one, upstream causes before those downstream.

A chain of remedies is built step by step. Of those that gain about as much, the one whose cause
lies upstream is taken, and the others are its alternatives if little is left for them to gain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lowloss.results import Cause, Stage
from worker.diagnosis.chain.gains import Gain, mean_relative_loss, minimum_gain, paired_runs
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.thresholds import EXPLAINED_AWAY, NEAR, SAME_STAGE_NEAR
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

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
class Chain:
    """The remedies of a recipe, step by step, and what was tried beside them.

    It is built on `draws`; `references` are sound recipes that it is compared with. `isolated` are
    the best remedies of each cause alone, `skipped` those that there was no time for.
    """

    trainer: Trainer
    start: Variant
    references: Sequence[Variant]
    draws: Sequence[int]
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

    @property
    def gap(self) -> float:
        """How much worse the chain's end is than a sound recipe."""
        trained = [variant for variant in self.references if self.trainer.runs_of(variant)]
        return self.loss_of(self.end) - min(map(self.loss_of, trained), default=0.0)

    @property
    def is_beaten(self) -> bool:
        """Whether a sound recipe beats the chain's end by what matters."""
        return self.gap >= minimum_gain(self.loss_of(self.end), is_suspect=True)

    def train(self, variants: Iterable[Variant], draws: Sequence[int] | None = None) -> None:
        """Train variants, on the chain's draws unless others are named."""
        self.trainer.train(variants, self.draws if draws is None else draws)

    def gain(self, before: Variant, after: Variant, draws: Sequence[int] | None = None) -> Gain:
        """Return what one variant gains over another, on the draws where both were trained."""
        pairs = paired_runs(self.trainer, before, after, self.draws if draws is None else draws)
        return Gain(tuple(one.relative_loss - other.relative_loss for one, other in pairs))

    def measure(self, candidate: Candidate, before: Variant, after: Variant) -> TriedRemedy:
        """Return a remedy with its gain."""
        return TriedRemedy(candidate, before, after, self.gain(before, after))

    def loss_of(self, variant: Variant) -> float:
        """Return a variant's mean relative loss."""
        return mean_relative_loss(self.trainer.runs_of(variant))


def explain(
    trainer: Trainer,
    start: Variant,
    candidates: Sequence[Candidate],
    *,
    references: Sequence[Variant],
    draws: Sequence[int],
) -> Chain:
    """Build the chain of remedies on these draws."""
    chain = Chain(trainer, start, references, draws)
    usual = [candidate for candidate in candidates if not candidate.is_late]
    first = [(candidate, candidate.apply(start)) for candidate in usual]
    _train_screened(chain, first)
    _record_isolated(chain, first)
    for candidate in _certain_remedies(candidates):
        after = candidate.apply(chain.end)
        if candidate.cause not in chain.causes and after != chain.end:
            chain.train([after])
            chain.steps.append(Step(chain.measure(candidate, chain.end, after)))
    while len(chain.steps) < MAX_STEPS and trainer.seconds_left > 0:
        tried = _try_all(chain, usual)
        step = _choose_step(chain, tried)
        if step is None and chain.is_beaten:
            tried += _try_all(chain, [candidate for candidate in candidates if candidate.is_late])
            step = _choose_step(chain, tried)
        steps = _best_pair(chain, tried) if step is None else [step]
        if not steps:
            break
        chain.steps += steps
        _settle_alternatives(chain)
    return chain


def _certain_remedies(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return remedies without which nothing can be learned: the last of each cause.

    The last one is the strongest.
    """
    last = {candidate.cause: candidate for candidate in candidates if candidate.is_certain}
    return list(last.values())


def _train_screened(chain: Chain, tried: Sequence[tuple[Candidate, Variant]]) -> None:
    """Train remedies on one draw, and on the others those that gain there."""
    before, judged = chain.end, chain.trainer.judged
    first, *others = chain.draws
    chain.train([before, *(after for _, after in tried)], [first])
    if (before, first) not in judged:
        return
    min_gain = minimum_gain(judged[before, first].relative_loss, is_suspect=True) / 2
    gaining = [after for _, after in tried if chain.gain(before, after, [first]).mean > min_gain]
    chain.train([before, *gaining], others)


def _record_isolated(chain: Chain, first: list[tuple[Candidate, Variant]]) -> None:
    for candidate, after in first:
        tried = chain.measure(candidate, chain.start, after)
        if tried.gain.falls:
            _keep_best(chain.isolated, tried)
        else:
            chain.skipped.append(candidate.text)


def _keep_best(best: dict[Cause, TriedRemedy], tried: TriedRemedy) -> None:
    """Keep a remedy where it gains more than the others of its cause."""
    earlier = best.get(tried.cause)
    if earlier is None or tried.gain.mean > earlier.gain.mean:
        best[tried.cause] = tried


def _try_all(chain: Chain, candidates: Sequence[Candidate]) -> list[TriedRemedy]:
    """Return the best remedy of each remaining cause, on top of the chain."""
    current = chain.end
    remaining = [
        (candidate, after)
        for candidate in candidates
        if candidate.cause not in chain.causes and (after := candidate.apply(current)) != current
    ]
    if chain.steps:
        if not chain.is_beaten:
            remaining = [
                (candidate, after)
                for candidate, after in remaining
                if candidate.suspect is not None and _isolated_gain(chain, candidate.cause) > 0
            ]
        _train_screened(chain, remaining)
    best: dict[Cause, TriedRemedy] = {}
    for candidate, after in remaining:
        _keep_best(best, chain.measure(candidate, current, after))
    return list(best.values())


def _isolated_gain(chain: Chain, cause: Cause) -> float:
    tried = chain.isolated.get(cause)
    return tried.gain.mean if tried else 0.0


def _choose_step(chain: Chain, tried: list[TriedRemedy]) -> Step | None:
    """Choose the upstream one of the remedies that gain about as much as the best."""
    before = chain.loss_of(chain.end)
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


def _best_pair(chain: Chain, tried: list[TriedRemedy]) -> list[Step]:
    """Find two suspects' remedies that gain together what neither gains alone; else none."""
    current = chain.end
    min_gain = minimum_gain(chain.loss_of(current), is_suspect=False)
    if chain.gap < min_gain:
        return []
    suspects = [remedy for remedy in tried if remedy.candidate.suspect is not None]
    suspects = sorted(suspects, key=lambda remedy: -remedy.candidate.strength)[:MAX_PAIRED]
    pairs = [
        sorted(pair, key=lambda remedy: _downstream_rank(remedy.cause))
        for pair in itertools.combinations(suspects, 2)
    ]
    combined = [(one, two, two.candidate.apply(one.after)) for one, two in pairs]
    chain.train([both for *_, both in combined])
    best: list[Step] = []
    for one, two, both in combined:
        together = chain.gain(current, both)
        if together.is_sure and together.mean > min_gain:
            min_gain = together.mean
            best = [Step(one), Step(chain.measure(two.candidate, one.after, both))]
    return best


def _settle_alternatives(chain: Chain) -> None:
    """Split the last step's rivals: those that gain little now are its alternatives."""
    step = chain.steps[-1]
    after = step.remedy.after
    combined = [(rival, rival.candidate.apply(after)) for rival in step.rivals[:MAX_RIVALS]]
    chain.train([variant for _, variant in combined if variant != after], chain.draws[:2])
    alternatives = tuple(
        rival
        for rival, variant in combined
        if variant == after or chain.gain(after, variant).mean < EXPLAINED_AWAY * rival.gain.mean
    )
    chain.steps[-1] = Step(step.remedy, step.rivals, alternatives)
