"""How the server and the worker write their logs: one entry a line, with the ids of its subject.

Ids are bound where a request or an attempt begins (`logging_about`), and reach every entry from
there on, also those of libraries.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

LogFormat = Literal["text", "json"]
Fields = Mapping[str, Any]

_FIELDS: ContextVar[Fields] = ContextVar("log_fields", default=MappingProxyType({}))
_EXTRA = "lowloss_fields"


@contextmanager
def logging_about(**fields: Any) -> Iterator[None]:
    """Add fields, such as `job` and `attempt`, to every entry that is written in a block."""
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


def find_field(name: str) -> Any:
    """Return what is bound under a name here; None for nothing."""
    return _FIELDS.get().get(name)


def about(**fields: Any) -> dict[str, Fields]:
    """Return the `extra` of one entry that has fields of its own."""
    return {_EXTRA: fields}


class JsonLines(logging.Formatter):
    """A JSON object a line: `time` (UTC), `level`, `logger`, `message`, the ids, and `error`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return an entry as JSON; a traceback is part of it, in one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class TextLines(logging.Formatter):
    """Time, level, logger, message and the ids, for people; a traceback follows in lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of an entry with its ids at the end."""
        fields = " ".join(f"{name}={text}" for name, text in _fields_of(record).items())
        line = super().formatMessage(record)
        return f"{line} [{fields}]" if fields else line


def set_up_logs(log_format: LogFormat, *, level: int) -> None:
    """Let the entries of this process, from a level on, go to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of an entry: those bound where it was written, and its own."""
    return {**_FIELDS.get(), **getattr(record, _EXTRA, {})}
