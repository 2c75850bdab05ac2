"""Log objects -> their uncompressed text: small ones whole and many at a time, large ones as a stream."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from etl.ahead import results_ahead
from etl.config import MIB
from etl.errors import PreconditionFailedError, StoreError
from etl.sources.log_object import LogObject
from etl.sources.text import DamagedError, Text
from etl.store import Entry, S3Session, SequentialFile, open_store
from etl.store.local import open_no_link

LARGEST = 8 * 1024 * MIB
"""Bytes of text of a log object, where no setting says otherwise."""
WHOLE_TEXT = 64 * MIB
"""Bytes of text up to which a log object is held in memory."""
# Objects that are requested one after the other, or all at once: a thread for each would cost more than its request.
_GROUP_OBJECTS = 16
_GROUP_BYTES = 4 * MIB
# Of objects that are on their way or wait to be used.
_AHEAD_BYTES = 64 * MIB
# Encrypted with a key that may not be used, or archived: the other objects may be well.
_ONLY_THIS_OBJECT = ("AccessDenied", "InvalidObjectState")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A log object and its text: in `data`, or as `stream` where it is too large for that.

    Without either `problem` says why ("" where the object is simply gone).
    """

    log_object: LogObject
    data: bytes | None = None
    problem: str = ""
    stream: Text | None = None


def fetch_objects(
    objects: Sequence[LogObject],
    session: S3Session,
    concurrency: int,
    largest: int = LARGEST,
) -> Iterator[Fetched]:
    """The objects' texts, in order. While some are used, the next ones are on their way.

    What concerns a single object (gone, unreadable, archived, damaged, of more than `largest` bytes of text) is a
    problem of that object. A store that does not respond raises StoreError.
    """
    for (is_small, on_s3), group in groupby(objects, key=_how):
        stored: Iterator[Fetched]
        if not is_small:
            stored = (Fetched(one, stream=_text(one, session)) for one in group)
        elif on_s3:
            stored = _fetch_s3(list(group), session, concurrency)
        else:
            stored = map(_fetch_local, group)
        # One at a time: compressed, many of them take little memory, whatever they become.
        yield from (_as_text(one, largest) for one in stored)


def _how(one: LogObject) -> tuple[bool, bool]:
    """Whether an object is read whole, and whether from S3."""
    return one.size <= WHOLE_TEXT, one.name.startswith("s3://")


def _fetch_local(one: LogObject) -> Fetched:
    try:
        with open(one.name, "rb", buffering=0, opener=open_no_link) as file:
            return _fetched(one, file.read())
    except FileNotFoundError:
        return Fetched(one)
    except OSError as error:
        return Fetched(one, problem=f"cannot be read: {error.strerror}")


def _fetch_s3(
    objects: Sequence[LogObject], session: S3Session, concurrency: int
) -> Iterator[Fetched]:
    threads = concurrency
    if session.reader.reads_at_once:
        threads = max(1, concurrency // _GROUP_OBJECTS)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
    try:
        groups = (
            (sum(one.size for one in group), partial(_read_group, session, group))
            for group in _groups(objects)
        )
        for fetched in results_ahead(pool, groups, _AHEAD_BYTES):
            yield from fetched
    finally:
        # Whoever wants no more does not wait for what is on its way.
        pool.shutdown(wait=False, cancel_futures=True)


def _groups(objects: Iterable[LogObject]) -> Iterator[list[LogObject]]:
    """Objects of one bucket that are requested together."""
    group: list[LogObject] = []
    size = 0
    for one in objects:
        is_full = size + one.size > _GROUP_BYTES or len(group) == _GROUP_OBJECTS
        if group and (is_full or _bucket_and_key(one)[0] != _bucket_and_key(group[0])[0]):
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size
    if group:
        yield group


def _bucket_and_key(one: LogObject) -> tuple[str, str]:
    bucket, _, key = one.name.removeprefix("s3://").partition("/")
    return bucket, key


def _read_group(session: S3Session, group: list[LogObject]) -> list[Fetched]:
    bucket, _ = _bucket_and_key(group[0])
    keys = [_bucket_and_key(one)[1] for one in group]
    found = session.reader.get_all(bucket, keys)
    return [_outcome(one, data) for one, data in zip(group, found, strict=True)]


def _outcome(one: LogObject, found: bytes | Exception) -> Fetched:
    if isinstance(found, bytes):
        return _fetched(one, found)
    if isinstance(found, FileNotFoundError):
        return Fetched(one)
    return _problem(one, found)


def _problem(one: LogObject, error: Exception) -> Fetched:
    """The object with its problem. Raises `error` where it concerns others, too."""
    from etl.store.s3_errors import error_code  # noqa: PLC0415 - as in etl.store.open

    if error_code(error) in _ONLY_THIS_OBJECT:
        return Fetched(one, problem=str(error).removeprefix(f"{one.name}: "))
    raise error


def _fetched(one: LogObject, data: bytes) -> Fetched:
    if len(data) != one.size:
        return Fetched(one, problem=_changed(len(data), one.size))
    return Fetched(one, data)


def _changed(size: int, listed_size: int) -> str:
    return f"changed while it was read: {size} bytes, {listed_size} when listed"


def _text(one: LogObject, session: S3Session) -> Text:
    """The text of an object that is too large to be held in memory."""
    return Text(lambda: _open(one, session))


def _open(one: LogObject, session: S3Session) -> io.RawIOBase:
    """What is stored, as it was listed. Raises PreconditionFailedError where it was overwritten."""
    if one.name.startswith("s3://"):
        bucket, key = _bucket_and_key(one)
        store = open_store(f"s3://{bucket}", session)
        return SequentialFile(store, Entry(key, one.size, one.etag))
    file = open(one.name, "rb", buffering=0, opener=open_no_link)  # noqa: SIM115 - whoever reads it closes it
    if os.fstat(file.fileno()).st_size != one.size:
        file.close()
        raise PreconditionFailedError(one.name)
    return file


def _as_text(stored: Fetched, largest: int) -> Fetched:
    """The object with its text decompressed: in memory where there is room for it."""
    one, data, stream = stored.log_object, stored.data, stored.stream
    if data is not None:
        stream = Text(lambda: io.BytesIO(data))
    if stream is None:
        return stored
    try:
        if one.size > largest:
            return Fetched(one, problem=_too_large(largest))
        if not stream.is_compressed():
            return stored
        return _decompressed(one, stream, largest)
    except (DamagedError, StoreError, OSError) as error:
        return _unreadable(one, error)


def _decompressed(one: LogObject, stream: Text, largest: int) -> Fetched:
    """The text of a compressed object, or the stream of it, once all of it was seen to be well."""
    text = io.BytesIO()
    size = 0
    for piece in stream.pieces():
        size += len(piece)
        if size > largest:  # not one piece more is decompressed
            return Fetched(one, problem=_too_large(largest))
        if size <= WHOLE_TEXT:
            text.write(piece)
    if size <= WHOLE_TEXT:
        return Fetched(one, text.getvalue())
    return Fetched(one, stream=stream)


def _unreadable(one: LogObject, error: Exception) -> Fetched:
    """A large object with its problem. Raises `error` where it concerns others, too."""
    if isinstance(error, FileNotFoundError):
        return Fetched(one)
    if isinstance(error, PreconditionFailedError):
        return Fetched(one, problem="changed while it was read")
    if isinstance(error, StoreError):
        return _problem(one, error)
    if isinstance(error, OSError):
        return Fetched(one, problem=f"cannot be read: {error.strerror}")
    return Fetched(one, problem=str(error))


def _too_large(largest: int) -> str:
    return (
        f"is more than {largest:,} bytes of text: set aside. If it is a log object, set max_object_size higher; "
        "if it is none, move it out of the source"
    )
