"""The OpenAPI document: what FastAPI makes of the routes, with names that clients can use."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from service.api.examples import ProblemDocument

PREFIX = "#/components/schemas/"


class Api(FastAPI):
    """FastAPI, with problem details and plain names in its schema."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            schemas.setdefault("Problem", ProblemDocument.model_json_schema())
            self.openapi_schema = _name_by_titles(document)
        return self.openapi_schema


def _name_by_titles(document: dict[str, Any]) -> dict[str, Any]:
    """Name generic models by their classes: pydantic's names have Python's types in them."""
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    for name, schema in list(schemas.items()):
        if not name.isalnum():
            if schema["title"] in schemas:
                raise ValueError(f"two schemas are named {schema['title']}")
            text = text.replace(f'"{PREFIX}{name}"', f'"{PREFIX}{schema["title"]}"')
            text = text.replace(f'"{name}": {{', f'"{schema["title"]}": {{')
    renamed: dict[str, Any] = json.loads(text)
    return renamed
