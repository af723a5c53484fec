"""Numbers that may stand for a missing value are told, others are not."""

from __future__ import annotations

import random

import polars as pl
import pytest

from lowloss.results import Reading, TableWarning
from lowloss.tables.table import Table
from service.tables.profile import describe_columns
from service.tables.sentinels import warn_of_sentinels
from tests.builders.tables import LIMITS

TEMPERATURES = [float(number % 37 - 10) for number in range(200)]
CARBON = [round(0.5 + (number * 37 % 400) / 35, 1) for number in range(400)]
AGES = [18.0 + number * 37 % 63 for number in range(400)]
PRESSURES = [60.0 + number * 37 % 30 for number in range(400)]


def warnings_of(**columns: list[float]) -> list[TableWarning]:
    table = Table(pl.DataFrame(columns), is_matrix=False)
    return list(warn_of_sentinels(table, describe_columns(table, limits=LIMITS)))


@pytest.mark.parametrize(
    ("sentinel", "count"), [(-9999.0, 6), (9999.9, 5), (-999.0, 2), (999999.0, 1), (-32768.0, 1)]
)
def test_nines_and_fills_far_from_all_others_are_told(sentinel: float, count: int) -> None:
    (warning,) = warnings_of(t=TEMPERATURES + [sentinel] * count)

    assert (warning.code, warning.column, warning.count) == ("sentinel_value", "t", count)
    assert warning.fix == f"name {sentinel:.10g} in null_values if it does"


@pytest.mark.parametrize(
    ("values", "code", "count"),
    [
        (TEMPERATURES, -200.0, 5),  # the air quality of UCI
        (CARBON, -200.0, 40),
        (CARBON, -1.0, 60),
        (AGES, -9.0, 30),
        (AGES, 99.0, 40),
        (AGES, 888.0, 8),
        (PRESSURES, 0.0, 20),  # the blood pressures of Pima
        ([-value for value in PRESSURES], 0.0, 20),
    ],
)
def test_code_that_comes_often_apart_from_all_others_is_told(
    values: list[float], code: float, count: int
) -> None:
    (warning,) = warnings_of(t=values + [code] * count)

    assert (warning.count, warning.example) == (count, f"{code:.10g}")


@pytest.mark.parametrize(
    ("values", "details"),
    [
        (
            PRESSURES + [0.0] * 20,
            [
                "0 in 20 cells of 't' is apart from all other numbers, 60 to 89: it may stand for a "
                "missing value"
            ],
        ),
        (
            [float(number % 12) for number in range(240)] + [-1.0] * 70,
            [
                "\u22121 in 70 cells of 't' comes at least 3 times as often as any number from 0 to "
                "11: it may stand for a missing value"
            ],
        ),
        (
            AGES + [-9.0] * 40 + [-8.0] * 30,
            [
                "\u22129 in 40 cells of 't' is apart from all other numbers but \u22128, 18 to 80: it "
                "may stand for a missing value",
                "\u22128 in 30 cells of 't' is apart from all other numbers but \u22129, 18 to 80: it "
                "may stand for a missing value",
            ],
        ),
        (
            PRESSURES + [0.0] * 20 + [999.0] * 5,
            [
                "0 in 20 cells of 't' is apart from all other numbers but 999, 60 to 89: it may stand "
                "for a missing value",
                "999 in 5 cells of 't' is apart from all other numbers but 0, 60 to 89: it may stand "
                "for a missing value",
            ],
        ),
        (
            [*PRESSURES, 200.0] + [0.0] * 20,
            [
                "0 in 20 cells of 't' is at least 60 away from all other numbers, 60 to 200: it may "
                "stand for a missing value"
            ],
        ),
    ],
    ids=["apart", "spike", "one end", "both ends", "a gap"],
)
def test_the_sentence_is_true_of_the_other_numbers(values: list[float], details: list[str]) -> None:
    assert [warning.detail for warning in warnings_of(t=values)] == details


@pytest.mark.parametrize(
    ("code", "reading", "fix"),
    [
        (1e20, None, "leave these cells empty"),
        (9.969209968386869e36, None, "leave these cells empty"),
        (9999.9, Reading(kind="number", decimal=","), "name 9999,9 in null_values"),
        (-9999.0, Reading(kind="number", group=","), "leave these cells empty"),
        (-999.0, Reading(kind="number", group=","), "name -999 in null_values"),
        (-999.0, Reading(kind="number", unit="kg"), "leave these cells empty"),
    ],
)
def test_null_values_are_advised_only_where_they_are_the_text_of_the_cells(
    code: float, reading: Reading | None, fix: str
) -> None:
    readings = {} if reading is None else {"t": reading}
    table = Table(pl.DataFrame({"t": [*TEMPERATURES, *[code] * 5]}), readings=readings)

    (warning,) = warn_of_sentinels(table, describe_columns(table, limits=LIMITS))

    assert warning.fix == f"{fix} if it does"


CODES = [float(code) for code in (100, 110, 205, 230, 310, 410)] * 30
DENSE = [float(101 + number % 25) for number in range(300)]
HEIGHTS = [float(150 + number * 37 % 46) for number in range(400)]


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("group", CODES, 999.0),  # few numbers, far from each other, that come again
        ("dept_code", DENSE, 999.0),
        ("Department", DENSE, 999.0),
        ("storeID", DENSE, 999.0),
        ("PLZ", [float(10_115 + 37 * (number % 40)) for number in range(200)], 99_999.0),
        ("t", [float(950 + number % 49) for number in range(300)], 999.0),  # in the range of others
    ],
)
def test_nines_among_numbers_that_name_things_are_not_told(
    name: str, values: list[float], code: float
) -> None:
    assert warnings_of(**{name: values + [code] * 12}) == []


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("height", HEIGHTS, 999.0),
        ("rating", [float(1 + number % 5) for number in range(300)], 999.0),
        ("dept", [float(1 + number % 5) for number in range(300)], 999.0),  # of other length
        ("store", [value + 0.5 for value in HEIGHTS], 999.0),
        ("dept_code", DENSE, -999.0),
        ("income", [float(100 + number) for number in range(0, 400, 7)], 999.0),  # none comes again
    ],
)
def test_nines_among_measured_numbers_are_told(name: str, values: list[float], code: float) -> None:
    (warning,) = warnings_of(**{name: values + [code] * 12})

    assert warning.example == f"{code:.10g}"


def test_numbers_of_a_sentence_are_those_of_the_file() -> None:
    (warning,) = warnings_of(t=[9999.9 - number for number in range(60)] + [-99_999.0] * 5)

    assert "all other numbers, 9940.9 to 9999.9: it may" in warning.detail


def test_several_codes_at_one_end_are_told_each() -> None:
    warnings = warnings_of(age=AGES + [-9.0] * 40 + [-8.0] * 30 + [-7.0] * 30)

    assert [(warning.example, warning.count) for warning in warnings] == [
        ("-9", 40),
        ("-8", 30),
        ("-7", 30),
    ]


def test_code_that_is_a_number_of_another_column_is_not_named_for_null_values() -> None:
    counts = [float(number % 7) for number in range(420)]

    (warning,) = warnings_of(pressure=PRESSURES + [0.0] * 20, visits=counts)

    assert warning.fix == (
        "leave these cells empty if it does: 0 in null_values would be missing in 'visits', too"
    )


def test_format_without_null_values_needs_missing_cells() -> None:
    table = Table(pl.DataFrame({"t": [*TEMPERATURES, -999.0]}))
    profile = describe_columns(table, limits=LIMITS)

    (warning,) = warn_of_sentinels(table, profile, has_null_values=False)

    assert warning.fix == "write these cells as missing if it does"


@pytest.mark.parametrize("last", [500.0, 99.0, -40.0, 999.5, -200.0, 0.0])
def test_other_extremes_are_not_told(last: float) -> None:
    assert warnings_of(t=[*TEMPERATURES, last]) == []


def test_nines_among_their_like_are_not_told() -> None:
    assert warnings_of(t=[float(n) for n in range(1000)]) == []


def draw(seed: int) -> dict[str, list[float]]:
    """Columns of honest numbers: counts, flags, temperatures, amounts, prices."""
    rng = random.Random(seed)
    rows = range(1000)
    return {
        "count": [float(int(rng.expovariate(0.3))) for _ in rows],
        "many": [float(int(rng.gauss(40, 12))) for _ in rows],
        "flag": [rng.choice((-1.0, 1.0)) for _ in rows],
        "vote": [rng.choice((-1.0, 0.0, 1.0)) for _ in rows],
        "degrees": [float(round(max(-1.0, rng.gauss(9, 5)))) for _ in rows],
        "rain": [max(0.0, round(rng.gauss(-2, 5), 1)) for _ in rows],
        "amount": [rng.choice((0.0, 100.5 + rng.expovariate(0.002))) for _ in rows],
        "percent": [min(99.0, float(round(rng.gauss(80, 15)))) for _ in rows],
        "dose": [rng.choice((0.0, 10.0, 20.0, 40.0, 80.0)) for _ in rows],
        "balance": [round(rng.gauss(0, 400), -2) for _ in rows],
        "garage": [
            rng.choice((0.0, *(160 + abs(rng.gauss(320, 190)) for _ in range(15)))) for _ in rows
        ],
    }


@pytest.mark.parametrize("seed", range(5))
def test_honest_numbers_are_not_told(seed: int) -> None:
    assert [(w.column, w.example) for w in warnings_of(**draw(seed))] == []


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([1.0, 2, 3, 4, 5], 99.0),
        ([1.0, 2, 3, 4, 5], -9.0),
        ([0.0, 1.0], -9.0),
        ([0.0, 1.0], 99.0),
        ([*map(float, range(11))], 77.0),
    ],
)
def test_code_beside_the_answers_of_a_scale_is_told(answers: list[float], code: float) -> None:
    (warning,) = warnings_of(t=answers * 20 + [code] * 7)

    assert (warning.count, warning.example) == (7, f"{code:.10g}")


@pytest.mark.parametrize(
    ("answers", "code", "count"),
    [
        ([0.0, 1.0], -1.0, 30),  # against, neutral, for
        ([0.0, 1.0], 9.0, 30),
        ([*map(float, range(2, 8))], 99.0, 30),
        ([0.0, 1.0], 99.0, 2),
        ([0.0, 10.0, 50.0], 99.0, 30),  # no steps of a scale
        ([10.0, 20.0, 30.0], 99.0, 30),
    ],
)
def test_number_beside_few_others_that_may_be_one_of_them_is_not_told(
    answers: list[float], code: float, count: int
) -> None:
    assert warnings_of(t=answers * 20 + [code] * count) == []
