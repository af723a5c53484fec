"""Builds a Diagnosis from all that was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lowloss.results import Cause, Curve, Diagnosis, Experiment, Finding, NoiseFloor, Severity
from worker.diagnosis.chain.attribution import Attribution
from worker.diagnosis.chain.gains import mean_loss
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.data_causes import (
    compare_with_half_of_rows,
    imbalance_finding,
    leak_finding,
    noise_finding,
    too_little_data_finding,
)
from worker.diagnosis.findings.findings import METRICS, build_findings, diff_recipes
from worker.diagnosis.training.peers import Peer, estimate_noise_floor, mean_constant_loss
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant, fit_target_scaling


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
        """The recipe with all remedies that were confirmed."""
        return self.attribution.end

    def loss_of(self, variant: Variant) -> float | None:
        """Return a variant's mean loss; None where it diverged or was not trained."""
        return mean_loss(self.trainer.runs_of(variant))

    @property
    def best(self) -> tuple[float, str]:
        """The lowest loss that was reached, and the name of the model that reached it."""
        losses = [(peer.loss, peer.name) for peer in self.peers]
        variants = [
            (self.start, "the recipe"),
            (self.end, "the remedied recipe"),
            *self.references.items(),
        ]
        for variant, name in variants:
            loss = self.loss_of(variant)
            if loss is not None:
                losses.append((loss, name))
        return min(losses)


def build_diagnosis(
    measured: MeasuredEffects, noise: Suspect | None, *, seconds: Callable[[], float]
) -> Diagnosis:
    """Return the diagnosis: verdict, findings, losses, curves and experiments."""
    trainer, data = measured.trainer, measured.trainer.data
    findings = _findings(measured)
    best, best_model = measured.best
    if noise is not None:
        findings.append(noise_finding(noise, best, trainer.metric))
    findings.sort(key=lambda finding: finding.severity is Severity.harmless)
    floor = estimate_noise_floor(data, best)
    draw = data.draws[0]
    return Diagnosis(
        verdict=_verdict(measured, findings),
        metric=trainer.metric,
        loss=measured.loss_of(measured.start),
        remedied_loss=measured.loss_of(measured.end),
        best=best,
        best_model=best_model,
        constant=mean_constant_loss(data),
        baselines={peer.name: peer.loss for peer in measured.peers},
        noise_floor=floor,
        findings=tuple(findings),
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
    """Return the findings of the chain, and those of causes that a chain does not measure."""
    attribution, suspects = measured.attribution, measured.suspects
    from_chain = build_findings(attribution, suspects)
    chain_causes = {step.remedy.cause for step in attribution.steps}
    candidates: list[Finding | None] = []
    imbalance = suspects.get(Cause.class_imbalance)
    if imbalance is not None and imbalance.cause not in chain_causes:
        candidates.append(imbalance_finding(attribution, imbalance))
    leak = suspects.get(Cause.leaked_column)
    if leak is not None and leak.cause not in chain_causes:
        candidates.append(leak_finding(attribution, leak))
    candidates.append(too_little_data_finding(attribution))
    from_data = [finding for finding in candidates if finding is not None]
    data_causes = {finding.cause for finding in from_data}
    return [finding for finding in from_chain if finding.cause not in data_causes] + from_data


def _verdict(measured: MeasuredEffects, findings: Sequence[Finding]) -> str:
    """Summarise the diagnosis in one or two plain sentences."""
    name = METRICS.get(measured.trainer.metric, measured.trainer.metric)
    runs, loss = measured.trainer.runs_of(measured.start), measured.loss_of(measured.start)
    best, best_model = measured.best
    reached = f"the best that was reached is {best:.3g}, by {best_model}"
    if not runs:
        return f"There was no time to train the recipe; {reached}."
    is_refused = any(run.refusal for run in runs)
    result = f"has a {name} of {loss:.3g}" if loss is not None else "does not come to a finite loss"
    if is_refused:
        result = "cannot be trained"
    harmful = [finding for finding in findings if finding.severity is not Severity.harmless]
    if not harmful:
        return f"Nothing wrong found: the recipe {result}, and {reached}."
    remedied = measured.loss_of(measured.end)
    if len(harmful) > 1 and remedied is not None and measured.end != measured.start:
        result += f"; with all remedies {remedied:.3g}, and {reached}"
    return f"The recipe {result}. {harmful[0].sentence}"


def _curve(trainer: Trainer, variant: Variant) -> Curve:
    """Return the losses of the first draw.

    Squared errors are in the target's own units, other losses in the units of the training.
    """
    runs = trainer.runs_of(variant)
    epochs = runs[0].trained.epochs if runs and runs[0].trained else ()
    unit = 1.0
    if trainer.metric == variant.recipe.loss:
        _, scale = fit_target_scaling(variant.recipe, trainer.data, trainer.data.draws[0])
        unit = scale**2

    def values(losses: Iterable[float]) -> tuple[float | None, ...]:
        return tuple(unit * loss if math.isfinite(loss) else None for loss in losses)

    return Curve(
        loss=values(epoch.loss for epoch in epochs),
        val_loss=values(epoch.val_loss for epoch in epochs),
        penalised_loss=values(epoch.penalised_loss for epoch in epochs),
    )


def _experiments(measured: MeasuredEffects) -> Iterable[Experiment]:
    """Yield the recipe as it is, each remedy alone, the chain, and the sound networks."""

    def experiment(name: str, causes: tuple[Cause, ...], variant: Variant) -> Experiment:
        losses = tuple(run.loss for run in measured.trainer.runs_of(variant))
        change = diff_recipes(measured.start.recipe, variant.recipe)
        return Experiment(name=name, causes=causes, change=change, losses=losses)

    yield experiment("The recipe as it is", (), measured.start)
    for cause, tried in measured.attribution.chain.isolated.items():
        yield experiment(tried.candidate.text, (cause,), tried.after)
    causes: tuple[Cause, ...] = ()
    for step in measured.attribution.steps:
        causes = (*causes, step.remedy.cause)
        if len(causes) > 1:
            yield experiment("Remedies of " + ", ".join(causes), causes, step.remedy.after)
    for variant, name in measured.references.items():
        yield experiment(name[0].upper() + name[1:], (), variant)


def _remaining(measured: MeasuredEffects, floor: NoiseFloor) -> Iterable[str]:
    """Yield sentences on what the loss with all remedies consists of."""
    trainer, loss = measured.trainer, measured.loss_of(measured.end)
    if loss is None or not loss:
        return
    share = loss / mean_constant_loss(trainer.data)
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
        draws = measured.attribution.chain.draws[:2]
        fall, full_loss = compare_with_half_of_rows(measured.attribution, draws)
        if fall.falls and full_loss > 0:
            share = max(0.0, fall.mean) / (full_loss + max(0.0, fall.mean))
            yield f"From half of the training rows to all of them it fell by {share:.0%}."


def _skipped(measured: MeasuredEffects) -> Iterable[str]:
    data = measured.trainer.data
    if data.whole_rows > len(data.y):
        yield f"{data.whole_rows - len(data.y):,} of {data.whole_rows:,} rows, for want of time"
    for text in measured.attribution.chain.skipped:
        yield f"{text}, for want of time"
    if measured.trainer.seconds_left <= 0:
        yield "further combinations of remedies, for want of time"
