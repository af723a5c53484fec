"""The server of the API's tests, for its pages."""

from tests.unit.service.api.conftest import app, client, settings, store

__all__ = ["app", "client", "settings", "store"]
