"""One batch: its log objects are fetched, parsed and appended, and only then the ledger gets its entries.

A batch needs nothing but itself and the lake: it may be ingested, and again, in any process on any machine.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import array_of, as_dictionary, count_texts, group_bounds, sort_order, where_text
from etl.config import Privacy
from etl.errors import AccountingError, StaleRowsError
from etl.ingest.plan import Batch
from etl.ingest.privacy import protect
from etl.lake import Appended, append_rows, partition_path, read_retention, remove_rows
from etl.parser import MOST_REJECTED_BYTES, MOST_REJECTS, ObjectCounts, Parsed, Parser
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, Table
from etl.sources import Fetched, LogObject, fetch_objects
from etl.store import Store, open_store

_APPENDERS = 2
_MOST_BATCHES = 2
"""How many times its planned size a batch may have before it is written in pieces."""
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


def ingest_in_worker(batch: Batch) -> BatchResult:
    """`ingest_batch` in a process of its own, which needs nothing but the batch."""
    return ingest_batch(batch, _worker_store(batch.settings.lake_url, batch.settings.endpoint_url))


@lru_cache(maxsize=1)
def _worker_store(url: str, endpoint_url: str | None) -> Store:
    """Opened once: the clients of a store take half as long to set up as a batch of small objects takes."""
    return open_store(url, endpoint_url)


def ingest_batch(
    batch: Batch, store: Store, progress: Callable[[BatchResult], None] = lambda _result: None
) -> BatchResult:
    """Fetch, parse and append one batch to the lake in `store`, and commit it; may be repeated at any time."""
    done = BatchResult()

    def report(so_far: BatchResult) -> None:
        progress(done + so_far)

    for read in _read(batch, report):
        if batch.replace:
            _remove_everywhere(store, {one.name for one in read.objects})
        done += _write_current(store, batch, read)
    return done


def _write_current(store: Store, batch: Batch, read: "_Read") -> BatchResult:
    """Write what was read, without log objects of which the lake holds rows of an older text."""
    while True:
        try:
            return _write(store, batch, read)
        except StaleRowsError as error:
            read = _without(read, dict.fromkeys(error.log_objects, _OVERWRITTEN))


def _remove_everywhere(store: Store, log_objects: Iterable[str]) -> None:
    """The ledger comes first: a log object that is not in it is read again, whatever happens in between."""
    for table in (LEDGER, ACCESS_LOG, REJECTS):
        remove_rows(store, table, frozenset(log_objects))


_OVERWRITTEN = (
    "was overwritten after a run that was killed had written rows of an older text of it; "
    "`accesslake verify --repair` replaces them"
)


_TOO_MUCH_TEXT = "has more text in one field than can be held at a time: set aside; split it, or set batch_size lower"
_NOT_A_LOG = (
    f"has more than {MOST_REJECTS:,} lines that are no records, or more than {MOST_REJECTED_BYTES:,} bytes of them: "
    "set aside; move it out of the source if it is no log object"
)


def _without(read: "_Read", log_objects: Mapping[str, str]) -> "_Read":
    """What was read, without some log objects, which are failures then, each for its reason."""

    def others(table: pa.Table) -> pa.Table:
        return table.filter(
            pa.array(where_text(as_dictionary(table["log_object"]), lambda one: one not in log_objects))
        )

    result = read.result + BatchResult(failures=dict(sorted(log_objects.items())))
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


def _read(batch: Batch, progress: Callable[[BatchResult], None]) -> Iterator[_Read]:
    """Fetch and parse a batch: nearly always in one piece, in several where compressed objects hold more than usual."""
    settings = batch.settings
    collected = _Collected()
    for one in fetch_objects(
        batch.objects, settings.fetch_concurrency, settings.endpoint_url, settings.max_object_size
    ):
        if one.data is not None and len(one.data) > settings.batch_size and collected.result.objects_ingested:
            # On its own, so that no other has to do with it.
            yield collected.finish(settings.privacy)
            collected = _Collected()
        collected.add(one)
        progress(collected.result)
        if collected.result.bytes_read >= _MOST_BATCHES * settings.batch_size or collected.rejects >= MOST_REJECTS:
            yield collected.finish(settings.privacy)
            collected = _Collected()
    yield collected.finish(settings.privacy)


class _Collected:
    """Log objects and what was parsed of them, until it is finished."""

    def __init__(self) -> None:
        self._at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        self._parser = Parser(ingested_at=self._at)
        self._objects: list[LogObject] = []
        self.result = BatchResult()

    @property
    def rejects(self) -> int:
        return self._parser.rejects

    def add(self, one: Fetched) -> None:
        """Parse a log object that could be read; note one that could not."""
        if one.data is not None:
            self._parser.add(one.log_object.name, one.data)
            self._objects.append(one.log_object)
            self.result.objects_ingested += 1
            self.result.bytes_read += len(one.data)
        elif one.problem:
            self.result.failures[one.log_object.name] = one.problem
        else:
            self.result.objects_vanished += 1

    def finish(self, privacy: Privacy) -> _Read:
        """All of it; its records come in the order of partitions and parts."""
        try:
            return self._finish(privacy)
        except (OverflowError, pa.ArrowInvalid, pa.ArrowCapacityError) as error:
            if "overflow" not in str(error) and not isinstance(error, (OverflowError, pa.ArrowCapacityError)):
                raise
            # A column of more than 2 GiB of text.
            failures = {one.name: f"{_TOO_MUCH_TEXT} ({error})" for one in self._objects}
            nothing = Parser(ingested_at=self._at).finish()
            result = replace(self.result, objects_ingested=0, failures={**self.result.failures, **failures})
            return _Read([], nothing, self._at, result)

    def _finish(self, privacy: Privacy) -> _Read:
        parsed = protect(self._parser.finish(), privacy)
        order = _order(parsed.records)
        pa.default_memory_pool().release_unused()
        parsed.reorder(order)
        pa.default_memory_pool().release_unused()
        read = _Read(self._objects, parsed, self._at, self.result)
        overfull = self._parser.overfull
        return _without(read, dict.fromkeys(overfull, _NOT_A_LOG)) if overfull else read


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
    committed = append_all(LEDGER, _by_object_day(pa.Table.from_pylist(entries, LEDGER.schema), days))
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
                outcome.add(one.keys, result.rows_by_object)
                outcome.duplicates.update(result.duplicates_by_object)
                outcome.cost += BatchResult(
                    bytes_written=result.bytes_written,
                    bytes_grown=result.growth,
                    parts_written=1 if result.bytes_written else 0,
                )
        return outcome

    def _append(self, table: Table, one: _Slice) -> Appended:
        rows = one.rows.select(table.schema.names)
        result = append_rows(self.store, table, partition_path(table, **one.keys), rows, self.etags, self.min_part_size)
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
    names = as_dictionary(rows["log_object"])
    day_of_name = array_of([days[name] for name in names.dictionary.to_pylist()], pa.date32())
    dates = pa.chunked_array([day_of_name.take(names.indices)])
    order = sort_order([dates])
    rows = rows.take(order)
    for (date,), start, end in group_bounds([dates.take(order)]):
        yield _Slice({"date": date}, rows.slice(start, end - start))


def _close_books(one: LogObject, counts: ObjectCounts, appended: _Outcome, rejected: _Outcome) -> dict[str, Any]:
    """The ledger's entry of a log object. Raises BooksError where its lines do not add up."""
    rows, duplicates, rejects = appended.rows[one.name], appended.duplicates[one.name], rejected.rows[one.name]
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
        "partitions": appended.partitions[one.name],
    }
