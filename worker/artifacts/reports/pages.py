"""Pages from templates: all that is put in is escaped."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lowloss.charts.inline import read_script, read_style, script_source
from lowloss.results.page_filters import FILTERS


def write_page(path: Path, template: str, *, page: object) -> None:
    """Write a page; the template knows it as `page`."""
    environment = Environment(
        loader=PackageLoader("worker.artifacts.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | {"json": _json, "svg": Markup}
    environment.globals |= {
        "chart_style": Markup(read_style()),
        "chart_script": Markup(read_script()),
        "script_source": script_source(),
    }
    path.write_text(environment.get_template(template).render(page=page), encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
