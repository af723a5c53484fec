"""Runs the comparisons and writes `benchmarks/results.json`: `python -m benchmarks.run`.

Every measurement is a process of its own, and the peers take turns: a slow minute of a shared
machine falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import write_page
from benchmarks.results_file import current_commit, write_results

RESULTS = Path(__file__).with_name("results.json")
PEERS = ("lowloss", "kerastuner", "kerastuner_flags", "optuna", "sklearn", "matmul")
WIDTHS = (64, 256, 512)
ROWS = (1_000, 10_000, 100_000, 1_000_000)
MAX_ROWS = {"kerastuner": 10_000, "kerastuner_flags": 100_000}
"""Larger tables would take these peers an hour."""
EVERY = {"kerastuner": 5, "kerastuner_flags": 5, "optuna": 6}
"""Of the whole search's trials, every so-manieth goes through a peer; its time is scaled up."""
PARTS = ("steps", "rows", "search", "folds", "small", "spaces", "upload")
SMALL_TABLES = ("wine", "penguins", "diabetes", "breast cancer", "digits", "loan applications")
SPACE_ROWS = (400, 16_000)
UPLOADED_ROWS = 1_000_000
MAX_DISAGREEMENT = 0.1
"""Between the median losses of two ways to train the same plans."""


def measure(*arguments: object) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.measure", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    print(f"{time.strftime('%H:%M:%S')} {' '.join(map(str, arguments))}", flush=True)
    measured: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return measured


def rounds_of(kind: str, size: int, peers: Sequence[str], rounds: int) -> dict[str, Any]:
    """Run peers by turns; return the medians of their seconds and of their ratios to lowloss."""
    seen: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            seen[peer].append(measure(kind, peer, size))
    ours = [measured["step_seconds"] for measured in seen["lowloss"]]
    answer: dict[str, Any] = {}
    for peer, runs in seen.items():
        seconds = [measured["step_seconds"] for measured in runs]
        ratios = [theirs / mine for theirs, mine in zip(seconds, ours, strict=True)]
        answer[peer] = {
            "step_seconds": statistics.median(seconds),
            "ratio": statistics.median(ratios),
            "ratios": [min(ratios), max(ratios)],
            "loss": statistics.median(runs[-1]["losses"]) if runs[-1]["losses"] else None,
            "epochs": runs[-1]["epochs"],
        }
    return answer


def whole_search() -> dict[str, Any]:
    """Measure the job of 30 trials on diamonds, and its trials through the peers."""
    with tempfile.TemporaryDirectory() as folder:
        ours = measure("search", folder)
        peers = {}
        for peer, every in EVERY.items():
            measured = measure("search_peer", folder, peer, every)
            pairs = [
                (loss, ours["val_losses"][number])
                for number, loss in measured["val_losses"].items()
                if ours["val_losses"][number] is not None
            ]
            disagreement = statistics.median(abs(theirs / mine - 1) for theirs, mine in pairs)
            if disagreement > MAX_DISAGREEMENT:
                raise SystemExit(f"{peer} and lowloss disagree on the losses: {pairs}")
            seconds = measured["seconds"] / measured["share"]
            peers[peer] = {
                "seconds": seconds,
                "trials": len(pairs),
                "ratio": seconds / ours["search_seconds"],
                "disagreement": disagreement,
                "peak_bytes": measured["peak_bytes"],
            }
        return {"lowloss": ours, "peers": peers}


def steps_of(rounds: int) -> dict[str, Any]:
    """Measure a training step at each width."""
    return {str(width): rounds_of("steps", width, PEERS, rounds) for width in WIDTHS}


def rows_of() -> dict[str, Any]:
    """Measure a training step on tables of each size, once."""
    peers = {rows: [p for p in PEERS[:3] if rows <= MAX_ROWS.get(p, rows)] for rows in ROWS}
    return {str(rows): rounds_of("rows", rows, peers[rows], 1) for rows in ROWS}


def small_tables() -> dict[str, Any]:
    """Measure a default job and a stock script on each small table."""
    kinds = ("small", "small_stock")
    return {table: {kind: measure(kind, table) for kind in kinds} for table in SMALL_TABLES}


def main() -> None:
    """Run all, or what is named; results that are not measured anew stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }
    commit = current_commit()
    measurements: dict[str, Callable[[], Any]] = {
        "steps": lambda: steps_of(arguments.rounds),
        "rows": rows_of,
        "search": whole_search,
        "folds": lambda: measure("folds"),
        "small": small_tables,
        "spaces": lambda: {str(rows): measure("spaces", rows) for rows in SPACE_ROWS},
        "upload": lambda: measure("upload", UPLOADED_ROWS),
    }
    for part in arguments.only or PARTS:
        results[part] = measurements[part]()
        results["commits"] = results.get("commits", {}) | {part: commit}
        # At once: an hour of measurements must not be lost with the next part.
        write_results(RESULTS, results)
    write_page(results)


if __name__ == "__main__":
    main()
