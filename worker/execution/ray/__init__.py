"""Trains on a Ray cluster: the callbacks of a run stay here, and its cohorts are in actors."""
