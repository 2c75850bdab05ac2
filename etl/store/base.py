"""What a store is: whole objects below one URL, put in place by compare-and-swap.

`write` is the one primitive that correctness rests on: a whole object is put in place atomically, and only if
the object of that name is still the one that the caller saw (its ETag), or there is still none.
"""

import io
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object: its name relative to the store's root, its size in bytes and its ETag."""

    name: str
    size: int
    etag: str


PAGE = 1000
"""How many objects S3 lists in one request."""


def is_between(name: str, after: str, before: str | None) -> bool:
    """Whether a name is greater than `after` and less than `before`, if there is one."""
    return name > after and (before is None or name < before)


class ReadableStore(Protocol):
    """The objects below one URL, for reading."""

    url: str
    is_remote: bool
    """Whether each request takes a while, so that one for more is cheaper than several for less."""

    def entries(
        self,
        prefix: str,
        after: str = "",
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Every object whose name starts with `prefix` (whole path parts, ending in `/`), in name order.

        Only those with names greater than `after` and less than `before`, and of these the first `limit`; what is
        outside costs nothing.
        """

    def directories(self, prefix: str) -> list[str]:
        """The names of the directories right below `prefix`, in order."""

    def read(self, name: str) -> tuple[bytes, str]:
        """An object's bytes and the ETag that goes with them. Raises FileNotFoundError."""

    def open(self, entry: Entry) -> io.RawIOBase:
        """An object for reading at random. Raises FileNotFoundError, here or where it is read.

        On S3 it is read as it was listed, or PreconditionFailedError is raised.
        """

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        """`length` bytes of an object from `start` on, fewer where it ends.

        Raises FileNotFoundError where it is gone since it was listed, PreconditionFailedError where it was replaced.
        """

    def forget(self) -> None:
        """Forget what was listed, if that is kept at all."""


class Store(ReadableStore, Protocol):
    """The objects below one URL."""

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        """Put `data` in place of the object with the ETag `if_match` (None: of no object); the new ETag.

        Raises PreconditionFailedError where there is another object, or none.
        """

    def remove(self, prefix: str) -> None:
        """Remove every object whose name starts with `prefix` (whole path parts, ending in `/`).

        Locally they are gone all at once; on S3 one after the other.
        """

    def check_conditional_writes(self) -> None:
        """Raise StoreError if the store does not keep the promise of `write`."""

    def lock_run(self) -> AbstractContextManager[bool]:
        """A lock of the operating system that ends with its process, held until the context ends.

        Yields False where the store has no such thing, and so nothing is locked. Raises LockedError where another
        process holds it.
        """
