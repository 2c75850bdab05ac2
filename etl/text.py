"""Values as people read them: untrusted text made safe to show, numbers with their units."""

import datetime as dt
import json
import re
from decimal import Decimal

# What a terminal obeys, what turns the direction of text or breaks lines, what XML forbids, and what nobody sees.
#
# Of the last kind are the letters with Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt).
_UNSAFE_LETTERS = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[{_UNSAFE_LETTERS}]")
_FILLING = rf"[\s{_UNSAFE_LETTERS},;|\"']"
# What may stand between the start of a cell and a formula; a run of it is looked at once.
_BEFORE_FORMULA = re.compile(
    rf"(?<!{_FILLING}){_FILLING}*+(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
)
# Where a spreadsheet may take a new cell to begin, whatever it was told.
_CELL_ENDS = re.compile(r"[,;|\t\r\n\"']")


def safe_text(value: object) -> str:
    """A value for a terminal or a page: no control character gets through, NULL is a dash."""
    return "-" if value is None else _UNSAFE.sub(_escape, str(value))


def safe_json(text: str) -> str:
    """JSON text that says the same without a control character in it."""
    return _UNSAFE.sub(
        lambda match: match[0] if match[0] == "\n" else json.dumps(match[0])[1:-1], text
    )


def safe_lines(text: str) -> str:
    """A text of several lines for a terminal."""
    return "\n".join(map(safe_text, text.split("\n")))


def safe_message(error: object) -> str:
    """An error's message; DuckDB's have several lines. A line feed in a name begins none that looks like ours."""
    first, *others = map(safe_text, str(error).split("\n"))
    return "\n".join([first, *(f"    {line}" for line in others if line)])


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


_BYTES = frozenset({"bytes", "bytes_sent", "object_size"})
# Numbers that are names: no thousands are marked in them.
_NAMES = frozenset({"http_status", "hour", "field_count"})
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
    """A number of bytes, in powers of a thousand."""
    # Without decimals only for bytes, of which there are no parts.
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def counted(count: int, noun: str) -> str:
    """A number with what it counts: `1 day`, `2,000 days`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def minutes(count: float) -> str:
    """A duration in minutes, or in hours or days where they are many."""
    if count < 2 * 60:
        return f"{count:,.0f} min"
    return (
        f"{count / 60:,.1f} hours"
        if count < 2 * 24 * 60
        else f"{count / 60 / 24:,.1f} days"
    )


def _number(name: str, value: float) -> str:
    if name in _BYTES or name.endswith("_bytes"):
        return size(value)
    if name.endswith("percent"):
        return f"{value:.1f}%"
    if name.endswith("minutes"):
        return minutes(value)
    # A single request costs a millionth: cents would show nothing.
    if name.endswith("cost"):
        return f"{value:,.2f}" if value >= 1 or not value else f"{value:.6f}".rstrip("0")
    return str(value) if name in _NAMES else f"{value:,}"
