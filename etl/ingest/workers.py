"""Batches in processes of their own, which end with the run."""

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
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

from etl.errors import AccessLakeError
from etl.ingest.batch import ingest_batch
from etl.ingest.plan import Batch
from etl.ingest.result import BatchResult
from etl.store import S3Session, open_store
from etl.store.s3_session import ReaderName


def ingest_in_workers(batches: Iterable[Batch], workers: int) -> Iterator[BatchResult]:
    """The results of batches in the order of their completion, from so many processes."""
    # Spawned, not forked: this process has threads.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=spawn, initializer=_die_with_parent
    ) as pool:
        try:
            # One more than there are workers, so that none waits for the next to be planned.
            yield from _submit_all(pool, batches, most=workers + 1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _die_with_parent() -> None:
    """End this worker process when the run that started it is gone, however it went."""
    # A killed parent cannot end its workers; they would go on writing beside the next run, for nothing.
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


def _submit_all(
    pool: Executor, batches: Iterable[Batch], most: int
) -> Iterator[BatchResult]:
    """Results in the order of their completion; at most so many batches are on their way."""
    pending: set[Future[BatchResult]] = set()
    remaining = iter(batches)
    try:
        while True:
            pending |= {
                pool.submit(_ingest, batch)
                for batch in islice(remaining, most - len(pending))
            }
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    except BrokenExecutor as error:
        raise AccessLakeError(
            "a worker process died (out of memory?); what was committed is safe: "
            "run again, with fewer --workers or a smaller batch_size"
        ) from error


def _ingest(batch: Batch) -> BatchResult:
    settings = batch.settings
    session = _session(settings.endpoint_url, settings.reader)
    before = session.requests.counts()
    result = ingest_batch(batch, open_store(settings.lake_url, session), session)
    result.requests = session.requests.counts() - before
    return result


@lru_cache(maxsize=1)
def _session(endpoint_url: str | None, reader: ReaderName) -> S3Session:
    """One for all batches: its clients take half as long to set up as a batch of small objects takes."""
    return S3Session(endpoint_url, reader)
