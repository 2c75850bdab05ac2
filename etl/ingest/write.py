"""The second half of a batch: what was read is appended, partition by partition, and then committed to the ledger."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import (
    array_of,
    as_dictionary,
    compacted,
    count_texts,
    group_bounds,
    sort_order,
)
from etl.errors import AccountingError
from etl.ingest.activity import Meter
from etl.ingest.piece import Piece
from etl.ingest.plan import Batch
from etl.ingest.result import BatchResult
from etl.lake import Appended, append_rows, partition_path, read_retention
from etl.parser import ObjectCounts
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, Table
from etl.sources import LogObject
from etl.store import Store

# Partitions with few rows at a time: enough to hide the time that S3 takes; and that a disk takes until it has all of a
# part, of which other workers have some, too. Those with many rows go one by one: they are in memory twice, and take a
# processor rather than time to wait.
_APPENDERS_TO_S3 = 16
_APPENDERS = 2
_MANY_ROWS = 32 * 1024
_Keys = tuple[tuple[str, Any], ...]
_COUNTED = ("lines", "rows", "rejects", "duplicates", "blank_lines")


@dataclass(frozen=True, slots=True)
class _Slice:
    """The rows of a batch that belong into one partition, whose keys are these."""

    keys: dict[str, Any]
    batch: pa.Table
    positions: pa.Array
    """Of the rows in the batch, in the order of the partition's parts."""

    def rows(self, columns: list[str]) -> pa.Table:
        """A copy of the rows: only those of the partitions that are being written are in memory twice."""
        return compacted(self.batch.select(columns).take(self.positions))


@dataclass(slots=True)
class _Outcome:
    """What became of a table's rows over all partitions, by log object."""

    rows: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    partitions: defaultdict[str, Counter[_Keys]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    """How many rows of a log object are in each partition that has any."""
    cost: BatchResult = field(default_factory=BatchResult)

    def add(self, keys: Mapping[str, Any], rows_by_object: Mapping[str, int]) -> None:
        self.rows.update(rows_by_object)
        for name, count in rows_by_object.items():
            if count:
                self.partitions[name][tuple(keys.items())] += count

    def __add__(self, other: "_Outcome") -> "_Outcome":
        partitions = defaultdict(Counter, self.partitions)
        for name, counts in other.partitions.items():
            partitions[name] = partitions[name] + counts
        return _Outcome(
            self.rows + other.rows,
            self.duplicates + other.duplicates,
            partitions,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the lake of a piece, or of a log object's pieces so far, and not committed yet."""

    counts: Mapping[str, ObjectCounts]
    appended: _Outcome
    rejected: _Outcome
    rows_expired: int
    reject_reasons: Counter[str]

    @property
    def cost(self) -> BatchResult:
        return self.appended.cost + self.rejected.cost

    def __add__(self, other: "Written") -> "Written":
        names = self.counts.keys() | other.counts.keys()
        nothing = ObjectCounts()
        return Written(
            {
                name: self.counts.get(name, nothing) + other.counts.get(name, nothing)
                for name in names
            },
            self.appended + other.appended,
            self.rejected + other.rejected,
            self.rows_expired + other.rows_expired,
            self.reject_reasons + other.reject_reasons,
        )


@dataclass(frozen=True, slots=True)
class _Appender:
    """Appends to several partitions at a time; they do not concern each other."""

    store: Store
    min_part_size: int
    etags: Mapping[str, str]
    piece: int | None
    meter: Meter

    @classmethod
    def of(cls, store: Store, batch: Batch, piece: Piece, meter: Meter) -> "_Appender":
        etags = {one.name: one.etag for one in piece.objects}
        return cls(store, batch.settings.min_part_size, etags, piece.number, meter)

    def append_all(self, table: Table, slices: Iterable[_Slice]) -> _Outcome:
        outcome = _Outcome()
        slices = list(slices)
        self.meter.plans_parts(len(slices))
        at_a_time = _APPENDERS_TO_S3 if self.store.is_remote else _APPENDERS
        of_many = [one for one in slices if len(one.positions) >= _MANY_ROWS]
        of_few = [one for one in slices if len(one.positions) < _MANY_ROWS]
        for one, appended in chain(
            self._append_each(table, of_many, 1),
            self._append_each(table, of_few, at_a_time),
        ):
            self.meter.has_written_part()
            outcome.add(one.keys, appended.rows_by_object)
            outcome.duplicates.update(appended.duplicates_by_object)
            outcome.cost += BatchResult(
                bytes_written=appended.bytes_written,
                bytes_grown=appended.growth,
                parts_written=1 if appended.bytes_written else 0,
            )
        return outcome

    def _append_each(
        self, table: Table, slices: list[_Slice], appenders: int
    ) -> Iterator[tuple[_Slice, Appended]]:
        with ThreadPoolExecutor(appenders) as pool:
            results = pool.map(lambda one: self._append(table, one), slices)
            yield from zip(slices, results, strict=True)

    def _append(self, table: Table, one: _Slice) -> Appended:
        partition = partition_path(table, **one.keys)
        rows = one.rows(table.schema.names)
        return append_rows(
            self.store,
            table,
            partition,
            rows,
            self.etags,
            self.min_part_size,
            # An entry of the ledger is one, however many pieces there were.
            None if table is LEDGER else self.piece,
        )


def append_piece(store: Store, batch: Batch, piece: Piece, meter: Meter) -> Written:
    """Append what was read. Raises StaleRowsError where the lake holds rows of an older text of a log object."""
    appender = _Appender.of(store, batch, piece, meter)
    appended, rows_expired = _append_records(appender, piece)
    rejects = _by_object_day(piece.parsed.rejects, _days_of(piece))
    rejected = appender.append_all(REJECTS, rejects)
    reasons = count_texts(piece.parsed.rejects["reason"])
    return Written(piece.parsed.counts, appended, rejected, rows_expired, reasons)


def commit_piece(
    store: Store, batch: Batch, piece: Piece, written: Written, meter: Meter
) -> BatchResult:
    """Note in the ledger the log objects that end with a piece, of which all is written.

    Raises AccountingError where the lines of one do not add up.
    """
    run = {"run_id": batch.run_id, "committed_at": piece.read_at}
    entries = [_ledger_entry(one, written) | run for one in piece.objects]
    ledger_rows = pa.Table.from_pylist(entries, LEDGER.schema)
    appender = _Appender.of(store, batch, piece, meter)
    by_day = _by_object_day(ledger_rows, _days_of(piece))
    committed = appender.append_all(LEDGER, by_day)
    counts = {name: sum(entry[name] for entry in entries) for name in _COUNTED}
    result = BatchResult(
        **counts,
        rows_expired=written.rows_expired,
        reject_reasons=written.reject_reasons,
    )
    return result + committed.cost


def _days_of(piece: Piece) -> dict[str, dt.date]:
    return {one.name: one.day for one in piece.objects}


def _append_records(appender: _Appender, piece: Piece) -> tuple[_Outcome, int]:
    """Append the records, but for those of removed days, which are only counted; and how many these are."""
    first_day = read_retention(appender.store).expired_before or dt.date.min
    # A day that `expire` removed stays removed, also for log objects that are delivered late.
    slices = list(_by_bucket_and_day(piece.parsed.records))
    expired = [one for one in slices if one.keys["date"] < first_day]
    outcome = appender.append_all(
        ACCESS_LOG, (one for one in slices if one.keys["date"] >= first_day)
    )
    for one in expired:
        outcome.add(one.keys, count_texts(one.rows(["log_object"])["log_object"]))
    return outcome, sum(len(one.positions) for one in expired)


def _by_bucket_and_day(records: pa.Table) -> Iterator[_Slice]:
    """The records by their partitions, each sorted as in its parts: all of a batch are sorted at once."""
    keys = [records["bucket"], pc.cast(records["time"], pa.date32())]
    order = sort_order([*keys, *(records[name] for name in ACCESS_LOG.sort_by)])
    for (bucket, date), start, end in group_bounds([key.take(order) for key in keys]):
        positions = order.slice(start, end - start)
        yield _Slice({"bucket": bucket, "date": date}, records, positions)


def _by_object_day(rows: pa.Table, days: Mapping[str, dt.date]) -> Iterator[_Slice]:
    """Rows by the day of their log object."""
    names = as_dictionary(rows["log_object"])
    day_of_name = array_of(
        [days[name] for name in names.dictionary.to_pylist()], pa.date32()
    )
    dates = pa.chunked_array([day_of_name.take(names.indices)])
    order = sort_order([dates])
    for (date,), start, end in group_bounds([dates.take(order)]):
        yield _Slice({"date": date}, rows, order.slice(start, end - start))


def _ledger_entry(one: LogObject, written: Written) -> dict[str, Any]:
    """The ledger's entry of a log object. Raises AccountingError where its lines do not add up (I3)."""
    counts = written.counts[one.name]
    rows, duplicates, rejects = (
        written.appended.rows[one.name],
        written.appended.duplicates[one.name],
        written.rejected.rows[one.name],
    )
    total = rows + duplicates + rejects + counts.blank_lines
    if total != counts.lines or rejects != counts.rejects:
        raise AccountingError(
            f"{one.name}: {counts.lines} lines, but {rows} rows, {rejects} rejects, {duplicates} duplicates and "
            f"{counts.blank_lines} blank lines; the object is not committed. Run `accesslake verify` and report this"
        )
    return {
        "log_object": one.name,
        "etag": one.etag,
        "size": one.size,
        "last_modified": one.last_modified.replace(tzinfo=None),
        "lines": counts.lines,
        "rows": rows,
        "rejects": rejects,
        "duplicates": duplicates,
        "blank_lines": counts.blank_lines,
        "partitions": [
            {**dict(keys), "rows": count}
            for keys, count in written.appended.partitions[one.name].items()
        ],
    }
