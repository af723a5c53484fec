"""Puts what was measured into findings and sentences."""
