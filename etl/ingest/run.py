"""One run of the job: discover and plan, and have an engine ingest batch by batch."""

import contextlib
import datetime as dt
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from etl.config import Settings
from etl.errors import LeaseHeldError, UsageError
from etl.ingest.activity import Activity
from etl.ingest.engine import Engine, open_engine
from etl.ingest.estimate import Estimate
from etl.ingest.plan import is_little, plan_batches, plan_while_listing, text_size
from etl.ingest.privacy import with_hash_key
from etl.ingest.result import BatchResult
from etl.ingest.skips import NO_CHANGE, SkipRequest, Skips, plan_skips
from etl.lake import (
    Ledger,
    check_policy,
    coverage,
    hold_lease,
    is_new,
    migrate,
    note_complete,
    read_retention,
    refuse_nested,
)
from etl.sources import (
    Found,
    LogObject,
    Source,
    discover_objects,
    overlapping,
    parse_source,
    pass_over,
    refuse_around,
    refuse_inside,
    require_log_objects,
    subtract,
)
from etl.store import S3Session, Store, Usage

# A progress bar needs no more.
_REPORT_SECONDS = 0.1
# Listing is so many log objects ahead of the batches: while they wait for it, it would wait for them, and nobody would
# know how much there is to do. More of them would take memory that grows with the source.
_CHUNK_OBJECTS = 1_000
_CHUNKS_AHEAD = 20


@dataclass(slots=True)
class RunSummary:
    """The figures of a run."""

    run_id: str
    dry_run: bool = False
    found: Found = field(default_factory=Found)
    new: int = 0
    result: BatchResult = field(default_factory=BatchResult)
    """Of the batches that are committed."""
    activity: Activity = field(default_factory=Activity)
    usage: Usage = field(default_factory=Usage)
    """Of S3, by all processes of the run."""
    estimate: Usage | None = None
    """Of a dry run: what the run would use, about."""
    notice: str | None = None
    """What somebody should look after while the run waits; None as long as all is well."""
    seconds: float = 0.0

    @property
    def reject_fraction(self) -> float:
        return self.result.rejects / self.result.lines if self.result.lines else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether all that was found is ingested, once the run has ended."""
        return not self.result.failures and not self.result.objects_vanished

    def as_dict(self) -> dict[str, Any]:
        """One flat object, as `ingest --json` prints it."""
        # A copy of a Counter by `asdict` would count its items.
        reasons = dict(self.result.reject_reasons.most_common())
        result = asdict(replace(self.result, reject_reasons=Counter()))
        failures = result.pop("failures")
        # Those of other processes, which are among the run's.
        del result["requests"]
        estimate = self.estimate.as_dict("estimated") if self.estimate else {}
        grown = self.result.bytes_grown
        return {
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "objects_discovered": self.found.discovered,
            "objects_skipped": self.found.skipped,
            "objects_set_aside": self.found.set_aside,
            "objects_known": self.found.known,
            "objects_changed": len(self.found.changed),
            "objects_new": self.new,
            "objects_failed": len(failures),
            **result,
            "reject_reasons": reasons,
            "write_amplification": round(self.result.bytes_written / grown, 3)
            if grown > 0
            else None,
            **self.usage.as_dict(),
            **estimate,
            **{
                f"{stage}_seconds": round(seconds, 3)
                for stage, seconds in self.activity.stages.items()
            },
            "seconds": round(self.seconds, 3),
            "failures": failures,
            "changed": self.found.changed,
            "set_aside_changed": self.found.set_aside_changed,
        }


Progress = Callable[[RunSummary], None]
"""Called with the figures so far whenever they change."""


def run_ingest(
    store: Store,
    settings: Settings,
    session: S3Session,
    *,
    full: bool = False,
    dry_run: bool = False,
    skips: SkipRequest = NO_CHANGE,
    progress: Progress = lambda _summary: None,
) -> RunSummary:
    """Bring the lake in `store` up to date with the sources of the settings, but for what is skipped.

    Raises UsageError for wrong settings, LeaseHeldError where another run is at work, StoreError where a store
    fails and AccountingError where the lines of a log object do not add up; what was committed before stays.
    """
    requests_before = session.requests.counts()
    # First of all, as it refuses a lake that a newer version has written.
    is_first_run = is_new(store)
    settings = settings.model_copy(update={"privacy": with_hash_key(settings.privacy)})
    sources = check_sources(settings, session)
    if is_first_run:
        _check_place(store, settings, session, sources)
    skipped = plan_skips(skips, store, sources, session)
    engine = open_engine(settings, store, session)
    run = _Run(
        settings, store, session, sources, skipped, engine, full=full, progress=progress
    )
    if dry_run:
        run.count_new()
    else:
        _ingest(run, store, settings, skipped)
    # When the lease is given back, and all has been requested.
    requests = session.requests.counts() - requests_before
    requests += run.summary.result.requests
    run.summary.usage = settings.prices.usage(requests)
    return run.summary


def _ingest(run: "_Run", store: Store, settings: Settings, skips: Skips) -> None:
    """Execute a run that writes, once it is known that it may, under the lease."""
    store.check_conditional_writes()
    check_policy(store, settings.privacy)
    run_id, seconds = run.summary.run_id, settings.lease_seconds
    with hold_lease(store, run_id, seconds, ingests=True) as still_held:
        migrate(store)
        skips.save(store)
        run.execute(still_held)
        if run.summary.is_complete:
            note_complete(store, run_id)


def _check_place(
    store: Store, settings: Settings, session: S3Session, sources: Iterable[Source]
) -> None:
    """Raise UsageError where no new lake should be. One that is there already is not told to move."""
    refuse_nested(store, session)
    for source in sources:
        refuse_around(source, settings.lake_url)


def check_sources(settings: Settings, session: S3Session) -> list[Source]:
    """The sources of the settings, each of which can be listed.

    Raises UsageError where there is none, or one is inside the lake or has objects, but no log objects; StoreError
    where one cannot be listed.
    """
    sources = parse_sources(settings)
    for source in sources:
        require_log_objects(source, session)
    return sources


def parse_sources(settings: Settings) -> list[Source]:
    """The sources of the settings. Raises UsageError where there is none, or one is inside the lake."""
    if not settings.source:
        raise UsageError(
            "no source given; use --source URL, ACCESSLAKE_SOURCE or the configuration file"
        )
    sources = [parse_source(url) for url in settings.source]
    for source in sources:
        refuse_inside(source, settings.lake_url)
    return sources


def new_run_id(started_at: dt.datetime) -> str:
    return f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


class _Run:
    """One run over all sources, and its figures so far."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        session: S3Session,
        sources: list[Source],
        skips: Skips,
        engine: Engine,
        *,
        full: bool,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._store = store
        self._session = session
        self._sources = sources
        self._skips = skips
        self._full = full
        self._engine = engine
        self._progress = progress
        self._clock = time.monotonic()
        self._reported_at = 0.0
        self._started_at = dt.datetime.now(dt.UTC)
        self._expired_before = read_retention(store).expired_before
        self.summary = RunSummary(run_id=new_run_id(self._started_at))

    def count_new(self) -> None:
        """Only list, and estimate what the run would request."""
        before = self._session.requests.counts()
        self.summary.dry_run = True
        estimate = Estimate()
        objects = self._new_objects(self._read_covered())
        for batch in plan_batches(
            objects, self._settings, self.summary.run_id, workers=self._engine.parallelism
        ):
            estimate.add(batch)
            self._report_often()
        listing = self._session.requests.counts() - before
        requests = estimate.requests(listing, to_s3=self._store.is_remote)
        self.summary.estimate = self._settings.prices.usage(requests)
        self._report()

    def execute(self, still_held: Callable[[], bool]) -> None:
        before = self._read_covered()
        new = self._new_objects(before)
        with (
            self._engine as engine,
            contextlib.closing(self._listed_ahead(new)) as objects,
        ):
            batches = plan_while_listing(
                objects,
                self._settings,
                self.summary.run_id,
                workers=self._engine.parallelism,
            )
            for result in engine.results(batches, self._report_often):
                self.summary.result += result
                self._report()
                _refuse_lost(self._store, still_held)
        # Only of a complete run: what failed has to be listed again, however old it is by then.
        if self.summary.is_complete:
            coverage.write_covered(self._store, self._covered(before))
        self._report()

    def _read_covered(self) -> dict[str, coverage.Covered]:
        return coverage.believable(coverage.read_covered(self._store), self._started_at)

    def _new_objects(
        self, covered: Mapping[str, coverage.Covered]
    ) -> Iterator[LogObject]:
        """The log objects of all sources that are not in the ledger, each once."""
        found = self.summary.found
        ledger = Ledger(self._store)
        shared = overlapping(self._sources)
        seen: set[str] = set()
        for source in self._sources:
            since = self._first_day(source, covered)
            objects = discover_objects(
                source,
                since,
                self._started_at.date(),
                self._session,
                found,
                until=self._settings.until,
                full=self._full,
            )
            new = subtract(objects, ledger.lookup(source.below), found)
            for one in pass_over(new, self._skips.etags, found):
                if one.name in seen:
                    continue
                # Of a source on its own nothing needs to be remembered, however much it has.
                if source in shared:
                    seen.add(one.name)
                self.summary.new += 1
                self.summary.activity.bytes_new += one.size
                yield one
        self.summary.activity.is_listed = True

    def _listed_ahead(
        self, objects: Iterator[LogObject]
    ) -> Generator[LogObject | None, None, None]:
        """The same, found in a thread while batches are at work; None now and then, while none is found.

        As soon as they are enough for several batches, the engine starts, and is there when all are found.
        """
        pool = ThreadPoolExecutor(1, thread_name_prefix="listing")

        def next_chunk() -> "Future[list[LogObject]]":
            return pool.submit(self._list_chunk, objects)

        count = weight = 0
        try:
            chunks = deque(next_chunk() for _ in range(_CHUNKS_AHEAD))
            while chunk := (yield from self._awaited(chunks.popleft())):
                chunks.append(next_chunk())
                count += len(chunk)
                weight += sum(map(text_size, chunk))
                # A single log object, however large, is one batch.
                is_shared = count > 1 and not is_little(weight, self._settings)
                if is_shared:
                    self._engine.start()
                yield from chunk
        finally:
            pool.shutdown(cancel_futures=True)

    def _list_chunk(self, objects: Iterator[LogObject]) -> list[LogObject]:
        with self.summary.activity.listing():
            return list(islice(objects, _CHUNK_OBJECTS))

    def _awaited(
        self, chunk: "Future[list[LogObject]]"
    ) -> Generator[None, None, list[LogObject]]:
        while not chunk.done():
            wait([chunk], _REPORT_SECONDS)
            self._report_often()
            if not chunk.done():
                # Listing may stand still: whoever waits can look after what is planned.
                yield None
        return chunk.result()

    def _first_day(
        self, source: Source, covered: Mapping[str, coverage.Covered]
    ) -> dt.date | None:
        """The first day of a source that has to be listed; None for all there are."""
        since = self._settings.since
        if source.has_window and not self._full:
            since = coverage.first_day(
                covered.get(source.url),
                since,
                self._settings.lookback_days,
                self._settings.until,
            )
        return max(filter(None, (since, self._expired_before)), default=None)

    def _covered(
        self, before: Mapping[str, coverage.Covered]
    ) -> dict[str, coverage.Covered]:
        now_covered = (
            coverage.now_covered(
                before.get(source.url),
                self._settings.since,
                self._settings.lookback_days,
                self._started_at,
                self._settings.until,
            )
            for source in self._sources
        )
        return {
            source.url: covered
            for source, covered in zip(self._sources, now_covered, strict=True)
            if covered
        }

    def _report_often(self) -> None:
        """Report, if the last time is long enough ago: this is called for every log object."""
        if time.monotonic() - self._reported_at >= _REPORT_SECONDS:
            self._report()

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        self.summary.seconds = self._reported_at - self._clock
        self.summary.activity.count(self._engine.counts)
        self.summary.notice = self._engine.notice
        self._progress(self.summary)


def _refuse_lost(store: Store, still_held: Callable[[], bool]) -> None:
    if not still_held():
        raise LeaseHeldError(
            f"{store.url}: another run took the lease over, because this one did not renew it in time; "
            "what this run committed is safe, and the other run does the rest"
        )
