"""Log objects -> their uncompressed bytes; from S3 many at a time, through s3fs."""

import asyncio
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import zstandard

from etl.config import MIB
from etl.errors import StoreError
from etl.sources.log_object import LogObject
from etl.store.local import open_no_link

_GROUP_BYTES = 32 * MIB
_GROUP_OBJECTS = 2048
_PIECE = MIB
# Compressed bytes at a time: a block of 128 KiB may be four of them.
_STEP = 1024
LARGEST = 1024 * MIB
"""Bytes of text of a log object, where no setting says otherwise."""
# Encrypted with a key that may not be used, or archived: the other objects may be well.
_ONLY_THIS_OBJECT = ("AccessDenied", "InvalidObjectState")
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A log object and its text; without text, `problem` says why ("" where the object is simply gone)."""

    log_object: LogObject
    data: bytes | None
    problem: str = ""


def fetch_objects(
    objects: Sequence[LogObject],
    concurrency: int,
    endpoint_url: str | None = None,
    largest: int = LARGEST,
) -> Iterator[Fetched]:
    """The objects' texts, in order. While one group is used, the next one is on its way.

    What concerns a single object (gone, unreadable, archived, damaged, of more than `largest` bytes of text) is a
    problem of that object. A store that does not respond raises StoreError.
    """
    for on_s3, group in groupby(objects, key=lambda one: one.name.startswith("s3://")):
        of_store = list(group)
        small = [one for one in of_store if one.size <= largest]
        yield from (
            Fetched(one, None, _too_large(largest))
            for one in of_store
            if one.size > largest
        )
        stored = (
            _fetch_s3(small, concurrency, endpoint_url)
            if on_s3
            else map(_fetch_local, small)
        )
        # One at a time: compressed, many of them take little memory, whatever they become.
        yield from (_as_text(one, largest) for one in stored)


def _too_large(largest: int) -> str:
    return (
        f"is more than {largest:,} bytes of text: set aside. If it is a log object, set max_object_size higher; "
        "if it is none, move it out of the source"
    )


def _fetch_local(one: LogObject) -> Fetched:
    try:
        with open(one.name, "rb", buffering=0, opener=open_no_link) as file:
            return _fetched(one, file.read())
    except FileNotFoundError:
        return Fetched(one, None)
    except OSError as error:
        return Fetched(one, None, f"cannot be read: {error.strerror}")


def _fetch_s3(
    objects: Sequence[LogObject], concurrency: int, endpoint_url: str | None
) -> Iterator[Fetched]:
    from etl.store.s3_client import s3_filesystem  # noqa: PLC0415 - as in etl.store.open

    files = s3_filesystem(endpoint_url)
    ahead: Future[list[Fetched]] | None = None
    for group in _groups(objects):
        started = asyncio.run_coroutine_threadsafe(
            _read_group(files, group, concurrency), files.loop
        )
        if ahead is not None:
            yield from ahead.result()
        ahead = started
    if ahead is not None:
        yield from ahead.result()


def _groups(objects: Sequence[LogObject]) -> Iterator[list[LogObject]]:
    group: list[LogObject] = []
    size = 0
    for one in objects:
        if group and (size + one.size > _GROUP_BYTES or len(group) == _GROUP_OBJECTS):
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size
    if group:
        yield group


async def _read_group(
    files: Any, group: list[LogObject], concurrency: int
) -> list[Fetched]:
    limit = asyncio.Semaphore(concurrency)

    async def read(one: LogObject) -> Fetched:
        async with limit:
            return await _read_s3(files, one)

    return list(await asyncio.gather(*(read(one) for one in group)))


async def _read_s3(files: Any, one: LogObject) -> Fetched:
    from etl.store.s3_client import error_code, s3_errors  # noqa: PLC0415 - as in etl.store.open

    try:
        with s3_errors(one.name):
            return _fetched(one, await files._cat_file(one.name))  # noqa: SLF001 - fsspec's documented coroutine
    except FileNotFoundError:
        return Fetched(one, None)
    except StoreError as error:
        if error_code(error) in _ONLY_THIS_OBJECT:
            return Fetched(one, None, str(error).removeprefix(f"{one.name}: "))
        raise


def _fetched(one: LogObject, data: bytes) -> Fetched:
    if len(data) != one.size:
        return Fetched(
            one,
            None,
            f"changed while it was read: {len(data)} bytes, {one.size} when listed",
        )
    return Fetched(one, data)


def _as_text(stored: Fetched, largest: int) -> Fetched:
    """Plain text as it is; gzip and zstd, recognized by their magic bytes, decompressed (several frames too)."""
    one, data = stored.log_object, stored.data
    if data is None or not data.startswith((_GZIP_MAGIC, _ZSTD_MAGIC)):
        return stored
    text = io.BytesIO()
    try:
        for piece in _gunzipped(data) if data.startswith(_GZIP_MAGIC) else _unzstd(data):
            text.write(piece)
            if text.tell() > largest:  # not one piece more is decompressed
                return Fetched(one, None, _too_large(largest))
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        return Fetched(one, None, f"cannot be decompressed: {error}")
    return Fetched(one, text.getvalue())


def _gunzipped(data: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _unzstd(data: bytes) -> Iterator[bytes]:
    """The text of several frames. Raises ZstdError where the last one is not whole, which a stream does not tell."""
    at = 0
    while at < len(data):
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof:
            if at >= len(data):
                raise zstandard.ZstdError("the last frame is not whole")
            step = data[at : at + _STEP]
            at += len(step)
            yield frame.decompress(step)
        at -= len(frame.unused_data)
