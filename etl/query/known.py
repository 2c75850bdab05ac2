"""How far the records of a period go: one rule for comparisons, for findings and for the page."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace

from etl.dates import FIRST_DAY, day_span, last_moment, shifted
from etl.query.database import Database
from etl.query.scope import Scope, between

_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
# Of a day that has records of its last hour, hardly any are to come.
_LAST_HOUR = 23
_FIRST_DAYS = """
    SELECT bucket, min(date) AS first
    FROM access_log
    WHERE date BETWEEN $earliest AND $latest
    GROUP BY bucket
    ORDER BY bucket
"""
_NEWEST_DAY = "SELECT max(date) AS newest FROM access_log WHERE date <= $latest"
_NEWEST_TIME = """
    SELECT max(time) AS newest
    FROM access_log
    WHERE date = $newest_day AND time <= $now
"""


def with_a_day_more(scope: Scope) -> Scope:
    """The same up to a day later: where that has records, the last day of the period is over."""
    if scope.end is None or scope.end >= dt.datetime.max - _DAY:  # noqa: DTZ901 - naive, as the times of records
        return replace(scope, date_to=None, time_before=None)
    return between(scope, scope.begin, scope.end + _DAY)


def first_days(database: Database, latest: dt.date) -> Mapping[str, dt.date]:
    """The first day of each bucket, of the days that can be right: somebody may have invented others."""
    parameters = {"earliest": FIRST_DAY, "latest": latest}
    result = database.query(_FIRST_DAYS, parameters, reads_all=True)
    return {row["bucket"]: row["first"] for row in result.to_arrow().to_pylist()}


def newest_time(database: Database, now: dt.datetime) -> dt.datetime | None:
    """The time of the newest record, without those of the future, which somebody made up; `now` is naive, UTC."""
    today = now.date()
    newest = _newest_until(database, today, now)
    # All records of today may have times later than now: of a clock that is fast, or made up.
    return newest or _newest_until(database, shifted(today, -1), now)


def _newest_until(
    database: Database, latest: dt.date, now: dt.datetime
) -> dt.datetime | None:
    newest_day = _newest(database, _NEWEST_DAY, {"latest": latest})
    if newest_day is None:
        return None
    time = _newest(database, _NEWEST_TIME, {"newest_day": newest_day, "now": now})
    return time if isinstance(time, dt.datetime) else None


def _newest(
    database: Database, sql: str, parameters: Mapping[str, object]
) -> dt.date | None:
    (row,) = database.query(sql, parameters, reads_all=True).to_arrow().to_pylist()
    newest: dt.date | None = row["newest"]
    return newest


def end_of_records(
    database_of: Callable[[Scope], Database],
    scope: Scope,
    end: dt.datetime,
    newest: dt.datetime | None,
    now: dt.datetime,
) -> dt.datetime:
    """The `known_end` of a period, by the newest record of all buckets and keys: some are quiet for hours.

    `newest` is that of the scope, and `database_of` gives the records of another one.
    """
    known = known_end(scope, end, newest, now)
    is_whole = not scope.buckets and scope.key_prefix is None
    if newest is None or is_whole or known == known_end(scope, end, None, now):
        return known
    last_day = last_moment(end).date()
    last_days = Scope(None, shifted(last_day, -1), shifted(last_day, 1))
    of_all = newest_time(database_of(last_days), now)
    return known_end(scope, end, max(newest, of_all or newest), now)


def known_end(
    scope: Scope, end: dt.datetime, newest: dt.datetime | None, now: dt.datetime
) -> dt.datetime:
    """Where a period ends as far as there are records: at `end`, or now, unless its last days may have more.

    Then it is the end of the minute of the newest record, or of its day, if that has its last hour: the lake may not
    have the rest yet. Of a period whose end was chosen, all before yesterday is known. `newest` is the time of the
    newest record up to a day after the period. All times are naive, UTC.
    """
    until = min(end, _minute_after(last_moment(now)))
    if newest is None:
        return until
    known = _end_of_records(newest)
    if scope.end is not None:
        known = max(known, day_span(now.date()).begin - _DAY)
    # Of a period without any, it is to be seen that there are none.
    begins_later = scope.begin is not None and scope.begin >= known
    return until if begins_later else min(until, known)


def _end_of_records(newest: dt.datetime) -> dt.datetime:
    """Up to when a lake has all records, by the newest one."""
    if newest.hour == _LAST_HOUR:
        return day_span(newest.date()).end
    return _minute_after(newest)


def whole_minutes(scope: Scope) -> Scope:
    """The same in whole minutes, which is what a period can be named by: `--last 1h` is up to this very moment.

    Both bounds are those of the next minute, so that it is as long; less than a minute is a whole one.
    """
    begin, end = map(_next_minute, (scope.begin, scope.end))
    if begin and begin == end and begin != scope.begin:
        begin -= _MINUTE
    return between(scope, begin, end)


def _next_minute(moment: dt.datetime | None) -> dt.datetime | None:
    """The minute that begins then, or next."""
    if moment is None or moment == dt.datetime.min:  # noqa: DTZ901
        return moment
    return _minute_after(last_moment(moment))


def _minute_after(moment: dt.datetime) -> dt.datetime:
    """The first moment of the next minute."""
    minute = moment.replace(second=0, microsecond=0)
    return minute + _MINUTE if minute <= dt.datetime.max - _MINUTE else dt.datetime.max  # noqa: DTZ901
