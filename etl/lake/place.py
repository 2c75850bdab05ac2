"""Where a lake is, and where one may be made: not inside another one, nor around it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path

from etl.errors import NoLakeError, StoreError, UsageError
from etl.lake.coverage import read_covered
from etl.lake.format import NOTE, has_parts, read_format
from etl.schema import ACCESS_LOG
from etl.store import (
    Location,
    ReadableStore,
    S3Session,
    Store,
    open_store,
    parse_location,
)

# A folder that is looked through for a lake may have any number of others.
_FOLDERS = 1000
# On S3 each takes a request.
_FOLDERS_ON_S3 = 50


def require_lake(store: ReadableStore) -> None:
    """Raise NoLakeError where no run has written anything, StoreError where a newer version has."""
    if _was_written(store):
        return
    location = parse_location(store.url)
    likely = None if location.is_s3 else _likely_lake(Path(location.key))
    suggestion = f"; did you mean {str(likely)!r}?" if likely else ""
    raise NoLakeError(
        f"{store.url}: there is no lake here{suggestion} "
        f"(`accesslake ingest --source LOGS --lake {store.url}` makes one)"
    )


def is_new(store: ReadableStore) -> bool:
    """Whether a run would make a lake here. Raises StoreError where a newer version has made one."""
    return not (read_format(store) or has_parts(store))


def refuse_nested(store: Store, session: S3Session) -> None:
    """Raise UsageError where a new lake would be inside another one, or around it.

    The records of one would be below the folder of the other, for whoever reads, removes or copies that. What may not
    be read is not looked into.
    """
    location = parse_location(store.url)
    for outer in _parents(location):
        if _is_noted(outer, session):
            raise UsageError(
                f"{store.url}: would be inside the lake {outer.url}; give each lake a folder of its own"
            )
    for inner in _folders_of(location, store):
        if _is_noted(inner, session):
            raise UsageError(
                f"{store.url}: the lake {inner.url} is inside; give each lake a folder of its own"
            )


def _was_written(store: ReadableStore) -> bool:
    try:
        # A lake from before formats were noted has no note, but parts.
        return bool(read_format(store) or has_parts(store) or read_covered(store))
    except StoreError as error:
        if store.is_remote and _is_no_bucket(error):
            raise NoLakeError(f"there is no lake: {error}") from error
        raise


def _is_no_bucket(error: StoreError) -> bool:
    from etl.store.s3_errors import error_code  # noqa: PLC0415 - as in etl.store.open

    return error_code(error) == "NoSuchBucket"


def _parents(location: Location) -> Iterator[Location]:
    """The folders that a location is in, from the inside out."""
    key = location.key if location.is_s3 else os.path.realpath(location.key)
    key = key.rstrip("/")
    while key:
        key, _, _ = key.rpartition("/")
        yield Location(location.bucket, key if location.is_s3 else key or "/")


def _folders_of(location: Location, store: ReadableStore) -> Iterator[Location]:
    key = location.key.rstrip("/")
    names: list[str] = []
    with suppress(StoreError):
        names = store.directories("")
    for name in names[: _FOLDERS_ON_S3 if location.is_s3 else _FOLDERS]:
        yield Location(location.bucket, f"{key}/{name}" if key else name)


def _is_noted(location: Location, session: S3Session) -> bool:
    """Whether there is a lake's note of its format. Folders of records alone may be anything."""
    with suppress(StoreError, FileNotFoundError):
        open_store(location.url, session).read(NOTE)
        return True
    return False


def _likely_lake(path: Path) -> Path | None:
    """The lake that is probably meant by a path on a disk: right inside it, around it, or spelled nearly the same."""
    with suppress(OSError):
        inside = (one for one in _folders(path) if _is_lake(one))
        around = (one for one in path.parents if _is_lake(one))
        return next(chain(inside, around, _nearest_spelling(path)), None)
    return None


def _nearest_spelling(path: Path) -> Iterator[Path]:
    """The lake of which one folder has nearly the name of the first one in the path that does not exist."""
    folders = [*reversed(path.parents), path]
    wrong = next((one for one in folders if not one.is_dir()), path)
    below = path.relative_to(wrong)
    lakes = [one.name for one in _folders(wrong.parent) if _is_lake(one / below)]
    for name in get_close_matches(wrong.name, lakes, n=1, cutoff=0):
        yield wrong.with_name(name) / below


def _folders(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from islice((one for one in path.iterdir() if one.is_dir()), _FOLDERS)


def _is_lake(path: Path) -> bool:
    return (path / NOTE).is_file() or (path / ACCESS_LOG.name).is_dir()
