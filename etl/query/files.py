"""The file system that DuckDB gets: the parts of one snapshot, for reading. There is nothing in it that writes."""

import datetime as dt
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import islice, takewhile
from typing import Any

from fsspec import AbstractFileSystem

SCHEME = "lake://"
_NO_TIME = dt.datetime(2006, 3, 1, tzinfo=dt.UTC)
"""DuckDB asks when a file was modified, to know whether what it keeps of it is right; nothing in a snapshot changes."""

Read = Callable[[str, int, int], bytes]
"""Reads from a path, from a position on, so many bytes."""


class LakeFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by path below `lake://`, with their sizes in bytes; `read` gives their bytes.

    Whatever else a file system can do (write, remove, make folders) is refused.
    """

    protocol = "lake"
    cachable = False

    def __init__(self, sizes: Mapping[str, int], read: Read) -> None:
        super().__init__()
        self._sizes = {SCHEME + path: size for path, size in sorted(sizes.items())}
        self._names = list(self._sizes)
        self._read = read

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def glob(self, path: str, **_options: Any) -> list[str]:
        """The files whose paths begin as `path` does, up to its first asterisk; those of a path without, itself."""
        prefix, asterisk, _ = path.partition("*")
        if not asterisk:
            return [path] if path in self._sizes else []
        first = bisect_left(self._names, prefix)
        return list(takewhile(lambda name: name.startswith(prefix), islice(self._names, first, None)))

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
        return LakeFile(path.removeprefix(SCHEME), self._size(path), self._read)

    def _size(self, path: str) -> int:
        try:
            return self._sizes[path]
        except KeyError:
            raise FileNotFoundError(path) from None


class LakeFile:
    """A file, read by several threads of DuckDB at a time.

    DuckDB seeks and then reads, in two calls, so each thread has a position of its own: with one for all, a thread
    would read where another one was about to.
    """

    def __init__(self, path: str, size: int, read: Read) -> None:
        self._path = path
        self._length = size
        self._read = read
        self._positions: dict[int, int] = {}

    def seek(self, position: int, whence: int = 0) -> int:
        base = {0: 0, 1: self.tell(), 2: self._length}[whence]
        self._positions[threading.get_ident()] = base + position
        return base + position

    def tell(self) -> int:
        return self._positions.get(threading.get_ident(), 0)

    def read(self, length: int = -1) -> bytes:
        position = self.tell()
        rest = max(0, self._length - position)
        data = self._read(self._path, position, rest if length < 0 else min(length, rest))
        self._positions[threading.get_ident()] = position + len(data)
        return data

    def close(self) -> None:
        """Nothing is held open."""
