"""When each trial of a search was trained."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from lowloss.charts.axes import Axis
from lowloss.charts.figures import Figure
from lowloss.charts.plots import BROAD, SPAN, Plot, Span, draw_plot
from lowloss.results import Trial, TrialState
from lowloss.wording import format_duration

MAX_TIPS = 50
"""Trials that a timeline names; of more, the first ones are only bars."""
HEIGHT, LANE_HEIGHT = 60, 30
MAX_SECONDS, MAX_MINUTES = 600.0, 300.0
"""A longer search is shown in minutes, and one that is longer than these in hours."""


def draw_timeline(trials: Sequence[Trial], *, now: datetime, address: str = "") -> Figure:
    """Draw when trials began and ended, one below the other where they ran at the same time.

    Those that run end `now`. `address` is where pages of trials are.
    """
    ordered = sorted(trials, key=lambda trial: (trial.started_at, trial.number))
    if not ordered:
        return Figure("", "")
    begun = ordered[0].started_at
    ends = [((trial.finished_at or now) - begun).total_seconds() for trial in ordered]
    unit, length = choose_time_unit(max(ends))
    spans = []
    starts = [(trial.started_at - begun).total_seconds() for trial in ordered]
    lanes = _assign_lanes(starts, ends)
    for index, (trial, start, end) in enumerate(zip(ordered, starts, ends, strict=True)):
        tip = f"trial {trial.number}: {trial.state}, {format_duration(end - start)}"
        spans.append(
            Span(
                start / length,
                end / length,
                lanes[index],
                tip if index >= len(ordered) - MAX_TIPS else "",
                trial.state,
                find_page(address, trial.number),
            )
        )
    states = {trial.state for trial in ordered}
    plot = Plot(
        label="When each trial began and ended, by its state",
        x=Axis(unit, is_log=False),
        y=Axis("at the same time", is_log=False),
        spans=spans,
        legend={f"{SPAN} {state}": state.value for state in TrialState if state in states},
        size=replace(BROAD, height=min(BROAD.height, HEIGHT + LANE_HEIGHT * max(lanes))),
    )
    return Figure(
        draw_plot(plot),
        f"When each trial was trained, in {unit} since the first began.",
    )


def choose_time_unit(seconds: float) -> tuple[str, float]:
    """Return the unit of time of an axis as long as this, and how many seconds it has."""
    if seconds <= MAX_SECONDS:
        return "seconds", 1.0
    if seconds <= 60 * MAX_MINUTES:
        return "minutes", 60.0
    return "hours", 3600.0


def find_page(address: str, number: int) -> str | None:
    """Return where the page of a trial is; None where no address of pages is known."""
    return f"{address}/{number}" if address else None


def _assign_lanes(starts: Sequence[float], ends: Sequence[float]) -> list[int]:
    """Return the lowest lane, from 1, that is free as each trial begins; starts are in order."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = []
    for start, end in zip(starts, ends, strict=True):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy) + 1
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes
