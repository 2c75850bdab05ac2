"""One run of the job: discover, plan, then fetch, parse and append batch by batch, each batch's ledger last."""

import datetime as dt
import multiprocessing
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl import runs
from etl.append import Appended, append
from etl.arrays import array_of, group_bounds, sort_order, table_of
from etl.config import Settings
from etl.discover import Found, Source, discover, parse_source, refuse_inside, subtract
from etl.errors import AccessLakeError, BooksError, LeaseHeldError, UsageError
from etl.fetch import fetch
from etl.lease import hold_lease
from etl.ledger import Ledger
from etl.log_object import LogObject
from etl.parse import ObjectCounts, Parsed, Parser
from etl.parts import partition_path
from etl.plan import Batch, plan
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, Table
from etl.storage import open_store
from etl.store import Store

_APPENDERS = 2
_REPORT_SECONDS = 0.1


@dataclass(slots=True)
class BatchResult:
    """What became of a batch. Of every log object (I3): lines = rows + rejects + duplicates + blank lines."""

    objects_ingested: int = 0
    objects_vanished: int = 0
    """Gone between listing and reading."""
    failures: dict[str, str] = field(default_factory=dict)
    """Log objects that could not be read, and why; the next run tries them again."""
    lines: int = 0
    rows: int = 0
    rejects: int = 0
    duplicates: int = 0
    blank_lines: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_grown: int = 0
    """By how much the lake grew; less than `bytes_written` where an open tail was written again."""
    parts_written: int = 0

    def __add__(self, other: "BatchResult") -> "BatchResult":
        names = [one.name for one in fields(self) if one.name != "failures"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return BatchResult(failures={**self.failures, **other.failures}, **sums)


@dataclass(slots=True)
class RunSummary:
    """The figures of a run."""

    run_id: str
    dry_run: bool = False
    found: Found = field(default_factory=Found)
    new: int = 0
    result: BatchResult = field(default_factory=BatchResult)
    seconds: float = 0.0

    @property
    def reject_fraction(self) -> float:
        return self.result.rejects / self.result.lines if self.result.lines else 0.0

    def as_dict(self) -> dict[str, Any]:
        """One flat object, as `ingest --json` prints it."""
        result = asdict(self.result)
        failures = result.pop("failures")
        grown = self.result.bytes_grown
        return {
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "objects_discovered": self.found.discovered,
            "objects_skipped": self.found.skipped,
            "objects_known": self.found.known,
            "objects_changed": len(self.found.changed),
            "objects_new": self.new,
            "objects_failed": len(failures),
            **result,
            "write_amplification": round(self.result.bytes_written / grown, 3) if grown > 0 else None,
            "seconds": round(self.seconds, 3),
            "failures": failures,
            "changed": self.found.changed,
        }


Progress = Callable[[RunSummary], None]
"""Called with the figures so far whenever they change."""


def ingest(
    settings: Settings,
    *,
    full: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _summary: None,
) -> RunSummary:
    """Bring the lake up to date with its sources.

    Raises UsageError for wrong settings, LeaseHeldError where another run is at work, StoreError where a store
    fails and BooksError where the lines of a log object do not add up; what was committed before stays.
    """
    store = open_store(settings.lake_url, settings.endpoint_url)
    if not settings.source:
        raise UsageError("no source given; use --source URL, ACCESSLAKE_SOURCE or the configuration file")
    sources = [parse_source(url) for url in settings.source]
    for source in sources:
        refuse_inside(source, settings.lake_url)
    run = _Run(settings, store, sources, full=full, progress=progress)
    if dry_run:
        return run.count_new()
    store.check_conditional_writes()
    with hold_lease(store, run.summary.run_id, settings.lease_seconds) as still_held:
        return run.execute(still_held)


class _Run:
    """One run over all sources, and its figures so far."""

    def __init__(
        self, settings: Settings, store: Store, sources: list[Source], *, full: bool, progress: Progress
    ) -> None:
        self._settings = settings
        self._store = store
        self._sources = sources
        self._full = full
        self._progress = progress
        self._clock = time.monotonic()
        self._reported = 0.0
        self._started_at = dt.datetime.now(dt.UTC)
        self.summary = RunSummary(run_id=f"{self._started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}")

    def count_new(self) -> RunSummary:
        self.summary.dry_run = True
        for _ in self._new_objects(runs.read_covered(self._store)):
            self._report()
        self._report()
        return self.summary

    def execute(self, still_held: Callable[[], bool]) -> RunSummary:
        before = runs.read_covered(self._store)
        batches = plan(self._new_objects(before), self._settings, self.summary.run_id)
        for result in self._results(batches, still_held):
            self.summary.result += result
            self._report()
        if not self.summary.result.failures:
            runs.write_covered(self._store, self._covered(before))
        self._report()
        return self.summary

    def _new_objects(self, covered: Mapping[str, runs.Covered]) -> Iterator[LogObject]:
        """The log objects of all sources that are not in the ledger, each once."""
        settings, found = self._settings, self.summary.found
        ledger = Ledger(self._store)
        seen: set[str] = set()
        for source in self._sources:
            since = settings.since
            if source.has_window and not self._full:
                since = runs.first_day(covered.get(source.url), settings.since, settings.lookback_days)
            objects = discover(source, since, self._started_at.date(), settings.endpoint_url, found, full=self._full)
            for one in subtract(objects, ledger.lookup(source.below), found):
                if len(self._sources) > 1:
                    if one.name in seen:
                        continue
                    seen.add(one.name)
                self.summary.new += 1
                yield one

    def _results(self, batches: Iterator[Batch], still_held: Callable[[], bool]) -> Iterator[BatchResult]:
        """Results as they come: in this process for a single batch or worker, else from a process pool."""
        workers = self._settings.workers or os.cpu_count() or 1
        first = list(islice(batches, 1))
        if workers == 1 or all(batch.is_last for batch in first):
            for batch in chain(first, batches):
                yield ingest_batch(batch, self._report_batch)
                _refuse_lost(self._store, still_held)
            return
        # Spawned, not forked: this process has threads.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_die_with_parent) as pool:
            try:
                for result in _submit_all(pool, chain(first, batches), most=workers + 1):
                    yield result
                    _refuse_lost(self._store, still_held)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _covered(self, before: Mapping[str, runs.Covered]) -> dict[str, runs.Covered]:
        return {
            source.url: runs.now_covered(
                before.get(source.url), self._settings.since, self._settings.lookback_days, self._started_at
            )
            for source in self._sources
        }

    def _report_batch(self, so_far: BatchResult) -> None:
        """Progress within a batch, before its result counts; not for every object."""
        seconds = time.monotonic() - self._clock
        if seconds - self._reported >= _REPORT_SECONDS:
            self._reported = seconds
            self._progress(replace(self.summary, result=self.summary.result + so_far, seconds=seconds))

    def _report(self) -> None:
        self.summary.seconds = time.monotonic() - self._clock
        self._progress(self.summary)


def _die_with_parent() -> None:
    """End this worker process when the run that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


def _submit_all(pool: Executor, batches: Iterable[Batch], most: int) -> Iterator[BatchResult]:
    """Results in the order of their completion; at most so many batches are on their way."""
    pending: set[Future[BatchResult]] = set()
    remaining = iter(batches)
    try:
        while True:
            pending |= {pool.submit(ingest_batch, batch) for batch in islice(remaining, most - len(pending))}
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenExecutor as error:
        raise AccessLakeError(
            "a worker process died (out of memory?); what was committed is safe: "
            "run again, with fewer --workers or a smaller batch_size"
        ) from error


def _refuse_lost(store: Store, still_held: Callable[[], bool]) -> None:
    if not still_held():
        raise LeaseHeldError(
            f"{store.url}: another run took the lease over, because this one did not renew it in time; "
            "what this run committed is safe, and the other run does the rest"
        )


def ingest_batch(batch: Batch, progress: Callable[[BatchResult], None] = lambda _result: None) -> BatchResult:
    """Fetch, parse, append and commit one batch. Needs nothing but its argument; may be repeated at any time."""
    settings = batch.settings
    store = open_store(settings.lake_url, settings.endpoint_url)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    read = _read(batch, now, progress)
    parsed, days = read.parsed, {one.name: one.day for one in read.objects}

    def append_all(table: Table, partitions: Iterator[tuple[str, pa.Table]]) -> _AppendedAll:
        return _append_all(store, table, partitions, settings.min_part_size)

    appended = append_all(ACCESS_LOG, _by_bucket_and_day(parsed.records))
    rejected = append_all(REJECTS, _by_object_day(REJECTS, parsed.rejects, days))
    entries = [
        _close_books(one, parsed.counts[one.name], appended, rejected) | {"run_id": batch.run_id, "committed_at": now}
        for one in read.objects
    ]
    ledger = table_of(entries, LEDGER.schema)
    committed = append_all(LEDGER, _by_object_day(LEDGER, ledger, days))

    sums = {name: sum(entry[name] for entry in entries) for name in _COUNTED}
    return read.result + BatchResult(**sums) + appended.cost + rejected.cost + committed.cost


@dataclass(frozen=True, slots=True)
class _Read:
    """The log objects of a batch that could be read, and what is in them."""

    objects: list[LogObject]
    parsed: Parsed
    result: BatchResult


def _read(batch: Batch, now: dt.datetime, progress: Callable[[BatchResult], None]) -> _Read:
    """Fetch and parse a batch; its records come in the order of partitions and parts."""
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
    parsed = parser.finish()
    order = _order(parsed.records)
    pa.default_memory_pool().release_unused()
    parsed.reorder(order)
    pa.default_memory_pool().release_unused()
    return _Read(objects, parsed, result)


_COUNTED = ("lines", "rows", "rejects", "duplicates", "blank_lines")


@dataclass(frozen=True, slots=True)
class _AppendedAll:
    """What became of a table's rows over all partitions, by log object."""

    held: Counter[str]
    duplicates: Counter[str]
    cost: BatchResult


def _append_all(
    store: Store, table: Table, partitions: Iterable[tuple[str, pa.Table]], min_part_size: int
) -> _AppendedAll:
    """Append to several partitions at a time; they do not concern each other."""

    def append_one(partition: tuple[str, pa.Table]) -> Appended:
        path, rows = partition
        result = append(store, table, path, rows.select(table.schema.names), min_part_size)
        pa.default_memory_pool().release_unused()
        return result

    held: Counter[str] = Counter()
    duplicates: Counter[str] = Counter()
    cost = BatchResult()
    with ThreadPoolExecutor(_APPENDERS) as pool:
        for result in pool.map(append_one, partitions):
            held.update(result.held)
            duplicates.update(result.duplicates)
            cost += BatchResult(
                bytes_written=result.bytes_written,
                bytes_grown=result.growth,
                parts_written=1 if result.bytes_written else 0,
            )
    return _AppendedAll(held, duplicates, cost)


def _order(records: pa.Table) -> pa.Array:
    """The order in which the rows of a partition are together, sorted as in its parts."""
    return sort_order([records["bucket"], _dates(records), *(records[name] for name in ACCESS_LOG.sort_by)])


def _by_bucket_and_day(records: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The partitions of the records, and the rows of each; these are in order."""
    for (bucket, date), start, end in group_bounds([records["bucket"], _dates(records)]):
        yield partition_path(ACCESS_LOG, bucket=bucket, date=date), records.slice(start, end - start)


def _dates(records: pa.Table) -> pa.ChunkedArray:
    return pc.cast(records["time"], pa.date32())


def _by_object_day(table: Table, rows: pa.Table, days: Mapping[str, dt.date]) -> Iterator[tuple[str, pa.Table]]:
    dates = pa.chunked_array([array_of([days[name] for name in rows["log_object"].to_pylist()], pa.date32())])
    order = sort_order([dates])
    rows = rows.take(order)
    for (date,), start, end in group_bounds([dates.take(order)]):
        yield partition_path(table, date=date), rows.slice(start, end - start)


def _close_books(
    one: LogObject, counts: ObjectCounts, appended: _AppendedAll, rejected: _AppendedAll
) -> dict[str, Any]:
    """The ledger's entry of a log object. Raises BooksError where its lines do not add up."""
    rows, duplicates, rejects = (
        appended.held[one.name],
        appended.duplicates[one.name],
        rejected.held[one.name],
    )
    total = rows + duplicates + rejects + counts.blank_lines
    if total != counts.lines or duplicates < 0 or rejects != counts.rejects:
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
    }
