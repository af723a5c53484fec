"""Parses JSON from untrusted sources within bounds."""

from __future__ import annotations

import json
from typing import Any

from lowloss.errors import RecipeUnreadable

MAX_JSON_BYTES = 2**20
MAX_DEPTH = 64


def parse_json(text: bytes | str) -> Any:
    """Parse JSON; raise RecipeUnreadable where the text is too long, too deep or not JSON."""
    if len(text) > MAX_JSON_BYTES:
        raise RecipeUnreadable(
            f"the text is over {MAX_JSON_BYTES} characters",
            field="recipe",
            fix="a network of 100 layers takes less: send the text of model.to_json() alone",
        )
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        document = json.loads(text)
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        if not error.doc.lstrip().startswith(("{", "[")):
            raise _no_json() from error
        raise RecipeUnreadable(
            f"the JSON is wrong at line {error.lineno}, column {error.colno}: {error.msg}",
            field="recipe",
            fix="mend it there",
        ) from error
    except ValueError as error:  # of UTF-8, and of numbers of thousands of digits
        raise _no_json() from error
    _check_depth(document)
    return document


def _no_json() -> RecipeUnreadable:
    return RecipeUnreadable(
        "the bytes are neither JSON nor a .keras file",
        field="recipe",
        fix="send a Recipe, the text of model.to_json(), or what model.save('model.keras') wrote",
    )


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                children.extend(value.values())
            elif isinstance(value, list):
                children.extend(value)
        if not children:
            return
        level = children
    raise _too_deep()


def _too_deep() -> RecipeUnreadable:
    return wrong_description(f"the JSON is nested more than {MAX_DEPTH} deep")


def wrong_description(detail: str) -> RecipeUnreadable:
    """Return the problem of a model's description that is not what Keras wrote."""
    return RecipeUnreadable(detail, field="recipe", fix="send the text of model.to_json() as it is")
