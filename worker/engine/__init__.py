"""Training of trials: pure numerics, plans and arrays in, results out."""
