"""Counting the arrays and objects of a JSON body that comes in pieces."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.api.json_bodies import JsonCounter

TEXTS = st.text(alphabet=st.sampled_from([*list('ab"\\[]{},:\n'), "é", "\u2028"]), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 0


@given(
    value=VALUES,
    cuts=st.lists(st.integers(0, 200), max_size=5),
    ascii_only=st.booleans(),
    max_values=st.integers(1, 4),
)
def test_count_is_that_of_the_parsed_body_wherever_it_is_cut(
    value: Any, cuts: list[int], ascii_only: bool, max_values: int
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    counter = JsonCounter(max_values)

    for start, stop in itertools.pairwise(edges):
        counter.feed(body[start:stop])

    assert counter.containers == _count(value)
    longest = max(part.count(",") for part in re.split(r"[][{}]", _strip(body)))
    assert counter.has_many_values == (longest >= max_values)


def _strip(body: bytes) -> str:
    """JSON without its strings, the plain way."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "", body.decode(), flags=re.DOTALL)
