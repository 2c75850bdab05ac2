"""How far a run is: what its batches have read and written so far, in this process or in several."""

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

COUNTED = (
    "objects_read",
    "bytes_read",
    "parts_planned",
    "parts_written",
    "reading_ns",
    "writing_ns",
)
_NS = 1e9


@dataclass(slots=True)
class Activity:
    """What batches have read and written so far, whether they are committed or not, and what is known to come."""

    is_listed: bool = False
    """Whether all new log objects are found."""
    bytes_new: int = 0
    """Of the new log objects found so far, as they are stored."""
    objects_read: int = 0
    bytes_read: int = 0
    """Of `bytes_new`."""
    parts_planned: int = 0
    """Of the batches that are read; one for each partition."""
    parts_written: int = 0
    listing_ns: int = 0
    reading_ns: int = 0
    writing_ns: int = 0

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds spent at each stage, of all processes together; they work at the same time."""
        return {
            "listing": self.listing_ns / _NS,
            "reading": self.reading_ns / _NS,
            "writing": self.writing_ns / _NS,
        }

    def listing(self) -> contextlib.AbstractContextManager[None]:
        """Listing goes on within."""
        return _clocked(self, "listing_ns")

    def count(self, batches: "Iterable[Counts]") -> None:
        """Take over what batches have counted."""
        for name in COUNTED:
            setattr(self, name, sum(getattr(counts, name) for counts in batches))


class Counts(ctypes.Structure):
    """What the batches of one process have read and written; in memory that processes may share."""

    _fields_: ClassVar = [(name, ctypes.c_int64) for name in COUNTED]
    objects_read: int
    bytes_read: int
    parts_planned: int
    parts_written: int
    reading_ns: int
    writing_ns: int


class Meter:
    """Counts what batches do, and tells whoever shows it."""

    def __init__(
        self, counts: Counts | None = None, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._counts = counts or Counts()
        self._changed = changed
        self._bytes_begun = 0

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Reading and parsing go on within."""
        return _clocked(self._counts, "reading_ns")

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """Writing goes on within."""
        return _clocked(self._counts, "writing_ns")

    def reads(self, size: int) -> None:
        """So many bytes are read of a log object that has more."""
        self._counts.bytes_read += size - self._bytes_begun
        self._bytes_begun = size
        self._changed()

    def has_read(self, size: int) -> None:
        """A log object of so many bytes is read, or found to be unreadable."""
        self.reads(size)
        self._bytes_begun = 0
        self._counts.objects_read += 1

    def plans_parts(self, count: int) -> None:
        """So many parts are to be written."""
        self._counts.parts_planned += count
        self._changed()

    def has_written_part(self) -> None:
        """One of them is written, or was there already."""
        self._counts.parts_written += 1
        self._changed()


@contextlib.contextmanager
def _clocked(counts: object, name: str) -> Iterator[None]:
    """Add the time within, however it ends, to one of the counts."""
    begin = time.monotonic_ns()
    try:
        yield
    finally:
        setattr(counts, name, getattr(counts, name) + time.monotonic_ns() - begin)
