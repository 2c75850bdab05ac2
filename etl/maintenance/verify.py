"""Proving that a lake holds what its ledger says, once, in the parts that it should.

It only reads. Every difference names where it is and what to do.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.arrow import count_texts, reader_of
from etl.config import Settings
from etl.lake import (
    Footer,
    Ledger,
    has_older_parts,
    is_edited,
    is_part,
    part_number,
    partition_path,
    read_footer,
    read_retention,
    require_lake,
)
from etl.query import Database, duplicate_rows, rows_by_object
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, TABLES, Table
from etl.sources import Found, LogObject, Source, discover_objects, log_day, parse_source
from etl.store import Entry, ReadableStore, S3Session, Usage

_UNUSABLE = ("damaged_part", "foreign_part")
# The columns besides `log_object` that the day of a row follows from.
_DAY_COLUMNS = {ACCESS_LOG.name: ("time",), LEDGER.name: ("last_modified",)}

_LEDGER = """
SELECT log_object, count(*) AS entries, sum(lines)::BIGINT AS lines, sum(rows)::BIGINT AS rows,
    sum(rejects)::BIGINT AS rejects, sum(duplicates)::BIGINT AS duplicates, sum(blank_lines)::BIGINT AS blank_lines,
    coalesce(sum(list_sum([entry.rows FOR entry IN partitions])), 0)::BIGINT AS in_partitions
FROM ledger
GROUP BY ALL
HAVING entries <> 1 OR lines <> rows + rejects + duplicates + blank_lines OR rows <> in_partitions
ORDER BY log_object
"""

_ROWS = """
WITH ledger_rows AS (
    SELECT log_object, entry.bucket AS bucket, entry.date AS date, any_value(entry.rows) AS rows
    FROM (SELECT log_object, unnest(partitions) AS entry FROM ledger)
    WHERE entry.date >= $first_day
    GROUP BY ALL
)
SELECT log_object, bucket, date, coalesce(ledger_rows.rows, 0) AS by_ledger, coalesce(stored.rows, 0) AS stored, part,
    log_object IN (SELECT log_object FROM ledger) AS is_committed
FROM ledger_rows FULL JOIN ({rows_by_object}) AS stored USING (log_object, bucket, date)
WHERE ledger_rows.rows IS DISTINCT FROM stored.rows
ORDER BY log_object, bucket, date
"""

_REJECTS = """
WITH ledger_rows AS (
    SELECT log_object, any_value(rejects) AS rows FROM ledger WHERE date >= $first_day GROUP BY ALL
)
SELECT log_object, coalesce(ledger_rows.rows, 0) AS by_ledger, coalesce(stored.rows, 0) AS stored, stored.date, part,
    log_object IN (SELECT log_object FROM ledger) AS is_committed
FROM ledger_rows FULL JOIN ({rows_by_object}) AS stored USING (log_object)
WHERE coalesce(ledger_rows.rows, 0) <> coalesce(stored.rows, 0)
ORDER BY log_object
"""

_PARTITIONS = """
SELECT DISTINCT bucket, date, regexp_replace(filename, '[^/]*$', '') AS folder
FROM files_of_access_log
ORDER BY ALL
"""

_TOTALS = "SELECT (SELECT count(*) FROM access_log) AS rows, (SELECT count(*) FROM ledger) AS log_objects"

_UNBALANCED = (
    "{lines} lines are not {rows} rows ({in_partitions} by partition) + {rejects} rejects + {duplicates} duplicates"
    " + {blank_lines} blank lines"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be, and where: as much of that as is known."""

    kind: str
    message: str
    partition: str | None = None
    part: str | None = None
    log_object: str | None = None

    @property
    def where(self) -> str:
        return ", ".join(filter(None, (self.part or self.partition, self.log_object)))


def unusable_parts(differences: Iterable[Difference]) -> frozenset[str]:
    """Files that queries leave out: nobody can read them, or they are not ours."""
    unusable = (
        difference.part for difference in differences if difference.kind in _UNUSABLE
    )
    return frozenset(part for part in unusable if part)


@dataclass(slots=True)
class Verification:
    """What was checked, and what differs."""

    lake: str
    parts: int = 0
    rows: int = 0
    log_objects: int = 0
    source_objects: int = 0
    differences: list[Difference] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    """What it took to find this out."""

    def as_dict(self) -> dict[str, Any]:
        verification = asdict(self)
        del verification["usage"]
        return {**verification, **self.usage.as_dict()}


def verify_lake(
    store: ReadableStore, settings: Settings, session: S3Session
) -> Verification:
    """Check the lake in `store`, and whether all log objects of the sources of the settings are in it.

    Raises UsageError without a lake and StoreError where it cannot be listed.
    """
    require_lake(store)
    verification = Verification(lake=store.url)
    verifier = _Verifier(
        store, settings, session, read_retention(store).expired_before, verification
    )
    for table in TABLES:
        verifier.check_table(table)
    verifier.check_accounting()
    # Where a part of the ledger is damaged, nobody knows which log objects are ingested.
    if not any(map(_is_damaged_ledger, verification.differences)):
        verifier.check_sources()
    return verification


def _is_damaged_ledger(difference: Difference) -> bool:
    partition = difference.partition or ""
    return difference.kind == "damaged_part" and partition.startswith(
        partition_path(LEDGER)
    )


@dataclass(frozen=True, slots=True)
class _Verifier:
    """The checks of one lake, which add to `verification` what they count and what differs."""

    store: ReadableStore
    settings: Settings
    session: S3Session
    first_day: dt.date | None
    """Records and rejects of days before it have expired; None where none have."""
    verification: Verification

    def check_table(self, table: Table) -> None:
        """Each partition has only parts, without a gap in their numbers, large enough (I4) and as they were written."""
        entries = self.store.entries(partition_path(table))
        for partition, files in groupby(entries, key=_partition_of):
            parts = []
            for file in files:
                if is_part(file.name):
                    parts.append(file)
                else:
                    self._add_stray(partition, file)
            if parts:
                self._check_partition(table, partition, sorted(parts, key=part_number))

    def check_accounting(self) -> None:
        """The ledger against the rows, partition by partition (I2, I3), and no row twice (I1)."""
        unusable = unusable_parts(self.verification.differences)
        database = Database(
            self.store, settings=self.settings, without=unusable, with_files=True
        )
        (totals,) = _query(database, _TOTALS)
        self.verification.rows = totals["rows"]
        self.verification.log_objects = totals["log_objects"]
        self.verification.differences += map(
            _ledger_difference, _query(database, _LEDGER)
        )
        self.verification.differences += self._row_differences(database)
        self.verification.differences += self._reject_differences(database)
        self.verification.differences += _duplicate_differences(
            database, has_older_parts=has_older_parts(self.store)
        )

    def check_sources(self) -> None:
        """Every log object of the sources is in the ledger, as it was when it was read."""
        ledger = Ledger(self.store)
        for url in self.settings.source:
            source = parse_source(url)
            etags_of_day = ledger.lookup(source.below)
            for log_object in self._discover(source):
                self.verification.source_objects += 1
                etag = etags_of_day(log_object.day).get(log_object.name)
                if etag is None:
                    message = "in the source, not in the lake; `accesslake ingest --full`"
                    self._add("not_ingested", message, log_object=log_object.name)
                elif etag != log_object.etag:
                    message = (
                        "overwritten after it was ingested; the lake has the older text"
                    )
                    self._add("changed", message, log_object=log_object.name)

    def _add(
        self,
        kind: str,
        message: str,
        partition: str | None = None,
        part: str | None = None,
        log_object: str | None = None,
    ) -> None:
        self.verification.differences.append(
            Difference(kind, message, partition, part, log_object)
        )

    def _add_stray(self, partition: str, file: Entry) -> None:
        # Only a Parquet file is read as a part: by other programs, whose glob takes it for one.
        kind = "foreign_part" if file.name.endswith(".parquet") else "stray_file"
        self._add(kind, "not a part of the lake; move it away", partition, file.name)

    def _check_partition(self, table: Table, partition: str, parts: list[Entry]) -> None:
        if self._is_expired(table, partition):
            self._add(
                "expired",
                f"older than {self.first_day}; run `accesslake expire` again",
                partition,
            )
            return
        self._check_numbers(partition, parts)
        footers = []
        for part in parts:
            self.verification.parts += 1
            footers.append(self._check_part(table, partition, part))
        self._check_sizes(partition, parts, footers)

    def _is_expired(self, table: Table, partition: str) -> bool:
        if table is LEDGER or self.first_day is None:
            return False
        return _day(partition) < self.first_day

    def _check_numbers(self, partition: str, parts: list[Entry]) -> None:
        for expected, part in enumerate(parts):
            if part_number(part) != expected:
                self._add(
                    "missing_part",
                    f"part-{expected:05d}.parquet is missing before it",
                    partition,
                    part.name,
                )
                return

    def _check_sizes(
        self, partition: str, parts: list[Entry], footers: list[Footer | None]
    ) -> None:
        """Of a partition's parts only the last is below the minimum size (I4), as it was when each was written."""
        for part, footer in zip(parts[:-1], footers[:-1], strict=True):
            if footer and part.size < footer.min_part_size:
                message = f"{part.size} bytes, sealed from {footer.min_part_size} on"
                self._add("small_part", message, partition, part.name)

    def _check_part(self, table: Table, partition: str, part: Entry) -> Footer | None:
        """A part against its digest and its footer (I2), its rows' days against its partition.

        Returns the footer, None where the part cannot be read.
        """
        try:
            data, _ = self.store.read(part.name)
            file = pq.ParquetFile(reader_of(data))
            footer = read_footer(file)
            rows = file.read(columns=["log_object", *_DAY_COLUMNS.get(table.name, ())])
        except FileNotFoundError:
            return None  # `expire` removed it since it was listed
        except (ValueError, KeyError, OSError, pa.ArrowException) as error:
            self._add("damaged_part", f"cannot be read: {error}", partition, part.name)
            return None
        if is_edited(data, footer):
            self._add(
                "edited_part", "its data is not what was written", partition, part.name
            )
        self._check_footer(partition, part, footer, rows)
        misplaced = sum(day != _day(partition) for day in _days(table, rows))
        if misplaced:
            self._add(
                "wrong_day", f"{misplaced} rows of another day", partition, part.name
            )
        return footer

    def _check_footer(
        self, partition: str, part: Entry, footer: Footer, rows: pa.Table
    ) -> None:
        counted = count_texts(rows["log_object"])
        by_footer = footer.rows_by_object()
        for name in sorted(counted.keys() | by_footer.keys()):
            expected = by_footer[name]
            if counted[name] != expected:
                message = f"{counted[name]} rows, {expected} by the part's footer"
                self._add("footer", message, partition, part.name, name)

    def _row_differences(self, database: Database) -> Iterator[Difference]:
        sql = _ROWS.format(rows_by_object=rows_by_object(ACCESS_LOG))
        for row in _query(database, sql, first_day=self.first_day or dt.date.min):
            partition = partition_path(ACCESS_LOG, bucket=row["bucket"], date=row["date"])
            yield _rows_difference("rows", partition, row)

    def _reject_differences(self, database: Database) -> Iterator[Difference]:
        sql = _REJECTS.format(rows_by_object=rows_by_object(REJECTS))
        for row in _query(database, sql, first_day=self.first_day or dt.date.min):
            # Where all rejects of a log object are missing, no row has the day.
            date = row["date"]
            partition = (
                partition_path(REJECTS, date=date) if date else partition_path(REJECTS)
            )
            yield _rows_difference("rejects", partition, row)

    def _discover(self, source: Source) -> Iterator[LogObject]:
        """All log objects of a source from the first day on that the lake is to have."""
        today = dt.datetime.now(dt.UTC).date()
        since = max(filter(None, (self.settings.since, self.first_day)), default=None)
        yield from discover_objects(
            source, since, today, self.session, Found(), full=True
        )


def _partition_of(entry: Entry) -> str:
    folder, _, _ = entry.name.rpartition("/")
    return f"{folder}/"


def _day(partition: str) -> dt.date:
    _, _, date = partition.rstrip("/").rpartition("/date=")
    return dt.date.fromisoformat(date)


def _days(table: Table, rows: pa.Table) -> Iterator[dt.date]:
    """The days of the partitions that rows belong into, as far as the rows tell."""
    if table is ACCESS_LOG:
        yield from pc.cast(rows["time"], pa.date32()).to_pylist()
    if table is LEDGER:
        names = rows["log_object"].to_pylist()
        times = rows["last_modified"].to_pylist()
        for name, last_modified in zip(names, times, strict=True):
            yield log_day(name) or last_modified.date()


def _query(database: Database, sql: str, **parameters: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = database.query(sql, parameters).to_arrow().to_pylist()
    return rows


def _ledger_difference(row: dict[str, Any]) -> Difference:
    name = row["log_object"]
    if row["entries"] > 1:
        return Difference(
            "ledger", f"{row['entries']} times in the ledger", log_object=name
        )
    return Difference("accounting", _UNBALANCED.format_map(row), log_object=name)


def _rows_difference(kind: str, partition: str, row: dict[str, Any]) -> Difference:
    part = f"{partition}{row['part']}" if row["part"] else None
    stored = f"{row['stored']} {kind}"
    if row["is_committed"]:
        return Difference(
            kind,
            f"{stored}, {row['by_ledger']} by the ledger",
            partition,
            part,
            row["log_object"],
        )
    message = f"{stored}, not in the ledger; `accesslake ingest` completes it if the source has it"
    return Difference("uncommitted", message, partition, part, row["log_object"])


def _duplicate_differences(
    database: Database, *, has_older_parts: bool
) -> Iterator[Difference]:
    # One partition at a time: equal rows are of one bucket and day, and a query over all would group the whole lake.
    for row in _query(database, _PARTITIONS):
        sql = duplicate_rows(row["folder"], has_older_parts=has_older_parts)
        (count,) = _query(database, sql)
        if count["duplicates"]:
            partition = partition_path(ACCESS_LOG, bucket=row["bucket"], date=row["date"])
            yield Difference(
                "duplicate_rows",
                f"{count['duplicates']} rows are there more than once",
                partition,
            )
