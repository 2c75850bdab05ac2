"""How far the records of a period go: one rule for comparisons, for findings and for the page."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from etl.dates import FIRST_DAY
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
_NEWEST_DAY = "SELECT max(date) AS newest FROM access_log WHERE date <= $today"
# A record of today may have a time that is later than now, by a clock that is fast.
_NEWEST_TIME = """
    SELECT max(time) AS newest
    FROM access_log
    WHERE date BETWEEN $newest_day - 1 AND $newest_day AND time <= $now
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
    newest_day = _newest(database, _NEWEST_DAY, {"today": now.date()})
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


def known_end(
    scope: Scope, end: dt.datetime, newest: dt.datetime | None, now: dt.datetime
) -> dt.datetime:
    """Where a period ends as far as there are records: at `end`, or now, unless its last day is not over.

    Then it is the end of the minute of the newest record: the lake may not have the rest of that day yet. A day is over
    when there are records of its last hour or of the next day; one that was chosen, two days later, too. `newest` is
    the time of the newest record up to a day after the period. All times are naive, UTC.
    """
    until = min(end, _minute_after(now - dt.timedelta(microseconds=1)))
    last_day = (until - dt.timedelta(microseconds=1)).date()
    is_over = scope.end is not None and last_day < now.date() - _DAY
    if is_over or newest is None or newest.date() != last_day:
        return until
    known = min(until, _minute_after(newest))
    begins_later = scope.begin is not None and scope.begin >= known
    return until if begins_later or newest.hour == _LAST_HOUR else known


def whole_minutes(scope: Scope) -> Scope:
    """The same in whole minutes, which is what a period can be named by: `--last 1h` is up to this very moment."""
    begin, end = scope.begin, scope.end
    first = begin and begin.replace(second=0, microsecond=0)
    return between(
        scope, first, end and _minute_after(end - dt.timedelta(microseconds=1))
    )


def _minute_after(moment: dt.datetime) -> dt.datetime:
    """The first moment of the next minute."""
    minute = moment.replace(second=0, microsecond=0)
    return minute + _MINUTE if minute <= dt.datetime.max - _MINUTE else dt.datetime.max  # noqa: DTZ901
