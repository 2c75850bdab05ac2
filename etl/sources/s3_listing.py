"""Listing log objects on S3: everything below a prefix, what a glob matches, or only a window of days."""

import datetime as dt
import fnmatch
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from os.path import commonprefix
from typing import Any, cast

from etl.sources.log_object import (
    LIKELY_YEAR_FOLDER,
    LOG_NAME,
    YEAR_FOLDER,
    LogObject,
    log_day,
)
from etl.store import Location, S3Session
from etl.store.s3_errors import etag_of, s3_errors

_LISTERS = 16
# Keys that one task lists, in ten requests: they wait in memory until their turn comes.
_TASK_KEYS = 10_000
# Where AWS goes on in a name: what is listed is cut at these. Keys with other characters fall between two of them.
_CUTS = "0123456789ABCDEF"
_FOLDERS = "%Y/%m/%d/"
_NUMBER_FOLDER = re.compile("[0-9]{2}/")

Listed = Iterator[LogObject | str]
"""Log objects in the order of their names; a name stands for an object whose name is not that of one."""


def list_all(location: Location, session: S3Session) -> Listed:
    """Every object below `location`; who takes only the first ones pays for no more."""
    client, bucket = session.client, location.bucket or ""
    left: list[_Range] = []
    yield from _first_objects(client, bucket, _Range(location.key), left)
    yield from _list_ranges(client, bucket, left)


def list_glob(location: Location, pattern: str, session: S3Session) -> Listed:
    """The objects right in the folder `location` whose names match `pattern`."""
    bucket, prefix = location.bucket or "", location.key
    literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    for item in _pages(session.client, bucket, Prefix=prefix + literal, Delimiter="/"):
        if "Key" in item and fnmatch.fnmatchcase(
            item["Key"].removeprefix(prefix), pattern
        ):
            yield _log_object(bucket, item, item["LastModified"].date())


def list_window(
    location: Location, since: dt.date, until: dt.date, session: S3Session
) -> Listed:
    """The objects of the days from `since` to `until`, day by day, as the ledger has them."""
    bucket, prefix = location.bucket or "", location.key
    client = session.client
    days = [since + dt.timedelta(days=n) for n in range((until - since).days + 1)]
    roots = _Roots(client, bucket)
    roots.walk(prefix)
    # There may be any number of them, and only how many matters here.
    yield from repeat("", roots.skipped)
    day_prefixes = [
        f"{root}{day:{form}}"
        for day in days
        for root, form in sorted(roots.day_formats.items())
    ]
    # A source may end in the middle of a name: what it leaves out is not its own.
    prefixes = [
        max(one, prefix, key=len)
        for one in day_prefixes
        if one.startswith(prefix) or prefix.startswith(one)
    ]
    yield from _list_ranges(client, bucket, map(_Range, prefixes))


@dataclass(frozen=True, slots=True)
class _Range:
    """The keys that begin with `prefix`, behind the key `after` and up to `last`, if there is one."""

    prefix: str
    after: str = ""
    last: str | None = None

    def ends_before(self, key: str) -> bool:
        return self.last is not None and key > self.last

    def cut_behind(self, first: str, listed: str) -> "list[_Range]":
        """What is left where the keys from `first` to `listed` are listed, in ranges of about as many keys."""
        common = commonprefix([first, listed])  # noqa: RUF071 - of texts, not of paths
        cuts = [common + one for one in _CUTS]
        inside = [one for one in cuts if one > listed and not self.ends_before(one)]
        begins = [listed, *inside]
        ends = [*inside, self.last]
        return [_Range(self.prefix, *bounds) for bounds in zip(begins, ends, strict=True)]


def _list_ranges(client: Any, bucket: str, ranges: Iterable[_Range]) -> Listed:
    """The objects of ranges, in their order.

    Several are listed at a time, and of a large one its parts: a day of millions of log objects takes thousands of
    requests. However many there are, the keys of some tens of tasks are in memory.
    """
    list_one = partial(_list_range, client, bucket)
    waiting: deque[Future[tuple[list[LogObject | str], list[_Range]]]] = deque()
    remaining = iter(ranges)
    pool = ThreadPoolExecutor(_LISTERS)
    try:
        while True:
            more = islice(remaining, max(0, _LISTERS - len(waiting)))
            waiting.extend(pool.submit(list_one, one) for one in more)
            if not waiting:
                return
            objects, left = waiting.popleft().result()
            waiting.extendleft([pool.submit(list_one, one) for one in left][::-1])
            yield from objects
    finally:
        pool.shutdown(cancel_futures=True)


def _list_range(
    client: Any, bucket: str, keys: _Range
) -> tuple[list[LogObject | str], list[_Range]]:
    """The first objects of a range, and what is left of it."""
    left: list[_Range] = []
    return list(_first_objects(client, bucket, keys, left)), left


def _first_objects(client: Any, bucket: str, keys: _Range, left: list[_Range]) -> Listed:
    """The first objects of a range; what is left of it then is added to `left`."""
    first = before = ""
    # Where a store does not list in order, a range can only be listed whole.
    is_in_order = True
    pages = _pages(client, bucket, Prefix=keys.prefix, StartAfter=keys.after)
    for count, item in enumerate(pages, start=1):
        key = item["Key"]
        if keys.ends_before(key):
            break
        is_in_order = is_in_order and key > before
        first, before = first or key, key
        yield _log_object(bucket, item)
        if is_in_order and count == _TASK_KEYS:
            left += keys.cut_behind(first, key)
            return


class _Roots:
    """Finds below a prefix what day prefixes hang on, without listing the days.

    `day_formats` maps each such root to the `strftime` form of its days: `[prefix]` and `%Y-%m-%d-` in simple
    naming, `[prefix]ACCOUNT/REGION/BUCKET/` and `%Y/%m/%d/` in partitioned naming. Where the account is not one of
    AWS's, as in Ceph, a look into the last month and day tells whether its folders are those of days. Names in simple
    naming are stepped over a year at a time, so a folder whose own name begins with a year and a dash may be missed
    here (`ingest --full` finds it).
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self.day_formats: dict[str, str] = {}
        self.skipped = 0

    def walk(self, prefix: str) -> None:
        """Look through everything below `prefix`."""
        folders = [prefix]
        while folders:
            folder = folders.pop()
            start_after: str | None = ""
            while start_after is not None:
                start_after = self._walk_until_log_name(folder, start_after, folders)

    def _walk_until_log_name(
        self, prefix: str, start_after: str, folders: list[str]
    ) -> str | None:
        """Collect the folders from `start_after` on; where to go on after a log object's name, None at the end."""
        items = _pages(
            self._client,
            self._bucket,
            Prefix=prefix,
            Delimiter="/",
            StartAfter=start_after,
        )
        for item in items:
            if "Prefix" in item:
                # Below it there are only months, days and log objects, whose prefixes are known.
                if self._is_year(item["Prefix"]):
                    self.day_formats[item["Prefix"][: -len("YYYY/")]] = _FOLDERS
                else:
                    folders.append(item["Prefix"])
            elif (match := LOG_NAME.search(item["Key"])) is None:
                self.skipped += 1
            else:
                root = item["Key"][: match.start()]
                self.day_formats[root] = "%Y-%m-%d-"
                # Behind all names of this year: `~` sorts after digits and letters.
                return f"{root}{match['date'][:4]}-~"
        return None

    def _is_year(self, folder: str) -> bool:
        """Whether in this folder there are months and days in partitioned naming, and nothing else."""
        if YEAR_FOLDER.search(folder):
            return True
        if not LIKELY_YEAR_FOLDER.search(folder):
            return False
        # One year of a source tells the others.
        if self.day_formats.get(folder[: -len("YYYY/")]) == _FOLDERS:
            return True
        month = self._last_of(folder, _NUMBER_FOLDER)
        day = month and self._last_of(month, _NUMBER_FOLDER)
        if not day:
            return False
        year_month_day = day.removesuffix("/").split("/")[-3:]
        return (
            self._last_of(day, re.compile(f"{'-'.join(year_month_day)}-[^/]*"))
            is not None
        )

    def _last_of(self, folder: str, pattern: re.Pattern[str]) -> str | None:
        """The last name in a folder, where all are of this pattern; else None."""
        last = None
        for item in _pages(self._client, self._bucket, Prefix=folder, Delimiter="/"):
            last = item.get("Prefix") or item["Key"]
            if not pattern.fullmatch(last.removeprefix(folder)):
                return None
        return last


def _pages(client: Any, bucket: str, **options: str) -> Iterator[dict[str, Any]]:
    """Keys and, with a delimiter, folders, in the order of their names."""
    with s3_errors(f"s3://{bucket}/{options['Prefix']}"):
        for page in client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, **options
        ):
            # S3 gives keys and folders of a page in two lists, each in order.
            items = [*page.get("Contents", []), *page.get("CommonPrefixes", [])]
            yield from sorted(
                items, key=lambda item: cast("str", item.get("Key") or item["Prefix"])
            )


def _log_object(
    bucket: str, item: Mapping[str, Any], default_day: dt.date | None = None
) -> LogObject | str:
    name = f"s3://{bucket}/{item['Key']}"
    day = log_day(item["Key"]) or default_day
    if day is None:
        return name
    return LogObject(name, item["Size"], etag_of(item, name), item["LastModified"], day)
