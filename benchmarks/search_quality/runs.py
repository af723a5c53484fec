"""Runs the searches on all cores; each is kept, so that what was interrupted goes on."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from benchmarks.search_quality.lookup import Lookup, load
from benchmarks.search_quality.setups import Setup
from benchmarks.search_quality.simulate import Limit, Search, simulate
from benchmarks.search_quality.tables import MAX_TRIALS, TABLES, a_spec


@dataclass(frozen=True)
class Run:
    """One search: how it was set up, on which table, with which seed, and what came of it."""

    setup: str
    table: str
    seed: int
    search: Search


@dataclass(frozen=True)
class _PlannedRun:
    """A search to run."""

    setup: Setup
    table: str
    seed: int


def lookup_path(out: Path, table: str) -> Path:
    """Return where a table's lookup is kept."""
    return out / f"{table.replace(' ', '_')}.npz"


def run_all(setups: Iterable[Setup], out: Path, *, processes: int) -> None:
    """Run every search that is not there yet; seed by seed, so that what is there compares."""
    missing = (planned for setup in setups for planned in _missing(setup, out))
    planned_runs = sorted(missing, key=lambda planned: planned.seed)
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_one_thread) as pool:
        running = {pool.submit(_run, planned, out): planned for planned in planned_runs}
        for done, future in enumerate(as_completed(running), start=1):
            planned, run = running[future], future.result()
            with _runs_path(out, planned.setup).open("a") as file:
                file.write(json.dumps(asdict(run)) + "\n")
            if done % 50 == 0 or done == len(planned_runs):
                print(f"{time.strftime('%H:%M:%S')} {done} of {len(planned_runs)}", flush=True)


def searches_of(setup: Setup, out: Path) -> dict[str, list[Search]]:
    """Return the searches that were kept, by table."""
    searches: dict[str, list[Search]] = {}
    for run in _runs(setup, out):
        searches.setdefault(run.table, []).append(run.search)
    return searches


def _runs(setup: Setup, out: Path) -> Iterator[Run]:
    path = _runs_path(out, setup)
    for line in path.read_text().splitlines() if path.exists() else ():
        document = json.loads(line)
        search = document["search"]
        search |= {name: tuple(search[name]) for name in ("best", "seconds")}
        yield Run(**document | {"search": Search(**search)})


def _missing(setup: Setup, out: Path) -> Iterator[_PlannedRun]:
    there = {(run.table, run.seed) for run in _runs(setup, out)}
    for table in TABLES:
        if lookup_path(out, table).exists():
            for seed in range(setup.seeds):
                if (table, seed) not in there:
                    yield _PlannedRun(setup, table, seed)


def _run(planned: _PlannedRun, out: Path) -> Run:
    from benchmarks.search_quality.algorithms import make

    lookup, setup = _loaded(lookup_path(out, planned.table)), planned.setup
    spec = a_spec(planned.table, seed=planned.seed)
    limit = Limit(
        trials=min(setup.trials, setup.max_trials),
        seconds=setup.trainings * lookup.mean_seconds,
        max_trials=min(setup.max_trials, MAX_TRIALS),
    )
    with tempfile.TemporaryDirectory() as folder:
        algorithm = make(setup, spec, Path(folder))
        with closing(algorithm):
            search = simulate(algorithm, lookup, limit, open_trials=setup.open_trials)
    return Run(setup.name, planned.table, planned.seed, search)


@cache
def _loaded(path: Path) -> Lookup:
    return load(path)


def _runs_path(out: Path, setup: Setup) -> Path:
    folder = out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{setup.name.replace(', ', '-').replace(' ', '_').replace('/', '_')}.jsonl"


def _one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
