"""The file system that DuckDB reads: the parts of one snapshot. It has no function that writes."""

import contextlib
import datetime as dt
import io
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, takewhile
from typing import Any

from fsspec import AbstractFileSystem

from etl.query.days import EVERY_DAY, Days
from etl.schema import ACCESS_LOG

SCHEME = "lake://"
# DuckDB compares a file's time of modification with that of what it has cached of it. Nothing in a snapshot changes,
# so any time will do that is always the same: this is the month when S3 began.
_NO_TIME = dt.datetime(2006, 3, 1, tzinfo=dt.UTC)

Read = Callable[[str, int, int], bytes]
"""Reads from a path, from a position on, so many bytes."""


class LakeFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by path below `root`, with their sizes in bytes; `read` gives their bytes.

    Whatever else a file system can do (write, remove, make folders) is refused.
    """

    # fsspec would give a second snapshot the file system of the first.
    cachable = False

    def __init__(self, sizes: Mapping[str, int], read: Read, root: str = SCHEME) -> None:
        super().__init__()
        self.protocol, _, _ = root.partition("://")
        self._root = root
        # Sorted, so that a glob finds its files by bisection: a lake of years has many thousands of parts.
        self._sizes = {root + path: size for path, size in sorted(sizes.items())}
        self._names = list(self._sizes)
        self._read = read
        self._records = f"{root}{ACCESS_LOG.name}/"
        # DuckDB looks for the files of a query in the thread that runs it.
        self._of_thread = threading.local()

    @contextlib.contextmanager
    def only(self, days: Days) -> Iterator[None]:
        """Let this thread find the records of these days only."""
        self._of_thread.days = days
        try:
            yield
        finally:
            self._of_thread.days = EVERY_DAY

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        """The path as it is: DuckDB needs the scheme in what `glob` returns, to come back here with it."""
        return path

    def glob(self, path: str, **_options: Any) -> list[str]:
        """The files whose paths begin as `path` does, up to its first asterisk; without one, the file itself.

        Of records those that the thread is to find, but at least one: of no files DuckDB would not know the columns.
        """
        prefix, asterisk, _ = path.partition("*")
        if not asterisk:
            return [path] if path in self._sizes else []
        first = bisect_left(self._names, prefix)
        from_first = islice(self._names, first, None)
        found = list(takewhile(lambda name: name.startswith(prefix), from_first))
        days = getattr(self._of_thread, "days", EVERY_DAY)
        if days == EVERY_DAY or not prefix.startswith(self._records):
            return found
        return [name for name in found if days.has(name)] or found[:1]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        return {"name": path, "type": "file", "size": self._size(path)}

    def size(self, path: str) -> int:
        return self._size(path)

    def exists(self, path: str, **_options: Any) -> bool:
        return path in self._sizes

    def isfile(self, path: str) -> bool:
        return path in self._sizes

    def modified(self, path: str) -> dt.datetime:
        self._size(path)
        return _NO_TIME

    def open(self, path: str, mode: str = "rb", **_options: Any) -> "LakeFile":
        if mode != "rb":
            raise PermissionError(f"{path}: the lake is only read")
        return LakeFile(path.removeprefix(self._root), self._size(path), self._read)

    def _size(self, path: str) -> int:
        try:
            return self._sizes[path]
        except KeyError:
            raise FileNotFoundError(path) from None


class LakeFile:
    """A file, read by several threads of DuckDB at a time."""

    def __init__(self, path: str, size: int, read: Read) -> None:
        self._path = path
        self._length = size
        self._read = read
        # DuckDB seeks and then reads, in two calls, and its threads share the file. With one position for all, a thread
        # could read where another one was about to: so each thread has its own. No lock is needed, as no two threads
        # write the same entry.
        self._positions: dict[int, int] = {}

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._length}[
            whence
        ]
        self._positions[threading.get_ident()] = base + position
        return base + position

    def tell(self) -> int:
        return self._positions.get(threading.get_ident(), 0)

    def read(self, length: int = -1) -> bytes:
        position = self.tell()
        available = max(0, self._length - position)
        wanted = available if length < 0 else min(length, available)
        data = self._read(self._path, position, wanted)
        self._positions[threading.get_ident()] = position + len(data)
        return data

    def close(self) -> None:
        """Do nothing: no resource is open."""
