"""Finding the log objects of a source.

A cursor of any kind (last key, last modification) loses objects for good: AWS delivers late, and in its default
naming into the folder of a past day. So a whole trailing window of days is listed again on every run, day by
day, and what is known is taken off by exact name. Only the days of the window are listed, and no more.
"""

import contextlib
import datetime as dt
import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etl.dates import parse_date
from etl.errors import StoreError, UsageError
from etl.sources.log_object import DAY_FOLDER, LogObject, log_day
from etl.store import split_url

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Source:
    """Where log objects are: an S3 prefix or a local directory (`location`), perhaps with a glob (`pattern`)."""

    url: str
    scheme: str
    location: str
    pattern: str | None

    @property
    def has_window(self) -> bool:
        """Whether a run lists only the trailing window: under an S3 prefix. A disk is listed in no time."""
        return self.scheme == "s3" and self.pattern is None

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
        if _MAGIC.search(directory):
            raise UsageError(f"{url}: a glob may stand in the last part only; give several sources instead")
        if slash and _MAGIC.search(last):
            return Source(url, scheme, directory + "/", last)
        return Source(url, scheme, rest if slash else rest + "/", None)
    path = Path(rest)
    if path.is_dir():
        return Source(rest, scheme, rest, None)
    if path.is_symlink():
        raise UsageError(f"{url}: is a symbolic link; name the file that it leads to")
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


def require_listing(source: Source, endpoint_url: str | None) -> None:
    """Raise StoreError where a source cannot be listed: a run had better not begin."""
    next(discover_objects(source, None, dt.date.max, endpoint_url, Found(), full=True), None)


def discover_objects(
    source: Source, since: dt.date | None, today: dt.date, endpoint_url: str | None, found: Found, *, full: bool = False
) -> Iterator[LogObject]:
    """The log objects of a source from the day `since` on (None: all), in the order of their names.

    An S3 prefix is listed only for the days from `since` to `today`; with `full` all of it is, and what is
    older is dropped, as it is from other sources.
    """
    if source.scheme == "file":
        objects = _list_local(source, since)
    else:
        from etl.sources import s3_listing  # noqa: PLC0415 - as in etl.storage

        if source.pattern is not None:
            objects = s3_listing.list_glob(source.location, source.pattern, endpoint_url)
        elif since is not None and not full:
            objects = s3_listing.list_window(source.location, since, today, endpoint_url)
        else:
            objects = s3_listing.list_all(source.location, endpoint_url)
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


def _list_local(source: Source, since: dt.date | None) -> Iterator[LogObject | None]:
    root = Path(source.location)
    try:
        for path in _walk(str(root), since) if source.pattern is None else _matching(root, source.pattern):
            with contextlib.suppress(FileNotFoundError):
                yield _local_object(path, is_explicit=source.pattern is not None)
    except OSError as error:
        raise StoreError(f"{error.filename or root}: cannot be listed: {error.strerror}; check permissions") from error


def _local_object(path: str, *, is_explicit: bool) -> LogObject | None:
    try:
        path.encode()
    except UnicodeEncodeError:  # not UTF-8, as names of AWS are
        return None
    stat = os.stat(path)  # noqa: PTH116 - paths are texts here: there are many
    modified = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC)
    day = log_day(path) or (modified.date() if is_explicit else None)
    # Copied or touched, a file is the same; that it grew tells.
    return LogObject(path, stat.st_size, f"{stat.st_size:x}", modified, day) if day else None


def _matching(directory: Path, pattern: str) -> list[str]:
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    return [str(directory / name) for name in fnmatch.filter(names, pattern)]


def _walk(directory: str, since: dt.date | None) -> Iterator[str]:
    """The files below a directory in order, without folders of AWS's naming for days before `since`.

    Symbolic links are passed over, as what they lead to may be nothing that whoever made them could read.
    """
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            day = DAY_FOLDER.search(entry.path + "/")
            date = parse_date(day["date"]) if day else None
            if date is None or since is None or date >= since:
                yield from _walk(entry.path, since)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
