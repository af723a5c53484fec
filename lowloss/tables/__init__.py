"""What the cells of a table say."""
