"""Writes docs/results.md from results of one seed, beside baselines alone.

Goes with the next run of `python -m benchmarks.real_tables`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
LINEAR = ("ridge", "logistic_regression")
TREES = ("gradient_boosting",)

INTRODUCTION = """# Results on real tables

Written by `python -m benchmarks.real_tables` from `benchmarks/real_tables.json` (`make bench`
installs the tables' packages; {cores} cores, commit {commit}). Each table is uploaded to a fresh
server, and a job that names its target tunes it with every default. The test rows are a fifth of
the table, and no trial saw them. Baselines are scikit-learn's, with their defaults, fitted on the
same rows.

Lower is better: RMSE in the target's units for a regression, log loss for classes. In brackets is
the central 95 % over resampled test rows; of a difference it is paired, and where it holds 0, other
test rows might have turned the two around.

"""

COUNTS = """
Against the linear baseline the model is better or within noise on {linear} of {count} tables, and
against gradient boosting on {trees}; beyond noise it is better than them on {linear_won} and
{trees_won}.
"""

WORSE = """
## Where it is worse beyond noise

"""

GAIN = """
## What refitting and averaging gain

The same metric of the winner's best run alone, and of the model that is handed out: the mean of
several networks that were trained anew on all rows but the test rows.

"""


def write_page(results: dict[str, Any], path: Path = PAGE) -> None:
    """Write the page of all tables that were measured."""
    tables = results["tables"]
    parts = [INTRODUCTION.format(**results["machine"]), _scores(tables), _counts(tables)]
    worse = [line for name, measured in tables.items() for line in _worse(name, measured)]
    if worse:
        parts += [WORSE, *worse]
    parts += [GAIN, _gains(tables)]
    path.write_text("".join(parts))


def _scores(tables: dict[str, Any]) -> str:
    head = [
        "table", "is", "rows x columns", "metric", "lowloss", "linear", "boosting",
        "less linear", "less boosting", "trials", "seconds",
    ]  # fmt: skip
    lines = []
    for name, measured in tables.items():
        metric = measured["metric"]
        linear, trees = _baseline(measured, LINEAR), _baseline(measured, TREES)
        ours = f"{measured['test'][metric]:.4g} [{_range(measured['interval'])}]"
        lines.append(
            [
                name,
                measured["kind"],
                f"{measured['rows']:,} x {measured['columns']}",
                metric.replace("_", " "),
                ours,
                f"{linear['test_metrics'][metric]:.4g}",
                f"{trees['test_metrics'][metric]:.4g}",
                f"[{_range(linear['difference'][metric])}]",
                f"[{_range(trees['difference'][metric])}]",
                str(measured["trials"]),
                f"{measured['seconds']:.0f}",
            ]
        )
    return _table(head, lines)


def _counts(tables: dict[str, Any]) -> str:
    def count(names: tuple[str, ...], end: int) -> int:
        bounds = (
            _baseline(measured, names)["difference"][measured["metric"]]
            for measured in tables.values()
        )
        return sum(bound[end] <= 0 for bound in bounds)

    return COUNTS.format(
        count=len(tables),
        linear=count(LINEAR, 0),
        trees=count(TREES, 0),
        linear_won=count(LINEAR, 1),
        trees_won=count(TREES, 1),
    )


def _worse(name: str, measured: dict[str, Any]) -> list[str]:
    metric = measured["metric"]
    return [
        f"- **{name}**: {baseline['name'].replace('_', ' ')} has "
        f"{baseline['test_metrics'][metric]:.4g}, lowloss {measured['test'][metric]:.4g}. "
        f"{measured['why']}\n"
        for baseline in measured["baselines"]
        if baseline["difference"][metric][0] > 0
    ]


def _gains(tables: dict[str, Any]) -> str:
    lines = []
    for name, measured in tables.items():
        gain, metric = measured["gain"], measured["metric"]
        before, after = gain["before"][metric], gain["after"][metric]
        lines.append([name, f"{before:.4g}", f"{after:.4g}", f"{after / before - 1:+.1%}"])
    return _table(["table", "one run", "the model", "change"], lines)


def _baseline(measured: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return next(baseline for baseline in measured["baselines"] if baseline["name"] in names)


def _range(bounds: list[float]) -> str:
    return f"{bounds[0]:.3g}, {bounds[1]:.3g}"


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
