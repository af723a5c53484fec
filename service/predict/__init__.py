"""Loaded models, for fast predictions."""
