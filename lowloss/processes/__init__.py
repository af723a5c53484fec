"""Starts server and worker, and ends with the process that started it."""
