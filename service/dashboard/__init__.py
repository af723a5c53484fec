"""The pages of the server.

Pages only read. What a page's form does, its script sends to the API: there is one way to change
anything, with one set of checks and errors.
"""
