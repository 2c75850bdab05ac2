"""Stored objects as files."""

import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from typing_extensions import Buffer

from etl.store.base import Entry

# Bytes that are requested at a time of what is read from its beginning.
_FIRST_BLOCK, _BLOCK = 64 * 1024, 8 * 1024 * 1024


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


class SequentialFile(io.RawIOBase):
    """An object, read from its beginning, as it was listed: in blocks, of which the next one is requested ahead."""

    def __init__(self, store: _Ranges, entry: Entry) -> None:
        super().__init__()
        self._store = store
        self._entry = entry
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._requested = 0
        self._pending: Future[bytes] | None = None
        self._block = memoryview(b"")
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        if not self._block:
            self._block = memoryview(self._next_block())
        view = memoryview(buffer).cast("B")
        data = self._block[: len(view)]
        view[: len(data)] = data
        self._block = self._block[len(data) :]
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _next_block(self) -> bytes:
        """The next bytes; none at the end."""
        # Whoever only looks at the first bytes gets no more.
        is_first = self._requested == 0
        pending = self._pending or self._request(_FIRST_BLOCK if is_first else _BLOCK)
        self._pending = None if is_first else self._request(_BLOCK)
        return pending.result()

    def _request(self, length: int) -> "Future[bytes]":
        start = self._requested
        length = min(length, self._entry.size - start)
        self._requested += length
        return self._pool.submit(self._store.read_range, self._entry, start, length)
