"""Days, kept within those that there are, and durations."""

import datetime as dt
import re

from etl.errors import UsageError

FIRST_DAY = dt.date(2006, 3, 1)
"""S3 began in March 2006: no record is older."""


def shifted(day: dt.date, days: int) -> dt.date:
    """The day so many days later, or earlier; the first or the last day that there is, where that is beyond."""
    return dt.date.fromordinal(
        min(max(day.toordinal() + days, 1), dt.date.max.toordinal())
    )


def tomorrow() -> dt.date:
    """The last day, UTC, of which a record can honestly be: clocks differ."""
    return dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)


def parse_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None


_DURATION = re.compile(r"([1-9]\d{0,6})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_duration(name: str, text: str) -> dt.timedelta:
    """A duration: `90m`, `26h`, `2d`. Raises UsageError naming the argument."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(f"{name} {text}: write a duration like 90m, 26h or 2d")
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
