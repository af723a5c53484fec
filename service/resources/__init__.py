"""The database, the change poller, event feeds and loaded models, for API and pages alike."""
