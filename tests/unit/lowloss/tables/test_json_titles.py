"""JSON in which the names of the columns stand apart from rows that are lists of cells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lowloss.errors import TableUnreadable
from lowloss.tables.json_lines import read_json
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.table import Table

NAMES = ["day", "value", "town"]
ROWS = [["2024-04-17", "1.5", "Ulm"], ["2024-04-18", "2.5", "Bonn"], ["2024-04-19", "3", "Ulm"]]


def read(value: object) -> Table:
    return read_json(json.dumps(value).encode(), ParseOptions(), TableLimits())


def objects(key: str) -> list[dict[str, str]]:
    return [{key: name, "type": "text"} for name in NAMES]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"meta": {"view": {"id": "x", "columns": objects("name")}}, "data": ROWS * 2}, "data"),
        ({"fields": objects("id"), "records": ROWS * 2}, "records"),
        (
            {"results": [{"series": [{"columns": NAMES, "values": ROWS}]}]},
            "results[0].series[0].values",
        ),
        ({"data": {"header": NAMES, "body": ROWS}}, "data.body"),
        ({"columns": NAMES, "rows": ROWS}, "rows"),
        ({"cols": objects("label"), "table": {"rows": ROWS * 2}}, "table.rows"),
    ],
    ids=["Socrata", "CKAN", "InfluxDB", "nested", "beside", "above"],
)
def test_rows_get_the_names_that_stand_elsewhere(answer: Any, path: str) -> None:
    table = read(answer)

    assert table.frame.columns == NAMES
    assert table.frame["value"].to_list()[:3] == [1.5, 2.5, 3.0]
    (warning,) = table.warnings
    assert (warning.code, warning.example) == ("json_member", path)


def test_several_such_tables_are_refused_with_their_places() -> None:
    table = {"columns": NAMES, "values": ROWS}

    with pytest.raises(TableUnreadable, match=r"several tables: a\.values, b\.values"):
        read({"a": table, "b": table})


@pytest.mark.parametrize(
    "answer",
    [
        {"columns": ["a", "a", "b"], "rows": ROWS},
        {"columns": NAMES[:2], "rows": ROWS},
    ],
)
def test_lists_that_are_no_names_give_none(answer: Any) -> None:
    assert read({"kind": "x", **answer}).frame.columns != NAMES


def test_longer_list_of_objects_is_the_table() -> None:
    records = [{"a": row} for row in range(9)]

    table = read({"items": records, "bounds": {"names": ["x", "y"], "corners": [[1, 2], [3, 4]]}})

    assert table.frame["a"].to_list() == list(range(9))
