"""Successive halving over epochs: only the best of the trials that reached a rung go on.

Asynchronous, in its stopping variant (Li et al. 2020, "A system for massively parallel
hyperparameter tuning", section 3.2): a trial is held against those that reached the rung before it,
at once, and goes on in its slot or ends. Nobody waits for a rung to fill, and what goes on has its
weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lowloss.spec import JobSpec, Pruning

Reached = tuple[tuple[int, float], ...]
"""The rungs that a trial has reached: epoch, and its best validation loss up to it."""


NO_RUNG = 1_000_000
"""Beyond any epoch."""


class Rungs:
    """The epochs at which trials are compared: `min_epochs`, and each `reduction` times the last.

    Less is better: what is compared is the validation loss.
    """

    def __init__(self, reduction: int, min_epochs: int, max_epochs: int) -> None:
        self._reduction = reduction
        self._reached: dict[int, dict[int, float]] = {}
        epoch = min_epochs
        while epoch < max_epochs:
            self._reached[epoch] = {}
            epoch *= reduction

    @property
    def epochs(self) -> tuple[int, ...]:
        """Where the rungs are."""
        return tuple(self._reached)

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        """Take in a trial's best loss so far; whether it is among the best 1 / `reduction` there.

        The best so far always goes on, however few there are. Between rungs everyone does.
        """
        rung = self._reached.get(epoch)
        if rung is None:
            return True
        rung[number] = best
        rank = sum(other < best for other in rung.values())
        return rank < max(1, len(rung) // self._reduction)

    def next_rung(self, epoch: int) -> int:
        """Return the first rung after an epoch; a far one after the last."""
        return min((rung for rung in self._reached if rung > epoch), default=NO_RUNG)

    def reached(self, number: int) -> Reached:
        """Return the rungs that a trial has reached."""
        return tuple(
            (epoch, rung[number]) for epoch, rung in self._reached.items() if number in rung
        )


class Pruner:
    """Says which trials go on; several brackets for Hyperband, else one.

    Hyperband's brackets (Li et al. 2018, algorithm 1) begin at later and later rungs, and the last
    one prunes nothing: that hedges against losses that fall late. Trials are dealt out to them in
    its proportions.
    """

    def __init__(self, brackets: Sequence[Rungs], dealt: Sequence[int]) -> None:
        self._brackets = brackets
        self._dealt = dealt

    def goes_on(self, number: int, epoch: int, best: float) -> bool:
        """Return whether a trial goes on after an epoch.

        `best` is its least validation loss so far.
        """
        return self._rungs(number).goes_on(number, epoch, best)

    def next_rung(self, number: int, epoch: int) -> int:
        """Return the first rung of a trial's bracket after an epoch; a far one after the last."""
        return self._rungs(number).next_rung(epoch)

    def reached(self, number: int) -> Reached:
        """Return the rungs of its bracket that a trial has reached."""
        return self._rungs(number).reached(number)

    def replay(self, number: int, val_loss: Iterable[float | None]) -> None:
        """Replay the curve of a trial of an earlier attempt."""
        best = math.inf
        for epoch, loss in enumerate(val_loss, start=1):
            best = min(best, math.inf if loss is None else loss)
            self.goes_on(number, epoch, best)

    def _rungs(self, number: int) -> Rungs:
        return self._brackets[self._dealt[(number - 1) % len(self._dealt)]]


def make_pruner(spec: JobSpec) -> Pruner:
    """Build the pruner of a search; without pruning, or before it is decided, it has no rungs."""
    max_epochs = spec.budget.max_epochs
    if not isinstance(spec.pruning, Pruning):
        return Pruner([Rungs(2, max_epochs, max_epochs)], [0])
    reduction = spec.pruning.reduction
    first = Rungs(reduction, spec.pruning.min_epochs, max_epochs)
    if spec.algorithm != "hyperband":
        return Pruner([first], [0])
    starts = (*first.epochs, max_epochs)
    brackets = [Rungs(reduction, start, max_epochs) for start in starts]
    return Pruner(
        brackets, _deal_brackets([_share(b, len(starts), reduction) for b in range(len(starts))])
    )


def _share(bracket: int, brackets: int, reduction: int) -> int:
    """Return how many trials begin in a bracket, for each round of Hyperband."""
    rungs = brackets - 1 - bracket
    trials: int = brackets * reduction**rungs
    return -(-trials // (rungs + 1))


def _deal_brackets(sizes: Sequence[int]) -> list[int]:
    """Deal a round's brackets in turn, each as evenly over the round as its size allows."""
    turns = [
        ((position + 0.5) / size, bracket)
        for bracket, size in enumerate(sizes)
        for position in range(size)
    ]
    return [bracket for _, bracket in sorted(turns)]
