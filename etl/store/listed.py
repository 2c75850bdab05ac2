"""A store as it was when it was looked at: for one command, which lists what it needs once."""

import io
from collections.abc import Mapping
from itertools import islice

from etl.store.base import Entry, ReadableStore, is_between
from etl.store.listing import list_below


class ListedStore:
    """A store for reading, of which each folder is listed once and each document at its root is read once.

    A listing within bounds is kept only as part of one without. After `forget` it looks again.
    """

    def __init__(self, store: ReadableStore) -> None:
        self.url = store.url
        self.is_remote = store.is_remote
        self._store = store
        self.forget()

    def forget(self) -> None:
        # New ones: whoever is listing at this moment puts what it finds into the old ones.
        self._entries: dict[str, list[Entry]] = {}
        self._directories: dict[str, list[str]] = {}
        self._documents: dict[str, tuple[bytes, str] | None] = {}

    def entries(
        self,
        prefix: str,
        after: str = "",
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        is_all = not after and before is None and limit is None
        listed = self._entries
        below = _containing(listed, prefix)
        if below is None and not is_all:
            return self._store.entries(prefix, after, before, limit)
        if below is None:
            below = listed[prefix] = list_below(self._store, prefix)
        wanted = (one for one in below if is_between(one.name, after, before))
        return list(islice(wanted, limit))

    def directories(self, prefix: str) -> list[str]:
        below = _containing(self._entries, prefix)
        if below is not None:
            paths = (one.name[len(prefix) :].partition("/") for one in below)
            return sorted({name for name, slash, _ in paths if slash})
        known = self._directories
        if prefix not in known:
            known[prefix] = self._store.directories(prefix)
        return known[prefix]

    def read(self, name: str) -> tuple[bytes, str]:
        if "/" in name:
            return self._store.read(name)
        known = self._documents
        if name not in known:
            known[name] = self._read_or_none(name)
        document = known[name]
        if document is None:
            raise FileNotFoundError(f"{self.url}/{name}")
        return document

    def _read_or_none(self, name: str) -> tuple[bytes, str] | None:
        try:
            return self._store.read(name)
        except FileNotFoundError:
            return None

    def open(self, entry: Entry) -> io.RawIOBase:
        return self._store.open(entry)

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        return self._store.read_range(entry, start, length)


def _containing(listed: Mapping[str, list[Entry]], prefix: str) -> list[Entry] | None:
    """What is below a prefix, from a listing of it or of a shorter one; None where neither was listed."""
    known = next((one for one in tuple(listed) if prefix.startswith(one)), None)
    if known is None or known == prefix:
        return listed.get(prefix)
    return [one for one in listed[known] if one.name.startswith(prefix)]
