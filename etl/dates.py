"""Days, kept within those that there are, and the words in which people name days and hours. All of them are UTC."""

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from etl.errors import UsageError

FIRST_DAY = dt.date(2006, 3, 1)
"""S3 began in March 2006: no record is older."""
LAST_MOMENT = dt.datetime.max  # noqa: DTZ901 - naive, as the times of records
"""Where the last day ends."""
FORMS = "2026-11-24, 2026-11, 2026, 2026-11-24T13, 2026-11-24T13:30, today, yesterday, -7d or -24h"
"""How a day, a month, a year, an hour or a minute is written; `-7d` is the day 7 days ago."""

_DAY, _HOUR, _MINUTE = (
    dt.timedelta(days=1),
    dt.timedelta(hours=1),
    dt.timedelta(minutes=1),
)
_DECEMBER = 12
_DAYS_BACK = {"today": 0, "yesterday": 1}
_BACK = re.compile(r"-(\d{1,6})([dh])", re.ASCII)
_LAST = re.compile(r"([1-9]\d{0,5})([dh])", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d)(?::(\d\d))?Z?", re.ASCII)
_DURATION = re.compile(r"([1-9]\d{0,6})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Span:
    """What a word names: a day, a month, an hour, ... from its first moment until just before `end`. Naive, UTC."""

    begin: dt.datetime
    end: dt.datetime


def parse_span(name: str, text: str, now: dt.datetime | None = None) -> Span:
    """What a text in one of the `FORMS` names; `name` is that of the argument.

    Raises UsageError with the argument, and the forms.
    """
    now = now or utc_now()
    try:
        span = _relative(text, now) or _time(text) or _date(text)
    except (ValueError, OverflowError):
        span = None
    if span is None:
        raise UsageError(f"{name} {text!r} names no day or hour; write {FORMS}")
    return span


def parse_last(name: str, text: str, now: dt.datetime | None = None) -> Span:
    """The last hours up to now (`24h`), or the last whole days, of which today is one (`7d`). Raises UsageError."""
    now = now or utc_now()
    match = _LAST.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{name} {text!r} is no number of hours or days; write 1h, 24h, 7d or 30d"
        )
    count = int(match[1])
    if match[2] == "h":
        return Span(now - count * _HOUR, now)
    return Span(day_span(shifted(now.date(), 1 - count)).begin, day_span(now.date()).end)


def parse_day(text: str, now: dt.datetime | None = None) -> dt.date:
    """The first day that a text in one of the `FORMS` names. Raises ValueError where that is no day."""
    return _span_of_days(text, now).begin.date()


def parse_last_day(text: str, now: dt.datetime | None = None) -> dt.date:
    """The last day that a text in one of the `FORMS` names: of a month its end. Raises ValueError as `parse_day`."""
    end = _span_of_days(text, now).end
    return last_moment(end).date()


def _span_of_days(text: str, now: dt.datetime | None) -> Span:
    try:
        span = parse_span("", text, now)
    except UsageError:
        span = None
    if span is None or span.begin.time() != dt.time():
        raise ValueError("write YYYY-MM-DD, YYYY-MM, today, yesterday or -7d")
    return span


def day_span(day: dt.date) -> Span:
    begin = dt.datetime.combine(day, dt.time())
    # No moment is later than the last one.
    return Span(begin, LAST_MOMENT if day == dt.date.max else begin + _DAY)


def utc_now() -> dt.datetime:
    """This moment, naive, in UTC."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _relative(text: str, now: dt.datetime) -> Span | None:
    """A day or an hour of the clock, counted back from now."""
    match = _BACK.fullmatch(text)
    if match and match[2] == "h":
        begin = now.replace(minute=0, second=0, microsecond=0) - int(match[1]) * _HOUR
        return Span(begin, begin + _HOUR)
    days = int(match[1]) if match else _DAYS_BACK.get(text)
    return None if days is None else day_span(shifted(now.date(), -days))


def _time(text: str) -> Span | None:
    """An hour or a minute."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, hour, minute = match.groups()
    begin = dt.datetime.fromisoformat(f"{day}T{hour}:{minute or '00'}")
    return Span(begin, begin + (_MINUTE if minute else _HOUR))


def _date(text: str) -> Span | None:
    """A day, a month or a year."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = match.groups()
    first = dt.date(int(year), int(month or 1), int(day or 1))
    last_month = int(month or _DECEMBER)
    last_day = int(day or calendar.monthrange(first.year, last_month)[1])
    last = dt.date(first.year, last_month, last_day)
    return Span(day_span(first).begin, day_span(last).end)


def shifted(day: dt.date, days: int) -> dt.date:
    """The day so many days later, or earlier; the first or the last day that there is, where that is beyond."""
    return dt.date.fromordinal(
        min(max(day.toordinal() + days, 1), dt.date.max.toordinal())
    )


def moment_before(moment: dt.datetime, by: dt.timedelta) -> dt.datetime:
    """The moment so much earlier; the first that there is, where that is before it."""
    return moment - by if moment - dt.datetime.min >= by else dt.datetime.min  # noqa: DTZ901 - naive, too


def last_moment(end: dt.datetime) -> dt.datetime:
    """The last moment of a period that ends right before `end`; it tells the last day."""
    return moment_before(end, dt.timedelta(microseconds=1))


def word_of_begin(bound: dt.date) -> str:
    """The `FORMS` for a period that begins with this day, or this minute."""
    if not isinstance(bound, dt.datetime):
        return bound.isoformat()
    return f"{bound:%Y-%m-%dT%H:%M}" if bound.minute else f"{bound:%Y-%m-%dT%H}"


def word_of_end(bound: dt.date) -> str:
    """The `FORMS` for a period that ends with this day, or right before this minute: the last hour or minute in it."""
    if not isinstance(bound, dt.datetime):
        return bound.isoformat()
    if bound.minute:
        return f"{bound - _MINUTE:%Y-%m-%dT%H:%M}"
    return f"{bound - _HOUR:%Y-%m-%dT%H}"


def period_in_words(begin: dt.datetime, end: dt.datetime) -> str:
    """A period as people read it: its days, and the times where it begins or ends amid one."""
    last = last_moment(end)
    days = f"{begin:%Y-%m-%d}"
    if last.date() != begin.date():
        days += f" to {last:%Y-%m-%d}"
    if begin.time() == dt.time():
        if _is_day_end(end):
            return days
        until = "until " if last.date() == begin.date() else ""
        return f"{days} {until}{end:%H:%M}"
    if last.date() == begin.date():
        return f"{days} from {begin:%H:%M} to {_end_time(end)}"
    return f"{begin:%Y-%m-%d %H:%M} to {last:%Y-%m-%d} {_end_time(end)}"


def _is_day_end(end: dt.datetime) -> bool:
    return end.time() == dt.time() or end == LAST_MOMENT


def _end_time(end: dt.datetime) -> str:
    return "24:00" if _is_day_end(end) else f"{end:%H:%M}"


def tomorrow() -> dt.date:
    """The last day, UTC, of which a record can honestly be: clocks differ."""
    return dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)


def parse_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None


def parse_duration(name: str, text: str) -> dt.timedelta:
    """A duration: `90m`, `26h`, `2d`. Raises UsageError naming the argument."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{name} {text}: write a duration of more than 0, like 90m, 26h or 2d"
        )
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
