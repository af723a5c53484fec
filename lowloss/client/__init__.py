"""The HTTP client: upload, submit, wait, follow, download, predict."""
