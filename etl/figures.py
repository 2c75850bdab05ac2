"""Values for people to read, by the names of their columns."""

import datetime as dt

from etl.safe_text import safe_text

_BYTES = frozenset({"bytes", "bytes_sent", "object_size", "egress_bytes"})
_NAMES = frozenset({"http_status", "hour", "field_count"})
"""Numbers that are names: no thousands are marked in them."""
_NOTHING = "\u2013"


def in_words(name: str, value: object) -> str:
    """A value of the column `name`: sizes and shares with their unit, NULL as a dash, text made safe."""
    if value is None:
        return _NOTHING
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return safe_text(value)
    return _number(name, value)


def size(count: float) -> str:
    """A number of bytes, in powers of a thousand, as AWS bills them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def minutes(count: float) -> str:
    """A duration in minutes, or in hours or days where they are many."""
    if count < 2 * 60:
        return f"{count:,.0f} min"
    return f"{count / 60:,.1f} hours" if count < 2 * 24 * 60 else f"{count / 60 / 24:,.1f} days"


def _number(name: str, value: float) -> str:
    if name in _BYTES:
        return size(value)
    if name.endswith("percent"):
        return f"{value:.1f}%"
    if name.endswith("minutes"):
        return minutes(value)
    if name.endswith("cost"):
        return f"{value:,.2f}" if value >= 1 or not value else f"{value:.6f}".rstrip("0")
    return str(value) if name in _NAMES else f"{value:,}"
