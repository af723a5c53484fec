"""Shows a diagnosis on the terminal: the verdict, the losses, findings and remedies."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from lowloss.cli.rendering.changes import describe_change
from lowloss.results import Diagnosis, Evidence, EvidenceState, Finding
from lowloss.results.losses import (
    RECIPE,
    describe_alternative,
    describe_causes,
    describe_metric,
    describe_severity,
    list_effects,
    list_losses,
    list_targets,
)
from lowloss.spec import Recipe
from lowloss.wording import (
    counted,
    format_duration,
    format_number,
    list_first,
    make_printable,
)

LABEL = 22
INDENT = 3
MIN_WIDTH = 40
OTHERS = {
    EvidenceState.not_tried: "not tried",
    EvidenceState.unconfirmed: "not confirmed",
    EvidenceState.no_gain: "gains nothing that counts",
    EvidenceState.confirmed: "as it is",
}
"""Headings of the findings without a severity, in their order."""
MAX_ITEMS = 10
"""How many rows or columns are named; the others are counted."""


def show_diagnosis(diagnosis: Diagnosis, out: Console) -> None:
    """Show a whole diagnosis; in bold only where the console can."""
    _print_wrapped(out, diagnosis.verdict, style="bold")
    out.print()
    for loss in list_losses(diagnosis, RECIPE):
        remark = f" ({loss.remark})" if loss.remark else ""
        line = f"{loss.label:<{LABEL}} {loss.text}{remark}"
        _print_wrapped(out, line, indent=INDENT, hanging=LABEL + 1)
    _print_wrapped(out, f"losses: {describe_metric(diagnosis)}", indent=INDENT)
    for sentence in list_targets(diagnosis, RECIPE):
        _print_wrapped(out, sentence, indent=INDENT, hanging=2)
    for position, finding in enumerate(diagnosis.harmful, start=1):
        out.print()
        _show_finding(position, finding, diagnosis.recipe, out)
    out.print()
    for state, heading in OTHERS.items():
        for finding in diagnosis.others:
            if finding.evidence_state is state:
                text = f"{heading}: {describe_causes(finding)}. {finding.sentence}"
                _print_wrapped(out, text, hanging=2)
    for sentence in (*diagnosis.search, *diagnosis.remaining):
        _print_wrapped(out, sentence)
    for skipped in diagnosis.skipped:
        _print_wrapped(out, f"skipped: {skipped}")
    for note in diagnosis.notes:
        _print_wrapped(out, f"note: {note}")
    _print_wrapped(out, _describe_basis(diagnosis))


def _show_finding(position: int, finding: Finding, recipe: Recipe, out: Console) -> None:
    heading = f"{position}. {describe_causes(finding)} ({describe_severity(finding)})"
    _print_wrapped(out, heading, style="bold")
    _print_wrapped(out, finding.sentence, indent=INDENT)
    for evidence in finding.evidence:
        _print_wrapped(out, f"- {_format_evidence(evidence)}", indent=INDENT, hanging=2)
    for noun, items in (("columns", finding.columns), ("rows, from 0", finding.rows)):
        if items:
            _print_wrapped(out, f"{noun}: {list_first(items, MAX_ITEMS)}", indent=INDENT)
    for effect in list_effects(finding):
        _print_wrapped(out, effect, indent=INDENT)
    if finding.remedy is not None:
        _print_wrapped(out, f"remedy: {finding.remedy.text}", indent=INDENT)
        if finding.remedy.change:
            change = describe_change(finding.remedy.change, recipe)
            _print_wrapped(out, f"recipe: {change}", indent=INDENT, hanging=2)
        _show_code(finding.remedy.code, out)
    for other in finding.alternatives:
        remedy = other.remedy.text.removesuffix(".")
        effect = describe_alternative(other)
        text = f"or the remedy of {describe_causes(other)}: {remedy}. {effect}"
        _print_wrapped(out, text, indent=INDENT, hanging=2)


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
