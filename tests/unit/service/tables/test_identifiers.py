"""Columns that name their rows are identifiers; amounts and times that never repeat are none."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from lowloss.results import Column, ColumnKind
from lowloss.tables.table import Table
from service.tables.profile import profile_table
from service.tables.useless import explain_uselessness, warn_of_useless
from tests.builders.tables import LIMITS, read

RANDOM = random.Random(0)
COUNT = 200


def kind_of(values: Sequence[object], name: str = "x") -> ColumnKind:
    (column,) = profile_table(Table(pl.DataFrame({name: values})), limits=LIMITS)
    return column.kind


def profile_of_csv(path: Path, name: str, cells: Sequence[str]) -> tuple[Column, ...]:
    rows = "".join(f"{cell};{row * 0.37:.2f}\n" for row, cell in enumerate(cells))
    path.write_text(f"{name};y\n{rows}")
    return profile_table(read(path), limits=LIMITS)


def draw(low: int, high: int, count: int = COUNT) -> list[int]:
    """Distinct whole numbers."""
    return RANDOM.sample(range(low, high), count)


@pytest.mark.parametrize(
    "numbers",
    [
        draw(4 * 10**15, 6 * 10**15),
        draw(4 * 10**15, 6 * 10**15, 30),
        draw(9_780_000_000_000, 9_790_000_000_000),
        draw(10**17, 10**18),
        draw(10**7, 10**8),
        draw(10**9, 10**10),
        draw(50_000_000, 50_001_000),
        draw(99_999_500, 100_000_500),
        [float(number) for number in draw(10**12, 10**13)],
    ],
    ids=lambda numbers: f"{len(numbers)} such as {numbers[0]}",
)
def test_long_numbers_that_never_repeat_are_identifiers(numbers: list[int]) -> None:
    assert kind_of(numbers) is ColumnKind.identifier


@pytest.mark.parametrize(
    "name",
    [
        *("customer_id", "orderID", "OrderNo", "accountNo", "invoiceNum", "Konto-Nr", "Kontonr"),
        *("Kontonummer", "Rechnungsnummer", "card number", "phoneNumber", "address_number"),
        *("ACCOUNT", "phone "),
    ],
)
def test_names_tell_that_numbers_are_identifiers(name: str) -> None:
    numbers = draw(30_000_000, 60_000_000)

    assert kind_of(numbers, name) is ColumnKind.identifier
    assert kind_of(numbers, "price") is ColumnKind.numeric


@pytest.mark.parametrize(
    "name",
    [
        *("paid", "humid", "bytes", "area", "casino", "grid_km", "units_number", "items number"),
        *("unitsNumber", "number_of_units"),
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert kind_of(draw(30_000_000, 60_000_000), name) is ColumnKind.numeric


def skewed() -> list[int]:
    """Amounts, as of prices in cents: many small ones, few large ones."""
    return list(dict.fromkeys(round(10_000_000 + RANDOM.expovariate(1 / 8e6)) for _ in range(300)))


@pytest.mark.parametrize(
    "numbers",
    [
        skewed(),
        [round(RANDOM.gauss(5e7, 1e7)) for _ in range(150)],
        [amount * 100 for amount in draw(10**10, 10**11)],
        [10 ** RANDOM.randint(8, 15) + RANDOM.randint(0, 10**7) for _ in range(COUNT)],
        draw(1_500_000_000, 1_700_000_000),
        draw(1_500_000_000_000, 1_700_000_000_000),
        draw(1_500_000_000_000_000, 1_700_000_000_000_000),
        draw(1_500_000_000_000_000_000, 1_700_000_000_000_000_000),
        [20_240_101_000_000 + day * 10**6 + day * 3607 for day in range(30)],
        [202_401_010_000 + day * 10**4 + day * 7 for day in range(30)],
        [-number for number in draw(10**12, 10**13)],
        draw(10**12, 10**13, 20),
        draw(10**12, 10**13) * 2,
        [number + 0.5 for number in draw(10**12, 10**13)],
        draw(10**6, 10**7),
        sorted(draw(50_000_000, 50_001_000)),
        sorted(draw(50_000_000, 50_001_000), reverse=True),
        [99_990_000 + 20 * hour + hour % 7 for hour in range(1_000)],
        [9_999_999_990_000 + 20 * hour + hour % 7 for hour in range(1_000)],
        [28_400_000 + minute for minute in range(0, 6_000, 3)],
        [28_400_000 + 60 * hour for hour in range(1_000)],
        [28_400_000 + 60 * hour + hour % 3 for hour in range(2_000)],
        [round(10 ** RANDOM.uniform(11, 14)) for _ in range(COUNT)],
        [round(RANDOM.gauss(10**12, 10**11)) for _ in range(COUNT)],
    ],
    ids=lambda numbers: f"{len(numbers)} such as {numbers[0]}",
)
def test_amounts_and_times_are_numbers(numbers: list[float]) -> None:
    assert kind_of(numbers) is ColumnKind.numeric


def test_sorted_numbers_are_identifiers_where_their_name_says_so() -> None:
    assert kind_of(sorted(draw(99_999_500, 100_000_500)), "order_no") is ColumnKind.identifier


def test_sizes_and_amounts_of_one_length_cannot_be_told_from_identifiers() -> None:
    sizes = [round(RANDOM.uniform(1, 9) * 10**12) for _ in range(COUNT)]

    assert kind_of(sizes, "bytes") is ColumnKind.identifier


def test_time_of_one_clock_is_a_number_whatever_its_name() -> None:
    assert kind_of(draw(1_500_000_000, 1_700_000_000), "event_id") is ColumnKind.numeric


def test_number_that_is_an_identifier_is_told_with_how_to_include_it(tmp_path: Path) -> None:
    cells = [str(number) for number in draw(4 * 10**15, 6 * 10**15)]
    profile = profile_of_csv(tmp_path / "t.csv", "card", cells)

    (warning,) = warn_of_useless(profile, COUNT)

    assert "'card'): numbers that count the rows, or name them: an identifier" in warning.detail
    assert "features.include" in warning.fix
    reason = str(explain_uselessness(profile[0], COUNT))
    assert reason.startswith("an identifier: 200 distinct numbers in 200 rows")
    assert "features.include" in reason


def digits(count: int) -> str:
    return "".join(RANDOM.choices("123456789", k=count))


PHONES: list[Callable[[], str]] = [
    lambda: f"+49 {digits(3)} {digits(7)}",
    lambda: f"+49{digits(RANDOM.randint(9, 11))}",
    lambda: f"({digits(3)}) {digits(3)}-{digits(4)}",
    lambda: f"+1 ({digits(3)}) {digits(3)}-{digits(4)}",
    lambda: f"{digits(3)}-{digits(3)}-{digits(4)}",
    lambda: f"{digits(3)}.{digits(3)}.{digits(4)} x{digits(3)}",
    lambda: f"0{digits(3)}/{digits(7)}",
    lambda: f"06 {digits(2)} {digits(2)} {digits(2)} {digits(2)}",
]


@pytest.mark.parametrize("write", PHONES, ids=lambda write: write())
def test_phone_numbers_are_identifiers_without_a_word_of_units(
    tmp_path: Path, write: Callable[[], str]
) -> None:
    numbers = list(dict.fromkeys(write() for _ in range(COUNT)))
    cells = [*numbers[:190], *numbers[:5]]  # a few people share theirs
    path = tmp_path / "t.csv"

    phone, _ = profile_of_csv(path, "phone", cells)

    assert phone.kind is ColumnKind.identifier
    assert phone.min is None
    (useless,) = warn_of_useless([phone], len(cells))
    assert "('phone'): texts that name the rows: an identifier" in useless.detail
    assert "looks_numeric" not in {warning.code for warning in read(path).warnings}
    assert "units_removed" not in {warning.code for warning in read(path).warnings}


def test_phone_numbers_of_few_people_are_categories(tmp_path: Path) -> None:
    cells = [f"+49 170 123456{row % 6}" for row in range(60)]

    phone, _ = profile_of_csv(tmp_path / "t.csv", "phone", cells)

    assert phone.kind is ColumnKind.categorical
