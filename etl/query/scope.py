"""The part of a lake that a query is about."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from etl.errors import UsageError, nearest
from etl.lake import partition_path
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the lake that a report is about; None means all.

    Both days are part of it. Where it ends amid one of them, `time_before` is the first moment after it; naive, UTC.
    """

    bucket: str | None = None
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    time_before: dt.datetime | None = None


EVERYTHING = Scope()


def parse_day(name: str, text: str) -> dt.date:
    """A UTC day written as `YYYY-MM-DD`. Raises UsageError naming the argument."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{name} {text!r} is not a day; write YYYY-MM-DD") from error


def check_days(scope: Scope) -> None:
    """Raise UsageError for days in the wrong order."""
    if scope.date_from and scope.date_to and scope.date_from > scope.date_to:
        raise UsageError(
            f"--from {scope.date_from} is after --to {scope.date_to}; both days are part of the period"
        )


def check_bucket(store: ReadableStore, scope: Scope, parts: Iterable[Entry]) -> None:
    """Raise UsageError for a bucket that a lake with buckets does not have; `parts` are those in the scope."""
    if scope.bucket is None or any(
        part.name.startswith(ACCESS_LOG.name) for part in parts
    ):
        return
    known = buckets(store)
    # An empty lake has no bucket yet, and empty results.
    if known and scope.bucket not in known:
        raise UsageError(
            f"no bucket {scope.bucket!r} in {store.url}{nearest(scope.bucket, known)}"
        )


def buckets(store: ReadableStore) -> list[str]:
    """The source buckets in the lake, in order."""
    names = store.directories(partition_path(ACCESS_LOG))
    return sorted(unquote(name.removeprefix("bucket=")) for name in names)
