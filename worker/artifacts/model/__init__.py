"""Trained weights and fitted transforms become one self-contained model in three formats."""
