"""Checks: what in the data, the recipe or its curve makes a cause suspect, with the evidence."""
