"""Batches on executors of Spark: one job for a wave of batches, one task for each batch.

A lost executor's batch, or that of a task that Spark runs twice, is ingested again, which a batch allows. What is in
hand is bounded by waves; the next ones are planned while those before are at work.
"""

import contextlib
import os
import re
import signal
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib.metadata import version
from importlib.util import find_spec
from math import ceil
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from etl.config import Settings
from etl.errors import AccessLakeError, UsageError
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
from etl.store import parse_location

if TYPE_CHECKING:
    from pyspark import SparkContext

# Between two looks at what tasks have counted.
_TICK_SECONDS = 0.1
# While one ends, the others keep its executors busy.
_WAVES = 4
# A wave begins that long after its first batch was planned, full or not: listing may be slower than the executors.
_WAVE_SECONDS = 2.0
# Where Spark adds executors as there is work for them: what it sees at first.
_ASKED_FOR_AT_FIRST = 16
# What Spark hides of its options, in its pages and logs; its own default, and the key for hashed addresses.
_REDACTED = "(?i)secret|password|token|access[.]?key|hash_key|ping_url"
_SECRET = re.compile(_REDACTED)
# Options that say where a secret is, not what.
_REFERENCE = re.compile(
    r"spark\.kubernetes\.(driver|executor)\.secret(s|KeyRef)\.|.*file$", re.IGNORECASE
)
_STACK = re.compile(r"\n\s+at |\n\s*SQLSTATE: |\nDriver stacktrace:")


class SparkEngine:
    """The executors of Spark: of a SparkContext that runs already, else of one that ends with the run."""

    def __init__(self, settings: Settings) -> None:
        """Raises UsageError where pyspark is not installed, or an option would show a secret."""
        if find_spec("pyspark") is None:
            raise UsageError(
                "engine = spark needs pyspark: `pip install 'accesslake[spark]'`, or start this by spark-submit"
            )
        self._settings = settings
        self._options = _options(settings)
        self._group = f"accesslake-{uuid.uuid4().hex}"
        self._context: Any = None
        self._counts = Counts()
        self._counters: list[Any] = []
        self._idle: Idle | None = None
        self._warm_up: Future[list[Outcome]] | None = None
        self._end = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            _send_code_along()
            self._context = stack.enter_context(_spark_context(self._options))
            _refuse_local_disks(self._settings, self._context.master)
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
            with _spark_errors():
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
        with _spark_errors():
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


def _send_code_along() -> None:
    """An executor without accesslake could not even say so, if its code were not sent."""
    from pyspark.cloudpickle import register_pickle_by_value  # noqa: PLC0415 - only where it is asked for

    register_pickle_by_value(executor)


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
        raise UsageError(
            f"{value.decode()}; install the same version there, in the image or by --archives: see config/spark.md"
        )
    if word == FAILED:
        raise unpack(value)
    result: BatchResult = unpack(value)
    return result


@contextlib.contextmanager
def _spark_errors() -> Iterator[None]:
    """Translate what Spark raises, which has a page of Java's stack in it."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark
    from pyspark.errors import PySparkException  # noqa: PLC0415 - as above

    try:
        yield
    except (Py4JError, PySparkException, OSError) as error:
        raise AccessLakeError(
            f"Spark gave up: {_cause(error)}; what was committed is safe: run again. "
            "If executors ran out of memory, raise spark.executor.memoryOverhead, or set batch_size lower"
        ) from error


def _cause(error: Exception) -> str:
    """What an error of Spark comes down to, in a line."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else str(java.getMessage() or java.toString())
    lines = _STACK.split(text, maxsplit=1)[0].strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def _options(settings: Settings) -> dict[str, str]:
    """The options for Spark. Raises UsageError where one is a secret."""
    options: dict[str, str] = {}
    for text in settings.spark_conf:
        name, _, value = text.partition("=")
        if _SECRET.search(name) and not _REFERENCE.match(name):
            raise UsageError(
                f"{name}: a secret is no option, which others can see; config/spark.md says how executors get theirs"
            )
        options[name] = value
    return options


@contextlib.contextmanager
def _spark_context(options: Mapping[str, str]) -> "Iterator[SparkContext]":
    """The SparkContext of this process, or a new one that ends with the `with` statement.

    Raises UsageError where it does not start, or runs already with other options.
    """
    from pyspark import SparkContext  # noqa: PLC0415 - only where it is asked for

    context = SparkContext._active_spark_context  # noqa: SLF001 - nothing else tells it without starting one
    if context is not None:
        _refuse_other_options(context, options)
        yield context
        return
    context = _start(options)
    try:
        yield context
    finally:
        context.stop()


def _refuse_other_options(context: "SparkContext", options: Mapping[str, str]) -> None:
    conf = context.getConf()
    for name, value in options.items():
        if conf.get(name) != value:
            raise UsageError(
                f"{name}: Spark runs already, with {conf.get(name)!r}; set it where Spark is started"
            )


def _start(options: Mapping[str, str]) -> "SparkContext":
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - only where it is asked for

    # Without spark-submit it is pyspark that starts Java, and passes these on.
    at_start = {
        "spark.app.name": "accesslake",
        "spark.ui.showConsoleProgress": "false",
        **options,
    }
    try:
        with _without_traces():
            start_conf = SparkConf(loadDefaults=False).setAll(list(at_start.items()))
            SparkContext._ensure_initialized(conf=start_conf)  # noqa: SLF001 - else defaults are not known
            conf = SparkConf().setAll(list(options.items()))
            conf.setIfMissing("spark.redaction.regex", _REDACTED)
            context = SparkContext.getOrCreate(conf)
    except Exception as error:
        raise UsageError(
            f"Spark does not start: {_cause(error)}; "
            "it needs the Java of its version, 17 for Spark 4: see config/spark.md"
        ) from error
    if _is_local(context.master) and "PYSPARK_PYTHON" not in os.environ:
        # Else it would be the python3 of the PATH.
        context.pythonExec = sys.executable
    return context


@contextlib.contextmanager
def _without_traces() -> Iterator[None]:
    """What starts pyspark loses Ctrl-C to it, and is warned of the newest pandas, which nothing here passes on."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _is_local(master: str) -> bool:
    """Whether executors are on this machine, with its disks."""
    return master.startswith("local")


def _refuse_local_disks(settings: Settings, master: str) -> None:
    """Raise UsageError where executors would look for the lake, or log objects, on disks of their own."""
    if _is_local(master):
        return
    for url in (settings.lake_url, *settings.source):
        if not parse_location(url).is_s3:
            raise UsageError(
                f"{url}: executors of {master} have disks of their own; on Spark, lake and sources are on s3://"
            )
