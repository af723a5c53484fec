"""Shows a diagnosis on the terminal: the verdict, the losses, findings and remedies."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from lowloss.cli.rendering.results import format_duration, format_number
from lowloss.results import Diagnosis, Effect, Evidence, Finding, Severity
from lowloss.wording import counted, list_first, make_printable

LABEL = 22
INDENT = 3
MIN_WIDTH = 40
MAX_ITEMS = 10
"""How many rows or columns are named; the others are counted."""


def show_diagnosis(diagnosis: Diagnosis, out: Console) -> None:
    """Show a whole diagnosis; in bold only where the console can."""
    findings = diagnosis.findings
    harmful = [finding for finding in findings if finding.severity is not Severity.harmless]
    harmless = [finding for finding in findings if finding.severity is Severity.harmless]
    _print_wrapped(out, diagnosis.verdict, style="bold")
    out.print()
    for label, loss in _list_losses(diagnosis):
        _print_wrapped(out, f"{label:<{LABEL}} {loss}", indent=INDENT, hanging=LABEL + 1)
    for position, finding in enumerate(harmful, start=1):
        out.print()
        _show_finding(position, finding, out)
    out.print()
    if harmless:
        causes = ", ".join(_format_code(finding.cause) for finding in harmless)
        _print_wrapped(out, f"present, harmless here: {causes}")
    for sentence in (*diagnosis.search, *diagnosis.remaining):
        _print_wrapped(out, sentence)
    for skipped in diagnosis.skipped:
        _print_wrapped(out, f"skipped: {skipped}")
    for note in diagnosis.notes:
        _print_wrapped(out, f"note: {note}")
    _print_wrapped(out, _describe_basis(diagnosis))


def _list_losses(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    floor = diagnosis.noise_floor
    yield "the recipe", _format_loss(diagnosis.loss, diagnosis.metric)
    if diagnosis.remedied_recipe != diagnosis.recipe:
        yield "with the remedies", _format_loss(diagnosis.remedied_loss)
    yield (
        "best reached",
        f"{format_number(diagnosis.best)}, by {_format_code(diagnosis.best_model)}",
    )
    yield "best constant answer", format_number(diagnosis.constant)
    if floor and floor.estimate is not None:
        yield "noise floor, estimated", format_number(floor.estimate)
    if floor and floor.conflicting:
        yield "conflicting rows alone", format_number(floor.conflicting)


def _show_finding(position: int, finding: Finding, out: Console) -> None:
    _print_wrapped(
        out, f"{position}. {_format_code(finding.cause)} ({finding.severity})", style="bold"
    )
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


def _list_effects(finding: Finding) -> Iterator[str]:
    """Yield the effect after the earlier remedies, and the isolated effect where it differs."""
    if finding.effect is not None:
        yield f"effect: {_format_effect(finding.effect)}"
    if finding.isolated_effect is not None and finding.isolated_effect != finding.effect:
        yield f"alone: {_format_effect(finding.isolated_effect)}"
    if finding.effect is None and finding.isolated_effect is None:
        yield "effect: not measured"


def _format_effect(effect: Effect) -> str:
    interval = f" ({effect.low:.0%} to {effect.high:.0%})" if effect.runs > 1 else ""
    change = f"{_format_loss(effect.before)} -> {_format_loss(effect.after, effect.metric)}"
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


def _format_loss(value: float | None, metric: str = "") -> str:
    return (
        "diverged" if value is None else f"{format_number(value)} {_format_code(metric)}".rstrip()
    )
