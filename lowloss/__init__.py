"""What users import: the client, what they submit, what they get back, and what can go wrong."""

__version__ = "0.1.0"
