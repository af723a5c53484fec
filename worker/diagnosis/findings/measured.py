"""All that a diagnosis measured, as its sentences need it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lowloss.results import Cause, FamiliarScores, TargetScores
from lowloss.spec import Task
from lowloss.wording import lower_first
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.chain import TriedRemedy
from worker.diagnosis.chain.gains import (
    fails_to_beat_constant,
    mean_loss,
    mean_relative_loss,
    minimum_gain,
)
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.training.judging import (
    JudgedVariant,
    Score,
    constant_score,
    mean_accuracy,
    multiple_of_constant,
)
from worker.diagnosis.training.peers import Peer
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant

CONSTANT = "a constant answer"
ALTERNATIVE = "an alternative to a remedy"
ANOTHER_REMEDY = "another remedy that was tried"
ONE_MORE = "the remedied recipe with one more"


@dataclass(frozen=True)
class BestModel:
    """The model whose loss is the least: its name, its relative loss, and its accuracy.

    Where it has another remedy than the remedied recipe, or one more, `remedy` is what that says.
    """

    name: str
    relative_loss: float
    accuracy: float | None
    remedy: str | None = None

    @property
    def title(self) -> str:
        """The name, with the remedy."""
        return self.name if self.remedy is None else f"{self.name} ({lower_first(self.remedy)})"


@dataclass(frozen=True)
class MeasuredEffects:
    """All that a diagnosis measured.

    `references` are sound recipes, each with a name for sentences.
    """

    attribution: Attribution
    suspects: Mapping[Cause, Suspect]
    peers: Sequence[Peer]
    references: Mapping[Variant, str]

    @property
    def trainer(self) -> Trainer:
        """What trained all variants."""
        return self.attribution.chain.trainer

    @property
    def start(self) -> Variant:
        """The recipe as it is."""
        return self.attribution.chain.start

    @property
    def end(self) -> Variant:
        """The recipe with all remedies that hold."""
        return self.attribution.end

    @property
    def runs(self) -> list[JudgedVariant]:
        """The trainings of the recipe as it is."""
        return self.trainer.runs_of(self.start)

    def loss_of(self, variant: Variant) -> float | None:
        """Return a variant's mean loss; None where a run diverged, or there is none."""
        return mean_loss(self.trainer.runs_of(variant), self.trainer.constant)

    @property
    def best(self) -> BestModel:
        """The model whose loss is the least of all; a constant answer is one, too."""
        models = [BestModel(CONSTANT, 1.0, self._constant_accuracy)]
        models += [BestModel(peer.name, peer.relative_loss, peer.accuracy) for peer in self.peers]
        variants = {self.end: "the remedied recipe", self.start: "the recipe", **self.references}
        for variant, name in variants.items():
            models += self._model_of(variant, name)
        for other in self.attribution.others:
            models += self._model_of(other.after, self._name(other), other.candidate.text)
        return min(models, key=lambda model: model.relative_loss)

    def _name(self, other: TriedRemedy) -> str:
        """Return the name of the recipe with a remedy that the remedied one has not."""
        if other in self.attribution.alternatives:
            return ALTERNATIVE
        if other.before == self.start:
            return ANOTHER_REMEDY
        return ONE_MORE

    def _model_of(self, variant: Variant, name: str, remedy: str | None = None) -> list[BestModel]:
        """Return what a variant reaches; nothing where a run diverged, or there is none."""
        runs = self.trainer.runs_of(variant)
        if not runs or any(run.loss is None for run in runs):
            return []
        return [BestModel(name, mean_relative_loss(runs), _accuracy(runs), remedy)]

    @property
    def best_loss(self) -> float:
        """The least loss, in units of the metric."""
        return self.trainer.constant * multiple_of_constant(self.best.relative_loss)

    @property
    def is_beaten(self) -> bool:
        """Whether a model is better than the recipe with its remedies, by what matters."""
        loss = self.attribution.chain.loss_of(self.end)
        return loss - self.best.relative_loss >= minimum_gain(loss, is_suspect=True)

    @property
    def targets(self) -> tuple[TargetScores, ...]:
        """The losses of each of several targets."""
        data = self.trainer.data
        if not data.predicted.has_several:
            return ()
        # Of the same draws as the recipe's, so that both compare.
        numbers = [run.draw for run in self.runs] or range(len(data.draws))
        constants = [constant_score(data, data.draws[number]) for number in numbers]
        recipe, remedied = _scores(self.runs), _scores(self.trainer.runs_of(self.end))
        is_of_numbers = data.task is Task.regression

        def loss(scores: Sequence[Score], number: int) -> float | None:
            losses = [score.by_target[number].loss for score in scores]
            mean = statistics.fmean(losses) if losses else None
            return _root(mean) if is_of_numbers else mean

        return tuple(
            TargetScores(
                name=target.name,
                metric="rmse" if is_of_numbers else "log_loss",
                recipe=loss(recipe, number),
                remedied=loss(remedied, number),
                constant=loss(constants, number) or 0.0,
            )
            for number, target in enumerate(data.targets)
        )

    @property
    def unlearned(self) -> tuple[str, ...]:
        """Which of several targets the recipe predicts hardly better than a constant answer."""
        power = 2 if self.trainer.data.task is Task.regression else 1
        return tuple(
            target.name
            for target in self.targets
            if target.recipe is not None
            and fails_to_beat_constant(target.recipe**power, target.constant**power)
        )

    @property
    def familiar(self) -> FamiliarScores | None:
        """The losses in units that people know; None for several numbers."""
        predicted = self.trainer.data.predicted
        if predicted.is_of_numbers and predicted.has_several:
            return None
        if predicted.is_of_numbers:
            return FamiliarScores(
                metric="rmse",
                recipe=_root(self.loss_of(self.start)),
                remedied=_root(self.loss_of(self.end)),
                best=math.sqrt(self.best_loss),
                constant=math.sqrt(self.trainer.constant),
            )
        return FamiliarScores(
            metric="accuracy",
            recipe=_accuracy(self.runs),
            remedied=_accuracy(self.trainer.runs_of(self.end)),
            best=self.best.accuracy,
            constant=self._constant_accuracy or 0.0,
        )

    @property
    def _constant_accuracy(self) -> float | None:
        data = self.trainer.data
        return mean_accuracy([constant_score(data, draw) for draw in data.draws])


def _scores(runs: Sequence[JudgedVariant]) -> Sequence[Score]:
    """Return the scores of all runs; none where one diverged."""
    scores = [run.score for run in runs if run.score is not None]
    return scores if len(scores) == len(runs) else []


def _accuracy(runs: Sequence[JudgedVariant]) -> float | None:
    """Return the mean accuracy; None where a run diverged, or there is none."""
    return mean_accuracy(_scores(runs))


def _root(loss: float | None) -> float | None:
    return None if loss is None else math.sqrt(loss)
