"""Writes docs/diagnosis_quality.md from the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "diagnosis_quality.md"
SYSTEMS = {"diagnosis": "lowloss", "rules": "published rules"}
FORUM_KINDS = ("forum", "mended")
HALVES = {"report": "the half that nothing was tuned on", "tune": "the half for tuning"}
MEASURES = {
    "recall_1": "top-1 recall",
    "recall_3": "top-3 recall",
    "lenient_recall_1": "top-1 recall, alternatives counted",
    "lenient_recall_3": "top-3 recall, alternatives counted",
    "precision_1": "top-1 precision",
    "precision_3": "top-3 precision",
    "false_alarms": "sound programs that are blamed",
    "improvable_blamed": "programs without a fault that could be better, blamed",
    "harmless_blamed": "harmless faults that are blamed",
    "silent_named": "silent faults that are named",
    "told": "causes told of a faulty program",
}

INTRODUCTION = """# How good the diagnoses are

Written by `python -m benchmarks.diagnosis {arguments}` from `benchmarks/diagnosis.json` (`make
bench` installs the tables' packages; {cores} cores, commit {commit}; {seconds:g} {of}seconds a
diagnosis, {workers} at a time).

A program is a table and a recipe. {controls} have no fault: they are drawn at random from what a
careful user might write, over 16 tables, 13 of them real, cut to 1,500 rows.
{sound} of these are **sound**; the others are beaten by another one of their table by as much as
what a fault has to do to count. In the rest one fault or two are injected, with known causes, at
several strengths. Thresholds were chosen on half of the programs of an earlier series; the other
half is drawn anew (`SERIES` in `benchmarks/diagnosis/sound.py`), on the same tables, and was
diagnosed once. Beside it the same programs go through a plain implementation of published rules
(SageMaker Debugger, UMLAUT, DeepDiagnosis): data, configuration, first pass and curve of the same
training, the same thresholds as there, in the order of their checks.

**Recall** is the share of injected faults that are among the first findings (of as many as could
be), **precision** the share of the first findings that name an injected fault. A finding counts
where it says that the cause does harm. Only faults that do harm have to be found: with it, the
recipe's loss on the judging rows is higher by a tenth, and by 3 % of the constant answer's loss.
Where only one holds the program is left out ({slight} are), where none does, the right answer is
that it does no harm. Leaked, constant and duplicate columns, identifiers, duplicate rows and rare
classes raise no loss: they have to be named at all. In brackets is the central 95 % over programs
drawn anew.

Where two codes are truly one thing either is right: `benchmarks/diagnosis/faults.py` and the faults
beside it say which. An alternative counts only in the rows that say so.
"""

IMPROVEMENT = """
The proposed remedies together bring 95 % of the way from the recipe's loss to that of the sound
recipe in {reached} of the programs whose faults do harm and can be undone by a recipe; on average
they bring {mean_reached}. No loss counts for more than the constant answer's. A diagnosis took
{took} seconds, and in {skipped} of programs there was no time for some experiment.
"""

GOALS = """
Goals: top-1 recall 80 %, top-3 recall 95 %, false alarms at most 5 % of sound programs, 95 % of the
improvement in 90 % of programs.
"""

CAUSES = """
## By cause

Programs with this fault alone: how often it is told first, and among the first three. Of faults
that raise no loss, how often they are named.

"""

FORUM = """
## Questions from forums

What people asked, as they wrote it. They count in neither half.

"""

MENDED = """
## Questions from forums, mended

The same {programs} programs with what people answered: the cause that was mended is not to be told
again. lowloss blames it in {diagnosis}, the published rules in {rules}.

"""

SCRIPTS = """
## The scripts that are handed out

The remedied recipe of each question, and the recipe with what people answered, trained in stock
Keras as `train.py` is handed out, on three seeds (`python -m benchmarks.diagnosis.scripts`, commit
{commits}). Both are judged on the same rows, on which neither trained; where a question has a table
and no formula, the diagnosis that chose the remedies had seen them. The script is as good (at most
1.05 times the loss, or 1 % of a constant answer's more) in {reached} of {trained} trainings,
{share:.0%}; the goal is 90 %.

"""

UNITS = "\nLosses are in units of the constant answer's.\n"
MISSES = """
## What was missed

Programs of the reported half whose fault was not told first, and sound ones that were blamed.

"""


def write_page(results: dict[str, Any], path: Path = PAGE) -> None:
    """Write the page of all that was measured."""
    path.write_text("".join(_parts(results)))


def table_of(results: dict[str, Any]) -> str:
    """Return all measures of every group, for a terminal."""
    return "\n".join(_measures(name, group) for name, group in results["groups"].items())


def _parts(results: dict[str, Any]) -> Iterable[str]:
    groups, causes = results["groups"], results["causes"]
    everything = groups["all"]["labels"]
    yield INTRODUCTION.format(
        **results["machine"],
        arguments=_write_arguments(results),
        seconds=results["seconds"],
        of="processor " * results["is_cpu_time"],
        workers=results["workers"],
        sound=everything["sound"],
        controls=everything["sound"] + everything["improvable"],
        slight=everything["slight"],
    )
    for half, words in HALVES.items():
        if half in groups:
            yield f"\n## On {words}\n\n" + _measures(half, groups[half])
            yield _improvement(groups[half])
    yield GOALS
    yield CAUSES + _causes(causes["all"])
    if "forum" in groups:
        yield FORUM + _programs(p for p in results["programs"] if p["kind"] == "forum")
    mended = results.get("mended", {"programs": 0})
    if mended["programs"]:
        yield MENDED.format(**mended)
        yield _programs(p for p in results["programs"] if p["kind"] == "mended")
    if results.get("scripts"):
        yield _scripts(results["scripts"])
    yield MISSES + _programs(p for p in results["programs"] if _is_missed(p))


def _write_arguments(results: dict[str, Any]) -> str:
    halves = [half for half in HALVES if half in results["groups"]]
    half = f"--half {halves[0]} " if len(halves) == 1 else ""
    cpu = "--cpu " * results["is_cpu_time"]
    return f"{half}--seconds {results['seconds']:g} {cpu}--workers {results['workers']}"


def _measures(name: str, group: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {label}" for label, count in group["labels"].items() if count)
    lines = [
        [words, *(_estimate(group["systems"][s][measure], measure) for s in SYSTEMS)]
        for measure, words in MEASURES.items()
    ]
    return _table([f"{name}: {counts}", *SYSTEMS.values()], lines)


def _improvement(group: dict[str, Any]) -> str:
    return IMPROVEMENT.format(
        reached=_estimate(group["reached"], "reached"),
        mean_reached=_estimate(group["mean_reached"], "reached"),
        took=_estimate(group["seconds"], "told"),
        skipped=_estimate(group["skipped"], "skipped"),
    )


def _causes(causes: dict[str, Any]) -> str:
    head = ["cause", "programs"]
    head += [f"{name}, {of}" for name in SYSTEMS.values() for of in ("first", "of three")]
    lines = []
    for cause, shares_of in causes.items():
        line = [f"`{cause}`", str(shares_of["programs"])]
        for system in SYSTEMS:
            shares = shares_of[system]
            if "named" in shares:
                line += [f"named {shares['named']:.0%}", ""]
            else:
                line += [f"{share:.0%}" for share in shares.values()]
        lines.append(line)
    return _table(head, lines)


def _programs(programs: Iterable[dict[str, Any]]) -> str:
    head = ["program", "right", "told", "rules", "loss", "remedied", "sound"]
    lines = [
        [
            program["name"],
            "; ".join(" or ".join(fault["accepted"]) for fault in program["faults"]) or "nothing",
            ", ".join(program["told"][:3]) or "nothing",
            ", ".join(program["rules"][:3]) or "nothing",
            *(f"{program[name]:.3g}" for name in ("loss", "remedied", "sound")),
        ]
        for program in programs
    ]
    return _table(head, lines) + UNITS


def _scripts(scripts: Sequence[dict[str, Any]]) -> str:
    """Return the losses of scripts beside those of what people answered."""
    is_reached = [is_reached for script in scripts for is_reached in script["reached"]]
    lines = [
        [
            script["name"],
            ", ".join(f"{loss:.3g}" for loss in script["script"]),
            ", ".join(f"{loss:.3g}" for loss in script["fix"]),
            f"{sum(script['reached'])} of {len(script['reached'])}",
        ]
        for script in scripts
    ]
    counts = {"reached": sum(is_reached), "trained": len(is_reached)}
    commits = ", ".join(sorted({script["commit"] for script in scripts}))
    introduction = SCRIPTS.format(
        **counts, commits=commits, share=sum(is_reached) / len(is_reached)
    )
    table = _table(["program", "script", "what people answered", "as good"], lines)
    return introduction + table + UNITS


def summarise_results(results: dict[str, Any]) -> dict[str, Any]:
    """Return what the page tells of: of the programs those from forums, and those missed."""
    programs = [p for p in results["programs"] if p["kind"] in FORUM_KINDS or _is_missed(p)]
    return results | {"causes": {"all": results["causes"]["all"]}, "programs": programs}


def _is_missed(program: dict[str, Any]) -> bool:
    if program["half"] != "report" or program["kind"] in FORUM_KINDS:
        return False
    if program["label"] == "sound":
        return bool(program["told"])
    right = {cause for fault in program["faults"] for cause in fault["accepted"]}
    return program["label"] == "harmful" and not right & set(program["told"][:1])


def _estimate(estimate: dict[str, float] | None, measure: str) -> str:
    """Return a mean and its interval."""
    if estimate is None:
        return "none"
    form = ".1f" if measure == "told" else ".0%"
    return f"{estimate['mean']:{form}} [{estimate['low']:{form}}, {estimate['high']:{form}}]"


def _table(head: list[str], lines: Iterable[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
