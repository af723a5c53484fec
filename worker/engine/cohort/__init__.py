"""Trains many trials together in compiled programs."""
