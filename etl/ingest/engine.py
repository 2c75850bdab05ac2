"""Where batches are ingested: the one seam between a run and whatever does its work.

A run discovers, plans and adds up. It knows an engine only by what is said here.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from types import TracebackType
from typing import Protocol, Self

from etl.config import EngineName, Settings
from etl.ingest.activity import Counts, Meter
from etl.ingest.batch import ingest_batch
from etl.ingest.plan import Planned
from etl.ingest.result import BatchResult
from etl.ingest.workers import Workers
from etl.store import S3Session, Store


class Engine(Protocol):
    """Ingests batches, several at a time. What it has started ends with the `with` statement."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def parallelism(self) -> int:
        """How many batches run at a time."""
        ...

    @property
    def counts(self) -> Sequence[Counts]:
        """What its batches have read and written so far; the sum counts."""
        ...

    @property
    def notice(self) -> str | None:
        """What somebody should look after while it waits; None as long as all is well."""
        ...

    def start(self) -> None:
        """There will be several batches: have ready what takes a while."""
        ...

    def results(
        self, batches: Planned, tick: Callable[[], None]
    ) -> Iterator[BatchResult]:
        """The results of batches in the order of their completion; meanwhile `tick` is called now and then.

        What is planned is at work while listing stands still.

        Batches are planned as they are taken: only a few times as many as run at a time may be in memory.
        """
        ...


def open_engine(settings: Settings, store: Store, session: S3Session) -> Engine:
    """The engine of the settings. Raises UsageError where it is not installed; nothing is started yet."""
    if settings.engine == EngineName.SPARK:
        from etl.ingest.spark import SparkEngine  # noqa: PLC0415 - most runs need no Spark

        return SparkEngine(settings)
    return LocalEngine(settings, store, session)


class LocalEngine:
    """This process for a single batch or a single worker, else processes of their own."""

    notice = None

    def __init__(self, settings: Settings, store: Store, session: S3Session) -> None:
        self.parallelism = settings.workers or os.cpu_count() or 1
        self._store = store
        self._session = session
        self._own_counts = Counts()
        self._workers = Workers(self.parallelism)

    def __enter__(self) -> Self:
        self._workers.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._workers.__exit__(kind, error, traceback)

    @property
    def counts(self) -> Sequence[Counts]:
        return [self._own_counts, *self._workers.counts]

    def start(self) -> None:
        if self.parallelism > 1:
            self._workers.start()

    def results(
        self, batches: Planned, tick: Callable[[], None]
    ) -> Iterator[BatchResult]:
        known = filter(None, batches)
        # A single batch is not worth the start of a process.
        first = list(islice(known, 1))
        if self.parallelism > 1 and not all(batch.is_last for batch in first):
            yield from self._workers.results(chain(first, batches), tick)
            return
        meter = Meter(self._own_counts, tick)
        for batch in chain(first, known):
            yield ingest_batch(batch, self._store, self._session, meter)
