"""From which day on the lake keeps records: `expire` moves that day on, and nothing moves it back."""

import datetime as dt

from pydantic import BaseModel, ValidationError

from etl.errors import PreconditionFailedError, StoreError
from etl.store import Store

_NAME = "_retention.json"


class Retention(BaseModel):
    """Records and log objects of days before `expired_before` (UTC) are removed, and are not ingested again."""

    expired_before: dt.date | None = None


def read_retention(store: Store) -> Retention:
    """What the lake keeps. Raises StoreError where that cannot be read: removed days could come back."""
    return _read(store)[0]


def write_retention(store: Store, expired_before: dt.date) -> Retention:
    """Move the first day that is kept on to `expired_before`, if it is not there yet."""
    for _ in range(10):
        known, etag = _read(store)
        if known.expired_before is not None and known.expired_before >= expired_before:
            return known
        news = Retention(expired_before=expired_before)
        try:
            store.write(_NAME, news.model_dump_json(indent=2).encode(), if_match=etag)
        except PreconditionFailedError:
            continue
        return news
    raise StoreError(f"{store.url}/{_NAME}: other runs keep writing it; run it again")


def _read(store: Store) -> tuple[Retention, str | None]:
    try:
        data, etag = store.read(_NAME)
    except FileNotFoundError:
        return Retention(), None
    try:
        return Retention.model_validate_json(data), etag
    except ValidationError as error:
        raise StoreError(
            f"{store.url}/{_NAME}: not readable; write the first day that the lake keeps into it again: "
            '{"expired_before": "YYYY-MM-DD"}'
        ) from error
