"""The options by which a table is parsed, as options of every command that uploads one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from lowloss.errors import InvalidRequest

PARAMETERS: dict[str, Any] = {
    "delimiter": Annotated[str | None, typer.Option(help="Of a table of texts; detected.")],
    "decimal": Annotated[str | None, typer.Option(help="The decimal mark; detected.")],
    "thousands": Annotated[str | None, typer.Option(help="Between thousands; detected.")],
    "encoding": Annotated[str | None, typer.Option(help="Of the text; detected.")],
    "header": Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header", help="Whether the first line names the columns; detected."
        ),
    ],
    "quote": Annotated[str | None, typer.Option(help="Around fields; detected.")],
    "skip_rows": Annotated[int | None, typer.Option(help="Lines above the header.")],
    "comment": Annotated[str | None, typer.Option(help="Begins lines that are none.")],
    "date_format": Annotated[str | None, typer.Option(help="Of dates, such as %d/%m/%Y.")],
    "null_values": Annotated[
        list[str] | None, typer.Option("--null-value", help="Another cell that is missing.")
    ],
    "sheet": Annotated[
        str | None, typer.Option(help="Of a workbook; else the first with a table.")
    ],
    "types": Annotated[
        list[str] | None,
        typer.Option("--type", help="COLUMN=KIND: number, category, boolean, date or duration."),
    ],
}


def with_parse_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of parsing; it receives them as `options`, without None."""
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        options = {name: arguments.pop(name) for name in PARAMETERS}
        if options["types"]:
            options["types"] = _read_types(options["types"])
        set_options = {name: value for name, value in options.items() if value is not None}
        command(**arguments, options=set_options)

    parameters = [p for p in signature.parameters.values() if p.name != "options"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, keyword, default=None, annotation=annotation)
        for name, annotation in PARAMETERS.items()
    ]
    parameters = [p.replace(kind=keyword) for p in parameters]
    run.__signature__ = signature.replace(parameters=parameters + added)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*parameters, *added]}
    del run.__wrapped__  # typer would read its signature
    return run


def refuse_options(options: Mapping[str, Any], detail: str) -> None:
    """Raise InvalidRequest where there are options of parsing and nothing to parse."""
    for name, value in options.items():
        if value is not None:
            raise InvalidRequest(detail, field=_find_flag(name, value), fix="give a table's file")


def _find_flag(name: str, value: object) -> str:
    """Return the option of the command line by which a value was given."""
    flags = {"null_values": "--null-value", "types": "--type"}
    if name == "header" and value is False:
        return "--no-header"
    return flags.get(name, "--" + name.replace("_", "-"))


def _read_types(pairs: Sequence[str]) -> dict[str, str]:
    types = {}
    for pair in pairs:
        column, equals, kind = pair.rpartition("=")
        if not equals:
            raise InvalidRequest(f"{pair!r} has no =", field="--type", fix="write COLUMN=KIND")
        types[column] = kind
    return types
