"""Predictions: from raw rows to a model's inputs, and from its output to predictions."""
