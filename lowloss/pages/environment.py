"""How a page is made from templates: all that is put in is escaped, and nothing may be missing."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lowloss.pages.filters import FILTERS


def make_environment(package: str) -> Environment:
    """Return where templates of a package are found, and those that all pages share."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("lowloss.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | {"svg": Markup}
    return environment
