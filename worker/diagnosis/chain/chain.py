"""The chain of remedies, and all that was tried beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lowloss.results import Cause, EvidenceState
from worker.diagnosis.chain.gains import (
    Gain,
    gain_of,
    mean_relative_loss,
    minimum_gain,
    paired_runs,
)
from worker.diagnosis.chain.remedies import Candidate
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

AttemptKey = tuple[tuple[Cause, ...], str, Variant]
"""The causes of a remedy, its words, and what it was tried on."""


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
    state: EvidenceState = EvidenceState.unconfirmed


@dataclass
class Chain:
    """The remedies of a recipe, step by step, and what was tried beside them.

    It is built on `draws` of `candidates`; `references` are sound recipes that it is compared with.
    `attempts` are all remedies that were trained, where they were.
    """

    trainer: Trainer
    start: Variant
    candidates: Sequence[Candidate]
    references: Sequence[Variant]
    draws: Sequence[int]
    steps: list[Step] = field(default_factory=list)
    attempts: dict[AttemptKey, TriedRemedy] = field(default_factory=dict)

    @property
    def end(self) -> Variant:
        """The recipe with all remedies of the chain."""
        return self.steps[-1].remedy.after if self.steps else self.start

    @property
    def causes(self) -> set[Cause]:
        """The causes that the chain remedies."""
        return {cause for step in self.steps for cause in step.remedy.candidate.causes}

    @property
    def is_certain_only(self) -> bool:
        """Whether it has only remedies without which nothing can be learned."""
        return all(step.remedy.candidate.is_certain for step in self.steps)

    @property
    def untried(self) -> list[Candidate]:
        """What was trained nowhere: there was no time, or no need of it."""
        tried = {(causes, text) for causes, text, _ in self.attempts}
        return [one for one in self.candidates if (one.causes, one.text) not in tried]

    @property
    def trained_references(self) -> list[Variant]:
        """The sound recipes of which there is a run."""
        return [variant for variant in self.references if self.trainer.runs_of(variant)]

    @property
    def gap(self) -> float:
        """How much worse the chain's end is than a sound recipe."""
        return self.loss_of(self.end) - min(map(self.loss_of, self.trained_references), default=0.0)

    @property
    def is_beaten(self) -> bool:
        """Whether a sound recipe beats the chain's end by what matters."""
        return self.gap >= minimum_gain(self.loss_of(self.end), is_suspect=True)

    def best_attempt(self, causes: tuple[Cause, ...], before: Variant) -> TriedRemedy | None:
        """Return the remedy that gains most on top of a variant, for these causes at once."""
        attempts = [
            tried
            for tried in self.attempts.values()
            if tried.candidate.causes == causes and tried.before == before
        ]
        return max(attempts, key=lambda tried: tried.gain.mean, default=None)

    def best_remedy(self, cause: Cause) -> TriedRemedy | None:
        """Return the best remedy of a cause at the chain's end, or else at its start."""
        return self.best_attempt((cause,), self.end) or self.best_attempt((cause,), self.start)

    def train(self, variants: Iterable[Variant], draws: Sequence[int] | None = None) -> None:
        """Train variants, on the chain's draws unless others are named."""
        self.trainer.train(variants, self.draws if draws is None else draws)

    def gain(self, before: Variant, after: Variant, draws: Sequence[int] | None = None) -> Gain:
        """Return what one variant gains over another, on the draws where both were trained."""
        draws = self.draws if draws is None else draws
        return gain_of(paired_runs(self.trainer, before, after, draws))

    def measure(self, candidate: Candidate, before: Variant, after: Variant) -> TriedRemedy:
        """Return a remedy with its gain, and keep it among the attempts where it was trained."""
        tried = TriedRemedy(candidate, before, after, self.gain(before, after))
        if tried.gain.falls:
            self.attempts[candidate.causes, candidate.text, before] = tried
        return tried

    def loss_of(self, variant: Variant) -> float:
        """Return a variant's mean relative loss."""
        return mean_relative_loss(self.trainer.runs_of(variant))
