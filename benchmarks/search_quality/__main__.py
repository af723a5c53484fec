"""Compares searches on lookups of real trainings: `python -m benchmarks.search_quality`.

`lookups` trains what is missing, `searches` searches it, `page` writes the results. Lookups and
searches are kept in a folder of their own; what is there is not made again.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.results_file import current_commit, write_results
from benchmarks.search_quality.lookup import load
from benchmarks.search_quality.page import write_page
from benchmarks.search_quality.runs import lookup_path, run_all, searches_of
from benchmarks.search_quality.setups import (
    BAYESIAN_TRIALS,
    GROUPS,
    MAX_TRIALS,
    RANDOM,
    STOCK_BAYESIAN,
    Setup,
)
from benchmarks.search_quality.summary import (
    GOAL_TRAININGS,
    LONGEST,
    describe,
    rank,
    summarise,
    targets_of,
)
from benchmarks.search_quality.tables import MAX_EPOCHS, MAX_WIDTH, ROWS, TABLES

RESULTS = Path(__file__).parents[1] / "search_quality.json"
PARTS = ("lookups", "searches", "page")


def build_lookups(out: Path, settings: int) -> None:
    """Train the tables that have no lookup."""
    from benchmarks.search_quality.build import build

    for name in TABLES:
        if not lookup_path(out, name).exists():
            build(name, settings).save(lookup_path(out, name))
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)


def results(out: Path, commit: str) -> dict[str, Any]:
    """Return what is known of all tables and setups."""
    cores = len(os.sched_getaffinity(0))
    lookups = {name: load(lookup_path(out, name)) for name in _tabulated(out)}
    targets = targets_of(searches_of(RANDOM, out))
    setups = {setup.name: setup for group in GROUPS.values() for setup in group}
    searches = {name: searches_of(setup, out) for name, setup in setups.items()}
    searches = {name: runs for name, runs in searches.items() if len(runs) == len(lookups)}
    groups = {
        group: [setup.name for setup in members if setup.name in searches]
        for group, members in GROUPS.items()
    }
    return {
        "machine": {"cores": cores, "commit": commit},
        "rows": ROWS,
        "width": MAX_WIDTH,
        "ranked_at": GOAL_TRAININGS,
        "longest": LONGEST,
        "limits": {
            "most_trials": MAX_TRIALS,
            "bayesian_trials": BAYESIAN_TRIALS,
            "stock_trials": STOCK_BAYESIAN.max_trials,
        },
        "max_epochs": MAX_EPOCHS,
        "tables": {name: describe(lookups[name], targets[name]) for name in lookups},
        "setups": {
            name: summarise(setups[name], runs, lookups, targets, cores=cores)
            for name, runs in searches.items()
        },
        "groups": groups,
        "ranks": rank({name: searches[name] for name in groups["algorithms"]}, lookups),
    }


def _tabulated(out: Path) -> list[str]:
    return [name for name in TABLES if lookup_path(out, name).exists()]


def _chosen(names: list[str]) -> list[Setup]:
    setups = list(dict.fromkeys(setup for group in GROUPS.values() for setup in group))
    return [setup for setup in setups if not names or setup.name in names]


def main() -> None:
    """Run all parts, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--out", type=Path, default=Path("benchmark-data"))
    parser.add_argument("--settings", type=int, default=1_000, help="of each table")
    parser.add_argument("--setup", action="append", default=[], help="search with these alone")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    parts = options.only or PARTS
    options.out.mkdir(parents=True, exist_ok=True)
    if "lookups" in parts:
        build_lookups(options.out, options.settings)
    if "searches" in parts:
        run_all(_chosen(options.setup), options.out, processes=options.processes)
    if "page" in parts:
        summary = results(options.out, current_commit())
        write_results(RESULTS, summary)
        print(write_page(summary))


if __name__ == "__main__":
    main()
