"""Trains what the oracle asks for: folds, stopping, scoring, checkpoints."""
