"""What is in the lake, how far behind it is, and what was rejected."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from etl.config import DEFAULTS, Settings
from etl.dates import tomorrow
from etl.errors import GoneError
from etl.lake import (
    coverage,
    is_part,
    open_part,
    part_day,
    partition_path,
    read_retention,
)
from etl.query import Database
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore, Usage

# Footers are small: the time goes into waiting for S3.
_READERS = 16

_LEDGER_TOTALS = """
SELECT count(*) AS log_objects, coalesce(sum(lines), 0)::BIGINT AS lines, coalesce(sum(rows), 0)::BIGINT AS rows,
    coalesce(sum(rejects), 0)::BIGINT AS rejects, coalesce(sum(duplicates), 0)::BIGINT AS duplicates,
    coalesce(sum(blank_lines), 0)::BIGINT AS blank_lines, max(last_modified) AS newest_log_object
FROM ledger
"""
_REJECTS_BY_REASON = """
SELECT reason, count(*) AS lines
FROM rejects
GROUP BY ALL
ORDER BY lines DESC, reason
"""


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
    """When the last run that ingested all it discovered began to list."""
    newest_log_object: dt.datetime | None
    """When S3 delivered the newest ingested log object."""
    newest_record: dt.datetime | None
    sources: dict[str, dt.datetime]
    """When each source was last listed by a complete run."""
    usage: Usage = field(default_factory=Usage)
    """What it took to find this out."""

    def as_dict(self) -> dict[str, Any]:
        status = asdict(self)
        del status["usage"]
        return {**status, **self.usage.as_dict()}


@dataclass(frozen=True, slots=True)
class _PartStatus:
    bucket: str
    rows: int
    bytes: int
    first_time: dt.datetime
    last_time: dt.datetime


def read_status(store: ReadableStore, settings: Settings = DEFAULTS) -> LakeStatus:
    """The lake's state, from footers, ledger and rejects; no record is read."""
    parts = _part_statuses(store)
    database = Database(store, settings=settings)
    rejects = database.query(_REJECTS_BY_REASON).to_arrow().to_pylist()
    (totals,) = database.query(_LEDGER_TOTALS).to_arrow().to_pylist()
    listed_at = {
        url: covered.listed_at
        for url, covered in sorted(coverage.read_covered(store).items())
    }
    return LakeStatus(
        lake=store.url,
        buckets=_bucket_statuses(parts),
        **totals,
        rejects_by_reason={row["reason"]: row["lines"] for row in rejects},
        last_complete_run=max(listed_at.values(), default=None),
        newest_record=_newest_time(parts),
        sources=listed_at,
    )


def _newest_time(parts: list[_PartStatus]) -> dt.datetime | None:
    # A forged line may be of any day. A part with one in the future would hide that no new records arrive.
    times = (part.last_time for part in parts)
    return max((time for time in times if time.date() <= tomorrow()), default=None)


def _part_statuses(store: ReadableStore) -> list[_PartStatus]:
    with ThreadPoolExecutor(_READERS) as pool:
        statuses = pool.map(lambda entry: _status_or_none(store, entry), _parts(store))
        return [status for status in statuses if status]


def _parts(store: ReadableStore) -> list[Entry]:
    """The parts with records of days that have not expired."""
    first_day = read_retention(store).expired_before or dt.date.min
    entries = store.entries(partition_path(ACCESS_LOG))
    return [
        entry
        for entry in entries
        if is_part(entry.name) and part_day(entry.name) >= first_day
    ]


def _bucket_statuses(parts: list[_PartStatus]) -> list[BucketStatus]:
    by_bucket: dict[str, list[_PartStatus]] = {}
    for part in parts:
        by_bucket.setdefault(part.bucket, []).append(part)
    return [_bucket_status(bucket, by_bucket[bucket]) for bucket in sorted(by_bucket)]


def _status_or_none(store: ReadableStore, entry: Entry) -> _PartStatus | None:
    """None for a part that `expire` removed since it was listed."""
    try:
        return _part_status(store, entry)
    except GoneError:
        return None


def _part_status(store: ReadableStore, entry: Entry) -> _PartStatus | None:
    """None for a part without rows, which `verify --repair` leaves in the place of a damaged one."""
    _table, bucket_folder, _date, _name = entry.name.split("/")
    with open_part(store, entry) as file:
        metadata = file.metadata
        if not metadata.num_rows:
            return None
        # The statistics of its row groups tell a part's first and last time: no row has to be read.
        column = ACCESS_LOG.schema.get_field_index("time")
        groups = [
            metadata.row_group(number).column(column).statistics
            for number in range(metadata.num_row_groups)
        ]
        return _PartStatus(
            bucket=unquote(bucket_folder.removeprefix("bucket=")),
            rows=metadata.num_rows,
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
