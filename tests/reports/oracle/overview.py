"""Reports of the section overview."""

import datetime as dt
from collections import Counter, defaultdict

from small_lake import REJECTS

from oracle.measures import (
    bytes_sent,
    client_failures,
    clients,
    distinct,
    error_percent,
    first_time,
    hour,
    last_time,
    minutes_to_delivery,
    percent,
    quantile,
    server_failures,
)
from oracle.objects import removed
from oracle.prices import cost
from oracle.selections import (
    anonymous,
    authenticated,
    by_principal,
    deletes,
    denials,
    expiries,
    requests,
    successes,
    visits,
)
from oracle.tables import Records, Rows, group_by


def figures(records: Records) -> Rows:
    everything = requests(records)
    # a rule that removes a version takes no object away, and what has no size was not there, or only marked
    gone = [record for record in expiries(records) if record.op == "S3.CREATE.DELETEMARKER" or not record.version]
    deleted = [record for record in successes(deletes(records)) if record.size is not None]
    old_versions = [record for record in expiries(records) if removed(record) == "old version"]
    return [
        (
            len(everything),
            client_failures(everything),
            server_failures(everything),
            error_percent(everything),
            len(denials(everything)),
            bytes_sent(everything),
            clients(visits(records)),
            distinct(by_principal(authenticated(everything)), "requester"),
            len(anonymous(everything)),
            distinct(gone, "bucket", "key"),
            len(old_versions),
            distinct(deleted, "bucket", "key"),
            cost(records),
            len(REJECTS),
            round(quantile([minutes_to_delivery(record) for record in records], 0.95)),
        )
    ]


_DAY, _HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
_VERDICTS = ("gaps", "ended", "unknown", "complete")


def completeness(all_records: Records, records: int) -> Rows:
    newest = last_time(all_records).date()
    rows: Rows = []
    for (bucket,), group in group_by(all_records, "bucket").items():
        days = _by_day(group, newest)
        regular_days = {kind for kind in (True, False) if _is_regular(days, kind, records)}
        missing_days = [day for day, number in days.items() if not number and _is_weekend(day) in regular_days]
        hours = _by_hour(group)
        regular_hours = _regular_hours(hours, records)
        missing_hours = [time for time, number in hours.items() if not number and _kind_of_hour(time) in regular_hours]
        within = [day for day in missing_days if day < last_time(group).date()]
        days_judged = percent(sum(_is_weekend(day) in regular_days for day in days), len(days))
        hours_judged = percent(sum(_kind_of_hour(time) in regular_hours for time in hours), len(hours))
        if within or missing_hours:
            verdict = "gaps"
        elif missing_days:
            verdict = "ended"
        else:
            verdict = "unknown" if (days_judged or 0) < 50 else "complete"
        starts = [dt.datetime.combine(day, dt.time()) for day in within]
        last = max(starts + missing_hours, default=None)
        counts = (len(within), len(missing_hours), last, days_judged, hours_judged, len(group))
        lag = round(quantile([minutes_to_delivery(record) for record in group], 0.95), 1)
        rows.append((bucket, verdict, *counts, first_time(group), last_time(group), lag))
    return sorted(rows, key=lambda row: (_VERDICTS.index(row[1]), row[0]))


def _by_day(records: Records, newest: dt.date) -> dict[dt.date, int]:
    """How many records each day has, from the first on; the newest day of the lake is not over."""
    first, last = first_time(records).date(), last_time(records).date()
    counts = Counter(record.date for record in records)
    days = (max(last, newest - _DAY) - first).days + 1
    return {day: counts[day] for day in (first + number * _DAY for number in range(days))}


def _is_weekend(day: dt.date) -> bool:
    return day.isoweekday() > 5


def _is_regular(days: dict[dt.date, int], is_weekend: bool, least: int) -> bool:
    """Whether days of the kind have many records, but for a few gaps of any length, of which one is judged."""
    busy = sum(number >= least for day, number in days.items() if _is_weekend(day) is is_weekend)
    gaps: set[int] = set()
    gap = 0
    for day, number in days.items():
        gap += number > 0
        if not number and _is_weekend(day) is is_weekend:
            gaps.add(gap)
    return busy >= 3 and 10 * busy >= 9 * (busy + max(len(gaps) - 1, 0))


def _by_hour(records: Records) -> dict[dt.datetime, int]:
    """How many records each hour has of days with any, from the first to the last."""
    counts = Counter(hour(record) for record in records)
    days = {record.date for record in records}
    first, last = hour(min(records, key=lambda record: record.time)), last_time(records)
    number = int((last - first) / _HOUR) + 1
    return {time: counts[time] for time in (first + n * _HOUR for n in range(number)) if time.date() in days}


def _kind_of_hour(time: dt.datetime) -> tuple[bool, int]:
    return _is_weekend(time.date()), time.hour


def _regular_hours(hours: dict[dt.datetime, int], least: int) -> set[tuple[bool, int]]:
    """The hours of the day that have many records on almost every day of the kind."""
    by_kind: dict[tuple[bool, int], list[int]] = defaultdict(list)
    for time, number in hours.items():
        by_kind[_kind_of_hour(time)].append(number)
    busy = {kind: sum(number >= least for number in numbers) for kind, numbers in by_kind.items()}
    return {kind for kind, numbers in by_kind.items() if busy[kind] >= 3 and 10 * busy[kind] >= 9 * (len(numbers) - 1)}
