"""How good diagnoses are: recall, precision, false alarms, improvement, with their intervals.

A fault **does harm** where the loss with it is higher by more than a tenth and by more than 3 %
of the constant answer's, is **slight** where only one holds, else **harmless**. A control that
another control of its table beats by as much is not sound but **improvable**. Losses beyond the
constant answer's count by powers of ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from benchmarks.diagnosis.programs import Kind
from benchmarks.diagnosis.records import HOPELESS, Injected, Record
from lowloss.results import Cause

SHARE_OF_LOSS, SHARE_OF_CONSTANT = 0.1, 0.03
REACHED = 0.95
DRAWS = 2_000
TOPS = (1, 3)


class Harm(StrEnum):
    """What a fault does to the loss."""

    harmful = "harmful"
    slight = "slight"
    harmless = "harmless"
    silent = "silent"


class Label(StrEnum):
    """What a program is scored as."""

    sound = "sound"
    improvable = "improvable"
    harmful = "harmful"
    slight = "slight"
    harmless = "harmless"
    silent = "silent"


FAULTY = (Label.harmful, Label.slight, Label.harmless, Label.silent)
"""The worst first."""


@dataclass(frozen=True)
class Estimate:
    """A mean over so many programs, and the central 95 % of means over programs drawn anew."""

    mean: float
    low: float
    high: float
    programs: int


@dataclass(frozen=True)
class Answer:
    """What a system says of a program: harmful causes in order, and all that it names."""

    harmful: tuple[Cause, ...]
    every: tuple[Cause, ...]
    lenient: tuple[frozenset[Cause], ...] = ()
    """Of each harmful finding: its cause, and those of its alternatives."""


System = Callable[[Record], Answer]


def by_measuring(record: Record) -> Answer:
    """Return what the diagnosis says."""
    harmful = [finding for finding in record.findings if finding.is_harmful]
    return Answer(
        tuple(finding.cause for finding in harmful),
        tuple(finding.cause for finding in record.findings),
        tuple(frozenset({finding.cause, *finding.alternatives}) for finding in harmful),
    )


def by_rules(record: Record) -> Answer:
    """Return what published rules say: they know of no harmless finding."""
    return Answer(record.rules, record.rules, tuple(frozenset({cause}) for cause in record.rules))


SYSTEMS: dict[str, System] = {"diagnosis": by_measuring, "rules": by_rules}


def level(loss: float) -> float:
    """Return a loss in units of the constant answer's: as it is below 1.

    Beyond it by powers of ten.
    """
    return loss if loss <= 1 else 1 + math.log10(min(loss, HOPELESS))


def harm_of(fault: Injected) -> Harm:
    """Return what a fault does by itself."""
    if fault.is_silent:
        return Harm.silent
    return _harm(fault.loss, fault.without)


def _harm(loss: float, without: float) -> Harm:
    damage = level(loss) - level(without)
    signs = damage > SHARE_OF_LOSS * level(without), damage > SHARE_OF_CONSTANT
    return Harm.harmful if all(signs) else Harm.slight if any(signs) else Harm.harmless


def label_of(record: Record, best: float | None = None) -> Label:
    """Return the worst that its faults do; `best` is the least loss of its table's controls."""
    if not record.faults:
        is_beaten = best is not None and _harm(record.sound, best) is Harm.harmful
        return Label.improvable if is_beaten else Label.sound
    harms = {harm_of(fault) for fault in record.faults}
    return next(label for label in FAULTY if Harm(label.value) in harms)


def bests(records: Iterable[Record]) -> dict[str, float]:
    """Return the least loss of each table's controls."""
    losses: dict[str, float] = {}
    for record in records:
        if record.kind is Kind.control:
            losses[record.table] = min(record.sound, losses.get(record.table, HOPELESS))
    return losses


def truths_of(record: Record) -> list[frozenset[Cause]]:
    """Return the causes that name each harmful fault rightly, which are to be found."""
    return [fault.accepted for fault in record.faults if harm_of(fault) is Harm.harmful]


def recall(record: Record, answer: Answer, top: int) -> float:
    """Return the share of harmful faults that are among the first findings, which may be fewer."""
    truths, first = truths_of(record), answer.harmful[:top]
    hits = sum(any(cause in truth for cause in first) for truth in truths)
    return hits / min(top, len(truths))


def recall_with_alternatives(record: Record, answer: Answer, top: int) -> float:
    """Return the same, where the cause of an alternative counts as that of its finding."""
    truths, first = truths_of(record), answer.lenient[:top]
    hits = sum(any(causes & truth for causes in first) for truth in truths)
    return min(1.0, hits / min(top, len(truths)))


def precision(record: Record, answer: Answer, top: int) -> float | None:
    """Return the share of the first findings that name something injected.

    None where nothing is found.
    """
    injected = frozenset[Cause]().union(*(fault.accepted for fault in record.faults))
    first = answer.harmful[:top]
    return sum(cause in injected for cause in first) / len(first) if first else None


def reached(record: Record) -> float | None:
    """Return the share of the improvement to the sound recipe that the remedies bring.

    No loss counts for more than the constant answer's, which everybody can have. None where the
    sound recipe is hardly better: what is wrong in the data no remedy of a recipe undoes.
    """
    if _harm(record.loss, record.sound) is not Harm.harmful:
        return None
    loss, remedied, sound = (min(1.0, x) for x in (record.loss, record.remedied, record.sound))
    return (loss - remedied) / (loss - sound) if loss > sound else None


def blames_harmless(record: Record, answer: Answer) -> bool:
    """Return whether a cause of a harmless fault is said to do harm."""
    injected = frozenset[Cause]().union(*(fault.accepted for fault in record.faults))
    return any(cause in injected for cause in answer.harmful)


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Return a mean over programs; those without a value are left out."""
    measured = np.array([value for value in values if value is not None], dtype=np.float64)
    if not measured.size:
        return None
    drawn = measured[np.random.default_rng(0).integers(measured.size, size=(DRAWS, measured.size))]
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return Estimate(float(measured.mean()), float(low), float(high), measured.size)


def summarise(records: Sequence[Record], best: Mapping[str, float]) -> dict[str, Any]:
    """Return all measures of some programs; `best` is the least loss of each table's controls."""
    labels: dict[Label, list[Record]] = {label: [] for label in Label}
    for record in records:
        labels[label_of(record, best.get(record.table))].append(record)
    shares = [share for r in labels[Label.harmful] if (share := reached(r)) is not None]
    return {
        "labels": {label.value: len(members) for label, members in labels.items()},
        "failed": sum(record.error is not None for record in records),
        "systems": {name: _of_system(system, labels) for name, system in SYSTEMS.items()},
        "reached": _plain(estimate(float(share >= REACHED) for share in shares)),
        "mean_reached": _plain(estimate(max(0.0, min(1.0, share)) for share in shares)),
        "seconds": _plain(estimate(record.seconds for record in records)),
        "skipped": _plain(estimate(float(record.skipped > 0) for record in records)),
    }


def _of_system(system: System, labels: dict[Label, list[Record]]) -> dict[str, Any]:
    harmful, sound = labels[Label.harmful], labels[Label.sound]
    measures: dict[str, Estimate | None] = {}
    for top in TOPS:
        measures[f"recall_{top}"] = estimate(recall(r, system(r), top) for r in harmful)
        measures[f"lenient_recall_{top}"] = estimate(
            recall_with_alternatives(r, system(r), top) for r in harmful
        )
        measures[f"precision_{top}"] = estimate(precision(r, system(r), top) for r in harmful)
    measures["false_alarms"] = estimate(float(bool(system(r).harmful)) for r in sound)
    measures["improvable_blamed"] = estimate(
        float(bool(system(r).harmful)) for r in labels[Label.improvable]
    )
    measures["harmless_blamed"] = estimate(
        float(blames_harmless(r, system(r))) for r in labels[Label.harmless]
    )
    measures["silent_named"] = estimate(
        float(any(cause in fault.accepted for cause in system(r).every))
        for r in labels[Label.silent]
        for fault in r.faults
    )
    measures["told"] = estimate(float(len(system(r).harmful)) for r in harmful)
    return {name: _plain(measure) for name, measure in measures.items()}


def count_repeated(records: Sequence[Record]) -> dict[str, int]:
    """Count mended programs, and those where a system blames the cause that was mended."""
    again = {
        name: sum(any(f.cause in system(r).harmful for f in r.faults) for r in records)
        for name, system in SYSTEMS.items()
    }
    return {"programs": len(records)} | again


def by_cause(records: Sequence[Record]) -> dict[str, Any]:
    """Measure how often a single harmful fault is found first, or among three."""
    shares: dict[str, Any] = {}
    for cause in Cause:
        members = [
            r
            for r in records
            if r.kind is Kind.single
            and r.faults[0].cause is cause
            and label_of(r) in {Label.harmful, Label.silent}
        ]
        if members:
            shares[cause.value] = {"programs": len(members)} | {
                name: _shares(members, system) for name, system in SYSTEMS.items()
            }
    return shares


def _shares(records: Sequence[Record], system: System) -> dict[str, float]:
    if label_of(records[0]) is Label.silent:
        is_hit = [any(c in r.faults[0].accepted for c in system(r).every) for r in records]
        return {"named": float(np.mean(is_hit))}
    return {
        f"recall_{top}": float(np.mean([recall(r, system(r), top) for r in records]))
        for top in TOPS
    }


def describe(record: Record, best: Mapping[str, float]) -> dict[str, Any]:
    """Return a program in short."""
    return {
        "name": record.name,
        "kind": record.kind.value,
        "half": record.half.value,
        "label": label_of(record, best.get(record.table)).value,
        "faults": [
            {
                "cause": fault.cause.value,
                "accepted": sorted(cause.value for cause in fault.accepted),
                "harm": harm_of(fault).value,
            }
            for fault in record.faults
        ],
        "told": [f.cause.value for f in record.findings if f.is_harmful],
        "harmless": [f.cause.value for f in record.findings if not f.is_harmful],
        "rules": [cause.value for cause in record.rules],
        "loss": record.loss,
        "remedied": record.remedied,
        "sound": record.sound,
        "best": record.best,
        "seconds": record.seconds,
        "skipped": record.skipped,
        "error": None if record.error is None else record.error.splitlines()[-1],
    }


def _plain(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else asdict(estimate)
