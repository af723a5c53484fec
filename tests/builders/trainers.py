"""A trainer whose losses are made up: what explains them is under test, not training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lowloss.spec import Recipe
from tests.builders.recipes import a_network, data_of, some_numbers
from worker.diagnosis.training.judging import JudgedVariant, Score
from worker.diagnosis.training.variants import Variant

RAW = a_network(64, 64, optimizer="adam", epochs=10)


class MadeUp:
    """Answers a loss, in units of the constant answer's, for each recipe; runs differ a little.

    By `luck`, a loss of some draws is larger by a summand.
    """

    metric = "mean_squared_error"
    is_ended = False
    why_over = "for want of time"
    constant = 1.0

    def __init__(
        self,
        loss: Callable[[Recipe], float],
        *,
        draws: int = 6,
        luck: Callable[[Recipe, int], float] = lambda _, __: 0.0,
    ) -> None:
        self.data, _ = data_of(some_numbers(100), RAW, draws=draws)
        self.judged: dict[tuple[Variant, int], JudgedVariant] = {}
        self.trained: list[Variant] = []
        self.seconds_left = 100.0
        self._loss, self._luck = loss, luck

    def train(self, variants: Iterable[Variant], draws: Iterable[int]) -> None:
        for variant in list(dict.fromkeys(variants)):
            for draw in draws:
                loss = self._loss(variant.recipe) * (1 + 0.01 * draw)
                loss += self._luck(variant.recipe, draw)
                self.judged[variant, draw] = JudgedVariant(draw, Score(loss), loss)
                self.trained.append(variant)

    train_vital = train

    def estimate_seconds(self, variants: Iterable[Variant], draws: Iterable[int]) -> float:
        return float(len(list(variants)) * len(list(draws)))

    def runs_of(self, variant: Variant) -> list[JudgedVariant]:
        runs = [self.judged.get((variant, draw.number)) for draw in self.data.draws]
        return [run for run in runs if run is not None]


def as_trainer(made_up: MadeUp) -> Any:
    """Itself, as what it stands for."""
    return made_up
