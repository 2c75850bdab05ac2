"""Text that strangers wrote, made safe to show."""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")
"""Control characters of terminals, those that hide text, break lines or turn its direction, and what XML forbids."""
_FORMULA = re.compile(rf"(^|[,;|\t\r\n\"'])((?:\s|\u00ad|{_UNSAFE.pattern})*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet would begin a formula: at the start of a cell, or of what it may take for one."""


def safe_text(value: object) -> str:
    """A value for a terminal or a page: no control character gets through, NULL is a dash."""
    return "-" if value is None else _UNSAFE.sub(_escape, str(value))


def safe_json(text: str) -> str:
    """JSON text that says the same without a control character in it."""
    return _UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def safe_cell(value: object) -> object:
    """A value for a spreadsheet: an apostrophe goes before what would begin a formula. Numbers are left alone."""
    return _FORMULA.sub(r"\1\2'", value) if isinstance(value, str) else value


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
