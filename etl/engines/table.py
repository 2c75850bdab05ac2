"""The lake's records as a table: its columns, and which partitions there are."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import pyarrow as pa

from etl.dates import FIRST_DAY, parse_date, tomorrow
from etl.errors import UsageError
from etl.fields import TEXT
from etl.lake import has_older_parts, partition_path, read_retention
from etl.query import buckets
from etl.query.catalog import NOTES
from etl.schema import ACCESS_LOG, with_unit
from etl.store import ReadableStore

DESCRIPTION = "Records of Amazon S3 server access logs, kept by accesslake"
# Buckets that are listed at a time.
_LISTINGS = 32


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its type as it is in the lake, and what it means."""

    name: str
    type: pa.DataType
    comment: str


def _column(name: str, kind: pa.DataType) -> Column:
    return Column(name, kind, with_unit(*NOTES[ACCESS_LOG.name][name]))


PARTITIONS = (_column("bucket", TEXT), _column("date", pa.date32()))
"""The columns that are in paths only, in the order of these."""
COLUMNS = tuple(_column(one.name, one.type) for one in ACCESS_LOG.schema)
"""The columns that are in the files."""


@dataclass(frozen=True, slots=True)
class LakeTable:
    """The table of records of one lake, as it is now."""

    location: str
    """Its folder, with a slash at its end: an s3:// URL, or an absolute path."""
    is_remote: bool
    buckets: tuple[str, ...]
    """The buckets with records, in order, whose names are those of their folders."""
    encoded: tuple[str, ...]
    """Those whose names are percent-encoded in paths: S3 gives no such name, but forged records have one."""
    first_day: dt.date
    """The first day with records that a record can be of."""
    has_older_parts: bool
    """Whether there may be files without columns that were added since."""


def read_table(store: ReadableStore) -> LakeTable:
    """Look at a lake's folders. Raises UsageError where it holds no records: there is no bucket and no day to name."""
    names = buckets(store)
    kept_from = read_retention(store).expired_before or FIRST_DAY
    with ThreadPoolExecutor(_LISTINGS) as pool:
        first_days = pool.map(partial(_first_day, store, kept_from), names)
        found = {name: day for name, day in zip(names, first_days, strict=True) if day}
    if not found:
        raise UsageError(
            f"{store.url} holds no records yet, so there is no table to make of it; `accesslake ingest` fills it"
        )
    folder = partition_path(ACCESS_LOG)
    plain = tuple(name for name in found if name == quote(name, safe=""))
    return LakeTable(
        location=f"{store.url.rstrip('/')}/{folder}",
        is_remote=store.is_remote,
        buckets=plain,
        encoded=tuple(name for name in found if name not in plain),
        first_day=min(found.values()),
        has_older_parts=has_older_parts(store),
    )


def _first_day(store: ReadableStore, kept_from: dt.date, bucket: str) -> dt.date | None:
    """The first day of a bucket that is kept, and that a record can honestly be of."""
    folders = store.directories(partition_path(ACCESS_LOG, bucket=bucket))
    days = (parse_date(folder.removeprefix("date=")) for folder in folders)
    first, last = max(kept_from, FIRST_DAY), tomorrow()
    return min((day for day in days if day and first <= day <= last), default=None)
