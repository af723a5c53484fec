"""What the handlers of all routes share: the database, the change poller, loaded models."""
