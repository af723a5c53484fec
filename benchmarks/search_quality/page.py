"""Writes docs/search_quality.md from the results."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STOCK = "kerastuner bayesian"
GOALS_OF = ("tpe, pruned 3/5", "bayesian, pruned 3/5")
PAGE = Path(__file__).parents[2] / "docs" / "search_quality.md"

INTRODUCTION = """# How good the searches are

Written by `python -m benchmarks.search_quality` from `benchmarks/search_quality.json` (`make bench`
installs the tables' packages; {cores} cores, commit {commit}). On each of {tables} real tables the
cohort engine trained {settings:,} random settings of the job that was the default at that commit,
with widths to {width}, on half of {rows:,} rows or all that there are, for up to {max_epochs}
epochs. Their curves are lookup tables. Then searches are simulated on {seeds} seeds: an oracle
proposes a setting, and is told the curve of the nearest tabulated one of the same depth, batch size
and scaling, cut where its patience ends it.

So every answer is a training that happened, but not quite of what was asked for: no search can
refine below the distance of neighbours, and all meet the noise of one seed. Which search is better
is told under the same limits for all; how far one gets on a table of yours is not.

**Regret** is the best completed trial's validation loss less the table's least, over the distance
from the least to the median setting: 0 is the best of all {settings:,}, 1 a middling one. A pruned
trial is no winner. **Cost** is in average trainings: what a random setting takes, by the engine's
estimate of a step's seconds. In brackets is the central 95 % over seeds drawn anew.
"""

BY_COST = """
## By cost

`python -m benchmarks.search_quality`: mean regret over tables once so many average trainings' time
was spent; the average rank among these after {ranked}. `8 open` has eight trials open at once, as
the engine does, else one ends before the next is proposed. `pruned r/m` is asynchronous successive
halving from epoch m by r. A search ends after {most_trials} trials, `bayesian` after
{bayesian_trials}: what it has by then stands for later. Stock KerasTuner's Bayesian search takes up
to seconds a proposal, and has few seeds and {stock_trials} trials.

"""

BY_TRIALS = """
## By trials

The same by the number of trials, however short: a pruned one counts.

"""

TO_RANDOM = """
## What random search takes 200 trials for

How many average trainings' time a search takes until it is as good as the median random search of
200 trials; {longest} where it is not within that, so that means are too low. And what the oracle
takes itself, in milliseconds of one core: its share of a search on {cores} cores whose trainings
take the core seconds that they took here. These are of at most {rows:,} rows, half of them for
training: on larger tables the share is smaller.

"""

GOALS = """
For `{name}`: {trainings} trainings (goal: 40); rank {rank:.2f}
(goal: below the {stock:.2f} of stock KerasTuner's Bayesian search); the oracle takes {share:.1%} of
the search (goal: 5 %).
"""

PRUNINGS = """
## How to prune

By reduction and first rung: `random` shows what rungs do by themselves. `trials a training` is how
many trials the time of an average training pays for.

"""

TABLES = """
## The tables

Validation losses (of a regression in units of the target's variance) of the best setting, of the
best 0.5 % and of the median; what 200 random trials find, as regret; the engine's estimate for an
average training on one core, and what one took, compiles counted.

"""


def write_page(results: dict[str, Any], path: Path = PAGE) -> str:
    """Write the page of all that was measured, and return it."""
    page = "".join(_parts(results))
    path.write_text(page)
    return page


def _parts(results: dict[str, Any]) -> Iterable[str]:
    groups, setups, tables = results["groups"], results["setups"], results["tables"]
    compared = {name: setups[name] for name in groups["algorithms"]}
    first = next(iter(tables.values()))
    yield INTRODUCTION.format(
        **results["machine"],
        tables=len(tables),
        settings=first["settings"],
        rows=results["rows"],
        max_epochs=results["max_epochs"],
        width=results["width"],
        seeds=max(measured["seeds"] for measured in compared.values()),
    )
    yield BY_COST.format(ranked=results["ranked_at"], **results["limits"])
    ranks = results["ranks"]
    names = sorted(compared, key=lambda name: ranks[name])
    yield _regrets({name: compared[name] for name in names}, "after_trainings", ranks)
    yield BY_TRIALS
    yield _regrets({name: compared[name] for name in names}, "after_trials", {})
    yield TO_RANDOM.format(
        longest=results["longest"], cores=results["machine"]["cores"], rows=results["rows"]
    )
    yield _reaching({name: compared[name] for name in names})
    yield from (_goals(name, compared[name], ranks) for name in GOALS_OF if name in compared)
    yield PRUNINGS
    yield _regrets({n: setups[n] for n in groups["prunings"]}, "after_trainings", {}, pruned=True)
    yield TABLES
    yield _tables(tables)


def _regrets(
    setups: dict[str, Any], kind: str, ranks: dict[str, float], *, pruned: bool = False
) -> str:
    counts = list(next(iter(setups.values()))[kind])
    head = ["", *counts, "seeds"]
    head += ["rank"] * bool(ranks) + ["pruned", "trials a training", "to random 200"] * pruned
    lines = []
    for name, measured in setups.items():
        line = [f"`{name}`", *(_estimate(measured[kind][count]) for count in counts)]
        line.append(str(measured["seeds"]))
        if ranks:
            line.append(f"{ranks[name]:.2f}")
        if pruned:
            line += [f"{measured['pruned']:.0%}", f"{measured['trials_a_training']:.1f}"]
            line.append(_estimate(measured["to_random_200"], ".1f"))
        lines.append(line)
    return _table(head, lines)


def _reaching(setups: dict[str, Any]) -> str:
    head = ["", "trainings", "within 40", "ms a trial", "oracle's share"]
    lines = [
        [
            f"`{name}`",
            _estimate(measured["to_random_200"], ".1f"),
            f"{measured['reached_in_40']['mean']:.0%}",
            f"{measured['oracle_seconds'] * 1e3:.1f}",
            f"{measured['oracle_share']:.1%}",
        ]
        for name, measured in setups.items()
    ]
    return _table(head, lines)


def _goals(name: str, measured: dict[str, Any], ranks: dict[str, float]) -> str:
    return GOALS.format(
        name=name,
        trainings=_estimate(measured["to_random_200"], ".1f"),
        rank=ranks[name],
        stock=ranks.get(STOCK, math.nan),
        share=measured["oracle_share"],
    )


def _tables(tables: dict[str, Any]) -> str:
    head = ["table", "best", "best 0.5 %", "median", "random 200", "epochs"]
    head += ["estimate, s", "CPU seconds"]
    lines = [
        [
            name,
            *(f"{measured['quantiles'][q]:.4g}" for q in ("0.0", "0.005", "0.5")),
            f"{measured['random_200_regret']:.3f}",
            f"{measured['epochs']:.0f}",
            f"{measured['training_seconds']:.3f}",
            f"{measured['cpu_seconds']:.2f}",
        ]
        for name, measured in tables.items()
    ]
    return _table(head, lines)


def _estimate(measured: dict[str, float] | None, form: str = ".3f") -> str:
    """Return a mean and its interval."""
    if measured is None:
        return "not run"
    return f"{measured['mean']:{form}} [{measured['low']:{form}}, {measured['high']:{form}}]"


def _table(head: list[str], lines: Iterable[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
