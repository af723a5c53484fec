"""`model_card.md`: what a model is for, what it was trained on, and where its limits lie.

The headings are those of Mitchell et al. (2019), "Model Cards for Model Reporting".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lowloss.results import Column, ColumnKind
from lowloss.results.losses import head_first_try
from lowloss.spec import Task
from lowloss.wording import (
    DASH,
    clipped,
    counted,
    format_duration,
    format_metric,
    format_percent,
    format_setting,
    in_words,
    make_printable,
)
from worker.artifacts.reports.columns import MAX_COLUMNS, spread
from worker.artifacts.reports.comparison import (
    contenders,
    describe_baselines,
    describe_rows,
    metrics_shown,
    verdict,
)
from worker.artifacts.reports.facts import Facts
from worker.artifacts.reports.remarks import remarks
from worker.artifacts.reports.usage import describe_output, usage

CARD = "model_card.md"
MAX_CHARACTERS = 200
MAX_IMPORTANCES = 3
"""Hyperparameters that are said to have mattered."""
MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def write_card(path: Path, facts: Facts) -> None:
    """Write the card."""
    sections = (
        _details(facts),
        _intended_use(facts),
        _inputs(facts),
        _output(facts),
        _metrics(facts),
        _training_data(facts),
        _limits(facts),
        *_first_try(facts),
        _training(facts),
        _how_to_use(facts),
    )
    text = "\n\n".join("\n".join(section) for section in sections)
    path.write_text(text + "\n", encoding="utf-8")


def escaped(text: str) -> str:
    """Escape text so that Markdown shows it as it is, in a table, too.

    Line ends and control characters become spaces.
    """
    return MARKS.sub(r"\\\1", " ".join(make_printable(text).split()))


def _quote_name(text: str) -> str:
    """Quote a user's name, cut where it is long."""
    return escaped(clipped(text, MAX_CHARACTERS))


def _details(facts: Facts) -> list[str]:
    job = facts.job
    return [
        f"# Model card: {_quote_name(facts.target.name)} from {_quote_name(facts.dataset.name)}",
        "",
        "## Model details",
        "",
        f"- A feed-forward network for {job.task} on tables, found by a hyperparameter search.",
        f"- Job `{job.id}` of {job.created_at:%Y-%m-%d}, trial {facts.winner.number} of "
        f"{len(facts.trials):,}; lowloss {escaped(facts.metadata['lowloss'])}.",
        "- Files: `model.keras`, `model.onnx`, `predict.py`.",
    ]


def _intended_use(facts: Facts) -> list[str]:
    is_number = facts.job.task is Task.regression
    what = "a number" if is_number else f"one of {len(facts.labels)} classes"
    return [
        "## Intended use",
        "",
        f"It predicts {_quote_name(facts.target.name)}, {what}, "
        "for rows like those it was trained on: from the same source, with the same columns in the "
        "same units. It was not tested on others.",
    ]


def _inputs(facts: Facts) -> list[str]:
    inputs = facts.metadata["inputs"]
    rows = [
        (f"`{entry['input']}`", _quote_name(entry["column"]), entry["dtype"], entry["kind"])
        for entry in inputs[:MAX_COLUMNS]
    ]
    return [
        "## Inputs",
        "",
        "Raw values: the model scales and encodes them itself. NaN and the empty string are "
        "missing values. A boolean is 0 or 1, a date the days since 1970-01-01 UTC.",
        "",
        *_table(("input", "column", "dtype", "kind"), rows),
        *_note_omitted(
            len(inputs) - len(rows), "`lowloss.json` in the model's file names them all"
        ),
    ]


def _output(facts: Facts) -> list[str]:
    lines = ["## Output", "", f"`float` {escaped(describe_output(facts))}."]
    if facts.labels:
        labels = ", ".join(_quote_name(label) for label in facts.labels)
        lines += ["", f"Labels, in order: {labels}."]
    return lines


def _metrics(facts: Facts) -> list[str]:
    metrics = metrics_shown(facts)
    models = contenders(facts)
    units = f" in units of {_quote_name(facts.target.name)}" if not facts.labels else ""
    test_rows = [
        (c.name, *(format_metric(c.test.get(metric), metric) for metric in metrics)) for c in models
    ]
    intervals = [
        f"- {in_words(metric)}: 95 % interval {format_metric(low, metric)} to "
        f"{format_metric(high, metric)}"
        for metric, (low, high) in facts.test_intervals.items()
    ]
    return [
        "## Metrics",
        "",
        f"On {describe_rows(facts)}{units}, the baselines ({describe_baselines(facts)}) beside:",
        "",
        *_table(("", *map(in_words, metrics)), test_rows),
        *(["", *intervals] if intervals else []),
        "",
        verdict(facts) or "No baseline was fitted.",
        *(["", note] if (note := facts.job.outcome.score_note) else []),
    ]


def _training_data(facts: Facts) -> list[str]:
    dataset, outcome = facts.dataset, facts.job.outcome
    validation = facts.job.search.validation
    split = ", ".join(f"{count:,} {part}" for part, count in (outcome.rows or {}).items())
    is_on_all_rows = outcome.all_rows_refit == "complete"
    lines = [
        "## Training and evaluation data",
        "",
        f"- Dataset: {_quote_name(dataset.name)}, "
        f"{dataset.rows:,} rows, {dataset.columns:,} columns.",
        f"- SHA-256: `{dataset.sha256}`.",
        f"- Rows: {split or DASH} (strategy {validation.strategy}, seed {facts.job.search.seed}).",
        f"- The networks of the model were trained on {facts.metadata['rows']['train']:,} of them"
        f"{', the test rows too, after their score' if is_on_all_rows else ''}.",
    ]
    if facts.warnings:
        lines += ["", "How the table was read, where that was in doubt:", ""]
        lines += [f"- {escaped(warning.detail)}." for warning in facts.warnings[:MAX_COLUMNS]]
        hidden = len(facts.warnings) - MAX_COLUMNS
        lines += _note_omitted(hidden, "the dataset's `warnings` has them all")
    if not outcome.excluded:
        return lines
    rows = [(_quote_name(e.column), _quote_name(e.reason)) for e in outcome.excluded[:MAX_COLUMNS]]
    return [
        *lines,
        "",
        "Columns that the model does not see:",
        "",
        *_table(("column", "why"), rows),
        *_note_omitted(
            len(outcome.excluded) - len(rows), "the job's `outcome.excluded` has them all"
        ),
    ]


def _limits(facts: Facts) -> list[str]:
    seen_by = facts.job.outcome.seen_by
    seen = [column for column in facts.features if seen_by.get(column.name, 1)]
    columns = seen[:MAX_COLUMNS]
    rows = [
        (_quote_name(c.name), escaped(spread(c, facts.dataset.rows)), _unseen(c)) for c in columns
    ]
    return [
        "## Caveats and limits",
        "",
        *(f"- {escaped(remark)}" for remark in remarks(facts)),
        "- Outside the ranges below, the model extrapolates, and nothing says how well.",
        "- It tells what goes with the target in these data, not what causes it. Whether it treats "
        "groups of people alike was not measured.",
        "",
        *_table(("column", "values in the data", "another value"), rows),
        *_note_omitted(len(seen) - len(rows), "the dataset's profile has them all"),
    ]


def _unseen(column: Column) -> str:
    match column.kind:
        case ColumnKind.categorical:
            return "counts as none of the categories"
        case ColumnKind.boolean:
            return "is refused"
        case _:
            return "is extrapolated"


def _first_try(facts: Facts) -> Iterator[list[str]]:
    """Write why a plain network on these data has a high loss; nothing without a diagnosis."""
    if facts.diagnosis is None:
        return
    causes = [f"- {escaped(finding.sentence)}" for finding in facts.diagnosis.harmful]
    yield [
        f"## {head_first_try(causes)}",
        "",
        "Measured on a plain network on raw columns, without early stopping; not this model. "
        f"{escaped(facts.diagnosis.verdict)}",
        *(["", *causes] if causes else []),
    ]


def _training(facts: Facts) -> list[str]:
    winner = facts.winner
    settings = [(in_words(k), escaped(format_setting(v))) for k, v in winner.hyperparameters]
    return [
        "## Training",
        "",
        f"Trial {winner.number}, seed {winner.seed}; best epoch {winner.best_epoch} of at most "
        f"{facts.job.search.budget.max_epochs}; objective {facts.job.search.objective}; search by "
        f"{facts.job.search.algorithm}.",
        *_searching(facts),
        "",
        *_table(("hyperparameter", "value"), settings),
    ]


def _searching(facts: Facts) -> list[str]:
    """Write what the search took, and what mattered in it."""
    insights = facts.job.outcome.insights
    if insights is None:
        return []
    took, trials = insights.consumed, counted(len(facts.trials), "trial")
    mattered = ", ".join(
        f"{in_words(importance.name)} ({format_percent(importance.share)})"
        for importance in insights.importances[:MAX_IMPORTANCES]
    )
    return [
        "",
        f"The search took {trials}, {counted(took.epochs, 'epoch')} and "
        f"{format_duration(took.cpu_seconds)} of processor time."
        + (f" What mattered most: {mattered}." if mattered else ""),
    ]


def _how_to_use(facts: Facts) -> list[str]:
    examples = usage(facts)
    return [
        "## How to use it",
        "",
        "With a CSV whose columns are named as above:",
        "",
        *_code("sh", examples.script),
        "",
        "With Keras:",
        "",
        *_code("python", examples.keras),
        "",
        "With ONNX Runtime:",
        "",
        *_code("python", examples.onnx),
        "",
        "Over HTTP, from the server that trained it:",
        "",
        *_code("sh", examples.request),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _note_omitted(count: int, where: str) -> list[str]:
    return ["", f"{count:,} more are left out here; {where}."] if count > 0 else []


def _code(language: str, text: str) -> list[str]:
    return [f"```{language}", text, "```"]
