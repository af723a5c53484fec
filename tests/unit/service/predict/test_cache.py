"""The cache of loaded models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import pytest

from lowloss.errors import LowlossError
from lowloss.inference.model import Model, load_model
from service.predict.cache import ModelCache
from tests.builders.onnx_models import a_classifier

MODEL = load_model(a_classifier())


class Loads:
    """Loads models of any name, and keeps the names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, sha256: str) -> Model:
        self.names.append(sha256)
        return replace(MODEL, sha256=sha256)


@pytest.fixture
def loads() -> Loads:
    return Loads()


def test_model_is_loaded_once(loads: Loads) -> None:
    cache = ModelCache(loads, max_models=2, max_bytes=100)

    first, second = cache.get("a", size_bytes=1), cache.get("a", size_bytes=1)

    assert first is second
    assert loads.names == ["a"]


def test_least_recently_used_model_is_forgotten(loads: Loads) -> None:
    cache = ModelCache(loads, max_models=2, max_bytes=100)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert cache.get(name, size_bytes=1).sha256 == name

    assert loads.names == ["a", "b", "c", "b"]


def test_models_are_bounded_by_their_bytes(loads: Loads) -> None:
    cache = ModelCache(loads, max_models=10, max_bytes=100)

    for name, size in (("a", 50), ("b", 50), ("c", 60), ("c", 60), ("a", 50)):
        cache.get(name, size_bytes=size)

    assert loads.names == ["a", "b", "c", "a"]


def test_model_that_fits_in_no_cache_costs_the_others_nothing(loads: Loads) -> None:
    cache = ModelCache(loads, max_models=10, max_bytes=100)

    for name, size in (("a", 50), ("huge", 101), ("huge", 101), ("a", 50)):
        cache.get(name, size_bytes=size)

    assert loads.names == ["a", "huge", "huge"]


def test_all_who_ask_at_once_wait_for_one_load(loads: Loads) -> None:
    asked, may_load = Barrier(9), Event()

    def load(sha256: str) -> Model:
        may_load.wait(10)
        return loads(sha256)

    cache = ModelCache(load, max_models=2, max_bytes=100)

    def get() -> Model:
        asked.wait(10)
        return cache.get("a", size_bytes=1)

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(get) for _ in range(8)]
        asked.wait(10)
        may_load.set()
        models = {id(each.result(10)) for each in found}

    assert loads.names == ["a"]
    assert len(models) == 1


def test_model_is_had_though_it_was_forgotten_while_it_was_loaded(loads: Loads) -> None:
    is_loading, may_load = Event(), Event()

    def load(sha256: str) -> Model:
        if sha256 == "slow":
            is_loading.set()
            may_load.wait(10)
        return loads(sha256)

    cache = ModelCache(load, max_models=1, max_bytes=100)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "slow", size_bytes=1)
        is_loading.wait(10)
        cache.get("a", size_bytes=1)
        may_load.set()
        found = slow.result(10)

    assert found.sha256 == "slow"


def test_load_that_failed_is_tried_again(loads: Loads) -> None:
    failures = [LowlossError("broken")]

    def load(sha256: str) -> Model:
        if failures:
            raise failures.pop()
        return loads(sha256)

    cache = ModelCache(load, max_models=1, max_bytes=100)

    with pytest.raises(LowlossError, match="broken"):
        cache.get("a", size_bytes=1)

    assert cache.get("a", size_bytes=1).sha256 == "a"
