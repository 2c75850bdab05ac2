"""Small JSON files of the lake: who writes, what was listed, what is kept."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from etl.errors import StoreError
from etl.store import ReadableStore, Store, compete

T = TypeVar("T")

# Documents change once in a run, so several lost races in a row mean that something is wrong.
_ATTEMPTS = 10


class Document(Generic[T]):
    """A JSON file at the root of a lake, read whole and changed by compare-and-swap.

    What is in it has the type `kind`. Where it cannot be understood, `remedy` is what to do then; without one it counts
    as if there were none, and the next change replaces it.
    """

    def __init__(self, name: str, kind: type[T], remedy: str | None = None) -> None:
        self.name = name
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._remedy = remedy

    def read(self, store: ReadableStore) -> T | None:
        """What it says, None where there is none. Raises StoreError where it cannot be understood."""
        return self._read(store)[0]

    def update(self, store: Store, change: Callable[[T | None], T]) -> T:
        """Replace what it says by what `change` makes of it, looking again where another writer was first.

        Nothing is written where that is the same. Raises StoreError where other writers are always first, and what
        `change` raises.
        """

        def change_once() -> T:
            before, etag = self._read(store)
            after = change(before)
            # An equal one is not written again: it would cost a request, and others a lost race.
            if after != before:
                store.write(
                    self.name, self._adapter.dump_json(after, indent=2), if_match=etag
                )
            return after

        return compete(change_once, f"{store.url}/{self.name}", _ATTEMPTS)

    def _read(self, store: ReadableStore) -> tuple[T | None, str | None]:
        """What it says, and its ETag."""
        try:
            data, etag = store.read(self.name)
        except FileNotFoundError:
            return None, None
        try:
            return self._adapter.validate_json(data), etag
        except ValidationError as error:
            if self._remedy is None:
                return None, etag
            raise StoreError(
                f"{store.url}/{self.name}: not readable; {self._remedy}"
            ) from error
