"""What is counted, added up or looked up in a group of records."""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any

from small_lake import Record, delivered

from oracle.selections import failures, is_by_cloudfront, successes, with_status
from oracle.tables import Records

# Counts


def distinct(records: Iterable[Record], *attributes: str) -> int:
    """How many different values; a single attribute that is None is not one."""
    values = {tuple(getattr(record, name) for name in attributes) for record in records}
    return len(values - {(None,)})


def objects(records: Records) -> int:
    """How many objects; keys of different buckets are different objects."""
    return len({(record.bucket, record.key) for record in records if record.key is not None})


def addresses(records: Records) -> int:
    return distinct(records, "ip")


def clients(records: Iterable[Record]) -> int | None:
    """How many addresses with a user agent; None where there are requests, but of nobody who is known."""
    everyone = list(records)
    known = [record for record in everyone if record.ip is not None and not is_by_cloudfront(record)]
    return distinct(known, "ip", "agent") if known or not everyone else None


def operations(records: Records) -> int:
    return distinct(records, "op")


def failed(records: Records) -> int:
    return len(failures(records))


def successful(records: Records) -> int:
    return len(successes(records))


def without_error(records: Records) -> int:
    """How many have a status, and none of an error: redirects are counted, too."""
    return len(with_status(records, 0, 399))


def client_failures(records: Records) -> int:
    return len(with_status(failures(records), 400, 499))


def server_failures(records: Records) -> int:
    return len(with_status(records, 500))


# Bytes


def bytes_sent(records: Iterable[Record]) -> int:
    return sum(record.sent or 0 for record in records)


def object_sizes(records: Iterable[Record]) -> int:
    return sum(record.size or 0 for record in records)


def latest_size(records: Iterable[Record]) -> int | None:
    """The object's size by the newest record that has one."""
    sized = [record for record in records if record.size is not None]
    return max(sized, key=lambda record: record.time).size if sized else None


# Times


def last_of(records: Iterable[Record]) -> dt.datetime | None:
    """The last time, if there is any."""
    return max((record.time for record in records), default=None)


def first_time(records: Iterable[Record]) -> dt.datetime:
    return min(record.time for record in records)


def last_time(records: Iterable[Record]) -> dt.datetime:
    return max(record.time for record in records)


def minute(record: Record) -> dt.datetime:
    return record.time.replace(second=0)


def hour(record: Record) -> dt.datetime:
    return record.time.replace(minute=0, second=0)


def minutes_to_delivery(record: Record) -> float:
    """How long after the request its log object was written."""
    return (delivered(record) - record.time) / dt.timedelta(minutes=1)


# Shares


def percent(part: int, total: int) -> float | None:
    return round(100 * part / total, 2) if total else None


def error_percent(records: Records) -> float | None:
    return percent(failed(records), len(records))


def quantile(values: Sequence[Any], share: float) -> Any:
    """The smallest value that at least this share of all values is not above."""
    present = sorted(value for value in values if value is not None)
    return present[max(0, math.ceil(share * len(present) - 1e-9) - 1)] if present else None


def quantiles(values: Sequence[Any]) -> tuple[Any, ...]:
    """The median, the 95th and the 99th percentile."""
    return tuple(quantile(values, share) for share in (0.5, 0.95, 0.99))
