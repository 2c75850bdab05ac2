"""Listing log objects on S3: everything below a prefix, what a glob matches, or only a window of days."""

import datetime as dt
import fnmatch
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice, repeat
from typing import Any, cast

from etl.ahead import items_ahead
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
# Listed ahead for each of them, and listed at a time.
_PAGES = 5
_PAGE = 1_000
_FOLDERS = "%Y/%m/%d/"
_NUMBER_FOLDER = re.compile("[0-9]{2}/")

Listed = Iterator[LogObject | str]
"""Log objects in the order of their names; a name stands for an object whose name is not that of one."""


def list_all(location: Location, session: S3Session) -> Listed:
    """Every object below `location`."""
    bucket, prefix = location.bucket or "", location.key
    for item in _pages(session.client, bucket, Prefix=prefix):
        yield _log_object(bucket, item)


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
    location: Location, since: dt.date, today: dt.date, session: S3Session
) -> Listed:
    """The objects of the days from `since` to the one after `today` (clocks differ), day by day.

    So each day of the ledger is needed once, however many source buckets there are.
    """
    bucket, prefix = location.bucket or "", location.key
    client = session.client
    # Clocks differ: a log object may have tomorrow's name.
    days = [since + dt.timedelta(days=n) for n in range((today - since).days + 2)]
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
    # However many days, buckets and objects there are, few of them wait in memory for whoever reads them.
    listings = (partial(_list_prefix, client, bucket, prefix) for prefix in prefixes)
    for objects in items_ahead(listings, _LISTERS, _PAGES):
        yield from objects


def _list_prefix(
    client: Any, bucket: str, prefix: str
) -> Iterator[list[LogObject | str]]:
    """The objects of a prefix, some at a time."""
    objects = (
        _log_object(bucket, item) for item in _pages(client, bucket, Prefix=prefix)
    )
    while page := list(islice(objects, _PAGE)):
        yield page


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
