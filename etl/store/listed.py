"""A store as it was when it was looked at: for one command, which lists what it needs once."""

import io
import threading

from etl.store.base import Entry, ReadableStore


class ListedStore:
    """A store for reading, of which each folder is listed once and each document at its root is read once.

    After `forget` it looks again.
    """

    def __init__(self, store: ReadableStore) -> None:
        self.url = store.url
        self.is_remote = store.is_remote
        self._store = store
        # Held while the store lists: whoever needs the same waits for it, not for a listing of its own.
        self._lock = threading.Lock()
        self._entries: dict[str, list[Entry]] = {}
        self._directories: dict[str, list[str]] = {}
        self._documents: dict[str, tuple[bytes, str] | None] = {}

    def forget(self) -> None:
        with self._lock:
            self._entries.clear()
            self._directories.clear()
            self._documents.clear()

    def entries(self, prefix: str) -> list[Entry]:
        with self._lock:
            # A longer prefix is served from a shorter one: a bucket's parts from those of all buckets.
            found = next((one for one in self._entries if prefix.startswith(one)), None)
            if found is None:
                found = prefix
                self._entries[prefix] = self._store.entries(prefix)
            return [one for one in self._entries[found] if one.name.startswith(prefix)]

    def directories(self, prefix: str) -> list[str]:
        with self._lock:
            if prefix in self._entries:
                below = (
                    one.name[len(prefix) :].partition("/")
                    for one in self._entries[prefix]
                )
                return sorted({name for name, slash, _ in below if slash})
            if prefix not in self._directories:
                self._directories[prefix] = self._store.directories(prefix)
            return self._directories[prefix]

    def read(self, name: str) -> tuple[bytes, str]:
        if "/" in name:
            return self._store.read(name)
        with self._lock:
            if name not in self._documents:
                self._documents[name] = self._read_or_none(name)
            document = self._documents[name]
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
