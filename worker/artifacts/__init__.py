"""All that leaves the worker: the model in three formats, and the reports on it."""
