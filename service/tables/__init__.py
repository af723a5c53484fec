"""Reads, profiles and checks a table against a JobSpec: polars and numpy, no SQL, no TensorFlow."""
