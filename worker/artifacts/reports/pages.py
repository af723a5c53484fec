"""Pages from templates: all that is put in is escaped."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from lowloss import wording
from lowloss.results.losses import describe_effect, describe_loss


def write_page(path: Path, template: str, *, page: object) -> None:
    """Write a page; the template knows it as `page`."""
    environment = Environment(
        loader=PackageLoader("worker.artifacts.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": wording.format_number,
        "percent": wording.format_percent,
        "words": wording.in_words,
        "clipped": wording.clipped,
        "duration": wording.format_duration,
        "setting": wording.format_setting,
        "counted": wording.counted,
        "listed": wording.list_clipped,
        "loss": describe_loss,
        "effect": describe_effect,
        "json": _json,
        "capitalized": _capitalized,
    }
    path.write_text(environment.get_template(template).render(page=page), encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _capitalized(text: str) -> str:
    """Make the first letter large, and leave the others as they are: L1 stays L1."""
    return text[:1].upper() + text[1:]
