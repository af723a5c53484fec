"""The meaning of a table's cells."""
