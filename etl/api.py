"""The lake from Python: `accesslake.open_lake(url).report("website/top_objects").to_pandas()`."""

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from etl.catalog import CatalogSummary, write_catalog
from etl.config import EngineName, Settings, load_settings
from etl.dashboard import render_buckets, render_dashboard
from etl.dates import Span, day_span, parse_last, parse_span
from etl.dialects import Dialect
from etl.engines import Script, read_table, write_script
from etl.errors import UsageError
from etl.findings import Finding, Inspection, inspect_lake
from etl.ingest import Progress, RunSummary, SkipRequest, new_run_id, run_ingest
from etl.lake import IncompleteRun, is_new, read_incomplete, require_lake
from etl.maintenance import (
    Expired,
    Extent,
    LakeStatus,
    Repaired,
    Verification,
    expire_partitions,
    parse_age,
    read_extent,
    read_status,
    repair_lake,
    verify_lake,
)
from etl.query import (
    Advance,
    Database,
    Result,
    Scope,
    buckets,
    connect,
    described,
    left_out,
    query_lake,
    scope_of,
    select_records,
    to_frame,
)
from etl.reports import (
    Comparison,
    Report,
    ReportResult,
    check_rules,
    compare_report,
    find_report,
    load_reports,
    load_rules,
    read_inventory,
    read_rules,
    run_report,
    unread_objects,
)
from etl.schema import ACCESS_LOG
from etl.store import (
    ListedStore,
    Requests,
    S3Session,
    Store,
    Usage,
    open_store,
)

if TYPE_CHECKING:
    from etl.engines import GlueChange

Moment = Span | dt.date | str | None
"""What a period begins or ends with: a UTC day, an hour, ... as text (`dates.FORMS`), of which all is in the period.

A datetime is a moment, UTC where it has no zone: the period begins with it, or ends right before it. None where there
is no bound.
"""
Buckets = str | Sequence[str] | None
"""A bucket, or several; names or patterns (`web-*`). None means all."""


def open_lake(
    url: str | None = None,
    endpoint_url: str | None = None,
    sql_dir: Sequence[Path | str] = (),
    *,
    config: Path | str | None = None,
    **settings: Any,
) -> "Lake":
    """The lake at `url`: `s3://bucket/prefix` or a local directory.

    Settings come as they do for the command line: from the arguments (`source`, `prices`, ...), then from
    `ACCESSLAKE_*` variables, then from the file `config`, then defaults. `sql_dir` adds directories with reports.
    Raises UsageError for a wrong setting, or where neither says which lake.
    """
    if "lake" in settings:
        raise UsageError("the lake is the first argument of open_lake, not a setting")
    arguments = {
        "lake": url,
        "endpoint_url": endpoint_url,
        "sql_dir": tuple(map(Path, sql_dir)) or None,
        **settings,
    }
    config_file = None if config is None else str(config)
    return Lake(
        load_settings(arguments, os.environ, config_file, lambda key: f"argument {key}")
    )


class Lake:
    """A lake and the settings for it: all that the command line does, for notebooks and schedulers too.

    Nothing is read before the first call. Each call sees the lake as it is then, and lists what it needs once.

    """

    advance: Advance | None = None
    """Is called, perhaps by another thread, with how much is done, and of how much.

    Of a query these are the parts with records that are read, of `verify` the parts that are checked, of the dashboard
    its questions.
    """

    def __init__(self, settings: Settings) -> None:
        if not isinstance(settings, Settings):
            raise TypeError("a Lake is made from settings; for a URL use open_lake(url)")
        self.settings = settings
        self.url = settings.lake_url
        self._session = S3Session(settings.endpoint_url, settings.reader)
        self._store = open_store(settings.lake_url, self._session)
        self._listed = ListedStore(self._store)

    def check(self) -> None:
        """Raise NoLakeError where there is no lake, as each call that reads it does."""
        self._look()

    @property
    def is_empty(self) -> bool:
        """Whether it had no records when the last call looked at it; the first use looks, too.

        A lake that no run has made yet is empty, too.
        """
        return is_new(self._listed) or not buckets(self._listed)

    @property
    def incomplete_run(self) -> IncompleteRun | None:
        """The last run, when the last call looked at the lake, None where it was complete."""
        return read_incomplete(self._listed)

    def ingest(
        self,
        *,
        full: bool = False,
        dry_run: bool = False,
        skip: Sequence[str] = (),
        unskip: Sequence[str] = (),
        skip_reason: str = "",
        progress: Progress = lambda _summary: None,
    ) -> RunSummary:
        """Read the log objects of the sources that the lake does not have yet.

        With `full` everything is listed, not only the trailing window; with `dry_run` nothing is written.
        Log objects whose full names are in `skip` are not read, now and by later runs, until one has them in `unskip`.
        `progress` is called with the figures so far. Raises LeaseHeldError where another run is at work.
        """
        return run_ingest(
            self._store_to_write(),
            self.settings,
            self._session,
            full=full,
            dry_run=dry_run,
            skips=SkipRequest(tuple(skip), tuple(unskip), skip_reason),
            progress=progress,
        )

    def status(self) -> LakeStatus:
        """What is in the lake, and how far behind it is."""
        before = self._session.requests.counts()
        status = read_status(self._look(), self.settings)
        return replace(status, usage=self._usage_since(before))

    def extent(
        self, *, bucket: Buckets = None, date_from: Moment = None, date_to: Moment = None
    ) -> Extent | None:
        """From when to when there are records; None where there are none.

        The lake is as the last call listed it.
        """
        return read_extent(self._listed, _scope(bucket, date_from, date_to))

    def verify(self) -> Verification:
        """Prove that the lake holds what its ledger says, once, and all that the sources of the settings have."""
        before = self._session.requests.counts()
        verification = verify_lake(
            self._look(), self.settings, self._session, self.advance
        )
        return replace(verification, usage=self._usage_since(before))

    def repair(self) -> Repaired:
        """Read again from the sources what is missing or wrong. Raises LeaseHeldError where another run is at work."""
        return repair_lake(self._store_to_write(), self.settings, self._session)

    def expire(self, older_than: dt.timedelta | str, *, dry_run: bool = False) -> Expired:
        """Remove the records and rejects of days older than that (`"400d"`), for good.

        Raises LeaseHeldError where another run is at work.
        """
        age = (
            parse_age("older_than", older_than)
            if isinstance(older_than, str)
            else older_than
        )
        run_id = new_run_id(dt.datetime.now(dt.UTC))
        store, seconds = self._store_to_write(), self.settings.lease_seconds
        return expire_partitions(store, run_id, age, seconds, dry_run=dry_run)

    def reports(self) -> list[Report]:
        """The bundled reports, and those of `sql_dir`."""
        return list(load_reports(self.settings.sql_dir).values())

    def find_report(self, name: str) -> Report:
        """The report of this name. Raises UsageError with the nearest name."""
        return find_report(name, self.settings.sql_dir)

    def report(
        self,
        name: str | Report,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
        engine: EngineName | str = EngineName.LOCAL,
        **parameters: Any,
    ) -> ReportResult:
        """The result of a report, named or found before; both days are part of the period.

        `last` is a period that ends now, such as `24h` or `7d`. Of a `key_prefix`, only records of keys that begin with
        it count. With `engine="spark"` Spark computes the same rows: see `report_on_spark`. Raises UsageError for an
        unknown report, bucket or parameter, naming the nearest.
        """
        report = self.find_report(name) if isinstance(name, str) else name
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        if _engine(engine) is EngineName.SPARK:
            from etl.engines import report_on_spark  # noqa: PLC0415 - few ask for it

            rows = report_on_spark(self._look(), report, scope, parameters, self.settings)
            return ReportResult(report, rows)
        result = run_report(
            self._look(), report, scope, parameters, self.settings, self.advance
        )
        return ReportResult(report, result)

    def print_sql(
        self,
        name: str | Report,
        dialect: str,
        table: str | None = None,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
        **parameters: Any,
    ) -> str:
        """A report as one statement for another engine, where `ddl` has made the lake a table: see `printed`.

        `table` is its name, `access_log` by default. The lake is not read. Raises UsageError as `report`, and for a
        report that is not written in this dialect, with the reason.
        """
        from etl.dialects import printed  # noqa: PLC0415 - few ask for it

        report = self.find_report(name) if isinstance(name, str) else name
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        return printed(report, _dialect(dialect), parameters, scope, self.settings, table)

    def compare(
        self,
        name: str | Report,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
        **parameters: Any,
    ) -> Comparison:
        """The result of a report beside the equally long period before: see `compare_report`.

        Raises UsageError for a report without counts, and where no period begins.
        """
        report = self.find_report(name) if isinstance(name, str) else name
        return compare_report(
            self._look(),
            report,
            _scope(bucket, date_from, date_to, last, key_prefix),
            parameters,
            self.settings,
            self.advance,
        )

    def sql(
        self,
        query: str,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
    ) -> Result:
        """The result of one SELECT over the views of `accesslake schema`, such as `access_log`.

        The views have what is in the period and of the buckets and keys only; see `report`.
        """
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        return query_lake(
            self._look(),
            query,
            scope=scope,
            settings=self.settings,
            advance=self.advance,
        )

    def database(
        self,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
    ) -> Database:
        """A database for several queries, which all see the lake as it is when the first one comes."""
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        return Database(self._look(), scope, self.settings)

    def to_arrow(
        self,
        columns: Sequence[str] | None = None,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
    ) -> pa.Table:
        """The records as one Arrow table; `columns` names those of `access_log`, in any order, by default all.

        All of it is in memory. Fields have a `description`, and perhaps a `unit`, in their metadata. Rows come in no
        particular order. For more than fits into memory, read `sql(...).batches()`.
        """
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        return described(
            query_lake(
                self._look(),
                select_records(columns),
                scope=scope,
                settings=self.settings,
                advance=self.advance,
            ).to_arrow()
        )

    def to_pandas(
        self,
        columns: Sequence[str] | None = None,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
    ) -> Any:
        """The records as a pandas DataFrame; see `to_arrow`, and for its types `to_frame`."""
        return to_frame(
            self.to_arrow(
                columns,
                bucket=bucket,
                date_from=date_from,
                date_to=date_to,
                last=last,
                key_prefix=key_prefix,
            )
        )

    def duckdb(
        self,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        key_prefix: str | None = None,
    ) -> Any:
        """A DuckDB connection in this process with the views and functions of `accesslake schema`.

        It reads the lake as it is now, and no other file; data of your own comes in by `register(name, frame)`. Call
        again after an `ingest`. `database` is for SQL of others: it runs it in a process that can do nothing else.
        """
        scope = _scope(bucket, date_from, date_to, last, key_prefix)
        return connect(self._look(), scope, self.settings)

    def left_out(self, query: str | Report) -> list[str]:
        """Whose requests the settings (`exclude`) keep out of the result of a report or a SELECT."""
        sql = query if isinstance(query, str) else query.sql
        return left_out(sql, self.settings)

    def dashboard(
        self,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
    ) -> str:
        """The dashboard as an HTML page; without a period, of the last 7 days with records."""
        scope = _scope(bucket, date_from, date_to, last)
        now = dt.datetime.now(dt.UTC)
        return render_dashboard(self._look(), scope, self.settings, now, self.advance)

    def findings(
        self,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
    ) -> list[Finding]:
        """What is unusual, alarms first; without a period, of the last 7 days with records."""
        inspection = self.inspect(
            bucket=bucket, date_from=date_from, date_to=date_to, last=last
        )
        return inspection.findings(advance=self.advance)

    def inspect(
        self,
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
    ) -> Inspection:
        """A period to ask for `.findings()`: which one it is, of which buckets, and what it is compared with."""
        scope = _scope(bucket, date_from, date_to, last)
        now = dt.datetime.now(dt.UTC)
        return inspect_lake(self._look(), scope, self.settings, now, load_reports())

    def dashboards(
        self,
        *,
        bucket: str | Sequence[str] | None = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
    ) -> Iterator[tuple[str, str]]:
        """A dashboard of each bucket, and one page that lists them: file names and HTML, as they are done.

        They are of all buckets, or of those that `bucket` names. The period is the same for all; by default the last
        7 days with records.
        """
        scope = _scope(bucket, date_from, date_to, last)
        now = dt.datetime.now(dt.UTC)
        return render_buckets(self._look(), scope, self.settings, now, self.advance)

    def catalog(self, output: Path | str, *, materialize: bool = False) -> CatalogSummary:
        """Write a DuckDB file with the lake's views and reports, for BI tools; see `write_catalog`."""
        return write_catalog(
            self._look(),
            Path(output),
            self.reports(),
            self.settings,
            materialize=materialize,
        )

    def ddl(
        self, dialect: str, table: str | None = None, *, injected: bool = False
    ) -> Script:
        """The statements that make the lake a table of Athena, Trino, Spark or DuckDB (in small letters).

        See `write_script`. Raises UsageError where the lake has no records yet.
        """
        written = _dialect(dialect)
        found = read_table(self._look())
        return write_script(found, written, table, is_injected=injected)

    def glue(
        self,
        database: str | None = None,
        table: str | None = None,
        *,
        injected: bool | None = None,
        dry_run: bool = False,
    ) -> "GlueChange":
        """Create the lake's table in AWS Glue, or bring it up to date: see `update_glue`.

        Without a name it is that of the setting `glue`. Raises UsageError where there is no database in either.
        """
        from etl.engines import update_glue  # noqa: PLC0415 - loads the AWS client

        known_database, known_table = self.settings.glue_target or (None, ACCESS_LOG.name)
        database = database or known_database
        if database is None:
            raise UsageError(
                "no database given; use --database D, or set glue: ACCESSLAKE_GLUE or the configuration file"
            )
        return update_glue(
            read_table(self._look()),
            self._session,
            database,
            table or known_table,
            catalog_id=self.settings.glue_catalog_id,
            is_injected=injected,
            dry_run=dry_run,
        )

    def lifecycle_rules(
        self,
        bucket: str,
        *,
        rules: Path | str | None = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
    ) -> tuple[Result, Scope]:
        """Each action of a bucket's lifecycle rules beside the events that fit it, and the period of those.

        The rules are read from S3, or from a JSON file. Without a period it is the last 30 days with records.
        """
        store = self._look()
        actions = load_rules(Path(rules)) if rules else read_rules(bucket, self.settings)
        return check_rules(
            store,
            bucket,
            actions,
            _scope(bucket, date_from, date_to, last),
            self.settings,
        )

    def never_read(
        self,
        inventory: Path | str | Sequence[Path | str],
        *,
        bucket: Buckets = None,
        date_from: Moment = None,
        date_to: Moment = None,
        last: str | None = None,
        limit: int | None = None,
    ) -> Result:
        """The objects of an S3 Inventory that no record reads, the costliest first; see `unread_objects`.

        `inventory` is its `manifest.json`, or CSV (with a header) or Parquet files; local, or on S3.
        """
        names = [inventory] if isinstance(inventory, (str, Path)) else inventory
        return unread_objects(
            self._look(),
            read_inventory([str(name) for name in names], self._session),
            _scope(bucket, date_from, date_to, last),
            self.settings,
            limit,
        )

    def _usage_since(self, before: Requests) -> Usage:
        return self.settings.prices.usage(self._session.requests.counts() - before)

    def _look(self) -> ListedStore:
        """The lake as it is now, to be read by one call. Raises NoLakeError where there is none."""
        self._listed = ListedStore(self._store)
        require_lake(self._listed)
        return self._listed

    def _store_to_write(self) -> Store:
        """The lake's store; what was listed of it before is wrong from here on."""
        self._listed = ListedStore(self._store)
        return self._store


def _dialect(name: str) -> Dialect:
    if name not in tuple(Dialect):
        raise UsageError(f"no dialect {name!r}; there are: {', '.join(Dialect)}")
    return Dialect(name)


def _engine(name: str) -> EngineName:
    if name not in tuple(EngineName):
        raise UsageError(f"no engine {name!r}; there are: {', '.join(EngineName)}")
    return EngineName(name)


def _scope(
    bucket: Buckets,
    date_from: Moment,
    date_to: Moment,
    last: str | None = None,
    key_prefix: str | None = None,
) -> Scope:
    begin, end = _span("date_from", date_from), _span("date_to", date_to)
    if last is not None:
        if begin or end:
            raise UsageError("last is a period; leave out date_from and date_to")
        begin = end = parse_last("last", last)
    return scope_of(bucket, begin, end, key_prefix)


def _span(name: str, moment: Moment) -> Span | None:
    if isinstance(moment, str):
        return parse_span(name, moment)
    if isinstance(moment, dt.datetime):
        utc = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
        return Span(utc, utc)
    return day_span(moment) if isinstance(moment, dt.date) else moment
