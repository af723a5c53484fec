"""Which algorithm finds good settings at the least cost, on lookups of real trainings."""
