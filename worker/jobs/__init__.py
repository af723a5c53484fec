"""The recipes of the two kinds of job, and the child process that follows them."""
