"""Text that strangers wrote, made safe to show."""

import re

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters of terminals, and those that turn the direction of text around."""


def safe_text(value: object) -> str:
    """A value for a terminal or a page: no control character gets through, NULL is a dash."""
    return "-" if value is None else _UNSAFE.sub(_escape, str(value))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
