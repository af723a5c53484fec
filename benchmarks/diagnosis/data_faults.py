"""Faults of the data, and of how a recipe treats it."""

from __future__ import annotations

from benchmarks.diagnosis import table_edits as edits
from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.recipe_edits import with_fields
from lowloss.results import Cause

FEW_ROWS = 300
"""Of a table that gets columns of noise."""


def noise_columns(count: int, *tables: str) -> Fault:
    """Leave few rows, and add many columns that have to do with nothing."""
    return Fault(
        f"{count} noise columns",
        Cause.irrelevant_features,
        tables,
        table=edits.with_noise_columns(count, FEW_ROWS),
        sound=with_fields(exclude=list(edits.noise_columns(count))),
    )


def category_codes(levels: int, *tables: str) -> Fault:
    """Let the target depend on a category, whose codes the network sees as numbers."""
    return Fault(
        f"codes of {levels} levels as numbers",
        Cause.codes_as_numbers,
        tables,
        table=edits.with_codes(levels),
        sound=with_fields(categorical=[edits.CODES]),
    )


DATA_FAULTS = (
    Fault(
        "unscaled columns as they are",
        Cause.features_not_scaled,
        ("house prices", "breast cancer", "loan applications"),
        with_fields(scale_features="none"),
    ),
    Fault(
        "unscaled columns x1e3",
        Cause.features_not_scaled,
        ("friedman", "wine"),
        with_fields(scale_features="none"),
        edits.other_units(1e3),
    ),
    Fault(
        "unscaled columns x1e5",
        Cause.features_not_scaled,
        ("two moons", "wage panel"),
        with_fields(scale_features="none"),
        edits.other_units(1e5),
    ),
    Fault(
        "unscaled target as it is",
        Cause.target_not_scaled,
        ("house prices", "diamonds"),
        with_fields(scale_target="none"),
    ),
    Fault(
        "unscaled target x1e3",
        Cause.target_not_scaled,
        ("friedman",),
        with_fields(scale_target="none"),
        edits.target_times(1e3),
    ),
    Fault(
        "unscaled target x1e6",
        Cause.target_not_scaled,
        ("wage panel", "avocados"),
        with_fields(scale_target="none"),
        edits.target_times(1e6),
    ),
    Fault(
        "one missing cell kept",
        Cause.missing_values,
        ("friedman", "breast cancer"),
        with_fields(missing="keep"),
        edits.missing_cells(0.0),
        with_fields(missing="mean"),
    ),
    Fault(
        "missing cells kept",
        Cause.missing_values,
        ("diabetes", "penguins"),
        with_fields(missing="keep"),
        edits.missing_cells(0.05),
        with_fields(missing="mean"),
    ),
    Fault(
        "outliers in 0.5 %",
        Cause.outliers,
        ("friedman", "breast cancer"),
        with_fields(scale_features="standard"),
        edits.outlying_cells(0.005),
        with_fields(scale_features="quantile"),
    ),
    Fault(
        "outliers in 2 %",
        Cause.outliers,
        ("two moons", "diabetes"),
        with_fields(scale_features="standard"),
        edits.outlying_cells(0.02),
        with_fields(scale_features="quantile"),
    ),
    Fault(
        "labels of 30 % changed",
        Cause.noisy_labels,
        ("two moons", "digits"),
        table=edits.other_labels(0.3),
        is_undone=False,
    ),
    Fault(
        "labels of 15 % changed",
        Cause.noisy_labels,
        ("breast cancer",),
        table=edits.other_labels(0.15),
        is_undone=False,
    ),
    Fault(
        "noise in the target",
        Cause.noisy_labels,
        ("friedman", "diamonds"),
        table=edits.noisy_target(1.0),
        is_undone=False,
    ),
    Fault(
        "40 rows",
        Cause.too_little_data,
        ("friedman", "diamonds"),
        table=edits.first_rows(40),
        is_undone=False,
    ),
    Fault(
        "80 rows",
        Cause.too_little_data,
        ("digits", "house prices"),
        table=edits.first_rows(80),
        is_undone=False,
    ),
    noise_columns(50, "friedman", "two moons"),
    noise_columns(150, "diabetes", "breast cancer"),
    category_codes(20, "friedman", "diabetes"),
    category_codes(60, "diamonds", "house prices"),
    Fault(
        "rarest class 4 %",
        Cause.class_imbalance,
        ("breast cancer", "two moons"),
        table=edits.thin_class(0.04),
        is_silent=True,
    ),
    Fault(
        "rarest class 2 %",
        Cause.class_imbalance,
        ("pension plans",),
        table=edits.thin_class(0.02),
        is_silent=True,
    ),
    Fault(
        "leaked column",
        Cause.leaked_column,
        ("diabetes", "two moons", "wage panel"),
        table=edits.with_leak,
        is_silent=True,
    ),
    Fault(
        "constant column",
        Cause.constant_column,
        ("diabetes", "wine"),
        table=edits.with_constant,
        is_silent=True,
    ),
    Fault(
        "column twice",
        Cause.duplicate_column,
        ("friedman", "breast cancer"),
        table=edits.with_copy,
        is_silent=True,
    ),
    Fault(
        "identifier",
        Cause.identifier_column,
        ("house prices", "iris"),
        table=edits.with_identifier,
        is_silent=True,
    ),
    Fault(
        "30 % of rows twice",
        Cause.duplicate_rows,
        ("diabetes", "two moons"),
        table=edits.repeated_rows(0.3),
        is_silent=True,
    ),
    Fault(
        "last rows of an ordered table validate",
        Cause.ordered_rows,
        ("friedman", "wine", "house prices"),
        with_fields(validation_rows="last"),
        edits.in_order,
    ),
    Fault(
        "ordered table, not shuffled",
        Cause.ordered_rows,
        ("digits", "diamonds"),
        with_fields(shuffle=False),
        edits.in_order,
    ),
)
