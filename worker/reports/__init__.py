"""What a finished job hands out beside its model: pure writers from facts to files."""
