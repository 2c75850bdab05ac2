"""Log objects that runs pass over, by name, because they can never be read: until somebody takes them back."""

import datetime as dt
from collections.abc import Iterable, Mapping

from pydantic import AwareDatetime, BaseModel

from etl.lake.document import Document
from etl.lake.lease import who
from etl.store import ReadableStore, Store


class Skip(BaseModel):
    """Who had a log object skipped, when and why; and its ETag then."""

    etag: str
    who: str
    at: AwareDatetime
    reason: str = ""


_DOCUMENT = Document(
    "_skipped.json",
    dict[str, Skip],
    "repair it, or remove it: runs then try to read what was skipped again",
)


def read_skipped(store: ReadableStore) -> dict[str, Skip]:
    """What runs pass over, by name. Raises StoreError where that cannot be read."""
    return _DOCUMENT.read(store) or {}


def new_skips(etags: Mapping[str, str], reason: str) -> dict[str, Skip]:
    """Log objects, by name with their ETags, as this user skips them now."""
    now = dt.datetime.now(dt.UTC)
    return {
        name: Skip(etag=etag, who=who(), at=now, reason=reason)
        for name, etag in etags.items()
    }


def write_skipped(
    store: Store, added: Mapping[str, Skip], removed: Iterable[str]
) -> None:
    """Skip these from now on, and those no more. Only for the holder of the lease."""
    taken_back = frozenset(removed)

    def changed(before: dict[str, Skip] | None) -> dict[str, Skip]:
        kept = {**added, **(before or {})}
        return {name: kept[name] for name in sorted(kept) if name not in taken_back}

    _DOCUMENT.update(store, changed)
