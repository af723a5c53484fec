"""One module per URL noun; a handler parses, calls the store, returns."""
