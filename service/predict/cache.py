"""A bounded cache of loaded models, by the SHA-256 of their bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from lowloss.inference.model import Model, load_model
from service.settings import Settings
from service.store.blobs import load_blob
from service.store.database import Database


@dataclass(frozen=True)
class Entry:
    """A model that is loaded or being loaded, and the size of its file."""

    size_bytes: int
    model: Future[Model] = field(default_factory=Future)


class ModelCache:
    """A cache that loads each model once, and drops the least recently used.

    It holds at most `max_models`, whose files have at most `max_bytes` together. It is safe to use
    from several threads; a dropped model stays usable for those who have it.
    """

    def __init__(self, load: Callable[[str], Model], *, max_models: int, max_bytes: int) -> None:
        self._load = load
        self._max_models = max_models
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def get(self, sha256: str, *, size_bytes: int) -> Model:
        """Return the model of these bytes; wait for another thread that loads it already."""
        with self._lock:
            entry = self._entries.get(sha256)
            is_cached = entry is not None
            if entry is None:
                entry = self._entries[sha256] = Entry(size_bytes)
            self._entries.move_to_end(sha256)
            self._evict()
        if not is_cached:
            self._fill(sha256, entry)
        return entry.model.result()

    def _fill(self, sha256: str, entry: Entry) -> None:
        try:
            entry.model.set_result(self._load(sha256))
        except BaseException as error:
            with self._lock:
                # The next request tries again.
                if self._entries.get(sha256) is entry:
                    del self._entries[sha256]
            entry.model.set_exception(error)

    def _evict(self) -> None:
        """Drop models to stay in the limits; only the newest if it is too large by itself."""
        newest = next(reversed(self._entries))
        if self._entries[newest].size_bytes > self._max_bytes:
            del self._entries[newest]
        while len(self._entries) > self._max_models or self._size_bytes() > self._max_bytes:
            self._entries.popitem(last=False)

    def _size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._entries.values())


def make_model_cache(database: Database, settings: Settings) -> ModelCache:
    """Build a cache of the models in a database."""

    def load(sha256: str) -> Model:
        return load_model(load_blob(database, sha256))

    return ModelCache(
        load, max_models=settings.cached_models, max_bytes=settings.cached_model_bytes
    )
