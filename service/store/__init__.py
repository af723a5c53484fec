"""The store of the server and the worker: the only code that uses SQL."""
