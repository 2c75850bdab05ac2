"""What is in the lake, how far behind it is, and what was rejected."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

from etl.config import Settings
from etl.dates import tomorrow
from etl.errors import GoneError
from etl.lake import coverage as runs
from etl.lake import is_part, open_part, partition_path, read_retention
from etl.query import DEFAULTS, Database
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore

_READERS = 16


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """One source bucket's records; times are UTC."""

    bucket: str
    rows: int
    parts: int
    bytes: int
    first_time: dt.datetime
    last_time: dt.datetime


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """The state of a lake; times are UTC, None where there is nothing yet."""

    lake: str
    buckets: list[BucketStatus]
    log_objects: int
    lines: int
    rows: int
    rejects: int
    duplicates: int
    blank_lines: int
    rejects_by_reason: dict[str, int]
    last_complete_run: dt.datetime | None
    """When the listing of the last run that ingested all it found began."""
    newest_log_object: dt.datetime | None
    """When S3 delivered the newest ingested log object."""
    newest_record: dt.datetime | None
    sources: dict[str, dt.datetime]
    """When each source was last listed by a complete run."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _PartStatus:
    bucket: str
    rows: int
    bytes: int
    first_time: dt.datetime
    last_time: dt.datetime


def read_status(store: ReadableStore, settings: Settings = DEFAULTS) -> LakeStatus:
    """The lake's state, from footers, ledger and rejects; no record is read."""
    first_day = read_retention(store).expired_before or dt.date.min
    entries = [
        one
        for one in store.entries(partition_path(ACCESS_LOG))
        if is_part(one.name) and one.name.split("/")[2] >= f"date={first_day.isoformat()}"
    ]
    with ThreadPoolExecutor(_READERS) as pool:
        parts = [part for part in pool.map(lambda entry: _status_or_none(store, entry), entries) if part]
    by_bucket = {name: [part for part in parts if part.bucket == name] for name in sorted({p.bucket for p in parts})}
    buckets = [_bucket_status(name, of_bucket) for name, of_bucket in by_bucket.items()]
    database = Database(store, settings=settings)
    ledger = database.query(
        "SELECT count(*) AS log_objects, coalesce(sum(lines), 0)::BIGINT AS lines,"
        " coalesce(sum(rows), 0)::BIGINT AS rows, coalesce(sum(rejects), 0)::BIGINT AS rejects,"
        " coalesce(sum(duplicates), 0)::BIGINT AS duplicates, coalesce(sum(blank_lines), 0)::BIGINT AS blank_lines,"
        " max(last_modified) AS newest_log_object FROM ledger",
    )
    rejected = "SELECT reason, count(*) AS lines FROM rejects GROUP BY ALL ORDER BY 2 DESC, 1"
    reasons = database.query(rejected)
    covered = runs.read_covered(store)
    return LakeStatus(
        lake=store.url,
        buckets=buckets,
        **ledger.to_arrow().to_pylist()[0],
        rejects_by_reason={row["reason"]: row["lines"] for row in reasons.to_arrow().to_pylist()},
        last_complete_run=max((one.listed_at for one in covered.values()), default=None),
        newest_record=max((part.last_time for part in parts if part.last_time.date() <= tomorrow()), default=None),
        sources={url: one.listed_at for url, one in sorted(covered.items())},
    )


def _status_or_none(store: ReadableStore, entry: Entry) -> _PartStatus | None:
    """None for a part that `expire` removed since it was listed."""
    try:
        return _part_status(store, entry)
    except GoneError:
        return None


def _part_status(store: ReadableStore, entry: Entry) -> _PartStatus | None:
    """None for a part without rows, which `verify --repair` leaves in the place of a damaged one."""
    folder = entry.name.split("/")[1]
    with open_part(store, entry) as file:
        if not file.metadata.num_rows:
            return None
        column = ACCESS_LOG.schema.get_field_index("time")
        groups = [file.metadata.row_group(n).column(column).statistics for n in range(file.num_row_groups)]
        return _PartStatus(
            bucket=unquote(folder.removeprefix("bucket=")),
            rows=file.metadata.num_rows,
            bytes=entry.size,
            first_time=min(group.min for group in groups),
            last_time=max(group.max for group in groups),
        )


def _bucket_status(bucket: str, parts: list[_PartStatus]) -> BucketStatus:
    return BucketStatus(
        bucket=bucket,
        rows=sum(part.rows for part in parts),
        parts=len(parts),
        bytes=sum(part.bytes for part in parts),
        first_time=min(part.first_time for part in parts),
        last_time=max(part.last_time for part in parts),
    )
