"""The digits, marks and fractions of other scripts, and raised ones, as plain ones."""

DIGITS = {
    chr(ord(zero) + digit): str(digit) for zero in "\u0660\u06f0\u0966\uff10" for digit in range(10)
} | {"\u066b": ".", "\u066c": ",", "\uff0c": ",", "\uff0e": "."}
"""Arabic, Persian, Devanagari and full-width digits and marks."""
RAISED_DIGITS = dict(
    zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789", strict=True)
) | {
    "\u207a": "+",
    "\u207b": "-",
}
FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75", "⅛": ".125", "⅜": ".375", "⅝": ".625", "⅞": ".875"}
