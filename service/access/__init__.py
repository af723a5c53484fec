"""Who may use the server: bearer tokens, sign-in of browsers, programs of this machine."""
