"""The importance of columns: how much worse the model answers where one is shuffled.

On rows that nothing was trained on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lowloss.results import Importance
from lowloss.spec import Task
from worker.data.columns import RawColumns
from worker.data.importance import measure_rises
from worker.data.scores import scores
from worker.data.splits import Rows
from worker.winner.final_model import FinalModel

STREAM = 3
SHUFFLES = 5
MAX_ROWS, MIN_ROWS = 5_000, 50
MAX_PRODUCTS = 2e11
"""Products of weights and rows that all shuffles may cost: some ten seconds."""


def importances(final: FinalModel, *, seed: int) -> tuple[Importance, ...]:
    """Measure the rise of rmse or log loss by column, largest first; none if too slow.

    Columns that no network sees are left out.
    """
    features, target = final.fit.features, final.fit.target
    raw, y = final.prepared.raw_test, final.prepared.y_test
    names = [f.column for f in features.numeric] + [f.column for f in features.categorical]
    seen_by = final.seen_by
    positions = [index for index, name in enumerate(names) if seen_by.get(name, 1)]
    weights = sum(weight.size for member in final.members for weight in member.weights)
    rows = int(MAX_PRODUCTS / (weights * max(1, len(positions)) * SHUFFLES))
    if rows < MIN_ROWS:
        return ()
    rng = np.random.default_rng([seed, STREAM])
    chosen = rng.permutation(len(y))[: min(rows, MAX_ROWS)]
    raw, y = raw.take(chosen), y[chosen]
    metric = "rmse" if target.task is Task.regression else "log_loss"

    def losses(index: int, orders_SN: Rows) -> list[float]:
        # At once: what a prediction costs hardly depends on its rows.
        answers = final.predict(_shuffled(raw, positions[index], orders_SN))
        parts = np.split(answers, len(orders_SN))
        return [scores(target, y, part)[metric] for part in parts]

    rises_DS = measure_rises(losses, len(positions), len(y), shuffles=SHUFFLES, rng=rng)
    results = (
        Importance(
            column=names[position],
            increase=float(np.mean(rises)),
            sd=float(np.std(rises, ddof=1)),
        )
        for position, rises in zip(positions, rises_DS, strict=True)
    )
    return tuple(sorted(results, key=lambda importance: -importance.increase))


def _shuffled(raw: RawColumns, position: int, orders_SN: Rows) -> RawColumns:
    """Return the same rows S times, with one column in other orders: numbers first, then strings.

    The rows of the first order come before those of the second.
    """
    order, count = orders_SN.ravel(), len(orders_SN)
    repeated = raw.take(np.tile(np.arange(len(order) // count), count))
    numbers = raw.numeric_NR.shape[1]
    if position < numbers:
        repeated.numeric_NR[:, position] = raw.numeric_NR[order, position]
        return repeated
    strings = list(repeated.strings)
    strings[position - numbers] = raw.strings[position - numbers][order]
    return replace(repeated, strings=tuple(strings))
