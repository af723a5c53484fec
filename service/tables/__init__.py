"""Reads and profiles tables, and checks jobs against them; without SQL and TensorFlow."""
