"""The benchmark on real tables: what it has to measure, its rows, and what its page says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import real_tables
from benchmarks.real.generated import (
    generate_half_a_million_rows,
    generate_thousands_of_columns,
)
from benchmarks.real.measurements import (
    ASSUMED_SECONDS,
    ASSUMED_SECONDS_FEW_ROWS,
    JOB,
    Measurement,
    estimate_seconds,
    list_measurements,
)
from benchmarks.real.rows import MISSING_WORD, check_are_job_rows, read_job_rows
from benchmarks.real.summary import METHODS, compare, mean_scores, rank_methods
from benchmarks.real.tables import TABLES
from benchmarks.results_page import write_page
from lowloss.results import Baseline, JobState, Outcome
from tests.builders.scripted_server import a_job

PEER_FIELDS: dict[str, dict[str, Any]] = {
    "catboost": {"is_refitted": True},
    "kerastuner": {"trials": 4},
}
PEERS = tuple(PEER_FIELDS)
FEW_ROWS = 5_000
"""What the page says: a table of fewer has three seeds."""


def a_run(scores: dict[str, float], seconds: float = 60.0) -> dict[str, Any]:
    """A run as it was stored at b7e46ac0: pages of these are written, too."""
    of_methods = {method: seconds for method in scores if method in {JOB, *PEERS}}
    return {
        "commit": "0000000",
        "set": {},
        "scores": scores,
        "seconds": of_methods,
        "trials": dict.fromkeys(of_methods, 10),
        "epochs": 100,
        "constant": 9.0,
        "gain": [2.0, 1.0],
    }


def an_entry(*runs: dict[str, Any]) -> dict[str, Any]:
    of_table = {"kind": "numbers", "rows": 400, "columns": 11, "task": "regression"}
    of_seeds = {str(seed): run for seed, run in enumerate(runs)}
    return of_table | {"metric": "rmse", "runs": of_seeds}


def all_scores(*scores: float) -> dict[str, float]:
    return dict(zip(METHODS, scores, strict=True))


def test_what_was_measured_is_not_measured_again() -> None:
    results = {"tables": {"a": an_entry(a_run({JOB: 1.0, "catboost": 1.0}))}}

    measurements = list_measurements(results, {"a": 2}, PEERS)

    assert measurements == [
        Measurement("a", 0, "kerastuner"),
        Measurement("a", 1, JOB),
        Measurement("a", 1, "catboost"),
        Measurement("a", 1, "kerastuner"),
    ]


def test_again_measures_everything_that_is_named() -> None:
    results = {"tables": {"a": an_entry(a_run(all_scores(1, 1, 1, 1, 1)))}}

    assert list_measurements(results, {"a": 1}, PEERS) == []
    assert len(list_measurements(results, {"a": 1}, PEERS, again=True)) == 3


def test_peers_alone_are_measured_where_their_job_was() -> None:
    results = {"tables": {"a": an_entry(a_run({JOB: 1.0}))}}

    measurements = list_measurements(results, {"a": 3, "b": 1}, ["catboost"], only_peers=True)

    assert measurements == [Measurement("a", 0, "catboost")]


def test_estimate_takes_the_methods_own_seconds_then_the_jobs_then_assumes_some() -> None:
    run = a_run({JOB: 1.0, "catboost": 1.0}, seconds=60.0)
    run["seconds"]["catboost"] = 2.0
    results = {"tables": {"a": an_entry(run)}}
    measurements = [
        Measurement("a", 1, "catboost"),
        Measurement("a", 0, "kerastuner"),
        Measurement("b", 0, JOB),
    ]
    measurements.append(Measurement("c", 0, JOB))

    seconds, assumed = estimate_seconds(measurements, results, {"a": 3, "b": 1, "c": 3})

    assert seconds == 2.0 + 60.0 + ASSUMED_SECONDS + ASSUMED_SECONDS_FEW_ROWS
    assert assumed == {"b", "c"}


def test_a_mean_over_seeds_needs_all_of_them() -> None:
    entry = an_entry(a_run({JOB: 1.0, "catboost": 4.0}), a_run({JOB: 3.0}))

    assert mean_scores(entry) == {JOB: 2.0}


def test_comparison_counts_tables_within_a_limit_and_names_the_worst() -> None:
    tables = {
        "a": an_entry(a_run({JOB: 1.004, "linear": 1.0})),
        "b": an_entry(a_run({JOB: 3.0, "linear": 2.0})),
        "c": an_entry(a_run({JOB: 1.0})),
    }

    comparison = compare(tables, "linear")

    assert comparison.count_within(0.005) == 1
    assert comparison.count_within(0.003) == 0
    assert comparison.worst == ("b", 1.5)


def test_ranks_are_of_tables_with_all_methods_and_their_intervals_hold_them() -> None:
    tables = {
        "a": an_entry(a_run(all_scores(1, 2, 3, 4, 5)), a_run(all_scores(1, 2, 3, 4, 5))),
        "b": an_entry(a_run(all_scores(5, 4, 3, 2, 1)), a_run(all_scores(1, 2, 3, 4, 5))),
        "c": an_entry(a_run({JOB: 1.0})),
    }

    ranks, count = rank_methods(tables)

    assert count == 2
    # On table b all means are 3: all methods share the middle rank.
    assert [ranks[method].mean for method in METHODS] == [2.0, 2.5, 3.0, 3.5, 4.0]
    assert (ranks[JOB].low, ranks[JOB].high) == (1.0, 4.0)
    assert (ranks["boosting"].low, ranks["boosting"].high) == (3.0, 3.0)


def test_page_tells_means_multiples_and_what_is_not_measured(tmp_path: Path) -> None:
    tables = {
        "a": an_entry(a_run(all_scores(1, 4, 4, 2, 4)), a_run(all_scores(2, 4, 4, 2, 4))),
        "b": an_entry(a_run({JOB: 1.0, "linear": 1.0, "boosting": 2.0})),
    }

    write_page({"machine": {"cores": 2}, "tables": tables}, tmp_path / "page.md")

    page = (tmp_path / "page.md").read_text()
    assert "| a | numbers | 400 x 11 | 2 | rmse | 1.5 | 4 | 4 | 2 | 4 | 0.750 |" in page
    assert "| 1 | rmse | 1 | 1 | 2 | not measured | not measured | 1.000 |" in page
    assert "over the 1 tables" in page
    assert "| CatBoost | 1.0% | 1 of 1 | 0.750 (a) |" in page
    assert "| a | 2 | 1 | -50.0% |" in page
    assert "commit 0000000)" in page
    assert "So it was in 0 of 2 runs" in page


def test_page_tells_the_interval_of_a_single_seed_the_commits_and_what_was_refitted(
    tmp_path: Path,
) -> None:
    later: dict[str, Any] = {"interval": [0.951, 1.2], "is_refitted": {"catboost": True}}
    later["peer_commits"] = {"catboost": "1111111"}
    first, second = (a_run(all_scores(1, 4, 4, 2, 4)) | later for _ in range(2))
    tables = {"a": an_entry(first), "b": an_entry(first, second | {"is_refitted": {}})}

    write_page({"machine": {"cores": 2}, "tables": tables}, tmp_path / "page.md")

    page = (tmp_path / "page.md").read_text()
    assert "| 1 | rmse | 1 [0.951, 1.2] | 4 |" in page
    assert "| 2 | rmse | 1 | 4 |" in page
    assert "commit 0000000, 1111111)" in page
    assert "So it was in 2 of 3 runs" in page


def test_scores_leave_out_a_baseline_that_its_time_cut_off() -> None:
    note = "50 of 100 iterations, since its 120 s were up"
    metrics, difference = {"metrics": {}, "test_metrics": {"rmse": 3.0}}, {"rmse": (-2.0, -1.0)}
    baselines = (
        Baseline(name="mean", **metrics),
        Baseline(name="ridge", difference=difference, **metrics),
        Baseline(name="gradient_boosting", difference=difference, note=note, **metrics),
    )
    outcome = Outcome(
        test_metrics={"rmse": 1.5}, test_intervals={"rmse": (1.0, 2.0)}, baselines=baselines
    )

    scores = real_tables.scores_of(a_job(JobState.succeeded, outcome=outcome))

    assert scores == {
        "scores": {JOB: 1.5, "linear": 3.0},
        "interval": [1.0, 2.0],
        "differences": {"linear": [-2.0, -1.0]},
        "constant": 3.0,
        "gain": None,
    }


def test_scores_have_no_errors_where_the_job_has_none() -> None:
    boosting = Baseline(name="gradient_boosting", metrics={}, test_metrics={"rmse": 2.0})
    outcome = Outcome(test_metrics={"rmse": 1.5}, baselines=(boosting,))

    scores = real_tables.scores_of(a_job(JobState.succeeded, outcome=outcome))

    assert scores["scores"] == {JOB: 1.5, "boosting": 2.0}
    assert scores.keys().isdisjoint({"interval", "differences"})


def test_tables_of_few_rows_and_no_others_have_three_seeds() -> None:
    measured = json.loads(real_tables.RESULTS.read_text())["tables"]
    rows = {name: entry["rows"] for name, entry in measured.items()}

    seeds = {name: TABLES[name].seeds for name in rows}

    assert {"diabetes", "health visits"} <= rows.keys()
    assert seeds == {name: 3 if count < FEW_ROWS else 1 for name, count in rows.items()}


@pytest.mark.parametrize("name", ["diabetes", "wine", "digits"])
def test_a_table_of_few_rows_has_other_test_rows_with_each_seed(name: str, tmp_path: Path) -> None:
    path = TABLES[name].write(tmp_path)

    first, same, other = (read_job_rows(path, TABLES[name].request(seed, {})) for seed in (0, 0, 1))

    assert first.test.tolist() == same.test.tolist()
    assert first.test.tolist() != other.test.tolist()
    parts = np.concatenate([first.train, first.validation, first.test])
    assert sorted(parts) == list(range(first.frame.height))


def test_rows_have_the_committed_constants(tmp_path: Path) -> None:
    """A job at 4a5bd19 had them on the test rows of seed 0: the split is the job's."""
    diabetes = read_job_rows(TABLES["diabetes"].write(tmp_path), TABLES["diabetes"].request(0, {}))

    check_are_job_rows(diabetes, 79.065056)
    with pytest.raises(SystemExit, match="split by other code"):
        check_are_job_rows(diabetes, 79.2)


def test_peers_see_words_for_missing_categories_and_days_for_dates(tmp_path: Path) -> None:
    rows = 60
    frame = pl.DataFrame(
        {
            "colour": ["red", None, "blue"] * 20,
            "day": pl.date_range(pl.date(1970, 1, 2), pl.date(1970, 3, 2), "1d", eager=True),
            "size": [None, *(i / 2 for i in range(1, rows))],
            "row": [f"row {i}" for i in range(rows)],
            "y": [None, *(float(i % 7) for i in range(1, rows))],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")

    seen = read_job_rows(tmp_path / "table.parquet", {"target": "y", "task": "regression"})

    assert seen.categories == ("colour",)
    assert seen.numbers == ("day", "size")
    # The first row has no target, and the column that names the rows is left out.
    assert seen.frame.row(0) == (MISSING_WORD, 2.0, 0.5)
    assert seen.frame.height == rows - 1


def test_thousands_of_columns_hold_twenty_that_leave_the_noise() -> None:
    frame = generate_thousands_of_columns(rows=4_000, columns=200)
    y, x = frame["target"].to_numpy(), frame.drop("target").to_numpy()
    correlation = np.abs(np.corrcoef(x.T, y)[-1, :-1])

    chosen = x[:, np.argsort(-correlation)[:20]]
    weights, residual, *_ = np.linalg.lstsq(chosen, y, rcond=None)

    assert np.abs(np.abs(weights) - 1).max() < 0.1
    assert residual[0] / (len(y) - 20) == pytest.approx(1, abs=0.1)


def test_generated_tables_are_the_same_each_time() -> None:
    first, second = (generate_half_a_million_rows(1_000) for _ in range(2))

    assert first.equals(second)
    assert first["product"].n_unique() <= 200


class NoClient:
    """Stands in for a client: nobody calls it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> NoClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was measured, in order; the job of seed 1 fails, and nothing is run."""
    calls: list[Any] = []

    @contextmanager
    def run_no_server(folder: Path) -> Iterator[str]:
        calls.append("server")
        yield f"http://{folder.name}"
        calls.append("end of the server")

    def run_job(name: str, seed: int, *_: object) -> Any:
        calls.append((name, seed, JOB))
        if seed == 1:
            raise real_tables.FailedError("failed, out of memory")
        entry = an_entry(a_run({JOB: 1.0}))
        run = entry.pop("runs")["0"]
        del run["commit"]
        return entry, run

    def run_peer(peer: str, path: Path, request: dict[str, Any], *_: object) -> Any:
        calls.append((path.name, request["seed"], peer))
        return {"scores": 2.0, "seconds": 30.0, **PEER_FIELDS[peer]}

    monkeypatch.setattr(real_tables, "run_server", run_no_server)
    monkeypatch.setattr(real_tables, "Client", NoClient)
    monkeypatch.setattr(real_tables, "run_job", run_job)
    monkeypatch.setattr(real_tables, "run_peer", run_peer)
    return calls


def test_what_is_measured_has_the_commit_of_the_runs_start(
    measured: list[Any], tmp_path: Path
) -> None:
    benchmark = real_tables.Benchmark(tmp_path / "results.json", {}, "abc")
    benchmark.measure("wine", [Measurement("wine", 0, JOB), Measurement("wine", 0, "catboost")])
    later = real_tables.Benchmark(tmp_path / "results.json", {}, "def")
    later.measure("wine", [Measurement("wine", 0, "kerastuner")])

    run = json.loads((tmp_path / "results.json").read_text())["tables"]["wine"]["runs"]["0"]

    assert len(measured) == 5
    assert run["commit"] == "abc"
    assert run["peer_commits"] == {"catboost": "abc", "kerastuner": "def"}


def test_peers_are_measured_once_the_server_has_ended(measured: list[Any], tmp_path: Path) -> None:
    benchmark = real_tables.Benchmark(tmp_path / "results.json", {}, "abc")

    benchmark.measure("wine", list_measurements(benchmark.results, {"wine": 1}, PEERS))

    job, *peers = [("wine", 0, JOB), *(("load_wine.csv", 0, peer) for peer in PEERS)]
    assert measured == ["server", job, "end of the server", *peers]
    run = json.loads((tmp_path / "results.json").read_text())["tables"]["wine"]["runs"]["0"]
    assert run["scores"] == {JOB: 1.0, "catboost": 2.0, "kerastuner": 2.0}
    assert run["seconds"] == {JOB: 60.0, "catboost": 30.0, "kerastuner": 30.0}
    assert run["trials"] == {JOB: 10, "kerastuner": 4}
    assert run["is_refitted"] == {"catboost": True}


def test_a_failed_job_leaves_the_others_and_is_left_to_the_next_run(
    measured: list[Any], tmp_path: Path
) -> None:
    benchmark = real_tables.Benchmark(tmp_path / "results.json", {}, "abc")

    benchmark.measure("wine", list_measurements(benchmark.results, {"wine": 3}, ["catboost"]))

    failed = [Measurement("wine", 1, JOB), Measurement("wine", 1, "catboost")]
    assert benchmark.failed == failed
    assert ("load_wine.csv", 2, "catboost") in measured
    resumed = real_tables.Benchmark(tmp_path / "results.json", {}, "abc")
    assert list_measurements(resumed.results, {"wine": 3}, ["catboost"]) == failed
