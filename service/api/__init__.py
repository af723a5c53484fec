"""The HTTP API: one module per URL noun; a handler parses, calls the store and returns."""
