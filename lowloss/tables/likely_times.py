"""The range of times that whole numbers are read as."""

LIKELY_MS = (946_684_800_000, 2_051_222_400_000)
"""The years 2000 to 2034, in milliseconds since 1970: between them numbers are as likely times."""
