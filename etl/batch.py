"""One batch: its log objects are fetched, parsed and appended, and only then the ledger gets its entries.

`ingest_batch` needs nothing but its argument and may be repeated at any time, in any process, on any machine.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.append import Appended, append, remove
from etl.arrays import (
    array_of,
    as_dictionary,
    count_texts,
    group_bounds,
    mask_of,
    sort_order,
    table_of,
    where_text,
)
from etl.errors import BooksError, StaleRowsError
from etl.fetch import fetch
from etl.log_object import LogObject
from etl.parse import ObjectCounts, Parsed, Parser
from etl.parts import partition_path
from etl.plan import Batch
from etl.privacy import protect
from etl.retention import read_retention
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, Table
from etl.storage import open_store
from etl.store import Store

_APPENDERS = 2
_COUNTED = ("lines", "rows", "rejects", "duplicates", "blank_lines")


@dataclass(slots=True)
class BatchResult:
    """What became of a batch. Of every log object (I3): lines = rows + rejects + duplicates + blank lines."""

    objects_ingested: int = 0
    objects_vanished: int = 0
    """Gone between listing and reading, says the store; the next run lists the same days again."""
    failures: dict[str, str] = field(default_factory=dict)
    """Log objects that could not be read, and why; the next run tries them again."""
    lines: int = 0
    rows: int = 0
    rejects: int = 0
    duplicates: int = 0
    blank_lines: int = 0
    rows_expired: int = 0
    """Of `rows`, those of days that `expire` has removed already: they are counted, not written."""
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_grown: int = 0
    """By how much the lake grew; less than `bytes_written` where an open tail was written again."""
    parts_written: int = 0

    def __add__(self, other: "BatchResult") -> "BatchResult":
        names = [one.name for one in fields(self) if one.name != "failures"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return BatchResult(failures={**self.failures, **other.failures}, **sums)


def ingest_batch(batch: Batch, progress: Callable[[BatchResult], None] = lambda _result: None) -> BatchResult:
    """Fetch, parse, append and commit one batch. Needs nothing but its argument; may be repeated at any time."""
    store = open_store(batch.settings.lake_url, batch.settings.endpoint_url)
    read = _read(batch, progress)
    if batch.replace:
        _remove_everywhere(store, {one.name for one in read.objects})
    while True:
        try:
            return _write(store, batch, read)
        except StaleRowsError as error:
            read = _without(read, frozenset(error.log_objects))


def _remove_everywhere(store: Store, log_objects: Iterable[str]) -> None:
    """The ledger comes first: a log object that is not in it is read again, whatever happens in between."""
    for table in (LEDGER, ACCESS_LOG, REJECTS):
        remove(store, table, frozenset(log_objects))


_OVERWRITTEN = (
    "was overwritten after a run that was killed had written rows of an older text of it; "
    "`accesslake verify --repair` replaces them"
)


def _without(read: "_Read", log_objects: frozenset[str]) -> "_Read":
    """What was read, without some log objects, which are failures then."""

    def others(table: pa.Table) -> pa.Table:
        return table.filter(mask_of(where_text(as_dictionary(table["log_object"]), lambda one: one not in log_objects)))

    result = read.result + BatchResult(failures=dict.fromkeys(sorted(log_objects), _OVERWRITTEN))
    result.objects_ingested -= len(log_objects)
    return replace(
        read,
        objects=[one for one in read.objects if one.name not in log_objects],
        parsed=replace(read.parsed, records=others(read.parsed.records), rejects=others(read.parsed.rejects)),
        result=result,
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """The log objects of a batch that could be read, and what is in them."""

    objects: list[LogObject]
    parsed: Parsed
    at: dt.datetime
    """When, in UTC and naive."""
    result: BatchResult


def _read(batch: Batch, progress: Callable[[BatchResult], None]) -> _Read:
    """Fetch and parse a batch; its records come in the order of partitions and parts."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    parser = Parser(ingested_at=now)
    objects: list[LogObject] = []
    result = BatchResult()
    for one in fetch(batch.objects, batch.settings.fetch_concurrency, batch.settings.endpoint_url):
        if one.data is not None:
            parser.add(one.log_object.name, one.data)
            objects.append(one.log_object)
            result.objects_ingested += 1
            result.bytes_read += len(one.data)
        elif one.problem:
            result.failures[one.log_object.name] = one.problem
        else:
            result.objects_vanished += 1
        progress(result)
    parsed = protect(parser.finish(), batch.settings.privacy)
    order = _order(parsed.records)
    pa.default_memory_pool().release_unused()
    parsed.reorder(order)
    pa.default_memory_pool().release_unused()
    return _Read(objects, parsed, now, result)


def _write(store: Store, batch: Batch, read: _Read) -> BatchResult:
    """Append what was read, and when all of it is in the lake, commit it to the ledger."""
    days = {one.name: one.day for one in read.objects}
    append_all = _Appender(store, batch.settings.min_part_size, {one.name: one.etag for one in read.objects})
    first_day = read_retention(store).expired_before or dt.date.min
    slices = list(_by_bucket_and_day(read.parsed.records))
    expired = [one for one in slices if one.keys["date"] < first_day]
    appended = append_all(ACCESS_LOG, (one for one in slices if one.keys["date"] >= first_day))
    for one in expired:
        appended.add(one.keys, count_texts(one.rows["log_object"]))
    rejected = append_all(REJECTS, _by_object_day(read.parsed.rejects, days))
    entries = [
        _close_books(one, read.parsed.counts[one.name], appended, rejected)
        | {"run_id": batch.run_id, "committed_at": read.at}
        for one in read.objects
    ]
    committed = append_all(LEDGER, _by_object_day(table_of(entries, LEDGER.schema), days))
    sums = {name: sum(entry[name] for entry in entries) for name in _COUNTED}
    sums["rows_expired"] = sum(one.rows.num_rows for one in expired)
    return read.result + BatchResult(**sums) + appended.cost + rejected.cost + committed.cost


@dataclass(frozen=True, slots=True)
class _Slice:
    """The rows of a batch that belong into one partition, whose keys are these."""

    keys: dict[str, Any]
    rows: pa.Table


@dataclass(slots=True)
class _Outcome:
    """What became of a table's rows over all partitions, by log object."""

    rows: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    partitions: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """The keys of the partitions that have rows of a log object, and how many."""
    cost: BatchResult = field(default_factory=BatchResult)

    def add(self, keys: Mapping[str, Any], rows: Mapping[str, int]) -> None:
        self.rows.update(rows)
        for name, count in rows.items():
            if count:
                self.partitions[name].append({**keys, "rows": count})


@dataclass(frozen=True, slots=True)
class _Appender:
    """Appends to several partitions at a time; they do not concern each other."""

    store: Store
    min_part_size: int
    etags: Mapping[str, str]

    def __call__(self, table: Table, slices: Iterable[_Slice]) -> _Outcome:
        outcome = _Outcome()
        slices = list(slices)
        with ThreadPoolExecutor(_APPENDERS) as pool:
            results = pool.map(lambda one: self._append(table, one), slices)
            for one, result in zip(slices, results, strict=True):
                outcome.add(one.keys, result.held)
                outcome.duplicates.update(result.duplicates)
                outcome.cost += BatchResult(
                    bytes_written=result.bytes_written,
                    bytes_grown=result.growth,
                    parts_written=1 if result.bytes_written else 0,
                )
        return outcome

    def _append(self, table: Table, one: _Slice) -> Appended:
        rows = one.rows.select(table.schema.names)
        result = append(self.store, table, partition_path(table, **one.keys), rows, self.etags, self.min_part_size)
        pa.default_memory_pool().release_unused()
        return result


def _order(records: pa.Table) -> pa.Array:
    """The order in which the rows of a partition are together, sorted as in its parts."""
    return sort_order([records["bucket"], _dates(records), *(records[name] for name in ACCESS_LOG.sort_by)])


def _by_bucket_and_day(records: pa.Table) -> Iterator[_Slice]:
    """The records, which are in order, by their partitions."""
    for (bucket, date), start, end in group_bounds([records["bucket"], _dates(records)]):
        yield _Slice({"bucket": bucket, "date": date}, records.slice(start, end - start))


def _dates(records: pa.Table) -> pa.ChunkedArray:
    return pc.cast(records["time"], pa.date32())


def _by_object_day(rows: pa.Table, days: Mapping[str, dt.date]) -> Iterator[_Slice]:
    dates = pa.chunked_array([array_of([days[name] for name in rows["log_object"].to_pylist()], pa.date32())])
    order = sort_order([dates])
    rows = rows.take(order)
    for (date,), start, end in group_bounds([dates.take(order)]):
        yield _Slice({"date": date}, rows.slice(start, end - start))


def _close_books(one: LogObject, counts: ObjectCounts, appended: _Outcome, rejected: _Outcome) -> dict[str, Any]:
    """The ledger's entry of a log object. Raises BooksError where its lines do not add up."""
    rows, duplicates, rejects = appended.rows[one.name], appended.duplicates[one.name], rejected.rows[one.name]
    total = rows + duplicates + rejects + counts.blank_lines
    if total != counts.lines or rejects != counts.rejects:
        raise BooksError(
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
        "partitions": appended.partitions[one.name],
    }
