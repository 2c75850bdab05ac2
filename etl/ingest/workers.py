"""Batches in processes of their own, which end with the run."""

import contextlib
import gc
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
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self, cast

from etl.errors import AccessLakeError
from etl.ingest.activity import Counts, Meter
from etl.ingest.batch import GARBAGE, ingest_alone
from etl.ingest.plan import Batch, Planned
from etl.ingest.result import BatchResult

# Spawned, not forked: the process of the run has threads.
_SPAWN = multiprocessing.get_context("spawn")
# Between two looks at what workers have counted.
_TICK_SECONDS = 0.1

# In a worker process, its meter.
_meters: list[Meter] = []


class Workers:
    """So many processes that ingest batches. They end with the `with` statement."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool: ProcessPoolExecutor | None = None
        self._end = contextlib.ExitStack()
        self.counts: Sequence[Counts] = ()
        """Of each process, which writes them without a lock; none before they are started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.__exit__(kind, error, traceback)

    def start(self) -> None:
        """Start the processes. It takes them half a second until they can do anything."""
        self._started()

    def results(
        self, batches: Planned, tick: Callable[[], None]
    ) -> Iterator[BatchResult]:
        """The results of batches in the order of their completion, from processes that are started if they are not.

        While they are at work, `tick` is called now and then.
        """
        try:
            # One more than there are workers, so that none waits for the next to be planned.
            yield from _submit_all(self._started(), batches, self._number + 1, tick)
        except BrokenExecutor as error:
            raise AccessLakeError(
                "a worker process died (out of memory?); what was committed is safe: "
                "run again, with fewer --workers or a smaller batch_size"
            ) from error

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._start()
        return self._pool

    def _start(self) -> ProcessPoolExecutor:
        lifeline, our_end = _SPAWN.Pipe(duplex=False)
        self.counts = cast("Sequence[Counts]", _SPAWN.RawArray(Counts, self._number))
        initial = (lifeline, self.counts, _SPAWN.Value("i", 0))
        pool = ProcessPoolExecutor(self._number, _SPAWN, _start_worker, initial)
        self._end.enter_context(lifeline)
        self._end.enter_context(our_end)
        self._end.enter_context(pool)
        others = multiprocessing.active_children()
        # They inherit what is blocked. Ctrl-C reaches every process of a terminal; it is meant for the run, which then
        # ends its workers.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            for _ in range(self._number):
                pool.submit(_do_nothing)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            children = [
                one for one in multiprocessing.active_children() if one not in others
            ]
            self._end.push(partial(_kill_after_error, children))
        return pool


def _kill_after_error(
    children: Iterable[BaseProcess], error_type: object, *_error: object
) -> None:
    """What workers have in hand may take minutes. Ended in the middle of it, it is as after a kill."""
    if error_type:
        for child in children:
            child.kill()


def _do_nothing() -> None:
    """The first task of each worker: the pool starts another process for each one that is submitted."""


def _start_worker(
    lifeline: Connection, counts: Sequence[Counts], first_free: Any
) -> None:
    with first_free.get_lock():
        own_counts = counts[first_free.value]
        first_free.value += 1
    _meters.append(Meter(own_counts))
    gc.freeze()
    gc.set_threshold(GARBAGE)

    def watch() -> None:
        # A killed run cannot end its workers; they would go on writing beside the next one, for nothing.
        with contextlib.suppress(EOFError, OSError):
            lifeline.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-run", daemon=True).start()


def _submit_all(
    pool: Executor, batches: Planned, most: int, tick: Callable[[], None]
) -> Iterator[BatchResult]:
    """Results in the order of their completion; at most so many batches are on their way."""
    pending: set[Future[BatchResult]] = set()
    while True:
        for batch in islice(batches, most - len(pending)):
            if batch is None:
                break
            pending.add(pool.submit(_ingest, batch))
        else:
            if not pending:
                return
        done, pending = wait(pending, _TICK_SECONDS, FIRST_COMPLETED)
        tick()
        yield from (future.result() for future in done)


def _ingest(batch: Batch) -> BatchResult:
    return ingest_alone(batch, *_meters)
