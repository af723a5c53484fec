"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from lowloss.wording import (
    DASH,
    MINUS,
    format_age,
    format_bytes,
    format_exact,
    format_loss,
    format_measured,
    format_metric,
    format_metric_cells,
    format_option,
    format_percent,
    format_rough,
    format_seconds,
    format_short,
    in_words,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (1_536_000, "1.54 MB"),
        (999_700, "1 MB"),
        (2**27, "134 MB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_bytes_have_three_digits_and_the_unit_that_fits(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.123456, "0.123"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (999.4, "999"),
        (999.9, "1000"),
        (1_234.5, "1230"),
        (6.911e8, "691,000,000"),
        (1.5e-7, "1.5e\N{MINUS SIGN}07"),
        (2e15, "2e+15"),
        (float("inf"), "inf"),
        (None, "\N{EN DASH}"),
    ],
)
def test_short_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert format_short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (59.2859, "59.29"),
        (3_320.6, "3321"),
        (13_156_515_138.0, "13,160,000,000"),
        (None, "\N{EN DASH}"),
    ],
)
def test_losses_have_four_digits(value: float | None, text: str) -> None:
    assert format_loss(value) == text


@pytest.mark.parametrize(
    ("share", "text", "precise"),
    [
        (0.9964, "100 %", "99.6 %"),
        (0.9996, "100 %", ">99.9 %"),
        (1.0, "100 %", "100.0 %"),
        (0.05, "5.0 %", "5.0 %"),
        (0.0, "0.0 %", "0.0 %"),
        (1e-5, "<0.1 %", "<0.1 %"),
    ],
)
def test_shares_have_a_decimal_where_it_matters(share: float, text: str, precise: str) -> None:
    assert format_percent(share) == text
    assert format_percent(share, is_precise=True) == precise


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0002, "<0.1 %"),
        (0.9996, "100.0 %"),
        (1.0, "100.0 %"),
        (4.964, "496.4 %"),
        (1234.5, "123,450 %"),
    ],
)
def test_mape_is_in_percent_wherever_it_stands(value: float | None, text: str) -> None:
    assert format_metric(value, "mape") == format_metric(value, "val_mape") == text
    assert format_metric_cells([value, 0.5], "mape") == [text, "50.0 %"]
    assert format_rough(value, "val_mape") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        ("\t", "tab"),
        (" ", "space"),
        (";", ";"),
        (["a", "b"], "a, b"),
        ((), "none"),
        ({"zip": "category", "day": "date"}, "zip as category, day as date"),
        (1e-4, "0.0001"),
        (12, "12"),
    ],
)
def test_option_is_written_as_people_read_it(value: object, text: str) -> None:
    assert format_option(value) == text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("val_loss", "validation loss"),
        ("val_rmse", "validation RMSE"),
        ("val_roc_auc", "validation ROC AUC"),
        ("learning_rate", "learning rate"),
    ],
)
def test_code_has_words(code: str, words: str) -> None:
    assert in_words(code) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59.9, "just now"),
        (60, "1 min ago"),
        (7_199, "1 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_age_has_its_largest_unit(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.028041, 0.014223, "0.028 ± 0.014"),
        (9.377, 3.407, "9.4 ± 3.4"),
        (-0.5528, 1.22, f"{MINUS}0.6 ± 1.2"),
        (12345.6, 789.1, "12,346 ± 789"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.5, math.nan, "0.5 ± nan"),
    ],
)
def test_value_has_no_more_places_than_its_error_has_digits(
    value: float, error: float, text: str
) -> None:
    assert format_measured(value, error) == text


def test_errors_have_two_digits_and_seconds_one_decimal() -> None:
    assert [format_rough(value) for value in (0.007284, 12.34, None)] == ["0.0073", "12", DASH]
    assert [format_seconds(value) for value in (0.08871, 1234.56, None)] == [
        "0.09",
        "1,234.6",
        DASH,
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9999.9, "9999.9"),
        (10_000.0, "10000"),
        (-0.1, "\u22120.1"),
        (0.10000000149011612, "0.1"),
        (1_234_567.89, "1234567.89"),
        (123_456_792.0, "123456792"),
        (10_000_000.0, "10000000"),
        (-250_000_000.0, "\u2212250000000"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (1e20, "1e+20"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_exact_number_has_all_its_digits(value: float, text: str) -> None:
    assert format_exact(value) == text


@pytest.mark.parametrize(
    ("name", "values", "cells"),
    [
        ("mae", [46.65, 50.0, None], ["46.65", "50.00", DASH]),
        ("r2", [0.437, 0.32, -0.002912], ["0.4370", "0.3200", f"{MINUS}0.0029"]),
        ("r2", [0.4, -0.00001], ["0.4000", "0.0000"]),
        ("log_loss", [1.09, 0.0234], ["1.090", "0.023"]),
        ("log_loss", [0.5, 0.00021], ["0.50000", "0.00021"]),
        ("rmse", [12_345.6, 3.2], ["12,346", "3.2"]),
        ("mape", [0.4146, None], ["41.5 %", DASH]),
        ("rmse", [0.5, None], ["0.5", DASH]),
        ("rmse", [], []),
    ],
)
def test_values_of_a_metric_have_the_same_places(
    name: str, values: list[float | None], cells: list[str]
) -> None:
    assert format_metric_cells(values, name) == cells


def test_zero_beside_its_error_has_no_sign() -> None:
    assert format_measured(-0.0001, 0.028) == "0.000 ± 0.028"
