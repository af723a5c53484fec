"""The training side: supervises and runs jobs. Never loads FastAPI."""
