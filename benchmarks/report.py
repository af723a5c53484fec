"""Writes docs/performance.md from the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
NAMES = {
    "lowloss": "lowloss",
    "kerastuner": "stock KerasTuner `search`",
    "kerastuner_flags": "KerasTuner, best Keras flags",
    "optuna": "Optuna + Keras `fit`",
    "sklearn": "scikit-learn, two processes",
    "matmul": "bare matrix products, two processes",
}
GOALS: dict[str, dict[str, float]] = {
    "kerastuner": {"64": 60, "256": 15, "512": 8},
    "kerastuner_flags": {"64": 12, "256": 4, "512": 3.5},
    "sklearn": {"64": 5, "256": 2.5, "512": 2},
}
SMALL_SECONDS, LARGER_SECONDS, LARGER_ROWS = 45.0, 60.0, 1_500
"""The goals of a default job on a small table: the second from so many rows on."""
SEARCH_RATIO = 20
"""The goal of a whole search, in times of stock `search`."""
FLOOR = {"64": 3, "256": 2, "512": 1.3}

INTRODUCTION = """# Performance

Written by `make bench` from `benchmarks/results.json`: run it, and these are your machine's
numbers. Every comparison trains the same plans on the same rows, each peer in a process of its own
and by turns; what counts is the ratios. These are of {cores} cores ({processor}, Python
{python}), measured at {commits}.
"""

STEPS = """## A training step

`python -m benchmarks.run steps`: diamonds (plotnine's, 16,000 training rows, 26 columns after
one-hot), two hidden layers, dropout 0.2, L2, Adam, batch 32. Microseconds of one step of one trial,
its share of an epoch's validation and callbacks included, compiles and process starts not: the
difference of a long run and a short one. Medians of rounds; ratios to lowloss with their range.
scikit-learn has no dropout; the bare matrix products are numpy's, one by one, without a network.
"""

FLOORS = """Times the time of the bare products: {ours}.
Below 1, slots share work that numpy does one by one.

An engine that did nothing but these products would be {bare} times as fast as stock `search`.
lowloss is {stock} times as fast: what is left above the products are the optimizer's passes over
weights and moments.
"""

STEPS_BEFORE = """Before these passes were made one, with the code of commit e20ce39, a step took
{before}. Both were measured by turns, in a run of their own, by `python -m benchmarks.measure steps
lowloss WIDTH` in a checkout of each.
"""

ROWS = """## Tables of other sizes

`python -m benchmarks.run rows`: generated tables, 2x64, as above. A short epoch costs more a step:
what an epoch needs by itself is shared by few steps.
"""

SEARCH = """## A whole search

`python -m benchmarks.run search`: a job of {trials} trials of up to 30 epochs on all of diamonds,
two layers of 16 to 128 units, TPE, early stopping, as a worker's child runs it on SQLite: compiles,
oracle and store counted. Its trials, or every so-manieth of them scaled up by their epochs, then
train through the peers with the same hyperparameters. Losses agree to the median difference shown.
The goals: 20 times as fast as stock, with no more memory. The memory of lowloss is that of the
whole job, its diagnosis and its export included; that of the peers is of their training alone.
"""

SEARCH_GOALS = """Goals missed: {missed}.
"""

PARTS = """Where that search's {search:.1f} s go, in seconds of all threads, one a core and one that
serves them: {parts}.
The whole job, from the claimed job to the checked and stored model, took {job:.1f} s.
"""

FOLDS = """## Five folds

`python -m benchmarks.run folds`: 30 trials of 2x64 for 10 epochs on 20,000 rows of diamonds, as one
holdout of 20 % and as five folds over one view of the rows. Five folds train
five times as many networks: they took **{ratio:.1f} times** as long (goal: 4), compiles counted:
{folds:.1f} s for {holdout:.1f} s.
"""

FOLDS_BEFORE = """With the code of commit e20ce39, by `python -m benchmarks.measure folds` in a
checkout of it, it was {ratio:.1f} times: {folds:.1f} s for {holdout:.1f} s.
"""

SMALL = """## Small tables

`python -m benchmarks.run small`: a default job on each table, from its claim to its end, and a
script as the guides of KerasTuner have it: ten trials of Bayesian search on the job's first fold,
up to 200 epochs with early stopping, without cross-validation, confirmation, diagnosis or export.
Seconds without the start of Python and TensorFlow. The test metric is that of the job's test rows
(RMSE or log loss), in brackets the job's 95 % interval. Before is the same job, as `lowloss submit`
has it, in a checkout of commit c6845eb, on another day and a slower machine: a step of 2x64
took 17 µs there (commit 58a5d43).
"""

MODEL_SECONDS = ("first_model_seconds", "model_seconds")
SMALL_MODELS = """The model can be downloaded before the diagnosis, and a trial's network while the
search goes on: "model" and "first model" are when.
"""

SMALL_GOALS = """The goals are {short:.0f} s, {long:.0f} s from {rows:,} rows on, and less than the
script takes. Missed: {missed}.
"""

PHASES = """Where the seconds of these jobs go, by phase. A diagnosis has 30 seconds by default
(`budget.diagnosis_seconds`), compiles not counted.
"""

SPACES = """## Wide spaces

`python -m benchmarks.run spaces`: 150 random trials of a space of 6 activations, 3 optimizers and 3
batch sizes, on generated tables; 30 epochs each at 400 training rows, 3 at 16,000. All train in
cohorts. Seconds of compiles and of training are of all threads. Before is the same request, on
another day, on that machine, in a checkout of commit c6845eb, which sent trials to stock `fit`
once it had 24 programs; its compiles are two a program.
"""

UPLOAD = """## An upload

`python -m benchmarks.run upload`: a CSV of {rows:,} rows and {columns} columns, {mb:.0f} MB, read
and profiled by the server's child process: {seconds:.1f} s, with {peak:.2f} GiB at most.
"""


def write_page(results: dict[str, Any], page: Path = PAGE) -> None:
    """Write the page of all that was measured.

    Beside it stands what was measured `before` with earlier code, on this kind of machine alone.
    """
    before = results.get("before", {})
    if before.get("machine") != results["machine"]:
        before = {}
    parts = [INTRODUCTION.format(**results["machine"], commits=_commits(results["commits"]))]
    for name, section in SECTIONS.items():
        if name in results:
            parts.append(section(results[name], before.get(name, {})))
    page.write_text("\n".join(parts))


def _commits(commits: dict[str, str]) -> str:
    """Return at which commit each part was measured; all of them where that is one."""
    if len(set(commits.values())) == 1:
        return f"commit {next(iter(commits.values()))}"
    return "commits " + ", ".join(f"{commit} ({part})" for part, commit in commits.items())


def _folds(measured: dict[str, float], before: dict[str, float]) -> str:
    texts = [_folds_text(FOLDS, measured)]
    if before:
        texts.append(_folds_text(FOLDS_BEFORE, before))
    return "\n".join(texts)


def _folds_text(text: str, measured: dict[str, float]) -> str:
    holdout, folds = measured["holdout_seconds"], measured["folds_seconds"]
    return text.format(ratio=folds / holdout, folds=folds, holdout=holdout)


def _small(tables: dict[str, Any], before: dict[str, float]) -> str:
    has_models = all(MODEL_SECONDS[0] in measured["small"] for measured in tables.values())
    head = [
        "table",
        "rows",
        "trials",
        *["first model, s", "model, s"] * has_models,
        "job, s",
        "before, s",
        "search, s",
        "compiles",
    ]
    head += ["stock script, s", "test of the job", "test of the script"]
    lines = []
    for table, measured in tables.items():
        ours, stock = measured["small"], measured["small_stock"]
        low, high = ours["interval"]
        lines.append(
            [
                table,
                f"{ours['rows']:,}",
                str(ours["trials"]),
                *(f"{ours[name]:.0f}" for name in MODEL_SECONDS if has_models),
                f"{ours['job_seconds']:.0f}",
                f"{before[table]:.0f}" if table in before else "not run",
                f"{ours['search_seconds']:.0f}",
                str(ours["compiles"]),
                f"{stock['job_seconds']:.0f}",
                f"{ours['test']:.3g} [{low:.3g}, {high:.3g}] ({ours['metric']})",
                f"{stock['test']:.3g}",
            ]
        )
    phases = {table: measured["small"]["phases"] for table, measured in tables.items()}
    missed = ", ".join(_list_missed(tables)) or "none"
    goals = SMALL_GOALS.format(
        short=SMALL_SECONDS, long=LARGER_SECONDS, rows=LARGER_ROWS, missed=missed
    )
    intro = [SMALL, SMALL_MODELS] if has_models else [SMALL]
    return "\n".join([*intro, _table(head, lines), goals, PHASES, _phases(phases)])


def _list_missed(tables: dict[str, Any]) -> list[str]:
    """Return the tables whose job misses a goal, and by how much."""
    missed = []
    for table, measured in tables.items():
        ours, stock = (measured[kind]["job_seconds"] for kind in ("small", "small_stock"))
        goal = LARGER_SECONDS if measured["small"]["rows"] >= LARGER_ROWS else SMALL_SECONDS
        if ours > min(goal, stock):
            missed.append(f"{table} ({ours:.0f} s, the script {stock:.0f} s)")
    return missed


def _phases(phases: dict[str, dict[str, float]]) -> str:
    """Return a table of the seconds of each table's phases."""
    names = list(dict.fromkeys(name for seconds in phases.values() for name in seconds))
    lines = [
        [table, *(f"{seconds.get(name, 0.0):.1f}" for name in names)]
        for table, seconds in phases.items()
    ]
    return _table(["table", *names], lines)


def _spaces(spaces: dict[str, Any], before: dict[str, Any]) -> str:
    head = ["training rows", "search, s", "before, s", "compiles", "before"]
    head += ["seconds of compiles", "seconds of training", "trials in stock `fit` before"]
    lines = []
    for rows, measured in spaces.items():
        earlier = before.get(rows)
        lines.append(
            [
                f"{int(rows):,}",
                f"{measured['search_seconds']:.0f}",
                f"{earlier['search_seconds']:.0f}" if earlier else "not run",
                str(measured["compiles"]),
                str(earlier["compiles"]) if earlier else "not run",
                f"{measured['parts']['compile']:.0f}",
                f"{measured['parts']['train']:.0f}",
                str(earlier["in_stock_fit"]) if earlier else "not run",
            ]
        )
    return f"{SPACES}\n{_table(head, lines)}"


def _upload(upload: dict[str, Any], _before: dict[str, Any]) -> str:
    return UPLOAD.format(
        rows=upload["rows"],
        columns=upload["columns"],
        mb=upload["file_bytes"] / 1e6,
        seconds=upload["seconds"],
        peak=upload["child_peak_bytes"] / 2**30,
    )


def _steps(steps: dict[str, Any], before: dict[str, list[float]]) -> str:
    widths = list(steps)
    head = ["", *(f"2x{width}" for width in widths), *(f"ratio at 2x{width}" for width in widths)]
    lines = []
    for peer, name in NAMES.items():
        measured = [steps[width][peer] for width in widths]
        cells = [f"{step['step_seconds'] * 1e6:,.0f}" for step in measured]
        for width, step in zip(widths, measured, strict=True):
            low, high = step["ratios"]
            text = f"{_ratio(step['ratio'])} ({_ratio(low)} to {_ratio(high)})"
            goal = GOALS.get(peer, {}).get(width)
            cells.append(text + (f", goal {goal}" if goal else "") if peer != "lowloss" else "1")
        lines.append([name, *cells])
    ours, bare, stock = [], [], []
    for width in widths:
        matmul, kerastuner = steps[width]["matmul"]["ratio"], steps[width]["kerastuner"]["ratio"]
        ours.append(f"{1 / matmul:.2f} at 2x{width} (goal {FLOOR[width]})")
        bare.append(_ratio(kerastuner / matmul))
        stock.append(_ratio(kerastuner))
    text = FLOORS.format(ours=", ".join(ours), bare=", ".join(bare), stock=", ".join(stock))
    parts = [STEPS, _table(head, lines), text]
    if before:
        steps_before = (
            f"{then / now:.2f} times as long at 2x{width}" for width, (then, now) in before.items()
        )
        parts.append(STEPS_BEFORE.format(before=" and ".join(steps_before)))
    return "\n".join(parts)


def _ratio(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _rows(rows: dict[str, Any], _before: dict[str, Any]) -> str:
    peers = [peer for peer in NAMES if peer in rows[min(rows, key=int)]]
    head = ["training rows", *(NAMES[peer] for peer in peers)]
    lines = []
    for count, measured in rows.items():
        cells = []
        for peer in peers:
            step = measured.get(peer)
            if step is None:
                cells.append("not run")
                continue
            ratio = "" if peer == "lowloss" else f" ({step['ratio']:.0f} times)"
            cells.append(f"{step['step_seconds'] * 1e6:,.0f}{ratio}")
        lines.append([f"{int(count):,}", *cells])
    return f"{ROWS}\n{_table(head, lines)}"


def _search(search: dict[str, Any], _before: dict[str, Any]) -> str:
    ours = search["lowloss"]
    head = ["", "seconds", "ratio", "trials trained", "losses differ by", "peak memory, MiB"]
    peak = f"{ours['peak_bytes'] / 2**20:,.0f}"
    lines = [["lowloss", f"{ours['search_seconds']:.1f}", "1", str(ours["trials"]), "", peak]]
    for peer, measured in search["peers"].items():
        lines.append(
            [
                NAMES[peer],
                f"{measured['seconds']:,.0f}",
                f"{measured['ratio']:.1f}",
                str(measured["trials"]),
                f"{measured['disagreement']:.1%}",
                f"{measured['peak_bytes'] / 2**20:,.0f}",
            ]
        )
    shares = ", ".join(f"{part} {seconds:.1f}" for part, seconds in ours["parts"].items())
    stock = search["peers"]["kerastuner"]
    missed = ["speed"] if stock["ratio"] < SEARCH_RATIO else []
    missed += ["memory"] if ours["peak_bytes"] > stock["peak_bytes"] else []
    goals = SEARCH_GOALS.format(missed=", ".join(missed) or "none")
    text = PARTS.format(search=ours["search_seconds"], parts=shares, job=ours["job_seconds"])
    return "\n".join([SEARCH.format(trials=ours["trials"]), _table(head, lines), goals, text])


def _table(head: list[str], lines: Iterable[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


SECTIONS: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "steps": _steps,
    "rows": _rows,
    "search": _search,
    "folds": _folds,
    "small": _small,
    "spaces": _spaces,
    "upload": _upload,
}
"""What writes each part, from what was measured and from what was before."""
