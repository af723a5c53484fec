"""Claims a job, renews its lease, watches the child process that runs it, and settles it."""
