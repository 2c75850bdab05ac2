"""What is in the lake, how far behind it is, and what was rejected."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from etl.config import DEFAULTS, Settings
from etl.dates import FIRST_DAY, parse_date, tomorrow
from etl.errors import PreconditionFailedError
from etl.lake import (
    IncompleteRun,
    Skip,
    coverage,
    damaged,
    read_incomplete,
    read_skipped,
)
from etl.query import Database, Scope
from etl.query.snapshot import take_snapshot
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore, Usage

# Footers are small: the time goes into waiting for S3.
_READERS = 32
# Most footers are smaller; a larger one takes a second request. It ends in its length, in 4 bytes, and 4 others.
_END = 64 * 1024

_LEDGER_TOTALS = """
SELECT count(*) AS log_objects, coalesce(sum(lines), 0)::BIGINT AS lines, coalesce(sum(rows), 0)::BIGINT AS rows,
    coalesce(sum(rejects), 0)::BIGINT AS rejects, coalesce(sum(duplicates), 0)::BIGINT AS duplicates,
    coalesce(sum(blank_lines), 0)::BIGINT AS blank_lines,
    max(delivered_at) FILTER (WHERE delivered_at::DATE <= $last_day) AS newest_log_object
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
    """When AWS delivered the newest ingested log object, None where nothing tells: see `ledger.delivered_at`."""
    newest_record: dt.datetime | None
    sources: dict[str, dt.datetime]
    """When each source was last listed by a complete run."""
    incomplete_run: IncompleteRun | None = None
    """The last run, unless it is complete."""
    set_aside: dict[str, Skip] = field(default_factory=dict)
    """Log objects that runs skip, by name: who said so, when and why."""
    usage: Usage = field(default_factory=Usage)
    """What it took to find this out."""

    def behind(self, longest: dt.timedelta, now: dt.datetime) -> list[str]:
        """What is older than that, or not there at all: the newest record, the last complete run; a sentence each."""
        moments = {
            "newest record": self.newest_record,
            "last complete run": self.last_complete_run,
        }
        texts = []
        for name, moment in moments.items():
            if moment is None:
                texts.append(f"there is no {name}")
            elif now - _aware(moment) > longest:
                texts.append(f"the {name} is of {moment:%Y-%m-%d %H:%M} UTC")
        return texts

    def as_dict(self) -> dict[str, Any]:
        status = asdict(self)
        del status["usage"]
        run = self.incomplete_run
        status["incomplete_run"] = run.model_dump() if run else None
        status["set_aside"] = {
            name: skip.model_dump() for name, skip in self.set_aside.items()
        }
        return {**status, **self.usage.as_dict()}


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class _PartStatus:
    bucket: str
    rows: int
    bytes: int
    first_time: dt.datetime
    last_time: dt.datetime


def read_status(store: ReadableStore, settings: Settings = DEFAULTS) -> LakeStatus:
    """The lake's state, from footers, ledger and rejects; no record is read."""
    database = Database(store, settings=settings)
    with ThreadPoolExecutor(_READERS) as pool:
        covered = pool.submit(coverage.read_covered, store)
        incomplete = pool.submit(read_incomplete, store)
        skipped = pool.submit(read_skipped, store)
        # The query process starts while footers are read.
        read = pool.map(partial(_part_status, store), database.snapshot.of(ACCESS_LOG))
        parts = [part for part in read if part]
    # As of records, a name with a time in the future would hide that nothing new arrives.
    last_day = {"last_day": tomorrow()}
    of_ledger = database.query(_LEDGER_TOTALS, last_day, reads_all=True)
    (totals,) = of_ledger.to_arrow().to_pylist()
    rejects = database.query(_REJECTS_BY_REASON, reads_all=True).to_arrow().to_pylist()
    sources = sorted(covered.result().items())
    listed_at = {url: source.listed_at for url, source in sources}
    # What a run believes, too: a clock that was wrong would say for years that all is well.
    believed = coverage.believable(covered.result(), dt.datetime.now(dt.UTC))
    return LakeStatus(
        lake=store.url,
        buckets=_bucket_statuses(parts),
        **totals,
        rejects_by_reason={row["reason"]: row["lines"] for row in rejects},
        last_complete_run=max((one.listed_at for one in believed.values()), default=None),
        newest_record=_newest_time(parts),
        sources=listed_at,
        incomplete_run=incomplete.result(),
        set_aside=skipped.result(),
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """From when to when there are records."""

    first_day: dt.date
    last_day: dt.date
    newest: dt.datetime
    """The time of the newest record of all buckets, UTC: what is after it has not been delivered yet."""


def read_extent(store: ReadableStore, scope: Scope) -> Extent | None:
    """The days with records in a scope; None where there are none.

    Names and footers of parts tell them. As elsewhere, days that no record can be of do not count.
    """
    days = sorted(_parts_by_day(store, scope))
    if not days:
        return None
    # Other buckets may have newer records. What is older is not listed for it.
    later = _parts_by_day(store, Scope(date_from=days[-1]))
    for day in sorted(later, reverse=True):
        statuses = (_part_status(store, part) for part in later[day])
        newest = max((status.last_time for status in statuses if status), default=None)
        if newest:
            return Extent(days[0], days[-1], newest)
    return None


def _parts_by_day(store: ReadableStore, scope: Scope) -> dict[dt.date, list[Entry]]:
    by_day: dict[dt.date, list[Entry]] = {}
    for part in take_snapshot(store, scope).of(ACCESS_LOG):
        day = _day_of(part)
        if day and FIRST_DAY <= day <= tomorrow():
            by_day.setdefault(day, []).append(part)
    return by_day


def _day_of(part: Entry) -> dt.date | None:
    _table, _bucket, day, _name = part.name.split("/")
    return parse_date(day.removeprefix("date="))


def _newest_time(parts: list[_PartStatus]) -> dt.datetime | None:
    # A forged line may be of any day. A part with one in the future would hide that no new records arrive.
    times = (part.last_time for part in parts)
    return max((time for time in times if time.date() <= tomorrow()), default=None)


def _bucket_statuses(parts: list[_PartStatus]) -> list[BucketStatus]:
    by_bucket: dict[str, list[_PartStatus]] = {}
    for part in parts:
        by_bucket.setdefault(part.bucket, []).append(part)
    return [_bucket_status(bucket, by_bucket[bucket]) for bucket in sorted(by_bucket)]


def _part_status(store: ReadableStore, part: Entry) -> _PartStatus | None:
    """None for a part that `expire` removed since it was listed, or without rows.

    `verify --repair` leaves the latter in the place of a damaged one.
    """
    try:
        metadata = _read_metadata(store, part)
    except FileNotFoundError:
        return None
    if not metadata.num_rows:
        return None
    _table, bucket_folder, _date, _name = part.name.split("/")
    # The statistics of its row groups tell a part's first and last time: no row has to be read.
    column = ACCESS_LOG.schema.get_field_index("time")
    groups = [
        metadata.row_group(number).column(column).statistics
        for number in range(metadata.num_row_groups)
    ]
    return _PartStatus(
        bucket=unquote(bucket_folder.removeprefix("bucket=")),
        rows=metadata.num_rows,
        bytes=part.size,
        first_time=min(group.min for group in groups),
        last_time=max(group.max for group in groups),
    )


def _read_metadata(store: ReadableStore, part: Entry) -> pq.FileMetaData:
    """A part's footer, as it is now where a run replaced the part since it was listed.

    Raises FileNotFoundError where it is gone, StoreError where it cannot be understood.
    """
    try:
        end = _read_end(store, part)
    except PreconditionFailedError:
        end, _ = store.read(part.name)
    try:
        # The footer says where columns begin, but not where it begins itself: it can be read from the end alone.
        return pq.read_metadata(pa.BufferReader(end))
    except pa.ArrowException as error:
        raise damaged(store, part, error) from error


def _read_end(store: ReadableStore, part: Entry) -> bytes:
    """The bytes at the end of a part, with all of its footer."""
    end = store.read_range(part, max(0, part.size - _END), _END)
    needed = min(part.size, int.from_bytes(end[-8:-4], "little") + 8)
    return (
        end if needed <= len(end) else store.read_range(part, part.size - needed, needed)
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
