"""Finding the log objects of a source.

A cursor of any kind (last key, last modification) loses objects for good: AWS delivers late, and in its default
naming into the folder of a past day. So a whole trailing window of days is listed again on every run, day by
day, and what is known is taken off by exact name. Only the days of the window are listed, and no more.
"""

import datetime as dt
import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from etl.errors import UsageError
from etl.storage import local_etag, s3_client, s3_errors, split_url

_LOG_NAME = re.compile(r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:-[0-9]{2}){3}-[0-9A-Za-z]+(?:\.(?:gz|zst))?$")
"""`[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE`; a suffix says that somebody compressed the object later."""
_SOURCE_FOLDER = r"[0-9]{12}/[a-z0-9-]+/[^/]+/"
_YEAR_FOLDER = re.compile(_SOURCE_FOLDER + r"[0-9]{4}/$")
_DAY_FOLDER = re.compile(_SOURCE_FOLDER + r"(?P<date>[0-9]{4}/[0-9]{2}/[0-9]{2})/$")
"""`[prefix]ACCOUNT/REGION/BUCKET/YYYY/MM/DD/`, AWS's date-based partitioning."""
_MAGIC = re.compile(r"[*?\[]")
_LISTERS = 16


@dataclass(frozen=True, slots=True)
class LogObject:
    """A log object: `name` is its URL on S3 or its absolute path, `day` the day that it is filed under."""

    name: str
    size: int
    etag: str
    last_modified: dt.datetime
    day: dt.date


@dataclass(frozen=True, slots=True)
class Source:
    """Where log objects are: an S3 prefix or a local directory (`location`), perhaps with a glob (`pattern`)."""

    url: str
    scheme: str
    location: str
    pattern: str | None

    @property
    def below(self) -> str | None:
        """How the names of a glob's objects start; None where the names say the objects' days."""
        if self.pattern is None:
            return None
        return f"{'s3://' if self.scheme == 's3' else ''}{self.location.rstrip('/')}/"


@dataclass
class Found:
    """What discovery counted on its way."""

    discovered: int = 0
    """Log objects listed, known or new."""
    skipped: int = 0
    """Objects whose names are not those of log objects."""
    known: int = 0
    """Log objects that are ingested already."""
    changed: list[str] = field(default_factory=list)
    """Log objects whose ETag differs from the ledger's: they were overwritten after they were ingested."""


def parse_source(url: str) -> Source:
    """A source from its URL. Raises UsageError where it is neither an S3 prefix nor an existing local path."""
    scheme, rest = split_url(url)
    if scheme == "s3":
        directory, slash, last = rest.rpartition("/")
        if slash and _MAGIC.search(last):
            return Source(url, scheme, directory + "/", last)
        return Source(url, scheme, rest if slash else rest + "/", None)
    path = Path(rest)
    if path.is_dir():
        return Source(rest, scheme, rest, None)
    if path.is_file():
        return Source(rest, scheme, str(path.parent), glob.escape(path.name))
    if _MAGIC.search(path.name) and path.parent.is_dir():
        return Source(rest, scheme, str(path.parent), path.name)
    raise UsageError(f"{url}: no such directory; a source is an S3 prefix, a local directory or a glob in one")


def refuse_inside(source: Source, lake_url: str) -> None:
    """Raise UsageError where the source is the lake itself or inside it: the job would read what it writes."""
    scheme, lake = split_url(lake_url)
    location = source.location.rstrip("/")
    if scheme == "file":
        lake, location = os.path.realpath(lake), os.path.realpath(location)
    if scheme == source.scheme and (location + "/").startswith(lake.rstrip("/") + "/"):
        raise UsageError(f"{source.url}: this source is inside the lake {lake_url}; give the prefix of the raw logs")


def discover(
    source: Source,
    since: dt.date | None,
    today: dt.date,
    endpoint_url: str | None,
    found: Found,
    *,
    window: bool,
) -> Iterator[LogObject]:
    """The log objects of a source from the day `since` on (None: all), in the order of their names.

    With `window`, an S3 prefix is listed only for the days from `since` to `today`; without, all of it is, and
    what is older is dropped.
    """
    if source.scheme == "file":
        objects = _list_local(source, since)
    elif window and since is not None and source.pattern is None:
        objects = _list_s3_window(source, since, today, endpoint_url)
    else:
        objects = _list_s3(source, endpoint_url)
    for one in objects:
        if one is None:
            found.skipped += 1
        elif since is None or one.day >= since:
            found.discovered += 1
            yield one


def subtract(
    objects: Iterable[LogObject], known: Callable[[dt.date], Mapping[str, str]], found: Found
) -> Iterator[LogObject]:
    """The objects that are not ingested; `known` gives, for a day, the ETags of ingested objects by name."""
    for one in objects:
        etag = known(one.day).get(one.name)
        if etag is None:
            yield one
            continue
        found.known += 1
        if etag != one.etag:
            found.changed.append(one.name)


def _log_day(name: str) -> dt.date | None:
    """The day in the name of a log object, or None where it is no such name."""
    match = _LOG_NAME.search(name)
    return _date(match["date"]) if match else None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None


def _list_local(source: Source, since: dt.date | None) -> Iterator[LogObject | None]:
    root = Path(source.location)
    if source.pattern is None:
        paths = _walk(root, since)
    else:
        names = fnmatch.filter(sorted(path.name for path in root.iterdir() if path.is_file()), source.pattern)
        paths = (root / name for name in names)
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        modified = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC)
        day = _log_day(path.name) or (modified.date() if source.pattern else None)
        yield LogObject(str(path), stat.st_size, local_etag(stat), modified, day) if day else None


def _walk(directory: Path, since: dt.date | None) -> Iterator[Path]:
    """The files below a directory in order, without folders of AWS's naming for days before `since`."""
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            day = _DAY_FOLDER.search(entry.path + "/")
            date = _date(day["date"]) if day else None
            if date is None or since is None or date >= since:
                yield from _walk(Path(entry.path), since)
        elif entry.is_file():
            yield Path(entry.path)


def _list_s3(source: Source, endpoint_url: str | None) -> Iterator[LogObject | None]:
    """Every object below the prefix; with a glob, those in its directory that it matches."""
    bucket, _, prefix = source.location.partition("/")
    client = s3_client(endpoint_url)
    if source.pattern is None:
        for item in _pages(client, bucket, Prefix=prefix):
            yield _s3_object(bucket, item)
        return
    literal = _MAGIC.split(source.pattern)[0]
    for item in _pages(client, bucket, Prefix=prefix + literal, Delimiter="/"):
        if "Key" in item and fnmatch.fnmatchcase(item["Key"].removeprefix(prefix), source.pattern):
            yield _s3_object(bucket, item, item["LastModified"].date())


def _list_s3_window(
    source: Source, since: dt.date, today: dt.date, endpoint_url: str | None
) -> Iterator[LogObject | None]:
    """The objects of the days from `since` to the one after `today` (clocks differ), day prefix by day prefix."""
    bucket, _, prefix = source.location.partition("/")
    client = s3_client(endpoint_url)
    days = [since + dt.timedelta(days=n) for n in range((today - since).days + 2)]
    roots = _Roots(client, bucket)
    roots.walk(prefix)
    yield from [None] * roots.skipped
    prefixes = [f"{root}{day:{form}}" for root, form in sorted(roots.day_formats.items()) for day in days]
    with ThreadPoolExecutor(_LISTERS) as pool:
        for items in pool.map(lambda day_prefix: list(_pages(client, bucket, Prefix=day_prefix)), prefixes):
            for item in items:
                yield _s3_object(bucket, item)


class _Roots:
    """Finds below a prefix what day prefixes hang on, without listing the days.

    `day_formats` maps each such root to the `strftime` form of its days: `[prefix]` and `%Y-%m-%d-` in simple
    naming, `[prefix]ACCOUNT/REGION/BUCKET/` and `%Y/%m/%d/` in partitioned naming. Names in simple naming are
    stepped over a year at a time, so a folder whose own name begins with a year and a dash may be missed here
    (`ingest --full` finds it).
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self.day_formats: dict[str, str] = {}
        self.skipped = 0

    def walk(self, prefix: str) -> None:
        start_after: str | None = ""
        while start_after is not None:
            start_after = self._walk_until_log_name(prefix, start_after)

    def _walk_until_log_name(self, prefix: str, start_after: str) -> str | None:
        """Follow the folders from `start_after` on; where to go on after a log object's name, None at the end."""
        items = _pages(self._client, self._bucket, Prefix=prefix, Delimiter="/", StartAfter=start_after)
        for item in items:
            if "Prefix" in item:
                self._folder(item["Prefix"])
            elif (match := _LOG_NAME.search(item["Key"])) is None:
                self.skipped += 1
            else:
                root = item["Key"][: match.start()]
                self.day_formats[root] = "%Y-%m-%d-"
                return f"{root}{match['date'][:4]}-~"
        return None

    def _folder(self, folder: str) -> None:
        if _YEAR_FOLDER.search(folder):
            self.day_formats[folder[: -len("YYYY/")]] = "%Y/%m/%d/"
        else:
            self.walk(folder)


def _pages(client: Any, bucket: str, **options: str) -> Iterator[dict[str, Any]]:
    """Keys and, with a delimiter, folders, in the order of their names."""
    with s3_errors(f"s3://{bucket}/{options['Prefix']}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **options):
            items = [*page.get("Contents", []), *page.get("CommonPrefixes", [])]
            yield from sorted(items, key=lambda item: cast("str", item.get("Key") or item["Prefix"]))


def _s3_object(bucket: str, item: Mapping[str, Any], default_day: dt.date | None = None) -> LogObject | None:
    day = _log_day(item["Key"]) or default_day
    if day is None:
        return None
    return LogObject(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'), item["LastModified"], day)
