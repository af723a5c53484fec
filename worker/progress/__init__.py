"""What a running job says: to the store, and to its supervisor."""
