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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from shlex import quote

from etl.dates import parse_date, shifted
from etl.errors import StoreError, UsageError
from etl.sources.log_object import DAY_FOLDER, LogObject, log_day
from etl.store import Location, S3Session, parse_location

_GLOB = re.compile(r"[*?\[]")
_ENDING = re.compile(r"(?:\.[A-Za-z]+)?(?:\.(?:gz|zst))?$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where log objects are: below an S3 prefix or in a local directory; with a `pattern`, those that match it."""

    url: str
    """As runs note how far it was listed."""
    location: Location
    pattern: str | None = None

    @property
    def has_window(self) -> bool:
        """Whether a run lists only the trailing window: under an S3 prefix. A disk is listed in no time."""
        return self.location.is_s3 and self.pattern is None

    @property
    def below(self) -> str | None:
        """How the names of a glob's objects start; None where the names say the objects' days."""
        return None if self.pattern is None else f"{self.location.url.rstrip('/')}/"


@dataclass
class Found:
    """What discovery counted on its way."""

    discovered: int = 0
    """Log objects listed, known or new."""
    skipped: int = 0
    """Objects whose names are not those of log objects."""
    example: str = ""
    """The name of one of them, which is no mark of a folder and not hidden."""
    set_aside: int = 0
    """Log objects that are not ingested, as somebody had them skipped."""
    set_aside_changed: list[str] = field(default_factory=list)
    """Of these, those that were overwritten since."""
    known: int = 0
    """Log objects that are ingested already."""
    changed: list[str] = field(default_factory=list)
    """Log objects whose ETag differs from the ledger's: they were overwritten after they were ingested."""


def parse_source(url: str) -> Source:
    """A source from its URL. Raises UsageError where it is neither an S3 prefix nor an existing local path."""
    location = parse_location(url)
    return (
        _s3_source(url, location)
        if location.is_s3
        else _local_source(url, Path(location.key))
    )


def _s3_source(url: str, location: Location) -> Source:
    folder, slash, last = location.key.rpartition("/")
    if _GLOB.search(folder):
        raise UsageError(
            f"{url}: a glob may stand in the last part only; give several sources instead"
        )
    if _GLOB.search(last):
        return Source(url, Location(location.bucket, folder + slash), last)
    return Source(url, location)


def _local_source(url: str, path: Path) -> Source:
    folder = Location(None, str(path.parent))
    if path.is_dir():
        return Source(str(path), Location(None, str(path)))
    if path.is_symlink():
        raise UsageError(f"{url}: is a symbolic link; name the file that it leads to")
    if path.is_file():
        return Source(str(path), folder, glob.escape(path.name))
    if _GLOB.search(path.name) and path.parent.is_dir():
        return Source(str(path), folder, path.name)
    raise UsageError(
        f"{url}: no such directory; a source is an S3 prefix, a local directory or a glob in one"
    )


def refuse_inside(source: Source, lake_url: str) -> None:
    """Raise UsageError where the source is the lake itself or inside it: the job would read what it writes."""
    if source.location.is_inside(parse_location(lake_url)):
        raise UsageError(
            f"{source.url}: this source is inside the lake {lake_url}; give the prefix of the raw logs"
        )


def refuse_around(source: Source, lake_url: str) -> None:
    """Raise UsageError where the lake would be listed with the source: each run would list what all before it wrote."""
    if _lists(source, parse_location(lake_url)):
        raise UsageError(
            f"{lake_url}: a new lake would be inside the source {source.url}, and be listed with it; "
            "put it somewhere else, or give the prefix of the raw logs"
        )


def _lists(source: Source, place: Location) -> bool:
    """Whether a listing of the source has what is at a place. A glob lists one folder, and no folders in it."""
    if source.pattern is not None:
        return False
    if source.location.is_s3:
        is_same_bucket = source.location.bucket == place.bucket
        # A prefix may end in the middle of a name.
        return is_same_bucket and f"{place.key}/".startswith(source.location.key)
    return place.is_inside(source.location)


def require_log_objects(source: Source, session: S3Session) -> None:
    """Raise UsageError where a source has objects, but no log objects: their names, or the URL, are not right.

    One without any objects is as on the first day. Raises StoreError where it cannot be listed: a run had better not
    begin.
    """
    found = Found()
    first = next(
        discover_objects(source, None, dt.date.max, session, found, full=True), None
    )
    if first is None and found.example:
        raise UsageError(
            f"{source.url}: none of the {found.skipped:,} objects there has the name of a log object, "
            f"[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE; one of them is {found.example}. Give the prefix of the logs; "
            f"if these are logs, name them by a glob: --source {quote(_glob_of(found.example))}"
        )


def _glob_of(name: str) -> str:
    """A glob for the objects of a folder whose names end as this one does."""
    folder, slash, last = name.rpartition("/")
    ending = _ENDING.search(last)
    return f"{folder}{slash}*{ending[0] if ending else ''}"


def discover_objects(
    source: Source,
    since: dt.date | None,
    today: dt.date,
    session: S3Session,
    found: Found,
    *,
    until: dt.date | None = None,
    full: bool = False,
) -> Iterator[LogObject]:
    """The log objects of a source from the day `since` on (None: all), in the order of their names.

    An S3 prefix is listed only for the days from `since` to `today`, day by day; with `full` all of it is, and what
    is older is dropped, as it is from other sources. With `until` none of a later day is found.
    """
    # Clocks differ: a log object may have tomorrow's name.
    last = min(filter(None, (shifted(today, 1), until)))
    if not source.location.is_s3:
        objects = _list_local(source, since)
    else:
        from etl.sources import s3_listing  # noqa: PLC0415 - as in etl.store.open

        if source.pattern is not None:
            objects = s3_listing.list_glob(source.location, source.pattern, session)
        elif since is not None and not full:
            objects = s3_listing.list_window(source.location, since, last, session)
        else:
            objects = s3_listing.list_all(source.location, session)
    for one in objects:
        if isinstance(one, str):
            found.skipped += 1
            found.example = found.example or _unless_mark(one)
        elif (since or dt.date.min) <= one.day <= (until or dt.date.max):
            found.discovered += 1
            yield one


def _unless_mark(name: str) -> str:
    """The name, or nothing for that of an object which consoles and editors make: `logs/`, `.DS_Store`."""
    _, _, last = name.rpartition("/")
    return "" if last.startswith(".") or not last else name


def subtract(
    objects: Iterable[LogObject],
    known: Callable[[dt.date, str], str | None],
    found: Found,
) -> Iterator[LogObject]:
    """The objects that are not ingested; `known` gives, for a day and a name, the ETag of an ingested object."""
    for one in objects:
        etag = known(one.day, one.name)
        if etag is None:
            yield one
            continue
        # Never read again by itself: its rows are in the lake, and only a repair takes rows out.
        found.known += 1
        if etag != one.etag:
            found.changed.append(one.name)


def pass_over(
    objects: Iterable[LogObject], skipped: Mapping[str, str], found: Found
) -> Iterator[LogObject]:
    """The objects that are not to be skipped; `skipped` has the names of those that are, with their ETags then."""
    for one in objects:
        etag = skipped.get(one.name)
        if etag is None:
            yield one
            continue
        found.set_aside += 1
        if etag != one.etag:
            found.set_aside_changed.append(one.name)


def find_object(
    name: str, sources: Iterable[Source], session: S3Session
) -> LogObject | None:
    """The log object of this full name, None where no source has it."""
    place = parse_location(name)
    if not any(_has(source, place) for source in sources):
        return None
    folder, slash, last = place.key.rpartition("/")
    alone = Source(name, Location(place.bucket, folder + slash), glob.escape(last))
    objects = discover_objects(alone, None, dt.date.max, session, Found())
    return next((one for one in objects if one.name == name), None)


def overlapping(sources: Sequence[Source]) -> list[Source]:
    """The sources that may have log objects of another one, too."""
    pairs = [pair for pair in combinations(sources, 2) if _meet(*pair)]
    return [one for one in sources if any(one in pair for pair in pairs)]


def _meet(one: Source, other: Source) -> bool:
    """Whether one is below the other, or the same. An S3 prefix may end in the middle of a name."""
    here, there = one.location, other.location
    if here.is_s3 and there.is_s3 and here.bucket == there.bucket:
        return here.key.startswith(there.key) or there.key.startswith(here.key)
    return here.is_inside(there) or there.is_inside(here)


def _has(source: Source, place: Location) -> bool:
    """Whether what is at a place, if anything, is listed with a source."""
    if source.pattern is None:
        return _lists(source, place)
    folder, slash, last = place.key.rpartition("/")
    inside = Location(place.bucket, folder + slash)
    is_same = inside.is_inside(source.location) and source.location.is_inside(inside)
    return is_same and fnmatch.fnmatchcase(last, source.pattern)


def _list_local(source: Source, since: dt.date | None) -> Iterator[LogObject | str]:
    root = Path(source.location.key)
    try:
        for path in (
            _walk(str(root), since)
            if source.pattern is None
            else _matching(root, source.pattern)
        ):
            # A file that is gone since its folder was listed is no concern of this run.
            with contextlib.suppress(FileNotFoundError):
                yield _local_object(path, is_explicit=source.pattern is not None)
    except OSError as error:
        raise StoreError(
            f"{error.filename or root}: cannot be listed: {error.strerror}; check permissions"
        ) from error


def _local_object(path: str, *, is_explicit: bool) -> LogObject | str:
    # Names are keys of the ledger, which holds text; AWS gives no others.
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode()
    stat = os.stat(path)  # noqa: PTH116 - paths are texts here: there are many
    modified = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC)
    day = log_day(path) or (modified.date() if is_explicit else None)
    # Copied or touched, a file is the same; if it grew, its size shows it.
    return (
        LogObject(path, stat.st_size, f"{stat.st_size:x}", modified, day) if day else path
    )


def _matching(directory: Path, pattern: str) -> list[str]:
    with os.scandir(directory) as entries:
        names = sorted(
            entry.name for entry in entries if entry.is_file(follow_symlinks=False)
        )
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
