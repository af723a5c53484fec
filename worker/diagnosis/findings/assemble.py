"""Puts all that was measured into a Diagnosis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowloss.results import Cause, Curve, Diagnosis, Experiment, Finding, NoiseFloor, Severity
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.explain import Explanation
from worker.diagnosis.chain.gains import mean_loss
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.data_causes import (
    half_of_rows,
    imbalance_finding,
    leak_finding,
    noise_finding,
    too_little_data,
)
from worker.diagnosis.findings.findings import METRICS, difference, findings
from worker.diagnosis.training.peers import Peer, constant, noise_floor
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant, units_of


@dataclass(frozen=True)
class MeasuredEffects:
    """All that a diagnosis measured. `references` are sound recipes, and what they are called."""

    trainer: Trainer
    found: Explanation
    attribution: Attribution
    suspects: Mapping[Cause, Suspect]
    peers: Sequence[Peer]
    references: Mapping[Variant, str]
    draws: Sequence[int]

    @property
    def start(self) -> Variant:
        """The recipe as it is."""
        return self.found.start

    @property
    def end(self) -> Variant:
        """The recipe with all remedies that held."""
        steps = self.attribution.steps
        return steps[-1].taken.after if steps else self.start

    def loss_of(self, variant: Variant) -> float | None:
        """A variant's mean loss; None where it diverged, or was not trained."""
        return mean_loss(self.trainer.runs_of(variant))

    @property
    def best(self) -> tuple[float, str]:
        """The least loss that was reached, and by whom."""
        named = [(peer.loss, peer.name) for peer in self.peers]
        variants = [
            (self.start, "the recipe"),
            (self.end, "the remedied recipe"),
            *self.references.items(),
        ]
        for variant, name in variants:
            loss = self.loss_of(variant)
            if loss is not None:
                named.append((loss, name))
        return min(named)


def build_diagnosis(
    measured: MeasuredEffects, noise: Suspect | None, *, seconds: Callable[[], float]
) -> Diagnosis:
    """The diagnosis."""
    trainer, data = measured.trainer, measured.trainer.data
    told = _findings(measured)
    best, best_model = measured.best
    if noise is not None:
        told.append(noise_finding(noise, best, trainer.metric))
    told.sort(key=lambda each: each.severity is Severity.harmless)
    floor = noise_floor(data, best)
    draw = data.draws[0]
    return Diagnosis(
        verdict=_verdict(measured, told),
        metric=trainer.metric,
        loss=measured.loss_of(measured.start),
        remedied_loss=measured.loss_of(measured.end),
        best=best,
        best_model=best_model,
        constant=constant(data),
        baselines={peer.name: peer.loss for peer in measured.peers},
        noise_floor=floor,
        findings=tuple(told),
        recipe=measured.start.recipe,
        remedied_recipe=measured.end.recipe,
        recipe_curve=_curve(trainer, measured.start),
        remedied_curve=_curve(trainer, measured.end),
        experiments=tuple(_experiments(measured)),
        remaining=tuple(_remaining(measured, floor)),
        rows={
            "train": len(draw.train),
            "validation": len(draw.validation),
            "judge": len(draw.judge),
        },
        runs=len(trainer.runs_of(measured.start)),
        skipped=tuple(_skipped(measured)),
        seconds=round(seconds(), 2),
    )


def _findings(measured: MeasuredEffects) -> list[Finding]:
    """The chain's findings, and those of causes that a chain does not measure."""
    trainer, found, draws = measured.trainer, measured.found, measured.draws
    told = findings(trainer, measured.attribution, measured.suspects, found.alone)
    kept = {step.taken.cause for step in measured.attribution.steps}
    more: list[Finding | None] = []
    if (imbalance := measured.suspects.get(Cause.class_imbalance)) and imbalance.cause not in kept:
        more.append(imbalance_finding(trainer, imbalance, measured.end, draws))
    if (leak := measured.suspects.get(Cause.leaked_column)) and leak.cause not in kept:
        more.append(leak_finding(trainer, leak, found.alone.get(leak.cause)))
    more.append(too_little_data(trainer, measured.end, draws))
    instead = [each for each in more if each is not None]
    causes = {each.cause for each in instead}
    return [each for each in told if each.cause not in causes] + instead


def _verdict(measured: MeasuredEffects, told: Sequence[Finding]) -> str:
    """One or two plain sentences."""
    name = METRICS.get(measured.trainer.metric, measured.trainer.metric)
    runs, loss = measured.trainer.runs_of(measured.start), measured.loss_of(measured.start)
    best, best_model = measured.best
    reached = f"the best that was reached is {best:.3g}, by {best_model}"
    if not runs:
        return f"There was no time to train the recipe; {reached}."
    refused = next((run.refused for run in runs if run.refused), None)
    stands = f"has a {name} of {loss:.3g}" if loss is not None else "does not come to a finite loss"
    if refused:
        stands = "cannot be trained"
    harmful = [each for each in told if each.severity is not Severity.harmless]
    if not harmful:
        return f"Nothing wrong found: the recipe {stands}, and {reached}."
    remedied = measured.loss_of(measured.end)
    if len(harmful) > 1 and remedied is not None and measured.end != measured.start:
        stands += f"; with all remedies {remedied:.3g}, and {reached}"
    return f"The recipe {stands}. {harmful[0].sentence}"


def _curve(trainer: Trainer, variant: Variant) -> Curve:
    """The losses of the first draw: squared errors in the target's own units.

    Others in the units that the recipe trains in.
    """
    runs = trainer.runs_of(variant)
    epochs = runs[0].trained.epochs if runs and runs[0].trained else ()
    unit = 1.0
    if trainer.metric == variant.recipe.loss:
        _, scale = units_of(variant.recipe, trainer.data, trainer.data.draws[0])
        unit = scale**2

    def values(losses: Iterable[float]) -> tuple[float | None, ...]:
        return tuple(unit * loss if math.isfinite(loss) else None for loss in losses)

    return Curve(
        loss=values(epoch.loss for epoch in epochs),
        val_loss=values(epoch.val_loss for epoch in epochs),
        penalised_loss=values(epoch.penalised_loss for epoch in epochs),
    )


def _experiments(measured: MeasuredEffects) -> Iterable[Experiment]:
    """The recipe as it is, each remedy alone, the chain, and the sound networks beside them."""

    def experiment(name: str, causes: tuple[Cause, ...], variant: Variant) -> Experiment:
        losses = tuple(run.loss for run in measured.trainer.runs_of(variant))
        change = difference(measured.start.recipe, variant.recipe)
        return Experiment(name=name, causes=causes, change=change, losses=losses)

    yield experiment("The recipe as it is", (), measured.start)
    for cause, tried in measured.found.alone.items():
        yield experiment(tried.candidate.text, (cause,), tried.after)
    causes: tuple[Cause, ...] = ()
    for step in measured.attribution.steps:
        causes = (*causes, step.taken.cause)
        if len(causes) > 1:
            yield experiment("Remedies of " + ", ".join(causes), causes, step.taken.after)
    for variant, name in measured.references.items():
        yield experiment(name[0].upper() + name[1:], (), variant)


def _remaining(measured: MeasuredEffects, floor: NoiseFloor) -> Iterable[str]:
    """What the loss consists of that is left with all remedies."""
    trainer, loss = measured.trainer, measured.loss_of(measured.end)
    if loss is None or not loss:
        return
    share = loss / constant(trainer.data)
    yield f"What is left, {loss:.3g}, is {share:.0%} of the loss of a constant answer."
    if floor.estimate:
        yield (
            f"By rows that are nearly equal, {min(1.0, floor.estimate / loss):.0%} of it is noise "
            "that no model can remove."
        )
    elif floor.conflicting:
        yield (
            f"By rows that are equal, {min(1.0, floor.conflicting / loss):.0%} of it is noise that "
            "no model can remove."
        )
    curve = _curve(trainer, measured.end)
    if curve.loss and curve.loss[-1] and curve.val_loss[-1]:
        yield (
            f"On its training rows the loss is {curve.loss[-1] / curve.val_loss[-1]:.0%} of that "
            "on held rows: the difference is what more rows, or a simpler network, may take off."
        )
    if trainer.seconds_left > 0:
        fall, whole = half_of_rows(trainer, measured.end, measured.draws[:2])
        if fall.falls and whole > 0:
            share = max(0.0, fall.mean) / (whole + max(0.0, fall.mean))
            yield f"From half of the training rows to all of them it fell by {share:.0%}."


def _skipped(measured: MeasuredEffects) -> Iterable[str]:
    data = measured.trainer.data
    if data.whole_rows > len(data.y):
        yield f"{data.whole_rows - len(data.y):,} of {data.whole_rows:,} rows, for want of time"
    for text in measured.found.skipped:
        yield f"{text}, for want of time"
    if measured.trainer.seconds_left <= 0:
        yield "further combinations of remedies, for want of time"
