"""Trains variants beside each other in cohorts, and judges them on the same rows."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lowloss.spec import DiagnosisBudget, Recipe
from worker.data.target import Float64Array
from worker.diagnosis.training.data import DiagnosisData
from worker.diagnosis.training.draws import Draw
from worker.diagnosis.training.judging import (
    JudgedVariant,
    constant_loss,
    read_predictions,
    score_predictions,
)
from worker.diagnosis.training.recipe_plans import plan_of_recipe
from worker.diagnosis.training.treatment import Treatment
from worker.diagnosis.training.variants import (
    CannotTrainError,
    OutputFormat,
    Variant,
    build_fold,
    choose_target_unit,
    encode_targets,
    output_format,
    training_seconds,
)
from worker.engine.array_types import FloatArray, RowNumbers
from worker.engine.arrays import Arrays, Fold
from worker.engine.bins import Bins, align_bins, find_inputs
from worker.engine.cohort.buckets import COMPILE_SECONDS, Reach
from worker.engine.cohort.shape import LAYER_PENALTIES
from worker.engine.keras.compiled import CompiledNetworks
from worker.engine.keras.keras_engine import KerasEngine
from worker.engine.keras.network import predict, starting_weights
from worker.engine.plans import Plan
from worker.engine.protocol import Engine, train_plans
from worker.engine.results import FailedPlan, TrainedPlan, TrainingOutcome
from worker.execution.executor import Executor

VariantDraw = tuple[Variant, int]
"""A variant, and the number of the draw that it is trained on."""
Clock = Callable[[], float]
ROOMY, MAX_BYTES = 4, 2**28
"""Treatments that there is room for at once, unless that takes too much memory."""
WIDTH, TRIALS = 64, 64
"""What programs are made for whatever is asked for, so that they are the same each time."""
CHEAP_OPTIONS = frozenset({"dropout", "mixup", "noise", LAYER_PENALTIES})
PORTION, PORTION_SHARE = 4, 0.25
"""Runs that train at a time where all of them would take more than that share of the time left."""
OPTION_SECONDS = 1e-5
"""What dropout and its kin cost a step of a small program, about."""


@dataclass(frozen=True)
class CohortKey:
    """What trains together: by one engine, with one output, on columns of one width."""

    needs_keras: bool
    output: OutputFormat
    categories: tuple[str, ...]


@dataclass
class Trainer:
    """Trains variants on draws, each once, until its time is up.

    The seconds of the `budget` (None: no limit) are counted by the `clock` from now on, without
    compiles; what is vital may take up to the latest of them. `should_continue` is called now and
    then: the time is up, too, once that returns False, and what it raises ends all. `on_training`
    gets the number of trainings so far after each.
    """

    data: DiagnosisData
    recipe: Recipe
    executor: Executor
    budget: DiagnosisBudget | None = None
    clock: Clock = time.monotonic
    should_continue: Callable[[], bool] = lambda: True
    on_training: Callable[[int], None] = lambda _: None
    judged: dict[VariantDraw, JudgedVariant] = field(default_factory=dict)
    _views: dict[tuple[str, ...], Views] = field(init=False, default_factory=dict)
    _networks: CompiledNetworks = field(init=False, default_factory=CompiledNetworks)
    _uses: set[str] = field(init=False, default_factory=set)
    _constant_losses: dict[int, float] = field(init=False, default_factory=dict)
    _began: float = field(init=False)
    _is_vital: bool = field(init=False, default=False)
    _seconds: defaultdict[bool, float] = field(
        init=False, default_factory=lambda: defaultdict(float)
    )
    _estimated: defaultdict[bool, float] = field(
        init=False, default_factory=lambda: defaultdict(float)
    )

    def __post_init__(self) -> None:
        self._began = self.clock() - self.executor.compile_seconds

    @property
    def metric(self) -> str:
        """The metric that variants are judged by."""
        return self.data.metric

    @cached_property
    def constant(self) -> float:
        """The mean loss of the best constant prediction."""
        draws = self.data.draws
        return math.fsum(map(self._constant_loss, draws)) / len(draws)

    @property
    def seconds(self) -> float:
        """Since the first training, compiles not counted."""
        return self.clock() - self._began - self.executor.compile_seconds

    @property
    def seconds_left(self) -> float:
        """What is left of the time; none once nobody waits for it."""
        if not self.should_continue():
            return 0.0
        if self.budget is None:
            return math.inf
        budget = self.budget
        limit = budget.latest_seconds if self._is_vital else budget.max_seconds
        return limit - self.seconds

    @property
    def is_ended(self) -> bool:
        """Whether nobody waits for more, however much time is left."""
        return not self.should_continue()

    @property
    def why_over(self) -> str:
        """Why no more is trained, in words."""
        return "since the job was to end" if self.is_ended else "for want of time"

    def train_vital(self, variants: Iterable[Variant], draws: Iterable[int]) -> None:
        """Train what a diagnosis says next to nothing without, for longer than the others."""
        self._is_vital = True
        try:
            self.train(variants, draws)
        finally:
            self._is_vital = False

    def train(self, variants: Iterable[Variant], draws: Iterable[int]) -> None:
        """Train what is not trained yet; what the end of the time cuts short is left out."""
        groups: defaultdict[CohortKey, list[VariantDraw]] = defaultdict(list)
        for variant, draw in self._list_untrained(variants, draws):
            try:
                output = output_format(variant.recipe, self.data)
            except CannotTrainError as error:
                self.judged[variant, draw] = JudgedVariant(draw, refusal=str(error))
                continue
            if variant.recipe.epochs == 0:
                self._judge_untrained(output, variant, draw)
            else:
                categories = self.data.seen_by(variant.recipe).categories
                key = CohortKey(variant.recipe.needs_keras, output, categories)
                groups[key].append((variant, draw))
        # What cohorts train is known sooner.
        for key, runs in sorted(groups.items(), key=lambda pair: pair[0].needs_keras):
            for portion in self._portions(runs):
                if self.seconds_left > 0:
                    self._time_group(key.output, portion)

    def estimate_run(self, variant: Variant) -> float:
        """Estimate the seconds of one training of a variant, at the speed so far."""
        return self._estimated_seconds(variant) * self._slowness(variant)

    def estimate_seconds(self, variants: Iterable[Variant], draws: Iterable[int]) -> float:
        """Estimate how long it takes to train what is not trained yet, at the speed so far."""
        return math.fsum(
            self.estimate_run(variant) for variant, _ in self._list_untrained(variants, draws)
        )

    def _list_untrained(
        self, variants: Iterable[Variant], draws: Iterable[int]
    ) -> list[VariantDraw]:
        variants = list(dict.fromkeys(variants))
        runs = [(variant, draw) for draw in draws for variant in variants]
        return [run for run in runs if run not in self.judged]

    def _slowness(self, variant: Variant) -> float:
        """Return what trainings by its engine took over what was expected of them."""
        engine = variant.recipe.needs_keras
        return self._seconds[engine] / self._estimated[engine] if self._estimated[engine] else 1.0

    def runs_of(self, variant: Variant) -> list[JudgedVariant]:
        """Return a variant's trainings, draw by draw."""
        numbers = [draw.number for draw in self.data.draws]
        return [self.judged[variant, n] for n in numbers if (variant, n) in self.judged]

    def plan(self, variant: Variant, draw: Draw) -> tuple[Plan, Arrays]:
        """Return a variant's training by itself; raise CannotTrainError."""
        output = output_format(variant.recipe, self.data)
        arrays, plans = self._arrays(output, [(variant, draw.number)])
        return plans[0], arrays

    def _portions(self, runs: list[VariantDraw]) -> list[list[VariantDraw]]:
        """Split runs: all at once, or a few at a time where there may be no time for all.

        Those that train together end together: cut short, all would be lost.
        """
        total = sum(self._estimated_seconds(variant) for variant, _ in runs)
        if total < PORTION_SHARE * self.seconds_left:
            return [runs]
        return [runs[start : start + PORTION] for start in range(0, len(runs), PORTION)]

    def _estimated_seconds(self, variant: Variant) -> float:
        """Estimate what a training takes one core, in seconds."""
        rows = len(self.data.draws[0].fit_rows)
        inputs = self.data.inputs(variant.recipe, with_dropped=True)
        return training_seconds(inputs, rows, variant.recipe)

    def _time_group(self, output: OutputFormat, runs: list[VariantDraw]) -> None:
        """Train a group, and count what it took beside what was expected."""
        started = self.seconds
        self._train_group(output, runs)
        if all(run in self.judged for run in runs):
            engine = runs[0][0].recipe.needs_keras
            self._seconds[engine] += self.seconds - started
            self._estimated[engine] += math.fsum(self._estimated_seconds(run[0]) for run in runs)

    def _train_group(self, output: OutputFormat, runs: list[VariantDraw]) -> None:
        arrays, plans = self._arrays(output, runs)
        for result in train_plans(
            self._engine(arrays, plans), plans, lambda: self.seconds_left > 0
        ):
            variant, number = runs[result.plan.number - 1]
            if isinstance(result, FailedPlan):
                raise RuntimeError(f"an engine could not train {variant}: {result.error}")
            if result.outcome is not TrainingOutcome.stopped:
                self.judged[variant, number] = self._judge(arrays, variant, number, result)
                self.on_training(len(self.judged))

    def _engine(self, arrays: Arrays, plans: Sequence[Plan]) -> Engine:
        """Return what trains the plans: cohorts, or stock Keras where they have no such layers."""
        if any(plan.layers for plan in plans):
            return KerasEngine(arrays, self._networks)
        return self.executor.build_engine(arrays, self._reach(plans, arrays), trials=TRIALS)

    def _arrays(
        self, output: OutputFormat, runs: Sequence[VariantDraw]
    ) -> tuple[Arrays, list[Plan]]:
        """Build arrays with a fold for each run, and a plan on it.

        Two more folds, which nobody trains on, make all arrays alike: programs are compiled once.
        """
        draws = self.data.draws
        y = encode_targets(output, self.data)
        unit = choose_target_unit(output, y)
        first, first_draw = runs[0]
        alike = [
            (Variant(first.recipe.with_changes({"validation_split": split})), first_draw)
            for split in (0.0, 0.2)
        ]
        views = self._find_views(first.recipe)
        folds = [
            self._fold(variant, draws[number], views, unit) for variant, number in [*runs, *alike]
        ]
        bins = align_bins(views.bins)
        arrays = Arrays(
            views.x_VND,
            ((y - unit[0]) / unit[1]).astype(np.float32),
            output.loss,
            output.outputs,
            tuple(views.with_unseen_inputs(fold, bins) for fold in folds),
            head=output.head,
            loss_arguments=output.arguments,
            bins=bins,
        )
        plans = [
            plan_of_recipe(variant.recipe, number=index + 1, seed=draws[number].seed, fold=index)
            for index, (variant, number) in enumerate(runs)
        ]
        return arrays, plans

    def _find_views(self, recipe: Recipe) -> Views:
        """Return the columns as a recipe sees them; recipes of the same categories share them."""
        data = self.data.seen_by(recipe)
        if data.categories not in self._views:
            self._views[data.categories] = Views(data)
        return self._views[data.categories]

    def _fold(
        self,
        variant: Variant,
        draw: Draw,
        views: Views,
        unit: tuple[Float64Array, Float64Array],
    ) -> Fold:
        view = views.find_view(Treatment.of(variant.recipe), draw)
        return build_fold(variant, self.data, draw, view=view, unit=unit)

    def _judge(
        self, arrays: Arrays, variant: Variant, number: int, result: TrainedPlan
    ) -> JudgedVariant:
        recipe = variant.recipe
        if result.outcome is TrainingOutcome.diverged or result.checkpoint is None:
            return JudgedVariant(number, trained=result)
        stopping = recipe.early_stopping
        is_restored = stopping is not None and stopping.restore_best_weights and recipe.stops_early
        # Keras puts the best weights back even where the epochs ran out.
        weights = result.weights if is_restored else result.checkpoint.weights
        return self._judge_weights(arrays, variant, number, weights, result)

    def _judge_untrained(self, output: OutputFormat, variant: Variant, number: int) -> None:
        arrays, plans = self._arrays(output, [(variant, number)])
        weights = starting_weights(plans[0], arrays)
        self.judged[variant, number] = self._judge_weights(arrays, variant, number, weights, None)

    def _judge_weights(
        self,
        arrays: Arrays,
        variant: Variant,
        number: int,
        weights: tuple[FloatArray, ...],
        trained: TrainedPlan | None,
    ) -> JudgedVariant:
        data, draw, recipe = self.data, self.data.draws[number], variant.recipe
        fold = 0 if trained is None else trained.plan.fold
        plan = plan_of_recipe(recipe, number=number, seed=draw.seed, fold=fold)
        rows, judging = np.concatenate([draw.judge, draw.fit_rows]), len(draw.judge)
        output_NU = predict(plan, arrays, weights, arrays.x_of(arrays.folds[fold], rows))
        judge_MU, fit_NU = output_NU[:judging], output_NU[judging:]
        if not (np.isfinite(judge_MU).all() and np.isfinite(fit_NU).all()):
            return JudgedVariant(number, trained=trained, weights=weights)
        predictions = read_predictions(recipe, data, draw, judge_MU, fit_NU)
        score = score_predictions(data, draw.judge, predictions)
        relative = score.loss / self._constant_loss(draw)
        return JudgedVariant(number, score, relative, trained, weights)

    def _constant_loss(self, draw: Draw) -> float:
        if draw.number not in self._constant_losses:
            self._constant_losses[draw.number] = constant_loss(self.data, draw)
        return self._constant_losses[draw.number]

    def _reach(self, plans: Sequence[Plan], arrays: Arrays) -> Reach:
        """Return what the plans need of programs: the same from call to call, as far as possible.

        Options that cost a program time are in all of them where that is cheaper than compiling.
        """
        steps = sum(plan.max_epochs * arrays.steps(plan) for plan in plans)
        if steps * OPTION_SECONDS < COMPILE_SECONDS:
            self._uses |= CHEAP_OPTIONS
        usual = [layer.units for layer in self.recipe.hidden]
        return Reach(
            layers=max(2, len(usual)),
            width=max(WIDTH, *usual, 1),
            uses=frozenset(self._uses),
        )


class Views:
    """The data as each treatment writes them, draw by draw: one copy, with room for more."""

    def __init__(self, data: DiagnosisData) -> None:
        self._data = data
        self._numbers: dict[tuple[Treatment, int], int] = {}
        count = len(data.draws)
        bytes_of_view = 4 * len(data.y) * max(1, data.width)
        room = ROOMY if bytes_of_view * count * ROOMY < MAX_BYTES else 2
        # Programs are compiled for the number of views.
        self.x_VND = np.zeros((room * count, len(data.y), data.width), dtype=np.float32)
        self.bins: list[Bins | None] = [None] * (room * count)
        self._dropped: dict[int, RowNumbers] = {}

    def find_view(self, treatment: Treatment, draw: Draw) -> int:
        """Return the number of the view that shows a treatment on a draw."""
        key = treatment, draw.number
        if key not in self._numbers:
            view = self._numbers[key] = len(self._numbers)
            if view == len(self.x_VND):
                self.x_VND = np.concatenate([self.x_VND, np.zeros_like(self.x_VND)])
                self.bins += [None] * len(self.bins)
            self.x_VND[view] = self._data.transform(treatment, draw)
            self.bins[view] = self._data.bins(treatment, draw)
            self._dropped[view] = self._data.dropped(treatment, draw)
        return self._numbers[key]

    def with_unseen_inputs(self, fold: Fold, bins: Sequence[Bins | None]) -> Fold:
        """Return a fold that knows what its networks do not see; `bins` are those of all views."""
        bins_of_view = bins[fold.view] if bins else None
        return replace(fold, unseen_inputs=find_inputs(self._dropped[fold.view], bins_of_view))
