"""A chart with what there is to say of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A chart and its caption."""

    chart: str
    caption: str
