"""Tables that people have: files after public reports come out as their users expect."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lowloss.errors import ClassTooSmall, TableUnreadable, TaskDoesNotFitTarget
from lowloss.results import ColumnKind
from lowloss.results import TableFormat as Format
from lowloss.spec import JobSpec, Task
from lowloss.tables.limits import TableLimits
from lowloss.tables.options import ParseOptions
from lowloss.tables.read import read_table
from lowloss.tables.table import Table
from service.tables.check import CheckedJob, check_job
from tests.builders.tables import LIMITS, a_dataset_of
from worker.data.prepare import prepare

CASES = Path(__file__).parent / "cases"


def read_case(name: str) -> Table:
    return read_table(CASES / name, Format.csv, ParseOptions(), limits=TableLimits())


def check_case(name: str, target: str, **fields: Any) -> CheckedJob:
    """What the server makes of a job on a case, all other options being the defaults."""
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": target} | fields)
    return check_job(spec, a_dataset_of(read_case(name)), limits=LIMITS)


@pytest.mark.parametrize(
    ("name", "height", "first"),
    [
        ("01_thousands_target.csv", 320, (148.8, 6, "Brem", 425951)),
        ("03_currency_percent.csv", 320, (31265.63, 21.98, 36, 1449.3)),
        ("05_eu_thousands.csv", 320, (38176.8, 148.8, 125844.61)),
        ("07_pandas_index.csv", 119, (0, 148.8, 6, "Brem", 425951)),
        ("08_r_write_table.csv", 119, (1, 148.8, 6, "Brem", 425951)),
        ("09_sep_line.csv", 118, (148.8, 6, "Brem", 425951)),
        ("10_trailing_comma.csv", 119, (148.8, 6, "Brem", 425951)),
        ("11_dates_dmy.csv", 600, (date(2021, 4, 17), 0, 290.8)),
        ("12_datetimes_tz.csv", 299, (datetime(2021, 4, 17, 6, 30), 0, 314.8)),
        ("13_count_target.csv", 400, (0.129, -0.445, 2)),
        ("14_constant_or_missing.csv", 500, ("yes", 0.323, "bad")),
        ("15_repeated_header.csv", 320, (148.8, 6, "Brem", 425951)),
        ("16_one_bad_cell.csv", 500, (50.85, -0.628, 151.25)),
        ("18_excel_errors.csv", 599, (50.85, -0.628, 151.25)),
        ("19_leading_zeros.csv", 500, (-0.49, "02", 5.019, "03")),
        ("20_unix_seconds.csv", 599, (1700002729.083, -0.738, 8.9298)),
        ("23_headerless_classes.csv", 210, (6.9, 3.7, 6.3, 2.8, "Plant-Gamma")),
        ("25_whitespace.data", 300, (6.4234, 3.07, 1, 18.1)),
        ("31_durations.csv", 320, (17168, 1.04, 431.64)),
        ("32_space_quotes.csv", 119, (32, "cook", 7927)),
        ("33_preamble.csv", 115, (148.8, 6, "Brem", 425951)),
        ("36_one_row_class.csv", 500, (-0.49, 0.012, "b")),
        ("40_utf16_tab.txt", 320, (148.8, 6, "Brem", 425951)),
        ("43_quoted_decimal_comma.csv", 320, (148.8, 6, 425.951)),
        ("45_eu_int_thousands.csv", 400, (1933, 240.3, 14281)),
        ("46_tsv_us_thousands.txt", 400, (1933, 240.3, 14281)),
        ("50_mysql_nulls.tsv", 240, (0, 23, 2374.78, 1107.36)),
        ("51_inch_quotes.csv", 60, ('pipe 4"', 0, -0.48)),
        ("52b.csv.gz", 200, (4.9132, 582.7046)),
        ("54_power_like.txt", 300, (date(2007, 1, 1), 0, None, 242.892)),
    ],
)
def test_case_is_read_with_the_values_that_its_user_means(
    name: str, height: int, first: tuple[Any, ...]
) -> None:
    frame = read_case(name).frame

    assert (frame.height, frame.row(0)) == (height, first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("07_pandas_index.csv", [("column_named", "index", 1)]),
        ("08_r_write_table.csv", [("column_named", "index", 1)]),
        ("10_trailing_comma.csv", [("empty_columns", None, 1)]),
        ("15_repeated_header.csv", [("header_repeated", None, 1)]),
        ("16_one_bad_cell.csv", [("unreadable_cells", "pressure", 2)]),
        ("18_excel_errors.csv", [("unreadable_cells", "ratio", 11)]),
        (
            "19_leading_zeros.csv",
            [("leading_zeros", "region", 379), ("leading_zeros", "class_code", 500)],
        ),
        ("23_headerless_classes.csv", [("no_header", None, 1)]),
        ("31_durations.csv", [("read_as_seconds", "flight_time", 320)]),
        ("33_preamble.csv", [("lines_skipped", None, 2)]),
        ("50_mysql_nulls.tsv", [("unreadable_cells", "age", 25)]),
    ],
)
def test_what_is_doubtful_in_a_case_is_told(
    name: str, expected: list[tuple[str, str | None, int]]
) -> None:
    warnings = read_case(name).warnings

    assert [(w.code, w.column, w.count) for w in warnings] == expected
    assert all(warning.detail and warning.fix for warning in warnings)


def test_bad_cells_are_named_by_row_and_example() -> None:
    (warning,) = read_case("16_one_bad_cell.csv").warnings

    assert (warning.rows, warning.example) == ((78, 500), "n.d.")


def test_web_page_is_named_for_what_it_is() -> None:
    with pytest.raises(TableUnreadable, match="HTML page"):
        read_case("52c_html.csv")


@pytest.mark.parametrize("name", ["07_pandas_index.csv", "08_r_write_table.csv"])
def test_row_numbers_are_left_out_as_identifiers(name: str) -> None:
    checked = check_case(name, "price")

    assert [column.name for column in checked.features] == ["area", "rooms", "city"]
    assert [column.column for column in checked.excluded] == ["index"]


def test_thousands_in_a_target_are_a_regression() -> None:
    assert check_case("01_thousands_target.csv", "price").task is Task.regression


def test_counts_with_a_thin_tail_are_a_regression_and_told() -> None:
    checked = check_case("13_count_target.csv", "bikes")

    assert checked.task is Task.regression
    assert [warning.code for warning in checked.warnings] == ["counts_as_regression"]


def test_class_of_one_row_is_dropped_where_its_user_says_so() -> None:
    with pytest.raises(ClassTooSmall, match="rare_classes"):
        check_case("36_one_row_class.csv", "kind")

    checked = check_case("36_one_row_class.csv", "kind", preprocessing={"rare_classes": "drop"})
    prepared = prepare(read_case("36_one_row_class.csv"), checked, max_levels=100)

    assert checked.labels == ("a", "b")
    assert [(w.code, w.count) for w in checked.warnings] == [("classes_dropped", 1)]
    assert len(prepared.labelled.y) == 499


def test_value_or_nothing_is_a_flag_that_the_model_sees() -> None:
    checked = check_case("14_constant_or_missing.csv", "outcome")

    kinds = {column.name: column.kind for column in checked.features}
    assert kinds["defaulted_before"] is ColumnKind.categorical


def check_text(tmp_path: Path, rows: list[str], **fields: Any) -> tuple[Table, CheckedJob]:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n" + "\n".join(rows))
    table = read_table(path, Format.csv, ParseOptions(), limits=TableLimits())
    spec = JobSpec.model_validate({"dataset": "ds_1", "target": "y"} | fields)
    dataset = a_dataset_of(table).model_copy(update={"warnings": table.warnings})
    return table, check_job(spec, dataset, limits=LIMITS)


def test_regression_of_text_names_the_cells_that_are_no_numbers(tmp_path: Path) -> None:
    words = iter(("cheap", "dear", "fair", "free", "high", "low"))
    rows = [f"{i / 3:.2f},{next(words) if i % 10 == 4 else i}" for i in range(60)]

    with pytest.raises(TaskDoesNotFitTarget) as refused:
        check_text(tmp_path, rows, task="regression")

    assert refused.value.detail == (
        "6 cells, such as 'cheap' in row 5, are no numbers: 'y' was read as text"
    )
    assert "null_values" in str(refused.value.fix)


def test_regression_of_words_says_what_would_do(tmp_path: Path) -> None:
    rows = [f"{i / 3:.2f},{'abc'[i % 3]}" for i in range(60)]

    with pytest.raises(TaskDoesNotFitTarget, match="3 texts such as 'a'") as refused:
        check_text(tmp_path, rows, task="regression")

    assert "auto" not in str(refused.value.fix)


@pytest.mark.parametrize("words", [("False", "True"), ("FALSE", "TRUE"), ("false", "true")])
def test_booleans_are_labels_as_they_are_written(tmp_path: Path, words: tuple[str, str]) -> None:
    rows = [f"{i / 3:.2f},{words[i % 3 == 0]}" for i in range(60)]

    table, checked = check_text(tmp_path, rows, validation={"strategy": "holdout"})

    assert checked.labels == words
    prepared = prepare(table, checked, max_levels=100)
    assert prepared.labelled.y.tolist() == [float(i % 3 == 0) for i in range(60)]


def test_labels_keep_their_leading_zeros() -> None:
    assert check_case("19_leading_zeros.csv", "class_code").labels == ("01", "02", "03")


def test_dates_have_their_kind() -> None:
    checked = check_case("11_dates_dmy.csv", "Sales")

    assert checked.features[0].kind is ColumnKind.date
