"""Runs the scripts that diagnoses hand out: `python -m benchmarks.diagnosis.scripts`.

Each question's remedied recipe, and the recipe with the fix that a human named, train in stock
Keras as `train.py` is handed out, on the rows that were diagnosed, with three seeds. Both are
judged on fresh rows of the same formula; where there are none, on a fifth of the rows, which
neither trains on, another one for each seed. What is in the cache already is not trained again;
`python -m benchmarks.diagnosis --page` has it, too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.diagnosis.__main__ import chosen
from benchmarks.diagnosis.programs import Kind, Program, Setting
from benchmarks.diagnosis.records import Cache
from benchmarks.diagnosis.run import checked_setting
from benchmarks.results_file import current_commit
from lowloss.recipes import training_code
from lowloss.results import Diagnosis
from lowloss.spec import Recipe, Task

SEEDS = (0, 1, 2)
SECONDS = 60.0
JUDGING_PART = 5
CLOSE, CLOSE_OF_CONSTANT = 1.05, 0.01
"""A script reaches the human fix with so many times its loss, or so much of a constant's more."""

Floats = NDArray[np.float64]


def run_script(setting: Setting, recipe: Recipe, fresh: pl.DataFrame, seed: int) -> float:
    """Train a recipe by its script, and return its loss on fresh rows over a constant answer's."""
    import keras

    from worker.artifacts.plain_table import write_plain_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table, _, checked = checked_setting(setting, seconds=SECONDS)
        code = training_code(recipe, write_plain_table(path, table, checked))
        fresh_path = Path(folder) / "fresh.csv"
        fresh_table, _, _ = checked_setting(replace(setting, frame=fresh), seconds=SECONDS)
        # A column that is constant here is one that the network knows all the same.
        write_plain_table(fresh_path, fresh_table, checked)
        keras.utils.set_random_seed(seed)
        names: dict[str, Any] = {}
        with _quiet(), _arguments("train.py", str(path)):
            exec(compile(code, "train.py", "exec"), names)
            x = _columns(names, fresh_path)
            answers = names.get("predict", names["model"].predict)(x)
    return _relative_loss(setting, recipe, fresh, np.asarray(answers, dtype=np.float64))


def _columns(names: dict[str, Any], path: Path) -> Floats:
    """Return the columns of a plain table as a script reads them."""
    frame = pl.read_csv(path, infer_schema_length=None)
    x = frame.select(names["NUMBERS"]).to_numpy().astype(np.float64)
    if "encoder" not in names:
        return x
    levels = frame.select(pl.col(names["CATEGORIES"]).cast(pl.String).fill_null("")).to_numpy()
    return np.hstack([x, names["encoder"].transform(levels)])


def _relative_loss(
    setting: Setting, recipe: Recipe, fresh: pl.DataFrame, answers_MU: Floats
) -> float:
    targets = list(setting.targets)
    y_MT = fresh.select(targets).to_numpy()
    if setting.task is Task.regression:
        mean_T = setting.frame.select(targets).to_numpy().mean(axis=0)
        rest_T = np.square(answers_MU - y_MT).mean(axis=0)
        return float(np.mean(rest_T / np.square(mean_T - y_MT).mean(axis=0)))
    # A rare class may have no row to judge by: the network has a unit for it all the same.
    labels, counts = np.unique(setting.frame[targets[0]].to_numpy(), return_counts=True)
    code_M = np.searchsorted(labels, y_MT[:, 0])
    share_MC = _shares(recipe, labels, answers_MU)
    rows = len(code_M)
    loss = -np.log(np.clip(share_MC[np.arange(rows), code_M], 1 / rows, 1)).mean()
    constant_C = counts / counts.sum()
    return float(loss / -np.log(constant_C[code_M]).mean())


def _shares(recipe: Recipe, labels: NDArray[Any], answers_MU: Floats) -> Floats:
    """Return a probability of each class; the nearest label's, or the largest unit's, is 1."""
    codes = np.arange(len(labels), dtype=np.float64)
    if not (recipe.encode_labels or labels.dtype.kind in "OU"):
        codes = labels.astype(np.float64)
    if answers_MU.shape[1] == 1 and len(labels) == 2:
        yes_M = np.clip((answers_MU[:, 0] - codes[0]) / (codes[1] - codes[0]), 0, 1)
        return np.stack([1 - yes_M, yes_M], axis=1)
    if answers_MU.shape[1] == len(labels) and recipe.output.nonlinearity in {"softmax", "sigmoid"}:
        shares_MC: Floats = answers_MU / np.maximum(answers_MU.sum(axis=1, keepdims=True), 1e-12)
        return shares_MC
    fits_MC = answers_MU if answers_MU.shape[1] > 1 else -np.abs(answers_MU - codes[None])
    certain_MC: Floats = np.eye(len(labels))[fits_MC[:, : len(labels)].argmax(axis=1)]
    return certain_MC


@contextmanager
def _arguments(*arguments: str) -> Iterator[None]:
    before, sys.argv = sys.argv, list(arguments)
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Keras prints of each epoch to itself."""
    with Path(os.devnull).open("w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            yield
        finally:
            sys.stdout = before


def has_reached(loss: float, of_fix: float) -> bool:
    """Return whether a script's loss is as good as that of the human fix."""
    return loss <= max(CLOSE * of_fix, of_fix + CLOSE_OF_CONSTANT)


def _remedied(cache: Path) -> dict[str, Recipe]:
    """Return the latest remedied recipe of each diagnosed program."""
    lines = map(json.loads, (cache / "diagnoses.jsonl").read_text().splitlines())
    return {name: Diagnosis.model_validate(diagnosis).remedied_recipe for name, diagnosis in lines}


def _with_judging_rows(program: Program, seed: int) -> tuple[Setting, pl.DataFrame]:
    """Return the setting with the rows that scripts train on, and those that judge them."""
    setting, fresh = program.setting, program.table.fresh
    if fresh is not None:
        return setting, fresh()
    order = np.random.default_rng(seed).permutation(setting.frame.height)
    judging, training = np.split(order, [setting.frame.height // JUDGING_PART])
    # In the table's order: some recipes validate on its last rows.
    frame, rows = setting.frame[np.sort(training)], setting.frame[judging]
    if setting.task is not Task.regression:
        rows = rows.filter(pl.col(setting.targets[0]).is_in(frame[setting.targets[0]].implode()))
    return replace(setting, frame=frame), rows


def _run_program(program: Program, remedied: Recipe, commit: str) -> dict[str, Any]:
    started, losses, of_fix = time.perf_counter(), [], []
    for seed in SEEDS:
        setting, rows = _with_judging_rows(program, seed)
        losses.append(run_script(setting, remedied, rows, seed))
        of_fix.append(run_script(setting, program.sound.recipe, rows, seed))
    pairs = zip(losses, of_fix, strict=True)
    return {
        "name": program.name,
        "script": losses,
        "fix": of_fix,
        "reached": [has_reached(*pair) for pair in pairs],
        "seconds": time.perf_counter() - started,
        "commit": commit,
    }


def main() -> None:
    """Run the scripts of the questions that were diagnosed; add a line for each to the cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--cache", type=Path, default=Path("benchmark-data/diagnosis"))
    options = parser.parse_args()
    cache, remedied = Cache(options.cache), _remedied(options.cache)
    # Asked before the first training: the tree may have another commit after the last.
    commit = current_commit()
    for result in cache.script_results():
        remedied.pop(result["name"], None)
    for program in chosen("all", options.only):
        if program.kind is Kind.forum and program.name in remedied:
            result = _run_program(program, remedied[program.name], commit)
            print(json.dumps(result), flush=True)
            cache.add_script_result(result)


if __name__ == "__main__":
    main()
