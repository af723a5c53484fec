"""Writes docs/results.md from the results of default jobs on real tables, beside their peers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.real.measurements import JOB
from benchmarks.real.summary import (
    METHODS,
    OTHERS,
    compare,
    mean_of,
    mean_scores,
    rank_methods,
    ratio,
)
from benchmarks.real.tables import TABLES

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
TITLES = {
    JOB: "lowloss",
    "linear": "linear",
    "boosting": "boosting",
    "catboost": "CatBoost",
    "kerastuner": "KerasTuner",
}
LIMITS = {"linear": 0.005, "boosting": 0.005, "catboost": 0.01, "kerastuner": 0.005}
"""The share by which lowloss may be worse on a table that still counts as no worse.

Goals: they were chosen before the measurement.
"""
NOT_MEASURED = "not measured"

INTRODUCTION = """# Results on real tables

Written by `python -m benchmarks.real_tables` from `benchmarks/real_tables.json` (`make bench`
installs the tables' packages; {cores} cores, commit {commits}). Each table is uploaded to a fresh
server, and a job that names its target tunes it with every default. The test rows are a fifth of
the table, and no trial saw them. {measured} of {all} tables were measured.{remark} A table of fewer
than 5,000 rows has up to three jobs (`--seeds`), whose seeds draw other rows for the test; what is
given is their mean. Of a table with one job there is no other measure of error than the brackets
behind lowloss's metric, where the run has kept them: its central 95 % over resampled test rows.

All methods have the same columns and test rows:

- **linear** is ridge or multinomial logistic regression, and **boosting** is scikit-learn's, both
  with their defaults: the baselines that every job fits, on all rows but the test rows, or on a
  random part of them where they are more than 100,000, or where rows times columns, and times
  classes, are more than 20 million. Where one is "not measured", its time cut it off, or it
  failed;
- **CatBoost** has its defaults, up to 5,000 iterations, and its categories as they are. It stops
  after 100 iterations without a better loss on the validation rows of the job's first fold. With as
  many iterations as were best, and the same rate, it is fitted once more, on all rows but the test
  rows. So it was in {refitted} of {catboost_runs} runs; in the others the first fit's best
  iteration predicts: the time was up before a second fit was complete, or the run is from before
  there was one;
- **KerasTuner** is a script as a careful user writes it: missing numbers are the median, numbers
  and the target are standardised, categories are one-hot. Bayesian optimization tunes 1 to 3 layers
  of 32 to 256 units, dropout from 0 to 0.5 and Adam's rate from 0.0001 to 0.01. Up to 200 epochs of
  batches of 32 (256 beyond 10,000 training rows) stop after 10 without a better validation loss.
  The best network of all trials predicts.

CatBoost and KerasTuner train on the training rows of the job's first fold and choose by its
validation rows. KerasTuner's script does not train again on both, as stock scripts do not: it has
fewer rows than the job's model and its baselines, and so has a CatBoost that was not fitted again.
Each runs alone, on all cores, and may take as long as the job did, from its submission to its end;
the iteration or the epoch that is under way then is its last. Imports and the reading of the table
do not count for them.

Lower is better: RMSE in the target's units for a regression, log loss for classes. The last column
is lowloss's metric as a multiple of the best other method's.

"""

RANKS = """
## Ranks

The mean rank over the {count} tables on which all methods were measured, 1 for the best. In
brackets is its central 95 % over 2,000 resamples of the tables, and of the seeds of each.

"""

COUNTS = """
## How often it is worse

The tables on which lowloss is better than another method, or worse by no more than a limit; and the
table on which it is furthest behind. The limits are goals that were chosen before the measurement.

"""

SECONDS = """
## Seconds

Of the job, and of the peers that run in its place. KerasTuner has what the job took; CatBoost ends
once its fits are complete, if that is earlier.

"""

GAIN = """
## What refitting and averaging gain

The same metric of the winner's best run alone, and of the model that is handed out: the mean of
several networks that were trained anew on all rows but the test rows.

"""


def write_page(results: Mapping[str, Any], path: Path = PAGE) -> None:
    """Write the page of all tables that were measured."""
    tables = results["tables"]
    runs = [run for entry in tables.values() for run in entry["runs"].values()]
    commits = {run["commit"] for run in runs}
    # The first runs do not tell those of the peers, nor what CatBoost did.
    commits.update(commit for run in runs for commit in run.get("peer_commits", {}).values())
    refitted = [run.get("is_refitted", {}).get("catboost", False) for run in runs]
    ranks, count = _ranks(tables)
    parts = [
        INTRODUCTION.format(
            cores=results["machine"]["cores"],
            measured=len(tables),
            all=len(TABLES),
            remark=" " + remark if (remark := results["machine"].get("remark")) else "",
            commits=", ".join(sorted(commits)),
            refitted=sum(refitted),
            catboost_runs=sum("catboost" in run["scores"] for run in runs),
        ),
        _scores(tables),
        *((RANKS.format(count=count), ranks) if count else ()),
        COUNTS,
        _counts(tables),
        SECONDS,
        _seconds(tables),
        GAIN,
        _gains(tables),
    ]
    path.write_text("".join(parts))


def _scores(tables: Mapping[str, Any]) -> str:
    titles = [TITLES[method] for method in METHODS]
    head = ["table", "is", "rows x columns", "seeds", "metric", *titles, "to the best other"]
    lines = []
    for name, entry in tables.items():
        scores = mean_scores(entry)
        best = min((scores[other] for other in OTHERS if other in scores), default=None)
        lines.append(
            [
                name,
                entry["kind"],
                f"{entry['rows']:,} x {entry['columns']:,}",
                str(len(entry["runs"])),
                entry["metric"].replace("_", " "),
                _number(scores[JOB], ".4g") + _interval(entry),
                *(_number(scores.get(method), ".4g") for method in OTHERS),
                _number(None if best is None else ratio(scores[JOB], best), ".3f"),
            ]
        )
    return _table(head, lines)


def _interval(entry: Mapping[str, Any]) -> str:
    """Return the interval of lowloss's metric in brackets; nothing of several seeds, or of none."""
    match list(entry["runs"].values()):
        case [{"interval": [low, high]}]:
            return f" [{low:.4g}, {high:.4g}]"
        case _:
            return ""


def _ranks(tables: Mapping[str, Any]) -> tuple[str, int]:
    ranks, count = rank_methods(tables)
    lines = [
        [TITLES[method], f"{rank.mean:.2f} [{rank.low:.2f}, {rank.high:.2f}]"]
        for method, rank in ranks.items()
    ]
    return _table(["method", "mean rank"], lines), count


def _counts(tables: Mapping[str, Any]) -> str:
    lines = []
    for other in OTHERS:
        comparison, limit = compare(tables, other), LIMITS[other]
        if not comparison.ratios:
            lines.append([TITLES[other], f"{limit:.1%}", NOT_MEASURED, NOT_MEASURED])
            continue
        table, worst = comparison.worst
        count = comparison.count_within(limit)
        lines.append(
            [
                TITLES[other],
                f"{limit:.1%}",
                f"{count} of {len(comparison.ratios)}",
                f"{worst:.3f} ({table})",
            ]
        )
    head = [
        "against",
        "limit",
        "better, or worse within the limit",
        "largest multiple of its metric",
    ]
    return _table(head, lines)


def _seconds(tables: Mapping[str, Any]) -> str:
    methods = (JOB, "catboost", "kerastuner")
    lines = [
        [
            name,
            *(_number(mean_of(entry, "seconds", method), ".0f") for method in methods),
            _number(mean_of(entry, "trials", JOB), ".0f"),
            _number(mean_of(entry, "trials", "kerastuner"), ".0f"),
        ]
        for name, entry in tables.items()
    ]
    titles = [TITLES[method] for method in methods]
    return _table(["table", *titles, "lowloss's trials", "KerasTuner's trials"], lines)


def _gains(tables: Mapping[str, Any]) -> str:
    lines = []
    for name, entry in tables.items():
        gains = [run["gain"] for run in entry["runs"].values() if run["gain"] is not None]
        if gains:
            before, after = (sum(values) / len(gains) for values in zip(*gains, strict=True))
            lines.append([name, f"{before:.4g}", f"{after:.4g}", f"{after / before - 1:+.1%}"])
    return _table(["table", "one run", "the model", "change"], lines)


def _number(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else format(value, form)


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
