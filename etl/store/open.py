"""Opening the store of a lake."""

from pathlib import Path

from etl.errors import UsageError
from etl.store.base import Store
from etl.store.local import LocalStore
from etl.store.location import parse_location
from etl.store.s3_session import S3Session


def open_store(url: str, session: S3Session | None = None) -> Store:
    """The store at `url`, on S3 reached by `session`; nothing is read or written yet."""
    location = parse_location(url)
    if not location.is_s3:
        path = Path(location.key)
        if path.exists() and not path.is_dir():
            raise UsageError(
                f"{url}: is a file; a lake is a directory or s3://bucket/prefix"
            )
        return LocalStore(path)
    from etl.store.s3 import S3Store  # noqa: PLC0415 - half of the start-up time, and a local lake needs no AWS client

    return S3Store(location, session or S3Session())
