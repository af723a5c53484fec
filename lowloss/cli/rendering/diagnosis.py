"""A diagnosis on the terminal: the verdict, the losses, and each finding with its remedy."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from lowloss.cli.rendering.results import duration, number
from lowloss.results import Diagnosis, Effect, Evidence, Finding, Severity

LABEL = 22
INDENT = 3
MIN_WIDTH = 40
MAX_NAMED = 10
"""Rows and columns that are named; it is said how many more there are."""


def show_diagnosis(diagnosis: Diagnosis, out: Console) -> None:
    """Show all of it; in colour, or in bold, only where the console has that."""
    harmful = [each for each in diagnosis.findings if each.severity is not Severity.harmless]
    harmless = [each for each in diagnosis.findings if each.severity is Severity.harmless]
    _say(out, diagnosis.verdict, style="bold")
    out.print()
    for label, told in _losses(diagnosis):
        _say(out, f"{label:<{LABEL}} {told}", indent=INDENT, hanging=LABEL + 1)
    for place, finding in enumerate(harmful, start=1):
        out.print()
        _show_finding(place, finding, out)
    out.print()
    if harmless:
        _say(out, f"present, harmless here: {', '.join(_words(each.cause) for each in harmless)}")
    for told in (*diagnosis.search, *diagnosis.remaining):
        _say(out, told)
    for skipped in diagnosis.skipped:
        _say(out, f"skipped: {skipped}")
    for note in diagnosis.notes:
        _say(out, f"note: {note}")
    _say(out, _ground(diagnosis))


def _losses(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    floor = diagnosis.noise_floor
    yield "the recipe", _loss(diagnosis.loss, diagnosis.metric)
    if diagnosis.remedied_recipe != diagnosis.recipe:
        yield "with the remedies", _loss(diagnosis.remedied_loss)
    yield "best reached", f"{number(diagnosis.best)}, by {_words(diagnosis.best_model)}"
    yield "best constant answer", number(diagnosis.constant)
    if floor and floor.estimate is not None:
        yield "noise floor, estimated", number(floor.estimate)
    if floor and floor.conflicting:
        yield "conflicting rows alone", number(floor.conflicting)


def _show_finding(place: int, finding: Finding, out: Console) -> None:
    _say(out, f"{place}. {_words(finding.cause)} ({finding.severity})", style="bold")
    _say(out, finding.sentence, indent=INDENT)
    for evidence in finding.evidence:
        _say(out, f"- {_evidence(evidence)}", indent=INDENT, hanging=2)
    for noun, named in (("columns", finding.columns), ("rows", finding.rows)):
        if named:
            _say(out, f"{noun}: {_some(named)}", indent=INDENT)
    for told in _effects(finding):
        _say(out, told, indent=INDENT)
    if finding.remedy is not None:
        _say(out, f"remedy: {finding.remedy.text}", indent=INDENT)
        if finding.remedy.change:
            change = json.dumps(finding.remedy.change, ensure_ascii=False)
            _say(out, f"recipe: {change}", indent=INDENT, hanging=2)
        _show_code(finding.remedy.code, out)
    for each in finding.alternatives:
        told = f"or, as if {_words(each.cause)}: {each.remedy.text} Alone it {_effect(each.isolated_effect)}"
        _say(out, told, indent=INDENT, hanging=2)


def _effects(finding: Finding) -> Iterator[str]:
    """What was measured: in its place, and alone where that is another number."""
    if finding.effect is not None:
        yield f"effect: {_effect(finding.effect)}"
    if finding.isolated_effect is not None and finding.isolated_effect != finding.effect:
        yield f"alone: {_effect(finding.isolated_effect)}"
    if finding.effect is None and finding.isolated_effect is None:
        yield "effect: not measured"


def _effect(effect: Effect) -> str:
    interval = f" ({effect.low:.0%} to {effect.high:.0%})" if effect.runs > 1 else ""
    change = f"{_loss(effect.before)} -> {_loss(effect.after, effect.metric)}"
    return f"removes {effect.share:.0%} of the excess{interval}, {change}"


def _evidence(evidence: Evidence) -> str:
    value = "not finite" if evidence.value is None else number(evidence.value)
    from_ = "" if evidence.threshold is None else f" (suspect from {number(evidence.threshold)})"
    return f"{evidence.what}: {value}{from_}"


def _ground(diagnosis: Diagnosis) -> str:
    """What the numbers rest on."""
    experiments = len(diagnosis.experiments)
    trained = f"{experiments} experiment{'' if experiments == 1 else 's'}"
    rows = ", ".join(f"{count:,} {part}" for part, count in diagnosis.rows.items())
    return f"{trained} in {duration(diagnosis.seconds)}" + (f"; rows: {rows}" if rows else "")


def _show_code(code: str, out: Console) -> None:
    """Lines as they are, however long: they are there to be copied."""
    for line in code.splitlines():
        out.print(Text(" " * 2 * INDENT + _printable(line)), soft_wrap=True)


def _say(out: Console, text: str, *, indent: int = 0, hanging: int = 0, style: str = "") -> None:
    """Text in lines that fit, with nothing in it that a terminal could take for a command."""
    lines = textwrap.wrap(
        _printable(text),
        max(out.width, MIN_WIDTH),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )
    for line in lines:
        out.print(Text(line, style=style), soft_wrap=True)


def _printable(text: str) -> str:
    """Text without line ends, colours and what else steers a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def _words(code: str) -> str:
    return code.replace("_", " ")


def _loss(value: float | None, metric: str = "") -> str:
    return "diverged" if value is None else f"{number(value)} {_words(metric)}".rstrip()


def _some(named: Sequence[object]) -> str:
    more = len(named) - MAX_NAMED
    return ", ".join(map(str, named[:MAX_NAMED])) + (f" and {more:,} more" if more > 0 else "")
