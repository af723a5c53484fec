"""Shows a diagnosis on the terminal: the verdict, the losses, findings and remedies."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Literal

from rich.console import Console
from rich.text import Text

from lowloss.cli.rendering.results import format_duration, format_number
from lowloss.results import Diagnosis, Effect, Evidence, EvidenceState, Finding, Severity
from lowloss.wording import (
    counted,
    describe_missing_loss,
    describe_score,
    list_first,
    make_printable,
)

LABEL = 22
INDENT = 3
MIN_WIDTH = 40
OTHERS = {
    EvidenceState.not_tried: "not tried",
    EvidenceState.unconfirmed: "not confirmed",
    EvidenceState.no_gain: "gains nothing",
    EvidenceState.confirmed: "as it is",
}
"""Headings of the findings without a severity, in their order."""
MAX_ITEMS = 10
"""How many rows or columns are named; the others are counted."""


def show_diagnosis(diagnosis: Diagnosis, out: Console) -> None:
    """Show a whole diagnosis; in bold only where the console can."""
    findings = diagnosis.findings
    harmful = [finding for finding in findings if finding.severity is not Severity.none]
    others = [finding for finding in findings if finding.severity is Severity.none]
    _print_wrapped(out, diagnosis.verdict, style="bold")
    out.print()
    for label, loss in _list_losses(diagnosis):
        _print_wrapped(out, f"{label:<{LABEL}} {loss}", indent=INDENT, hanging=LABEL + 1)
    for position, finding in enumerate(harmful, start=1):
        out.print()
        _show_finding(position, finding, out)
    out.print()
    for state, heading in OTHERS.items():
        for finding in others:
            if finding.evidence_state is state:
                text = f"{heading}: {_format_code(finding.cause)}. {finding.sentence}"
                _print_wrapped(out, text, hanging=2)
    for sentence in (*diagnosis.search, *diagnosis.remaining):
        _print_wrapped(out, sentence)
    for skipped in diagnosis.skipped:
        _print_wrapped(out, f"skipped: {skipped}")
    for note in diagnosis.notes:
        _print_wrapped(out, f"note: {note}")
    _print_wrapped(out, _describe_basis(diagnosis))


def _list_losses(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    floor, runs, refusal = diagnosis.noise_floor, diagnosis.runs, diagnosis.refusal

    def with_score(loss: str, whose: Literal["recipe", "remedied", "best", "constant"]) -> str:
        score = getattr(diagnosis.familiar, whose, None)
        if diagnosis.familiar is None or score is None:
            return loss
        return f"{loss} ({describe_score(diagnosis.familiar.metric, score)})"

    def loss_of(loss: float | None, runs: int, refusal: str | None = None) -> str:
        return describe_missing_loss(runs, refusal) if loss is None else format_number(loss)

    recipe = loss_of(diagnosis.loss, runs, refusal)
    if diagnosis.loss is not None:
        recipe = f"{recipe} {_format_code(diagnosis.metric)}"
    yield "the recipe", with_score(recipe, "recipe")
    if diagnosis.remedied_recipe != diagnosis.recipe:
        remedied = loss_of(diagnosis.remedied_loss, diagnosis.remedied_runs)
        yield "with the remedies", with_score(remedied, "remedied")
    best = with_score(format_number(diagnosis.best), "best")
    yield "best reached", f"{best}, by {_format_code(diagnosis.best_model)}"
    constant = format_number(diagnosis.constant)
    yield "best constant answer", with_score(constant, "constant")
    if floor and floor.estimate is not None:
        yield "noise floor, estimated", format_number(floor.estimate)
    if floor and floor.conflicting:
        yield "conflicting rows alone", format_number(floor.conflicting)


def _show_finding(position: int, finding: Finding, out: Console) -> None:
    heading = f"{position}. {_format_causes(finding)} ({finding.severity}{_format_state(finding)})"
    _print_wrapped(out, heading, style="bold")
    _print_wrapped(out, finding.sentence, indent=INDENT)
    for evidence in finding.evidence:
        _print_wrapped(out, f"- {_format_evidence(evidence)}", indent=INDENT, hanging=2)
    for noun, items in (("columns", finding.columns), ("rows", finding.rows)):
        if items:
            _print_wrapped(out, f"{noun}: {list_first(items, MAX_ITEMS)}", indent=INDENT)
    for effect in _list_effects(finding):
        _print_wrapped(out, effect, indent=INDENT)
    if finding.remedy is not None:
        _print_wrapped(out, f"remedy: {finding.remedy.text}", indent=INDENT)
        if finding.remedy.change:
            change = json.dumps(finding.remedy.change, ensure_ascii=False)
            _print_wrapped(out, f"recipe: {change}", indent=INDENT, hanging=2)
        _show_code(finding.remedy.code, out)
    for other in finding.alternatives:
        effect = _format_effect(other.isolated_effect)
        remedy = other.remedy.text.removesuffix(".")
        text = f"or, as if {_format_code(other.cause)}: {remedy}. Alone it {effect}"
        _print_wrapped(out, text, indent=INDENT, hanging=2)


def _format_causes(finding: Finding) -> str:
    return " and ".join(map(_format_code, (finding.cause, *finding.together_with)))


def _format_state(finding: Finding) -> str:
    """Return what a severity rests on, where fresh draws did not confirm it."""
    state = finding.evidence_state
    return "" if state is EvidenceState.confirmed else f", {_format_code(state)}"


def _list_effects(finding: Finding) -> Iterator[str]:
    """Yield the effect after the earlier remedies, and the isolated effect where it differs."""
    if finding.effect is not None:
        yield f"effect: {_format_effect(finding.effect)}"
    if finding.isolated_effect is not None and finding.isolated_effect != finding.effect:
        yield f"alone: {_format_effect(finding.isolated_effect)}"
    if finding.effect is None and finding.isolated_effect is None:
        seconds = finding.seconds_needed
        yield "effect: not measured" + (f", takes about {seconds:.0f} s" if seconds else "")


def _format_effect(effect: Effect) -> str:
    interval = f" ({effect.low:.0%} to {effect.high:.0%})" if effect.runs > 1 else ""
    before, after = (
        describe_missing_loss(1) if loss is None else format_number(loss)
        for loss in (effect.before, effect.after)
    )
    change = f"{before} -> {after} {_format_code(effect.metric)}"
    return f"removes {effect.share:.0%} of the excess{interval}, {change}"


def _format_evidence(evidence: Evidence) -> str:
    value = "not finite" if evidence.value is None else format_number(evidence.value)
    threshold = evidence.threshold
    limit = "" if threshold is None else f" (suspect from {format_number(threshold)})"
    return f"{evidence.what}: {value}{limit}"


def _describe_basis(diagnosis: Diagnosis) -> str:
    """Describe how many experiments, seconds and rows the numbers are based on."""
    trained = counted(len(diagnosis.experiments), "experiment")
    rows = ", ".join(f"{count:,} {part}" for part, count in diagnosis.rows.items())
    return f"{trained} in {format_duration(diagnosis.seconds)}" + (
        f"; rows: {rows}" if rows else ""
    )


def _show_code(code: str, out: Console) -> None:
    """Print lines unwrapped, however long, so that they can be copied."""
    for line in code.splitlines():
        out.print(Text(" " * 2 * INDENT + make_printable(line)), soft_wrap=True)


def _print_wrapped(
    out: Console, text: str, *, indent: int = 0, hanging: int = 0, style: str = ""
) -> None:
    """Print text in lines that fit, without control characters for the terminal."""
    lines = textwrap.wrap(
        make_printable(text),
        max(out.width, MIN_WIDTH),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )
    for line in lines:
        out.print(Text(line, style=style), soft_wrap=True)


def _format_code(code: str) -> str:
    return code.replace("_", " ")
