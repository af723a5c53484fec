"""Default jobs on real tables, beside what else a user would run on them."""
