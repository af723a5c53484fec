"""What a search tells of itself: what mattered, where to go on, what diverged, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lowloss.results import Consumed, Improvement, SearchInsights, Trial, TrialState
from lowloss.spec import JobSpec
from worker.search.insights.edges import find_edges
from worker.search.insights.importances import importances, trials_needed
from worker.search.insights.regions import find_regions

NEAR_BEST = 0.01
"""A score that differs by this share from the last best one is as good."""


def summarise_search(
    spec: JobSpec, trials: Sequence[Trial], *, rows: int, cpu_seconds: float
) -> SearchInsights:
    """Summarise the finished trials of a search; `rows` are those that an epoch trains on."""
    ended = sorted(
        (trial for trial in trials if trial.finished_at), key=lambda t: (t.finished_at, t.number)
    )
    edges = tuple(find_edges(spec, ended))
    improvements = tuple(_improvements(spec, ended))
    epochs = sum(trial.epochs for trial in ended)
    return SearchInsights(
        importances=importances(spec, ended),
        trials_needed=trials_needed(ended),
        edges=edges,
        next_space={edge.name: edge.proposal for edge in edges},
        diverged=tuple(find_regions(spec, ended)),
        improvements=improvements,
        trials_to_near_best=_trials_to_near_best(spec, improvements),
        consumed=Consumed(
            epochs=epochs,
            trial_seconds=round(sum(trial.seconds or 0.0 for trial in ended), 3),
            rows=epochs * rows * spec.validation.fold_count,
            cpu_seconds=round(cpu_seconds, 3),
        ),
    )


def _improvements(spec: JobSpec, ended: Sequence[Trial]) -> Iterator[Improvement]:
    """Yield the trials that were better than all before them, in the order in which they ended."""
    direction = spec.objective.direction
    begun = min((trial.started_at for trial in ended), default=None)
    best: float | None = None
    epochs = 0
    for count, trial in enumerate(ended, start=1):
        epochs += trial.epochs
        score = trial.score
        if trial.state is not TrialState.completed or score is None:
            continue
        if best is None or direction.is_better(score, best):
            best = score
            assert begun is not None
            assert trial.finished_at is not None
            seconds = (trial.finished_at - begun).total_seconds()
            yield Improvement(
                trial=trial.number,
                score=score,
                ended=count,
                epochs=epochs,
                seconds=round(seconds, 3),
            )


def _trials_to_near_best(spec: JobSpec, improvements: Sequence[Improvement]) -> int | None:
    if not improvements:
        return None
    best = improvements[-1].score
    margin = NEAR_BEST * abs(best)
    sign = spec.objective.direction.sign
    return next(
        improvement.ended
        for improvement in improvements
        if sign * (improvement.score - best) <= margin
    )
