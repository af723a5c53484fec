"""What tells that whole numbers name the rows; the server reads it without polars."""

from __future__ import annotations

import re

MIN_IDENTIFIERS = 20
"""A column of more values than this, all of them different, may name its rows."""
MIN_DIGITS, MIN_SURE_DIGITS = 8, 12
"""From how many digits on whole numbers may be identifiers, and from how many on most are, though
sizes of files and amounts of money may be as long."""
MIN_SPREAD_ROWS = 100
"""From how many rows on quantiles tell that numbers are spread evenly."""
NAME = re.compile(
    r"(?i:(?:^|[^a-z])(?:ids?|uid|no|num|account|card|phone|ean|upc|isbn|ssn)$)"
    r"|[a-z](?:I[Dd]|No|Num)$|(?i:nr|nummer)$"
    r"|(?i:(?<![^s]s)(?<![^s]s[^a-z])number$)"
)
"""The end of a name of numbers that name something: `customer_id`, `orderID`, `orderNo`, `Kontonr`.
A number of several, as in `units_number`, counts them."""
