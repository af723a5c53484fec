"""What a run of the benchmark has to measure, and how long that will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ASSUMED_SECONDS, ASSUMED_SECONDS_FEW_ROWS = 700.0, 120.0
"""Of a job that was never measured: a search's default limit, its diagnosis and some more; and what
tables of few rows took (65 to 133 s on 2 cores at 4a5bd19)."""
JOB = "lowloss"


@dataclass(frozen=True)
class Measurement:
    """A method that is to be measured on a table with a seed: JOB, or a peer."""

    table: str
    seed: int
    method: str


def list_measurements(
    results: Mapping[str, Any],
    seeds: Mapping[str, int],
    peers: Sequence[str],
    *,
    only_peers: bool = False,
    again: bool = False,
) -> list[Measurement]:
    """Return what is not measured of the tables with so many seeds each; all of it `again`.

    Peers are measured again after their job, whose time limits theirs. With `only_peers` they are
    measured where their job was, and no job is.
    """
    measurements: list[Measurement] = []
    for table, count in seeds.items():
        runs = results["tables"].get(table, {}).get("runs", {})
        for seed in range(count):
            scores = runs.get(str(seed), {}).get("scores", {})
            if only_peers and not scores:
                continue
            has_new_job = not only_peers and (again or not scores)
            if has_new_job:
                measurements.append(Measurement(table, seed, JOB))
            measurements += [
                Measurement(table, seed, peer)
                for peer in peers
                if has_new_job or again or peer not in scores
            ]
    return measurements


def estimate_seconds(
    measurements: Sequence[Measurement], results: Mapping[str, Any], seeds: Mapping[str, int]
) -> tuple[float, set[str]]:
    """Return the seconds of measurements, and the tables whose jobs' seconds are assumed.

    What was not measured takes a mean of the same method on the table's other seeds, and a peer the
    longest that it may: as long as its job.
    """
    total, assumed = 0.0, set[str]()
    for measurement in measurements:
        entry = results["tables"].get(measurement.table, {})
        seconds = _mean_seconds(entry, measurement.method) or _mean_seconds(entry, JOB)
        if seconds is None:
            assumed.add(measurement.table)
            has_few_rows = seeds[measurement.table] > 1
            seconds = ASSUMED_SECONDS_FEW_ROWS if has_few_rows else ASSUMED_SECONDS
        total += seconds
    return total, assumed


def _mean_seconds(entry: Mapping[str, Any], method: str) -> float | None:
    runs = entry.get("runs", {}).values()
    seconds = [run["seconds"][method] for run in runs if method in run["seconds"]]
    return sum(seconds) / len(seconds) if seconds else None
