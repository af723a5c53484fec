"""How likely what was counted is by chance."""

from __future__ import annotations

import math


def binomial(seen: int, count: int, share: float) -> float:
    """The chance of as many hits, or more, in some tries that each hit with a chance of `share`."""
    hit, miss = math.log(share), math.log1p(-share)
    tail = (_log_ways(count, k) + k * hit + (count - k) * miss for k in range(seen, count + 1))
    return sum(map(math.exp, tail))


def fisher(seen: int, inside: int, *, lost: int, total: int) -> float:
    """The chance of as many lost ones, or more, among those inside (Fisher 1922)."""
    kept = total - lost
    overlaps = range(max(seen, inside - kept), min(lost, inside) + 1)
    tail = (_log_ways(lost, k) + _log_ways(kept, inside - k) for k in overlaps)
    ways = _log_ways(total, inside)
    return sum(math.exp(each - ways) for each in tail)


def _log_ways(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
