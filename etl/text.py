"""Values as people read them: untrusted text made safe to show, numbers with their units."""

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum, auto
from functools import cache
from typing import TypeGuard

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


_NOTHING = "\u2013"
_WORDS = re.compile(r"[a-z]+|[0-9]+")
# Numbers that are names: no thousands are marked in them.
_IDENTIFIERS = {"account", "code", "id", "number", "port", "status", "version"}
_DATES = {"second", "minute", "hour", "day", "week", "month", "year"}
# A column that begins so counts things, whatever they are: `without_size`, `count(DISTINCT account)`.
_COUNTED = frozenset({"count", "number", "unknown", "without"})
# `requests_per_hour` are no hours.
_RATES = frozenset({"by", "per"})
_COSTS = frozenset({"cost", "costs", "price", "prices"})
# At the end of what a comparison adds to a column.
_COMPARED = frozenset({"before", "change"})
# What a name has of the unit that each of its values has, too, and perhaps another one.
_UNIT = re.compile(r"_(?:minutes|ms)(?=(?:_before|_change)?\W*$)")
_ONLY_UNIT = re.compile(r"\b(?:minutes|ms)(?=\W*$)")
_CENTS = 2
_MOST_DECIMALS = 4
# From here on, digits say less than a power of ten does.
_LARGEST = 1e15


class Kind(Enum):
    """What the numbers of a column are, as its name says."""

    COUNT = auto()
    NAME = auto()
    BYTES = auto()
    COST = auto()
    PERCENT = auto()
    MINUTES = auto()
    MILLISECONDS = auto()


@cache
def kind_of(column: str) -> Kind:
    """What the numbers of a column are: sizes, costs, shares, times, names such as ports and years, or else counts.

    The name is one of a report's columns, or of a query of the user's own: `sum(bytes_sent)` are bytes, too.
    """
    words = _WORDS.findall(column.lower())
    if len(words) > 1 and words[-1] in _COMPARED:
        del words[-1]
    if not words or (words[0] in _COUNTED and len(words) > 1):
        return Kind.COUNT
    if words[-1] in _UNITS:
        return _UNITS[words[-1]]
    if "bytes" in words:
        return Kind.BYTES
    if _COSTS & set(words):
        return Kind.COST
    if words[-2:] in (["total", "time"], ["around", "time"]):
        return Kind.MILLISECONDS
    return Kind.NAME if _is_name(column, words) else Kind.COUNT


_UNITS = {
    "percent": Kind.PERCENT,
    "size": Kind.BYTES,
    "minutes": Kind.MINUTES,
    "ms": Kind.MILLISECONDS,
}


def _is_name(column: str, words: list[str]) -> bool:
    if _RATES & set(words):
        return False
    # DuckDB calls a column without a name like its expression: `year("time")`.
    is_call = "(" in column
    return words[0 if is_call else -1] in _IDENTIFIERS | _DATES


def header(column: str) -> str:
    """What a column is called above values with their units: `lag_minutes` is `lag`, as one may be `2.0 days`."""
    if kind_of(column) not in (Kind.MINUTES, Kind.MILLISECONDS):
        return column
    return _ONLY_UNIT.sub("duration", _UNIT.sub("", column))


def column_in_words(name: str, values: Sequence[object]) -> list[str]:
    """The values of a column as `in_words` has them, but costs with as many decimals as one another."""
    if kind_of(name) is not Kind.COST:
        return [in_words(name, value) for value in values]
    numbers = [_plain(value) for value in values if _is_finite(value)]
    decimals = _decimals_of_costs(numbers)
    return [
        money(_plain(value), decimals) if _is_finite(value) else in_words(name, value)
        for value in values
    ]


def _decimals_of_costs(values: Sequence[float]) -> int:
    """Two decimals where one of the costs is 1 or more, else as many as say something."""
    if any(abs(value) >= 1 for value in values):
        return _CENTS
    return max(map(_decimals_of_cost, values), default=_CENTS)


def _decimals_of_cost(value: float) -> int:
    _, _, decimals = f"{value:.{_MOST_DECIMALS}f}".partition(".")
    is_lost = value and not decimals.strip("0")
    return _MOST_DECIMALS if is_lost else len(decimals.rstrip("0"))


def _is_finite(value: object) -> TypeGuard[int | float | Decimal]:
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]


def in_words(name: str, value: object) -> str:
    """A value of the column `name`: sizes and shares with their unit, NULL as a dash, text made safe."""
    if value is None:
        return _NOTHING
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return safe_text(value)
    if not math.isfinite(value):
        return str(value)
    return _READINGS[kind_of(name)](_plain(value))


def _plain(value: float | Decimal) -> float:
    """DuckDB sums to Decimal, also where all are integers."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def size(count: float) -> str:
    """A number of bytes, in powers of a thousand."""
    # Without decimals only for bytes, of which there are no parts.
    for unit in ("B", "kB", "MB", "GB"):
        if abs(round(count, 1)) < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def counted(count: float, one: str, many: str | None = None) -> str:
    """A number with what it counts: `1 day`, `2,000 days`; `many` where that takes more than an s."""
    return f"{count:,.0f} {one if count == 1 else many or f'{one}s'}"


def minutes(count: float) -> str:
    """A duration in minutes, or in hours or days where they are many."""
    if count < 2 * 60:
        return f"{count:,.0f} min"
    return (
        f"{count / 60:,.1f} hours"
        if count < 2 * 24 * 60
        else f"{count / 60 / 24:,.1f} days"
    )


def money(value: float, decimals: int | None = None) -> str:
    """A price with two decimals, or with up to four where it is below 1: a single request costs a millionth.

    With `decimals` it has so many, but two of them at least.
    """
    if decimals is None:
        decimals = _decimals_of_costs([value])
    decimals = max(decimals, _CENTS)
    return _not_nothing(value, f"{value:,.{decimals}f}", decimals)


def percent(value: float) -> str:
    """A share of a hundred, with one decimal; of what there is little, that it is not nothing."""
    if 0 < value < 0.05:  # noqa: PLR2004
        return "<0.1%"
    return f"{value:,.1f}%"


def count(value: float) -> str:
    """A number with its thousands marked, and with as many decimals as say something; never a power of ten."""
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= _LARGEST:
        return f"{value:,.0f}"
    decimals = 2 if abs(value) >= 1 else _MOST_DECIMALS
    return _not_nothing(value, _without_zeros(f"{value:,.{decimals}f}"))


def _without_zeros(text: str) -> str:
    """Decimals without the zeros at their end."""
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _not_nothing(value: float, text: str, decimals: int = _MOST_DECIMALS) -> str:
    """The text of a number, or that it is less than what so many decimals show."""
    if not value or text.strip("-0."):
        return text
    smallest = f"{10**-decimals:.{decimals}f}"
    return f"<{smallest}" if value > 0 else f">-{smallest}"


_READINGS: dict[Kind, Callable[[float], str]] = {
    Kind.COUNT: count,
    Kind.NAME: str,
    Kind.BYTES: size,
    Kind.COST: money,
    Kind.PERCENT: percent,
    Kind.MINUTES: minutes,
    Kind.MILLISECONDS: lambda value: f"{count(value)} ms",
}
