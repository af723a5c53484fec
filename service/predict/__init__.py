"""Models that are kept loaded, so that predictions are answered at once."""
