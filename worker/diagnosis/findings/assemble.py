"""Builds a Diagnosis from all that was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from lowloss.results import Cause, Curve, Diagnosis, Experiment, Finding, NoiseFloor, Severity
from lowloss.spec import Task
from lowloss.wording import (
    capitalize,
    counted,
    format_loss,
    format_percent,
    format_short,
    list_first,
)
from worker.diagnosis.checks.suspects import Suspect
from worker.diagnosis.findings.data_causes import (
    compare_with_half_of_rows,
    imbalance_finding,
    leak_finding,
    noise_finding,
    outlier_finding,
    too_little_data_finding,
)
from worker.diagnosis.findings.findings import build_findings, diff_recipes
from worker.diagnosis.findings.measured import MeasuredEffects
from worker.diagnosis.findings.verdict import write_verdict
from worker.diagnosis.thresholds import MAX_CODED_CLASSES, ROWS_OF_CLASS
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.judging import multiple_of_constant
from worker.diagnosis.training.peers import estimate_noise_floor
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant, fit_target_scaling, select_rows

MAX_LISTED = 3


def build_diagnosis(
    measured: MeasuredEffects, noise: Suspect | None, *, seconds: Callable[[], float]
) -> Diagnosis:
    """Return the diagnosis: verdict, findings, losses, curves and experiments."""
    trainer, data = measured.trainer, measured.trainer.data
    findings = _findings(measured)
    best, runs = measured.best_loss, measured.runs
    floor = None if trainer.is_ended else estimate_noise_floor(data, best)
    if noise is not None:
        findings.append(noise_finding(noise, best, trainer.metric, floor))
    findings.sort(key=lambda finding: finding.severity is Severity.none)
    return Diagnosis(
        verdict=write_verdict(measured, findings),
        metric=trainer.metric,
        loss=measured.loss_of(measured.start),
        remedied_loss=measured.loss_of(measured.end),
        best=best,
        best_model=measured.best.title,
        constant=trainer.constant,
        baselines={
            peer.name: trainer.constant * multiple_of_constant(peer.relative_loss)
            for peer in measured.peers
        },
        noise_floor=floor,
        findings=tuple(findings),
        recipe=measured.start.recipe,
        remedied_recipe=measured.end.recipe,
        recipe_curve=_curve(trainer, measured.start),
        remedied_curve=_curve(trainer, measured.end),
        experiments=tuple(_experiments(measured)),
        remaining=tuple(_remaining(measured, floor)),
        rows=_count_rows(data, measured.start),
        runs=len(runs),
        remedied_runs=len(trainer.runs_of(measured.end)),
        refusal=next((run.refusal for run in runs if run.refusal), None),
        familiar=measured.familiar,
        targets=measured.targets,
        skipped=tuple(_skipped(measured)),
        notes=tuple(_notes(measured)),
        seconds=round(seconds(), 2),
    )


def _count_rows(data: DiagnosisData, start: Variant) -> dict[str, int]:
    draw = data.draws[0]
    if data.is_judged_on_training:
        return {"train": len(draw.fit_rows), "judge": len(draw.judge)}
    train, validation = draw.train, draw.validation
    if start.recipe.validation_split:
        train, validation = select_rows(start, draw)
    parts = {"train": train, "validation": validation, "judge": draw.judge}
    return {name: len(rows) for name, rows in parts.items()}


def _findings(measured: MeasuredEffects) -> list[Finding]:
    """Return the findings of the chain, and those of causes that a chain does not measure."""
    attribution, suspects = measured.attribution, measured.suspects
    from_chain = build_findings(attribution, suspects)
    chain_causes = attribution.chain.causes
    makers = {
        Cause.class_imbalance: imbalance_finding,
        Cause.leaked_column: leak_finding,
        Cause.outliers: outlier_finding,
    }
    candidates: list[Finding | None] = [
        make(attribution, suspects[cause])
        for cause, make in makers.items()
        if cause in suspects and cause not in chain_causes
    ]
    candidates.append(too_little_data_finding(attribution))
    from_data = [finding for finding in candidates if finding is not None]
    data_causes = {finding.cause for finding in from_data}
    return [finding for finding in from_chain if finding.cause not in data_causes] + from_data


def _curve(trainer: Trainer, variant: Variant) -> Curve:
    """Return the losses of the first draw.

    Squared errors are in the target's own units, other losses in the units of the training.
    """
    runs = trainer.runs_of(variant)
    epochs = runs[0].trained.epochs if runs and runs[0].trained else ()
    unit = 1.0
    if trainer.metric == variant.recipe.loss:
        _, scale = fit_target_scaling(variant.recipe, trainer.data, trainer.data.draws[0])
        unit = float(scale**2)

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
        runs = measured.trainer.runs_of(variant)
        return Experiment(
            name=name,
            causes=causes,
            change=diff_recipes(measured.start.recipe, variant.recipe),
            losses=tuple(run.loss for run in runs),
            draws=tuple(run.draw for run in runs),
            loss=measured.loss_of(variant),
            recipe_loss=measured.attribution.loss_beside(measured.start, variant),
        )

    yield experiment("The recipe as it is", (), measured.start)
    names = {measured.start: ""}
    for tried in measured.attribution.chain.attempts.values():
        if tried.after in names or tried.before not in names:
            continue
        names[tried.after] = " + ".join(filter(None, [names[tried.before], tried.candidate.text]))
        yield experiment(names[tried.after], tried.candidate.causes, tried.after)
    if measured.end not in names:
        causes = tuple(measured.attribution.chain.causes)
        yield experiment("With all remedies", causes, measured.end)
    for variant, name in measured.references.items():
        yield experiment(capitalize(name), (), variant)


def _remaining(measured: MeasuredEffects, floor: NoiseFloor | None) -> Iterable[str]:
    """Yield sentences on what the loss with all remedies consists of."""
    trainer, loss = measured.trainer, measured.loss_of(measured.end)
    if loss is None or not loss:
        return
    share = loss / trainer.constant
    times = f"{format_percent(share)} of" if share <= 1 else f"{format_short(share)} times"
    yield f"What is left, {format_loss(loss)}, is {times} the loss of a constant answer."
    if floor and floor.estimate:
        noise = min(1.0, floor.estimate / loss)
        yield (
            f"By an estimate from rows that are nearly equal, {format_percent(noise)} of it is "
            "noise, which no model removes; that is rough, and may be far too high or too low."
        )
    elif floor and floor.conflicting:
        yield (
            f"By rows that are equal, {format_percent(min(1.0, floor.conflicting / loss))} of it "
            "at least is noise that no model can remove."
        )
    if not trainer.data.is_judged_on_training:
        yield from _generalization(measured)


def _generalization(measured: MeasuredEffects) -> Iterable[str]:
    """Yield sentences on what the network loses on rows that did not train it, and on more rows."""
    trainer = measured.trainer
    half = None
    if trainer.seconds_left > 0:
        draws = measured.attribution.chain.draws[:2]
        half = compare_with_half_of_rows(measured.attribution, draws)
        half = half if half.gain.falls and half.full_loss > 0 else None
    curve = _curve(trainer, measured.end)
    if curve.loss and curve.loss[-1] and curve.val_loss[-1] and curve.loss[-1] < curve.val_loss[-1]:
        advice = "" if half else "; more rows, or a simpler network, may narrow that"
        yield (
            f"After the last epoch the loss on its training rows is "
            f"{format_percent(curve.loss[-1] / curve.val_loss[-1])} of that on rows that did not "
            f"train it{advice}."
        )
    if half is not None:
        fall = f"fell by {format_percent(half.share)}" if half.share > 0 else "did not fall"
        yield f"From half of the training rows to all of them the loss {fall}."


def _notes(measured: MeasuredEffects) -> Iterable[str]:
    data = measured.trainer.data
    if data.is_judged_on_training:
        yield (
            f"The table has {len(data.y)} rows: too few to hold any back. All of them train, and "
            "the losses are of these same rows; what new rows would have was not measured."
        )
    if (values := _count_codes(data)) is not None:
        yield (
            f"The target has {values} values, all whole numbers, and is taken for an amount: if "
            'they are classes, say so by the task multiclass (--task, "task").'
        )
    if data.predicted.has_several and data.dropped_rows:
        all_rows = data.dropped_rows + data.whole_rows
        yield f"{data.dropped_rows:,} of {all_rows:,} rows lack a target, and are left out."
    for column, (levels, all_levels) in data.merged_columns.items():
        yield (
            f"{column!r} has {all_levels} levels or more: the {levels} most frequent are told "
            "apart, and the others are one."
        )
    if parts := measured.start.recipe.keras_parts:
        yield (
            f"{list_first(parts, MAX_LISTED)}: stock Keras trains this recipe, one training at a "
            f"time. So fewer remedies were tried than usual, each on {len(data.draws)} draws at "
            "most."
        )


def _count_codes(data: DiagnosisData) -> int | None:
    """Count the values of a numeric target that may be classes; None where it seems an amount."""
    if data.task is not Task.regression or data.predicted.has_several:
        return None
    values = np.unique(data.y)
    are_few = 2 < len(values) <= MAX_CODED_CLASSES and len(data.y) >= ROWS_OF_CLASS * len(values)
    return len(values) if are_few and np.all(values == np.round(values)) else None


def _skipped(measured: MeasuredEffects) -> Iterable[str]:
    data = measured.trainer.data
    if data.whole_rows > len(data.y):
        gone = f"{data.whole_rows - len(data.y):,} of {data.whole_rows:,} rows"
        yield f"{gone}, more than there is time and memory for"
    if measured.trainer.seconds_left > 0:
        return
    why = measured.trainer.why_over
    untried = [one for one in measured.attribution.chain.untried if one.suspect is None]
    usual = list(dict.fromkeys(one.text for one in untried if not one.is_late))
    if usual:
        names = list_first(usual, MAX_LISTED)
        yield f"{counted(len(usual), 'usual remedy', 'usual remedies')} ({names}), {why}"
    yield f"further combinations of remedies, {why}"
