"""Checks of structure and words, run by `make lint`: `python -m tests.style`."""
