"""The Spark of this process: found running or started, its options, and what it raises."""

import contextlib
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from etl.config import Settings
from etl.errors import AccessLakeError, UsageError
from etl.spark import executors
from etl.store import parse_location

if TYPE_CHECKING:
    from pyspark import SparkContext

# What Spark hides of its options, in its pages and logs; its own default, and the key for hashed addresses.
_REDACTED = "(?i)secret|password|token|access[.]?key|hash_key|ping_url"
_SECRET = re.compile(_REDACTED)
# Options that say where a secret is, not what.
_REFERENCE = re.compile(
    r"spark\.kubernetes\.(driver|executor)\.secret(s|KeyRef)\.|.*file$", re.IGNORECASE
)
# How Spark names its own errors: [DIVIDE_BY_ZERO].
_ERROR_CLASS = re.compile(r"\[[A-Z][A-Z0-9_.]+\]")
_STACK = re.compile(r"\n\s+at |\n\s*SQLSTATE: |\nDriver stacktrace:")


def require_pyspark() -> None:
    """Raise UsageError where it is not installed."""
    if find_spec("pyspark") is None:
        raise UsageError(
            "engine = spark needs pyspark: `pip install 'accesslake[spark]'`, or start this by spark-submit"
        )


def send_code_along(module: ModuleType) -> None:
    """Send a module's code to executors: one without accesslake could not even say so."""
    from pyspark.cloudpickle import register_pickle_by_value  # noqa: PLC0415 - only where it is asked for

    for one in (module, executors):
        register_pickle_by_value(one)


def refusal(problem: str) -> UsageError:
    """The error for what `find_problem` found on an executor."""
    return UsageError(
        f"{problem}; install the same version there, in the image or by --archives: see config/spark.md"
    )


@contextlib.contextmanager
def spark_errors(advice: str) -> Iterator[None]:
    """Translate what Spark raises, which has a page of Java's stack in it; `advice` ends the message."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark
    from pyspark.errors import PySparkException  # noqa: PLC0415 - as above

    try:
        yield
    except (Py4JError, PySparkException, OSError) as error:
        raise AccessLakeError(f"Spark gave up: {cause_of(error)}; {advice}") from error


def cause_of(error: Exception) -> str:
    """What an error of Spark comes down to, in a line."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else str(java.getMessage() or java.toString())
    lines = _STACK.split(text, maxsplit=1)[0].strip().splitlines()
    named = [line for line in lines if _ERROR_CLASS.search(line)]
    # What a worker of Python says of an error, it says last.
    return (named[:1] or lines[-1:] or [type(error).__name__])[0].strip()


def spark_options(settings: Settings) -> dict[str, str]:
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
def spark_context(options: Mapping[str, str]) -> "Iterator[SparkContext]":
    """The SparkContext of this process, or a new one that ends with the `with` statement.

    Raises UsageError where it does not start, or runs already with other options.
    """
    from pyspark import SparkContext  # noqa: PLC0415 - only where it is asked for

    context = SparkContext._active_spark_context  # noqa: SLF001 - nothing else tells it without starting one
    if context is not None:
        _refuse_other_options(context, options)
        yield context
        return
    context = start(options)
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


def start(options: Mapping[str, str]) -> "SparkContext":
    """A new SparkContext with these options. Raises UsageError where it does not start."""
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
            f"Spark does not start: {cause_of(error)}; "
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


def refuse_local_disks(urls: Iterable[str], master: str) -> None:
    """Raise UsageError where executors would look for the lake, or log objects, on disks of their own."""
    if _is_local(master):
        return
    for url in urls:
        if not parse_location(url).is_s3:
            raise UsageError(
                f"{url}: executors of {master} have disks of their own; on Spark, lake and sources are on s3://"
            )
