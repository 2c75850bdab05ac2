"""A stored object as a file."""

import io
from typing import Protocol

from typing_extensions import Buffer

from etl.store.base import Entry


class _Ranges(Protocol):
    def read_range(self, entry: Entry, start: int, length: int) -> bytes: ...


class RangeFile(io.RawIOBase):
    """An object, of which each read is a request for just those bytes, of the object as it was listed."""

    def __init__(self, store: _Ranges, entry: Entry) -> None:
        super().__init__()
        self._store = store
        self._entry = entry
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        starts = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: self._entry.size,
        }
        self._position = max(0, starts[whence] + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        remaining = max(0, self._entry.size - self._position)
        length = remaining if size is None or size < 0 else min(size, remaining)
        data = self._store.read_range(self._entry, self._position, length)
        self._position += len(data)
        return data
