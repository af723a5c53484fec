"""Diagnoses faulty and sound programs: `python -m benchmarks.diagnosis`.

What was diagnosed is kept in the folder of `--cache`, and a run that was cut goes on; `--again`
forgets the diagnoses, not the losses of sound recipes. Writes `benchmarks/diagnosis.json` and
docs/diagnosis_quality.md once all programs are diagnosed, or those there are with `--page`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.page import summarise_results, table_of, write_page
from benchmarks.diagnosis.programs import Half, Kind, Program, programs
from benchmarks.diagnosis.records import Cache, Record
from benchmarks.diagnosis.run import Terms, run_all
from benchmarks.diagnosis.score import bests, by_cause, count_repeated, describe, summarise
from benchmarks.results_file import current_commit, write_results

RESULTS = Path(__file__).parents[1] / "diagnosis.json"
GOALS = {"recall_1": 0.8, "recall_3": 0.95, "false_alarms": 0.05, "reached": 0.9}


def chosen(half: str, only: list[str]) -> list[Program]:
    """Return programs of a half whose name, table, kind or faults hold one of some words."""
    return [
        program
        for program in programs()
        if half in {"all", program.half}
        and (not only or any(word in f"{program.kind} {program.name}" for word in only))
    ]


def results(records: list[Record], **terms: Any) -> dict[str, Any]:
    """Summarise all records as plain data."""
    forum_records = [record for record in records if record.kind is Kind.forum]
    mended = [record for record in records if record.kind is Kind.mended]
    generated = [r for r in records if r.kind not in {Kind.forum, Kind.mended}]
    halves = {half.value: [r for r in generated if r.half is half] for half in Half}
    best = bests(records)
    groups = halves | {"all": generated, "forum": forum_records}
    return {
        **terms,
        "goals": GOALS,
        "groups": {name: summarise(members, best) for name, members in groups.items() if members},
        "causes": {name: by_cause(members) for name, members in groups.items() if members},
        "mended": count_repeated(mended),
        "programs": [describe(record, best) for record in records],
    }


def main() -> None:
    """Diagnose what is asked for, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["tune", "report", "all"], default="all")
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--workers", type=int, default=1, help="processes, a core each")
    parser.add_argument("--seconds", type=float, default=10.0, help="budget of a diagnosis")
    parser.add_argument("--cpu", action="store_true", help="seconds are of the processor")
    parser.add_argument("--cache", type=Path, default=Path("benchmark-data/diagnosis"))
    parser.add_argument("--again", action="store_true", help="forget what was diagnosed")
    parser.add_argument("--page", action="store_true", help="write the page of what there is")
    options = parser.parse_args()
    cache, selected = Cache(options.cache), chosen(options.half, options.only)
    if options.again:
        cache.forget_records()
    if not options.page:
        terms = Terms(options.cache, options.seconds, current_commit(), is_cpu_time=options.cpu)
        run_all(selected, terms, workers=options.workers)
    names = {program.name for program in selected}
    records = [record for record in cache.records() if record.name in names]
    if not records:
        raise SystemExit("nothing was diagnosed")
    # Caches of earlier runs do not say it.
    commits = sorted({record.commit or "unknown" for record in records})
    machine = {"cores": len(os.sched_getaffinity(0)), "commit": ", ".join(commits)}
    terms_ = {"seconds": options.seconds, "is_cpu_time": options.cpu, "workers": options.workers}
    summary = results(records, machine=machine, scripts=cache.script_results(), **terms_)
    print(table_of(summary))
    if options.page or len(records) == len(programs()):
        write_results(RESULTS, summarise_results(summary))
        write_page(summary)


if __name__ == "__main__":
    main()
