"""A report on Spark: its statement over the lake's parts as they are now, with the rows that DuckDB would give."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from etl.config import Settings
from etl.dialects import Dialect, translate
from etl.dialects.user_functions import refusal_in, register_spark_functions
from etl.engines.syntax import SPARK
from etl.engines.table import COLUMNS, PARTITIONS
from etl.errors import AccessLakeError
from etl.lake import partition_path
from etl.query import ChangedError, Database, Result, Scope, check_days
from etl.query.snapshot import take_snapshot
from etl.reports import Report, query_report
from etl.schema import ACCESS_LOG
from etl.spark.context import (
    refuse_local_disks,
    require_pyspark,
    spark_context,
    spark_errors,
    spark_options,
)
from etl.store import Entry, ReadableStore

if TYPE_CHECKING:
    from pyspark import SparkContext

# A run that is at work when both are would be at work for a third, too.
_ATTEMPTS = 2
_BATCH_ROWS = 8192
_ADVICE = "if executors ran out of memory, raise spark.executor.memory or spark.sql.shuffle.partitions"
# What statements are written for, whatever the defaults of a cluster are.
_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",
    # A file that is gone or damaged is an error, not one without rows.
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
}
_TYPES = {one.name: SPARK.types[one.type] for one in (*COLUMNS, *PARTITIONS)}
_SCHEMA = ", ".join(f"{SPARK.name(name)} {kind}" for name, kind in _TYPES.items())
_NO_COLUMNS = [
    f"CAST(NULL AS {kind}) AS {SPARK.name(name)}" for name, kind in _TYPES.items()
]


def report_on_spark(
    store: ReadableStore,
    report: Report,
    scope: Scope,
    parameters: Mapping[str, object],
    settings: Settings,
) -> Result:
    """A report's result over the part of the lake in `scope`, as `run_report` gives it, computed by Spark.

    It is a Spark that runs in this process, else one that ends with the last row. Raises NotOfferedError for a report
    that is not written for Spark, UsageError as `run_report` and where Spark is not as it should be, and ChangedError
    where a run replaces parts whenever Spark reads them.
    """
    check_days(scope)
    require_pyspark()
    options = spark_options(settings)
    view = f"{ACCESS_LOG.name}_{uuid.uuid4().hex}"
    sql = translate(report, Dialect.SPARK, parameters, scope, settings, view)
    schema = _schema_of(report, store, scope, parameters, settings)
    return Result(_Rows(schema, store, scope, view, sql, options))


def _schema_of(
    report: Report,
    store: ReadableStore,
    scope: Scope,
    parameters: Mapping[str, object],
    settings: Settings,
) -> pa.Schema:
    """The columns that DuckDB gives, which it knows without a record."""
    parts = take_snapshot(store, scope).parts.values()
    nothing = Database(store, scope, settings, without={part.name for part in parts})
    return query_report(report, nothing, parameters).schema


@dataclass(slots=True)
class _Rows:
    """The rows of a statement about `view`, which is what is in a scope when they are read."""

    schema: pa.Schema
    store: ReadableStore
    scope: Scope
    view: str
    sql: str
    options: Mapping[str, str]

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        retrying = Retrying(
            retry=retry_if_exception_type(ChangedError),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        with spark_context(self.options) as context, _cancelled_after_error(context):
            refuse_local_disks((self.store.url,), context.master)
            with spark_errors(_ADVICE):
                session = _new_session()
            yield from retrying(self._begin, session)

    def _begin(self, session: Any) -> Iterator[pa.RecordBatch]:
        """The rows, of which the first are there: most errors come before them, where one can try again."""
        batches = self._read(session)
        return chain(list(islice(batches, 2)), batches)

    def _read(self, session: Any) -> Iterator[pa.RecordBatch]:
        parts = self._parts()
        try:
            with spark_errors(_ADVICE):
                self._records(session, parts).createOrReplaceTempView(self.view)
                rows = session.sql(self.sql).toLocalIterator()
                yield from _batches(rows, self.schema)
        except AccessLakeError as error:
            self._check_unchanged(parts)
            raise refusal_in(str(error.__cause__)) or error from error
        self._check_unchanged(parts)

    def _parts(self) -> list[Entry]:
        """The parts with records, as they are now: without those of days that `expire` removes."""
        self.store.forget()
        return take_snapshot(self.store, self.scope).of(ACCESS_LOG)

    def _check_unchanged(self, parts: Sequence[Entry]) -> None:
        """Spark reads of a part as many bytes as it had when it was listed, and may leave out rows without a word."""
        if set(parts) - set(self._parts()):
            raise ChangedError(
                f"a run replaced parts of {self.store.url} while Spark read them: "
                "ask again between two runs, or for days that are complete (--to -11d)"
            )

    def _records(self, session: Any, parts: Sequence[Entry]) -> Any:
        """The records of these parts as a DataFrame. Columns that a part does not have are NULL."""
        if not parts:
            # `createDataFrame` would make this session the one that is active for everybody.
            return session.range(0).selectExpr(*_NO_COLUMNS)
        root = _hadoop_url(self.store, session)
        reader = session.read.schema(_SCHEMA).option(
            "basePath", f"{root}/{partition_path(ACCESS_LOG)}"
        )
        # Their names may have in them what Hadoop takes for a pattern.
        reader = reader.option("__globPaths__", "false")
        return reader.parquet(*(f"{root}/{part.name}" for part in parts))


def _hadoop_url(store: ReadableStore, session: Any) -> str:
    """The lake's URL as Hadoop knows it: its own connector for S3 is called s3a."""
    url = store.url.rstrip("/")
    if not store.is_remote:
        return f"file://{url}"
    has_own = session.sparkContext._jsc.hadoopConfiguration().get("fs.s3.impl")  # noqa: SLF001 - nothing else tells it
    return url if has_own else f"s3a://{url.removeprefix('s3://')}"


def _new_session() -> Any:
    """A session of our own: what is set and registered there is not seen in another one."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only where it is asked for

    session = SparkSession.builder.getOrCreate().newSession()
    for name, value in _SESSION.items():
        # To set some of them is deprecated, and Spark says so.
        if session.conf.get(name) != value:
            session.conf.set(name, value)
    register_spark_functions(session)
    return session


@contextlib.contextmanager
def _cancelled_after_error(context: "SparkContext") -> Iterator[None]:
    """Nobody waits for what executors have in hand then: not after Ctrl-C, and not if no more rows are wanted."""
    tag = f"accesslake-{uuid.uuid4().hex}"
    with spark_errors(_ADVICE):
        context.addJobTag(tag)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # Spark itself may be gone
            context.cancelJobsWithTag(tag)
        raise
    finally:
        with contextlib.suppress(Exception):
            context.removeJobTag(tag)


def _batches(rows: Iterator[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of Spark as Arrow record batches with the types of DuckDB."""
    while piece := list(islice(rows, _BATCH_ROWS)):
        columns = [
            _column(values, field)
            for values, field in zip(zip(*piece, strict=True), schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """Spark has decimals where DuckDB has whole numbers, or those of double precision."""
    kind = field.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        number = int if pa.types.is_integer(kind) else float
        values = [None if value is None else number(value) for value in values]
    try:
        return pa.array(values, kind)
    except pa.ArrowException as error:
        raise AccessLakeError(
            f"{field.name} has another type on Spark than in DuckDB ({kind}): {error}; cast it, or run the report here"
        ) from error
