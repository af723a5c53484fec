"""What becomes of the best trials: confirmed, refitted, and compared with baselines."""
