"""Errors as one plain line and an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from lowloss.errors import (
    DatasetNotFound,
    JobNotFound,
    LowlossError,
    Problem,
    ProjectNotFound,
    ServerUnreachable,
    UnknownDataset,
    WaitTimeout,
)

FAILED, REFUSED, UNREACHABLE, SERVER_FAILED, INTERRUPTED = 1, 2, 3, 4, 130
LISTS: dict[type[LowlossError], str] = {
    DatasetNotFound: "lowloss datasets list",
    JobNotFound: "lowloss jobs",
    ProjectNotFound: "lowloss projects list",
    UnknownDataset: "lowloss datasets list",
}
"""The command that lists what there is, where the server names its route."""
MAX_FAULTS = 10
"""So many further faults of a request are printed."""


class PlainErrors(TyperGroup):
    """A group of commands; a failed command prints one plain line and sets an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(REFUSED)
        with plain_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with plain_errors():
            return super().invoke(ctx)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error in one line, each further fault in another, and end with its exit code."""
    try:
        yield
    except LowlossError as error:
        raise _print_and_exit(_describe(error), exit_code(error), _list_others(error)) from error
    except TyperException as error:
        ctx = getattr(error, "ctx", None)
        hint = f" ({ctx.command_path} --help)" if ctx else ""
        raise _print_and_exit(f"{error.format_message()}{hint}", REFUSED) from error
    except BrokenPipeError:
        # Typer ends quietly when the reader has gone: `lowloss jobs | head`.
        raise
    except OSError as error:
        raise _print_and_exit(f"{error.filename or ''}: {error.strerror}", REFUSED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def _describe(error: LowlossError) -> str:
    """Return what is wrong; what helps is a command."""
    command = LISTS.get(type(error))
    if command is None or not isinstance(error, Problem):
        return str(error)
    return str(Problem(error.detail, field=error.field, fix=f"{command} shows what there is"))


def _list_others(error: LowlossError) -> list[str]:
    """Return what else is wrong with a request: the first fault is the error itself."""
    faults = error.errors[1:] if isinstance(error, Problem) else ()
    others = [
        str(Problem(fault["detail"], field=fault.get("field"), fix=fault.get("fix")))
        for fault in faults
    ]
    more = len(others) - MAX_FAULTS
    return [*others[:MAX_FAULTS], f"and {more} more"] if more > 0 else others


def _print_and_exit(line: str, code: int, others: Iterable[str] = ()) -> typer.Exit:
    """Print an error in a line, and what else is wrong in one each."""
    for text in (line, *others):
        typer.echo(f"error: {' '.join(text.split())}", err=True)
    return typer.Exit(code)


def exit_code(error: LowlossError) -> int:
    """Return the exit code that tells scripts the kind of an error."""
    match error:
        case ServerUnreachable() | WaitTimeout():
            return UNREACHABLE
        case Problem():
            return SERVER_FAILED if (error.status or 0) >= 500 else REFUSED
        case _:
            return FAILED
