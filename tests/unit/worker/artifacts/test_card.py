"""`model_card.md`: says what the model is, in Markdown that names cannot break."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowloss.results import ExcludedColumn, HyperparameterImportance
from lowloss.spec import Task
from tests.builders.facts import (
    HOSTILE,
    a_category,
    a_number,
    some_columns,
    some_facts,
    some_insights,
    some_matrix_facts,
)
from worker.artifacts.reports.card import write_card
from worker.artifacts.reports.facts import Facts


def written(folder: Path, facts: Facts) -> str:
    path = folder / "model_card.md"
    write_card(path, facts)
    return path.read_text(encoding="utf-8")


def hostile_facts() -> Facts:
    return some_facts(
        Task.binary,
        target=HOSTILE,
        labels=(HOSTILE, "b" + HOSTILE),
        columns=(a_number(HOSTILE + "1"), a_category(HOSTILE + "2", [HOSTILE, "x"])),
        outcome={"excluded": (ExcludedColumn(column=HOSTILE, reason=HOSTILE),)},
    )


CASES: dict[str, Callable[[], Facts]] = {
    "regression": some_facts,
    "binary": lambda: some_facts(Task.binary),
    "multiclass": lambda: some_facts(Task.multiclass),
    "no baselines": lambda: some_facts(outcome={"baselines": (), "excluded": ()}),
    "matrix": some_matrix_facts,
    "hostile": hostile_facts,
    "wide": lambda: some_facts(columns=tuple(a_number(f"c{i}") for i in range(10_000))),
}


def test_columns_that_most_networks_see_come_first_where_no_importance_was_measured(
    tmp_path: Path,
) -> None:
    columns = tuple(a_number(f"c{i}") for i in range(200))
    seen_by = {column.name: 0 for column in columns} | {"c70": 3, "c150": 8}

    text = written(
        tmp_path, some_facts(columns=columns, outcome={"seen_by": seen_by, "importances": ()})
    )

    ranges = text[text.index("| column | values in the data |") :].splitlines()
    assert [line.split("|")[1].strip() for line in ranges[2:4]] == ["c150", "c70"]
    assert not ranges[4].startswith("|")


def test_card_says_that_the_baselines_have_more_rows_than_a_model_without_refits(
    tmp_path: Path,
) -> None:
    outcome = {"final_gain": None}
    asked, plain = (
        written(tmp_path, some_facts(spec={"final": {"refit": refit}}, outcome=outcome))
        for refit in (True, False)
    )

    more = "on the validation rows, too, from which this model did not learn) beside"
    assert more in asked
    assert (
        "the baselines (fitted on the training rows, or a random part of very many) beside" in plain
    )


@pytest.mark.parametrize("case", CASES)
def test_every_table_has_as_many_cells_in_each_line(tmp_path: Path, case: str) -> None:
    text = written(tmp_path, CASES[case]())

    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", prose, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


@pytest.mark.parametrize("case", CASES)
def test_every_python_snippet_parses(tmp_path: Path, case: str) -> None:
    text = written(tmp_path, CASES[case]())

    snippets = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)

    assert len(snippets) == 2
    for snippet in snippets:
        ast.parse(snippet)


def test_names_cannot_break_out_of_the_card(tmp_path: Path) -> None:
    text = written(tmp_path, hostile_facts())

    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"(?<!\\)<script", prose)
    assert "\n# ]]>" not in text


def test_request_is_a_row_in_json_whatever_quotes_it_holds(tmp_path: Path) -> None:
    text = written(tmp_path, hostile_facts())

    command = re.findall(r"^```sh\n(curl.*?)^```", text, flags=re.DOTALL | re.MULTILINE)[0]
    body = json.loads(shlex.split(command)[-1])

    assert body == {"rows": [{HOSTILE + "1": 4.5, HOSTILE + "2": HOSTILE}]}


def test_request_for_a_row_of_many_columns_sends_a_file(tmp_path: Path) -> None:
    facts = some_facts()
    many = {"inputs": facts.metadata["inputs"] * 9}

    text = written(tmp_path, replace(facts, metadata={**facts.metadata, **many}))

    command = re.findall(r"^```sh\n(curl.*?)^```", text, flags=re.DOTALL | re.MULTILINE)[0]
    assert shlex.split(command)[-4:] == [
        "-H",
        "Content-Type: text/csv",
        "--data-binary",
        "@rows.csv",
    ]


def test_card_tells_of_data_and_limits(tmp_path: Path) -> None:
    text = written(tmp_path, some_facts(outcome={"test_intervals": {"rmse": (1.125, 1.375)}}))

    for told in (
        "| `built` | built | float32 | date |",
        "SHA-256: `" + "ab" * 32 + "`",
        "720 train, 240 validation, 240 test",
        "| this model | 1.25 | 1 | 0.95 |",
        "RMSE: 95 % interval 1.125 to 1.375",
        "| built | 1970-01-01 … 2022-01-08 | is extrapolated |",
        "| city | Oslo 33 %, Rome 33 %, Bergen 33 % | counts as none of the categories |",
        "| id | text or an identifier |",
        "Trial 1, seed 1; best epoch 30 of at most 200",
    ):
        assert told in text


def test_card_says_which_model_the_score_is_of(tmp_path: Path) -> None:
    facts = some_facts(outcome={"all_rows_refit": "complete"})
    metadata = dict(facts.metadata) | {"rows": {"train": 1200, "validation": 0, "test": 240}}

    text = written(tmp_path, dataclasses.replace(facts, metadata=metadata))

    assert "What the test rows measure is of the model before its last training: " in text
    assert "trained on 1,200 of them, the test rows too, after their score." in text
    assert "last training" not in written(tmp_path, some_facts())


def test_matrix_model_is_told_of_by_its_one_input(tmp_path: Path) -> None:
    text = written(tmp_path, some_matrix_facts())

    assert "'X': tf.constant(np.zeros((1, 4)), tf.float32)," in text
    assert "| `X` | X\\[3\\] | float32 | numeric |" in text


def test_wide_table_says_what_it_leaves_out(tmp_path: Path) -> None:
    columns = (*some_columns(), *(a_number(f"c{i}") for i in range(100)))

    text = written(tmp_path, some_facts(columns=columns))

    assert "45 more are left out here; `lowloss.json` in the model's file names them all." in text
    assert "# … and 97 more: lowloss.json in the file names them" in text


def test_card_tells_of_the_search(tmp_path: Path) -> None:
    shares = {"learning_rate": 0.62, "l2": 0.2, "width": 0.1, "dropout": 0.08}
    insights = some_insights(
        importances=tuple(HyperparameterImportance(name=n, share=s) for n, s in shares.items())
    )

    text = written(tmp_path, some_facts(outcome={"insights": insights}))

    assert (
        "The search took 12 trials, 300 epochs and 1 min 30 s of processor time. "
        "What mattered most: learning rate (62 %), L2 (20 %), width (10 %)." in text
    )


def test_card_has_no_control_characters(tmp_path: Path) -> None:
    name = "\x1b[31m=HYPERLINK(1)\x07\x9b2J"
    facts = some_facts(
        Task.binary,
        target=name,
        labels=(name, "b" + name),
        columns=(a_number(name + "1"), a_category(name + "2", [name, "x"])),
        outcome={"excluded": (ExcludedColumn(column=name, reason=name),)},
    )

    text = written(tmp_path, facts)

    assert [character for character in text if not character.isprintable()] == ["\n"] * text.count(
        "\n"
    )
