"""Text that strangers wrote, made safe to show."""

import datetime as dt
import json
import re
from decimal import Decimal

_UNSAFE_LETTERS = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What a terminal obeys, what turns the direction of text or breaks lines, what XML forbids, and what nobody sees.

Of the last kind are the letters with Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
"""
_UNSAFE = re.compile(f"[{_UNSAFE_LETTERS}]")
_FILLING = rf"[\s{_UNSAFE_LETTERS},;|\"']"
_BEFORE_FORMULA = re.compile(rf"(?<!{_FILLING}){_FILLING}*+(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""What may stand between the start of a cell and a formula; a run of it is looked at once."""
_CELL_ENDS = re.compile(r"[,;|\t\r\n\"']")
"""Where a spreadsheet may take a new cell to begin, whatever it was told."""


def safe_text(value: object) -> str:
    """A value for a terminal or a page: no control character gets through, NULL is a dash."""
    return "-" if value is None else _UNSAFE.sub(_escape, str(value))


def safe_json(text: str) -> str:
    """JSON text that says the same without a control character in it."""
    return _UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text)


def safe_lines(text: str) -> str:
    """A text of several lines for a terminal."""
    return "\n".join(map(safe_text, text.split("\n")))


def safe_cell(value: object) -> object:
    """A value for a spreadsheet: an apostrophe goes before what would begin a formula. Numbers are left alone."""
    if value is None or isinstance(value, (bool, int, float, Decimal, dt.date)):
        return value
    text, safe, end = str(value), "", 0
    while found := _BEFORE_FORMULA.search(text, end):
        is_start = found.start() == 0 or _CELL_ENDS.search(found[0])
        safe += text[end : found.end()] + ("'" if is_start else "") + text[found.end()]
        end = found.end() + 1
    return safe + text[end:]


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
