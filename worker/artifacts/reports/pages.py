"""Reports from templates: a page that holds its own style and script."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from lowloss.charts.inline import read_script, read_style, script_source
from lowloss.pages.environment import make_environment


def write_page(path: Path, template: str, *, page: object) -> None:
    """Write a page; the template knows it as `page`."""
    environment = make_environment("worker.artifacts.reports")
    environment.globals |= {
        "chart_style": Markup(read_style()),
        "chart_script": Markup(read_script()),
        "script_source": script_source(),
    }
    path.write_text(environment.get_template(template).render(page=page), encoding="utf-8")
