"""How likely what was counted is by chance."""

from __future__ import annotations

import math


def binomial(seen: int, count: int, share: float) -> float:
    """Return the chance of `seen` hits or more in `count` tries of chance `share`."""
    hit, miss = math.log(share), math.log1p(-share)
    tail = (_log_ways(count, k) + k * hit + (count - k) * miss for k in range(seen, count + 1))
    return sum(map(math.exp, tail))


def fisher(seen: int, inside: int, *, lost: int, total: int) -> float:
    """Return the chance of `seen` lost ones or more among those inside (Fisher 1922)."""
    other_count = total - lost
    overlaps = range(max(seen, inside - other_count), min(lost, inside) + 1)
    tail = (_log_ways(lost, k) + _log_ways(other_count, inside - k) for k in overlaps)
    ways = _log_ways(total, inside)
    return sum(math.exp(log_ways - ways) for log_ways in tail)


def _log_ways(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
