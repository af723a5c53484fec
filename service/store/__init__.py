"""The only code that speaks SQL; used by the server and the worker."""
