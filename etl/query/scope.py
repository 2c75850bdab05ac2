"""The part of a lake that a query is about."""

import datetime as dt
import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote

from etl.dates import (
    LAST_MOMENT,
    Span,
    day_span,
    last_moment,
    moment_before,
    period_in_words,
)
from etl.errors import UsageError, nearest
from etl.lake import partition_path
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore

_DAY = dt.timedelta(days=1)
_WILDCARDS = re.compile(r"[*?[\]]")
_FOLDER = "bucket="
_RECORDS = f"{ACCESS_LOG.name}/{_FOLDER}"


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the lake that a report is about; None means all.

    Both days are part of it. Where it begins or ends amid one of them, `time_from` is its first moment, and
    `time_before` the first one after it; both are naive, and UTC.
    """

    bucket: str | tuple[str, ...] | None = None
    """Names of buckets, or patterns of names, as of a shell: `*`, `?` and `[78]`, none of which a name has."""
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    time_from: dt.datetime | None = None
    time_before: dt.datetime | None = None
    key_prefix: str | None = None
    """What keys begin with; records without a key are not in the scope then."""

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names and patterns of buckets; none means all buckets."""
        if isinstance(self.bucket, str):
            return (self.bucket,)
        return self.bucket or ()

    @property
    def begin(self) -> dt.datetime | None:
        """The first moment of the period."""
        whole_day = day_span(self.date_from).begin if self.date_from else None
        return self.time_from or whole_day

    @property
    def end(self) -> dt.datetime | None:
        """The first moment after the period."""
        whole_day = day_span(self.date_to).end if self.date_to else None
        return self.time_before or whole_day

    def in_words(self, until: dt.datetime | None = None) -> str:
        """The period, or its part up to `until`, as people read it. Raises ValueError for one without both bounds."""
        if self.begin is None or self.end is None:
            raise ValueError("a period without a bound has no words")
        return period_in_words(self.begin, until or self.end)

    def until_its_end(self) -> "Scope":
        """The same without a beginning."""
        return replace(self, date_from=None, time_from=None)

    def within_days(self, first: dt.date, last: dt.date) -> "Scope":
        """The same, with these days where the period has no bound."""
        return replace(
            self, date_from=self.date_from or first, date_to=self.date_to or last
        )


EVERYTHING = Scope()


def scope_of(
    bucket: str | Sequence[str] | None = None,
    begin: Span | None = None,
    end: Span | None = None,
    key_prefix: str | None = None,
) -> Scope:
    """The scope from the first moment of `begin` until just before the end of `end`.

    Raises UsageError where `bucket` is an empty sequence: that would be all buckets.
    """
    buckets = bucket if bucket is None or isinstance(bucket, str) else tuple(bucket)
    if buckets == ():
        raise UsageError("bucket is an empty list; leave it out for all buckets")
    time_from = begin.begin if begin else None
    time_before = end.end if end else None
    last = time_before and last_moment(time_before)
    return Scope(
        buckets,
        time_from and time_from.date(),
        last and last.date(),
        _amid_a_day(time_from),
        _amid_a_day(time_before),
        key_prefix,
    )


def period_before(scope: Scope) -> Scope:
    """The scope of the period before, of equal length. Raises ValueError for a period that has not both bounds."""
    return moved_back(scope, whole_days(scope))


def whole_days(scope: Scope) -> dt.timedelta:
    """How much earlier the period before is: by so many days that the two have nothing in common.

    Hours of a day are compared with the same ones of a day before. Raises ValueError as `period_before`.
    """
    begin, end = scope.begin, scope.end
    if begin is None or end is None:
        raise ValueError("a period without a bound has no length")
    # Rounded up; the last moment there is, is nearly a whole day after the one that begins its day.
    return dt.timedelta(days=-((begin - end) // _DAY))


def moved_back(scope: Scope, by: dt.timedelta) -> Scope:
    """The scope of a period earlier by so much."""
    begin, end = scope.begin, scope.end
    earlier = begin and moment_before(begin, by)
    return between(scope, earlier, end and moment_before(end, by))


def between(scope: Scope, begin: dt.datetime | None, end: dt.datetime | None) -> Scope:
    """The scope of another period, from one moment until just before another."""
    first = Span(begin, begin) if begin else None
    last = Span(end, end) if end else None
    return scope_of(scope.bucket, first, last, scope.key_prefix)


def _amid_a_day(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment that is not where a day begins, or where the last one ends."""
    if moment is None or moment.time() == dt.time() or moment == LAST_MOMENT:
        return None
    return moment


def check_days(scope: Scope) -> None:
    """Raise UsageError for a period that ends before it begins."""
    first, last = scope.date_from, scope.date_to
    if not first or not last or first < last:
        return
    if first > last:
        raise UsageError(
            f"--from {first} is after --to {last}; both days are part of the period"
        )
    if scope.time_from and scope.time_before and scope.time_from >= scope.time_before:
        raise UsageError(
            f"--from is after --to: the period would begin at {scope.time_from}, and end before {scope.time_before}"
        )


def check_buckets(store: ReadableStore, scope: Scope, parts: Iterable[Entry]) -> None:
    """Raise UsageError for a bucket that a lake with buckets does not have; `parts` are those in the scope."""
    if not scope.buckets:
        return
    names = {bucket_of(part.name) for part in parts if is_of_bucket(part.name)}
    unseen = [one for one in scope.buckets if not any(map(matches(one), names))]
    known = buckets(store) if unseen else []
    for one in unseen:
        # An empty lake has no bucket yet, and empty results.
        if known and not any(map(matches(one), known)):
            what = "no bucket matches" if is_pattern(one) else "no bucket"
            suggestion = nearest(_WILDCARDS.sub("", one), known)
            raise UsageError(f"{what} {one!r} in {store.url}{suggestion}")


def is_pattern(bucket: str) -> bool:
    return _WILDCARDS.search(bucket) is not None


def matches(pattern: str) -> Callable[[str], bool]:
    """What tells whether a bucket has this name, or one of this pattern."""
    regex = re.compile(fnmatch.translate(pattern))
    return lambda name: regex.match(name) is not None


def matches_any(patterns: Sequence[str]) -> Callable[[str], bool]:
    """What tells whether a bucket is one of these; without any, all are."""
    names = {one for one in patterns if not is_pattern(one)}
    tests = [matches(one) for one in patterns if is_pattern(one)]
    return lru_cache(
        lambda name: not patterns or name in names or any(test(name) for test in tests)
    )


def is_of_bucket(name: str) -> bool:
    """Whether a folder or part is one of `access_log`."""
    return name.startswith(_RECORDS)


def bucket_of(name: str) -> str:
    """The bucket of a folder or part of `access_log`."""
    folder, _, _ = name.removeprefix(_RECORDS).partition("/")
    return unquote(folder)


def buckets(store: ReadableStore) -> list[str]:
    """The source buckets in the lake, in order."""
    names = store.directories(partition_path(ACCESS_LOG))
    return sorted(unquote(name.removeprefix(_FOLDER)) for name in names)
