"""Where a lake lives: S3 or a local directory."""

from pathlib import Path

from etl.errors import UsageError
from etl.store.base import Store, split_url
from etl.store.local import LocalStore


def open_store(url: str, endpoint_url: str | None = None) -> Store:
    """The store at `url`; nothing is read or written yet."""
    scheme, rest = split_url(url)
    if scheme == "file":
        if Path(rest).exists() and not Path(rest).is_dir():
            raise UsageError(f"{url}: is a file; a lake is a directory or s3://bucket/prefix")
        return LocalStore(Path(rest))
    from etl.store.s3 import S3Store  # noqa: PLC0415 - half of the start-up time, and a local lake needs no AWS client

    bucket, _, prefix = rest.partition("/")
    return S3Store(bucket, prefix.strip("/"), endpoint_url)
