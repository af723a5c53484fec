"""What a job hands out beside its model: pages, tables, a card, a script, logs."""
