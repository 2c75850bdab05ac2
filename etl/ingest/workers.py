"""Batches in processes of their own, which end with the run."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from functools import lru_cache
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, cast

from etl.errors import AccessLakeError
from etl.ingest.activity import Counts, Meter
from etl.ingest.batch import ingest_batch
from etl.ingest.plan import Batch
from etl.ingest.result import BatchResult
from etl.store import S3Session, open_store
from etl.store.s3_session import ReaderName

# Spawned, not forked: the process of the run has threads.
_SPAWN = multiprocessing.get_context("spawn")
# Between two looks at what workers have counted.
_TICK_SECONDS = 0.1

# In a worker process, its meter.
_meters: list[Meter] = []


def shared_counts(workers: int) -> Sequence[Counts]:
    """Counts for so many workers, which write them without a lock: each has its own."""
    return cast("Sequence[Counts]", _SPAWN.RawArray(Counts, workers))


def ingest_in_workers(
    batches: Iterable[Batch], counts: Sequence[Counts], tick: Callable[[], None]
) -> Iterator[BatchResult]:
    """The results of batches in the order of their completion, from a process for each of `counts`.

    While they are at work, `tick` is called now and then.
    """
    lifeline, ours = _SPAWN.Pipe(duplex=False)
    first_free = _SPAWN.Value("i", 0)
    with (
        lifeline,
        ours,
        ProcessPoolExecutor(
            len(counts),
            mp_context=_SPAWN,
            initializer=_start_worker,
            initargs=(lifeline, counts, first_free),
        ) as pool,
    ):
        try:
            # One more than there are workers, so that none waits for the next to be planned.
            yield from _submit_all(pool, batches, len(counts) + 1, tick)
        except BaseException:
            # What workers have in hand may take minutes. Ended in the middle of it, it is as after a kill.
            ours.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_worker(
    lifeline: Connection, counts: Sequence[Counts], first_free: Any
) -> None:
    with first_free.get_lock():
        own_counts = counts[first_free.value]
        first_free.value += 1
    _meters.append(Meter(own_counts))

    def watch() -> None:
        # A killed run cannot end its workers; they would go on writing beside the next one, for nothing.
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-run", daemon=True).start()


def _submit_all(
    pool: Executor, batches: Iterable[Batch], most: int, tick: Callable[[], None]
) -> Iterator[BatchResult]:
    """Results in the order of their completion; at most so many batches are on their way."""
    pending: set[Future[BatchResult]] = set()
    remaining = iter(batches)
    try:
        while True:
            planned = list(islice(remaining, most - len(pending)))
            pending |= {_submit(pool, batch) for batch in planned}
            if not pending:
                return
            done, pending = wait(pending, _TICK_SECONDS, FIRST_COMPLETED)
            tick()
            yield from (future.result() for future in done)
    except BrokenExecutor as error:
        raise AccessLakeError(
            "a worker process died (out of memory?); what was committed is safe: "
            "run again, with fewer --workers or a smaller batch_size"
        ) from error


def _submit(pool: Executor, batch: Batch) -> "Future[BatchResult]":
    # Workers start with the first batch, and inherit what is blocked. Ctrl-C reaches every process of a terminal; it is
    # meant for the run, which then ends its workers.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return pool.submit(_ingest, batch)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ingest(batch: Batch) -> BatchResult:
    settings = batch.settings
    session = _session(settings.endpoint_url, settings.reader)
    before = session.requests.counts()
    store = open_store(settings.lake_url, session)
    result = ingest_batch(batch, store, session, *_meters)
    result.requests = session.requests.counts() - before
    return result


@lru_cache(maxsize=1)
def _session(endpoint_url: str | None, reader: ReaderName) -> S3Session:
    """One for all batches: its clients take half as long to set up as a batch of small objects takes."""
    return S3Session(endpoint_url, reader)
