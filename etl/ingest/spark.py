"""Batches on executors of Spark: one job for a wave of batches, one task for each batch.

A lost executor's batch, or that of a task that Spark runs twice, is ingested again, which a batch allows. What is in
hand is bounded by waves; the next ones are planned while those before are at work.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib.metadata import version
from math import ceil
from types import TracebackType
from typing import Any, Self

from etl.config import Settings
from etl.ingest import executor
from etl.ingest.activity import COUNTED, Counts
from etl.ingest.executor import (
    FAILED,
    REFUSED,
    WARM_UP,
    Outcome,
    task_function,
    unpack,
)
from etl.ingest.idle import Idle
from etl.ingest.plan import Planned
from etl.ingest.remote import pack_batch
from etl.ingest.result import BatchResult
from etl.spark.context import (
    refusal,
    refuse_local_disks,
    require_pyspark,
    send_code_along,
    spark_context,
    spark_errors,
    spark_options,
)

# Between two looks at what tasks have counted.
_TICK_SECONDS = 0.1
# While one ends, the others keep its executors busy.
_WAVES = 4
# A wave begins that long after its first batch was planned, full or not: listing may be slower than the executors.
_WAVE_SECONDS = 2.0
# Where Spark adds executors as there is work for them: what it sees at first.
_ASKED_FOR_AT_FIRST = 16
_ADVICE = (
    "what was committed is safe: run again. "
    "If executors ran out of memory, raise spark.executor.memoryOverhead, or set batch_size lower"
)


class SparkEngine:
    """The executors of Spark: of a SparkContext that runs already, else of one that ends with the run."""

    def __init__(self, settings: Settings) -> None:
        """Raises UsageError where pyspark is not installed, or an option would show a secret."""
        require_pyspark()
        self._settings = settings
        self._options = spark_options(settings)
        self._group = f"accesslake-{uuid.uuid4().hex}"
        self._context: Any = None
        self._counts = Counts()
        self._counters: list[Any] = []
        self._idle: Idle | None = None
        self._warm_up: Future[list[Outcome]] | None = None
        self._end = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            send_code_along(executor)
            self._context = stack.enter_context(spark_context(self._options))
            urls = (self._settings.lake_url, *self._settings.source)
            refuse_local_disks(urls, self._context.master)
            self._counters = [self._context.accumulator(0) for _ in COUNTED]
            stack.push(self._cancel_after_error)
            self._pool = stack.enter_context(_job_threads())
            self._end = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.__exit__(kind, error, traceback)

    @property
    def parallelism(self) -> int:
        """Of the settings, else of the executors that there are: it grows where Spark adds some.

        Without a setting up to four times as many are in hand, of which Spark runs as many as it has cores for.
        """
        if self._settings.workers or self._context is None:
            return self._settings.workers or os.cpu_count() or 1
        conf = self._context.getConf()
        tasks: int = self._context.defaultParallelism // int(
            conf.get("spark.task.cpus", "1")
        )
        if conf.get("spark.dynamicAllocation.enabled") == "true":
            return max(tasks, _ASKED_FOR_AT_FIRST)
        return max(tasks, 1)

    @property
    def counts(self) -> Sequence[Counts]:
        """Of the tasks that are done: Spark tells at the end of a task what it counted."""
        for name, counter in zip(COUNTED, self._counters, strict=False):
            setattr(self._counts, name, counter.value)
        return [self._counts]

    @property
    def notice(self) -> str | None:
        return self._idle.notice if self._idle else None

    def start(self) -> None:
        """Have executors import accesslake, which takes them a second, while log objects are listed."""
        if self._warm_up is None:
            # Nobody asks for its result: where something is wrong, the first batch tells.
            self._warm_up = self._pool.submit(self._run_job, [WARM_UP] * self.parallelism)

    def results(
        self, batches: Planned, tick: Callable[[], None]
    ) -> Iterator[BatchResult]:
        """The results of batches, wave by wave.

        Raises the error of a batch, UsageError where executors have no accesslake or another version, and
        AccessLakeError where Spark gives up, or has no executors for too long.
        """
        self._idle = idle = Idle(self._context, self._settings.spark_wait_seconds)
        sizes: dict[Future[list[Outcome]], int] = {}
        waves = self._waves(batches, sizes.values())
        wave: list[bytes] | None = []
        while True:
            while self._next_size(sizes.values()) and (wave := next(waves, None)):
                sizes[self._pool.submit(self._run_job, wave)] = len(wave)
            if wave is None and not sizes:
                return
            done, _ = wait(sizes, _TICK_SECONDS, FIRST_COMPLETED)
            if done or not sizes:
                idle.end()
            with spark_errors(_ADVICE):
                idle.look()
            tick()
            for job in done:
                del sizes[job]
                yield from map(_result_of, job.result())

    def _waves(self, batches: Planned, sizes: Collection[int]) -> Iterator[list[bytes]]:
        """The batches of each job, as they travel, beside those of these `sizes`; none while the next has to wait."""
        wave: list[bytes] = []
        begun = 0.0
        for batch in batches:
            if batch is not None:
                begun = begun if wave else time.monotonic()
                wave.append(pack_batch(batch))
            is_full = len(wave) >= self._next_size(sizes)
            if wave and (is_full or time.monotonic() - begun > _WAVE_SECONDS):
                yield wave
                wave = []
            elif batch is None:
                yield []
        if wave:
            yield wave

    def _next_size(self, sizes: Collection[int]) -> int:
        """How many batches the next wave may have, beside waves of these `sizes`."""
        if len(sizes) >= _WAVES:
            return 0
        most = self._settings.workers
        if most:
            # Cores do not bound it: there may be more of them.
            return min(ceil(most / _WAVES), most - sum(sizes))
        return self.parallelism

    def _run_job(self, wave: list[bytes]) -> list[Outcome]:
        """One job, with a task for each batch, in a thread of its own."""
        what = f"accesslake ingest into {self._settings.lake_url}"
        with spark_errors(_ADVICE):
            self._context.setJobGroup(self._group, what, interruptOnCancel=True)
            tasks = self._context.parallelize(wave, len(wave))
            run = task_function(version("accesslake"), self._counters)
            outcomes: list[Outcome] = tasks.map(run).collect()
            return outcomes

    def _cancel_after_error(self, error_type: object, *_error: object) -> None:
        """What executors have in hand may take minutes. Ended in the middle of it, it is as after a kill."""
        if error_type:
            with contextlib.suppress(Exception):  # Spark itself may be gone
                self._context.cancelJobGroup(self._group)


@contextlib.contextmanager
def _job_threads() -> Iterator[ThreadPoolExecutor]:
    """A thread for each wave at work, and one to warm up; after an error nobody waits for them."""
    pool = ThreadPoolExecutor(_WAVES + 1, thread_name_prefix="spark-job")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result_of(outcome: Outcome) -> BatchResult:
    word, value = outcome
    if word == REFUSED:
        raise refusal(value.decode())
    if word == FAILED:
        raise unpack(value)
    result: BatchResult = unpack(value)
    return result
