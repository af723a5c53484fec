"""Starts the server and the worker, and ends them together with their parent process."""
