"""The HTTP client: upload, submit, wait, follow, download, predict."""

from lowloss.client.client import Client

__all__ = ["Client"]
