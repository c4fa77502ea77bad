"""Texts in CSV that no spreadsheet runs as a formula, and back.

Excel, LibreOffice and others evaluate a cell that begins like a formula, whoever named the class or file that stands
in it. As OWASP advises ("CSV Injection"), an apostrophe before it makes it text. The same where a spreadsheet may
begin another cell: after a semicolon, a tab or a line break. Numbers are left alone. What was so already gets one
apostrophe more, so that `unescape` gives every text back.
"""

import re

# The last four are the full-width forms, which Excel takes in East Asian languages.
_FORMULA = re.compile("(?:^|(?<=[;\t\r\n]))(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_ESCAPED = re.compile("(?:^|(?<=[;\t\r\n]))'(?='*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def escape(text: str) -> str:
    """`text` as it may stand in a cell."""
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)


def unescape(text: str) -> str:
    """The text whose `escape` this is; any other text as it is."""
    plain = _ESCAPED.sub("", text)
    return text if _NUMBER.fullmatch(plain) else plain
