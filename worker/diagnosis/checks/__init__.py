"""Checks that name suspects, each with its evidence, before anything is trained."""
