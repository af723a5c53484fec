"""Chooses the networks whose mean a model predicts, by their predictions of validation rows.

Greedily and with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models").
A linear network whose setting nobody chose has a part in it where that costs next to nothing on
rows by which the others were not chosen: by those that chose them they look better than they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowloss.spec import Objective, Task
from worker.data.prepare import FittedFold, Prepared
from worker.data.scores import SMALLEST_PROBABILITY, mean_metrics, objective_value, scores
from worker.data.splits import Rows
from worker.data.target import Float64Array
from worker.engine.array_types import FloatArray
from worker.trials.folds import TrainingResult

PARTS = 5
"""Parts of one fold's rows: each judges what the others chose. Several folds are parts as well."""
MAX_ROWS = 20_000
"""Rows of one fold that are divided: more would say the same, and take long."""
TOLERANCE = 0.5
"""What more linear networks may cost on average, in standard errors over the parts."""

Outputs = list[Float64Array]
"""Sums or means of networks' outputs for the rows of each part [M, C]."""


def choose_members(
    candidates: Sequence[TrainingResult],
    prepared: Prepared,
    objective: Objective,
    count: int,
    *,
    linear: TrainingResult | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> list[TrainingResult]:
    """Return `count` of the candidates, some of them several times, whose mean predicts best.

    That is the objective of validation rows, on average over folds; the first of equals is taken.
    Of them the `linear` network is as many as `TOLERANCE` allows, in the place of those that were
    chosen last; it comes in between, so that the first ones of any number go together, too. All
    were trained on all folds. Fewer are returned once `goes_on` returns False.
    """
    networks = [*candidates, *([] if linear is None else [linear])]
    fits = [prepared.fits[fold.plan.fold] for fold in candidates[0].folds]
    library = _Library(
        tuple(_Part(prepared.labelled.y[fit.split.validation], fit) for fit in fits),
        [[fold.val_output_MC for fold in network.folds] for network in networks],
        objective,
        goes_on,
    )
    trained = range(len(candidates))
    chosen = library.choose(trained, count)
    if linear is not None and len(chosen) == count:
        by_loss = replace(library, objective=Objective.val_loss)
        linear_count = _count_linear(by_loss, trained, count)
        chosen = _spread(chosen[: count - linear_count], [len(candidates)] * linear_count)
    return [networks[index] for index in chosen]


def _spread(chosen: Sequence[int], others: Sequence[int]) -> list[int]:
    """Put others evenly between the chosen ones, which stay in their order."""
    ranked = [
        ((position + 0.5) / len(indices), index)
        for indices in (chosen, others)
        for position, index in enumerate(indices)
    ]
    return [index for _, index in sorted(ranked, key=lambda pair: pair[0])]


def _count_linear(library: _Library, trained: Sequence[int], count: int) -> int:
    """Count the members of `count` that are to be linear, the last of a library.

    Parts have few rows, of which metrics such as accuracy say little: the loss judges.
    """
    divided, linear = library.divide(), len(library.outputs) - 1
    parts = range(len(divided.parts))
    costs_PJ = []
    for part in parts:
        others = divided.take([other for other in parts if other != part])
        chosen = others.choose(trained, count)
        if len(chosen) < count:
            return 0
        judge = divided.take([part])
        members_J = [[*chosen[: count - j], *[linear] * j] for j in range(count + 1)]
        costs_PJ.append([judge.cost(members) for members in members_J])
    best = int(np.argmin(np.mean(costs_PJ, axis=0)))
    excess_PJ = np.array(costs_PJ) - np.take(costs_PJ, [best], axis=1)
    error_J = excess_PJ.std(axis=0, ddof=1) / math.sqrt(len(excess_PJ))
    return int(np.flatnonzero(excess_PJ.mean(axis=0) <= TOLERANCE * error_J)[-1])


@dataclass(frozen=True)
class _Part:
    """Rows of a fold that validate [M], and how that fold's networks see their target."""

    y_M: Float64Array
    fit: FittedFold


@dataclass(frozen=True)
class _Library:
    """What each candidate answers the rows of each part [M, C], and what makes an answer good."""

    parts: tuple[_Part, ...]
    outputs: Sequence[Sequence[FloatArray]]
    objective: Objective
    goes_on: Callable[[], bool]

    def choose(self, candidates: Sequence[int], count: int) -> list[int]:
        """Choose of some candidates, one after the other, those whose mean costs least."""
        totals: Outputs = [np.zeros(output_MC.shape) for output_MC in self.outputs[0]]
        chosen: list[int] = []
        while len(chosen) < count:
            costs = []
            for candidate in candidates:
                if not self.goes_on():
                    return chosen
                sums = _add(totals, self.outputs[candidate])
                costs.append(self._cost([sum_MC / (len(chosen) + 1) for sum_MC in sums]))
            chosen.append(candidates[int(np.argmin(costs))])
            totals = _add(totals, self.outputs[chosen[-1]])
        return chosen

    def cost(self, members: Sequence[int]) -> float:
        """Return what the members' mean costs."""
        answers = zip(*(self.outputs[member] for member in members), strict=True)
        return self._cost([np.mean(outputs_MC, axis=0) for outputs_MC in answers])

    def divide(self) -> _Library:
        """Return it in several parts: folds, or some rows of the only one each, by chance."""
        if len(self.parts) > 1:
            return self
        (part,) = self.parts
        order_M = np.random.default_rng(0).permutation(len(part.y_M))[:MAX_ROWS]
        rows_of_parts: list[Rows] = np.array_split(order_M, min(PARTS, len(order_M)))
        parts = tuple(_Part(part.y_M[rows], part.fit) for rows in rows_of_parts)
        outputs = [[output_MC[rows] for rows in rows_of_parts] for (output_MC,) in self.outputs]
        return replace(self, parts=parts, outputs=outputs)

    def take(self, parts: Sequence[int]) -> _Library:
        """Return it with some of its parts."""
        outputs = [[output[part] for part in parts] for output in self.outputs]
        return replace(self, parts=tuple(self.parts[part] for part in parts), outputs=outputs)

    def _cost(self, outputs: Outputs) -> float:
        """Return the objective, of which less is better; NaN where the rows do not define it."""
        answers = list(zip(outputs, self.parts, strict=True))
        if self.objective is Objective.val_loss:
            return float(np.mean([_val_loss(output_MC, part) for output_MC, part in answers]))
        metrics = [_score(output_MC, part) for output_MC, part in answers]
        return self.objective.direction.sign * objective_value(
            self.objective, mean_metrics(metrics)
        )


def _add(totals: Outputs, outputs: Sequence[FloatArray]) -> Outputs:
    return [total_MC + output_MC for total_MC, output_MC in zip(totals, outputs, strict=True)]


def _score(output_MC: Float64Array, part: _Part) -> dict[str, float]:
    target = part.fit.target
    return scores(target, part.y_M, target.to_predictions(output_MC.astype(np.float32)))


def _val_loss(output_MC: Float64Array, part: _Part) -> float:
    """Return the mean squared error, or the log loss, of rows as the network sees them."""
    target, y_M, rows = part.fit.target, part.y_M, np.arange(len(part.y_M))
    match target.task:
        case Task.regression:
            error_M = output_MC[:, 0] - target.standardise(y_M)
            return float(np.mean(error_M**2)) / target.loss_unit
        case Task.binary:
            probability_M = np.abs(output_MC[:, 0] + y_M - 1)
        case Task.multiclass:
            probability_M = output_MC[rows, y_M.astype(np.int64)]
    return float(-np.mean(np.log(np.maximum(probability_M, SMALLEST_PROBABILITY))))
