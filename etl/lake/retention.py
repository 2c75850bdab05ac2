"""From which day on the lake keeps records: `expire` moves that day on, and nothing moves it back."""

import datetime as dt

from pydantic import BaseModel

from etl.lake.document import Document
from etl.store import ReadableStore, Store


class Retention(BaseModel):
    """Records and log objects of days before `expired_before` (UTC) are removed, and are not ingested again."""

    expired_before: dt.date | None = None


# A default in place of what cannot be read could bring removed days back.
_DOCUMENT = Document(
    "_retention.json",
    Retention,
    'write the first day that the lake keeps into it again: {"expired_before": "YYYY-MM-DD"}',
)


def read_retention(store: ReadableStore) -> Retention:
    """What the lake keeps. Raises StoreError where that cannot be read."""
    return _DOCUMENT.read(store) or Retention()


def write_retention(store: Store, expired_before: dt.date) -> Retention:
    """Move the first day that is kept on to `expired_before`, if it is not there yet."""

    def moved_on(before: Retention | None) -> Retention:
        if (
            before is not None
            and before.expired_before is not None
            and before.expired_before >= expired_before
        ):
            return before
        return Retention(expired_before=expired_before)

    return _DOCUMENT.update(store, moved_on)
