"""Proving that a lake holds what its ledger says, once, in the parts that it should.

It only reads. Every difference names where it is and what to do.
"""

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.ahead import results_ahead
from etl.arrow import count_texts, reader_of
from etl.config import MIB, Settings
from etl.errors import PreconditionFailedError
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
    read_skipped,
    require_lake,
)
from etl.query import (
    EVERYTHING,
    Advance,
    Database,
    SharedReader,
    Snapshot,
    duplicate_rows,
    rows_by_object,
)
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, TABLES, Table
from etl.sources import (
    Found,
    LogObject,
    Source,
    discover_objects,
    log_day,
    parse_source,
    require_log_objects,
)
from etl.store import Entry, ReadableStore, S3Session, Usage

# How many parts are read and checked at a time on S3, and of how many bytes at most.
_READERS = 32
_READ_BYTES = 128 * MIB
# How much one query looks for equal rows in: it groups rows by all of their fields.
_BATCH_ROWS = 1_000_000
_BATCH_FOLDERS = 1000
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
    set_aside: int = 0
    """Of these, those that are not in the lake because somebody had them skipped."""
    differences: list[Difference] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    """What it took to find this out."""

    def as_dict(self) -> dict[str, Any]:
        verification = asdict(self)
        del verification["usage"]
        return {**verification, **self.usage.as_dict()}


def verify_lake(
    store: ReadableStore,
    settings: Settings,
    session: S3Session,
    advance: Advance | None = None,
) -> Verification:
    """Check the lake in `store`, and whether all log objects of the sources of the settings are in it.

    `advance` is called with the number of parts that are checked, and of those there are. Raises UsageError without a
    lake, or for a source without log objects, and StoreError where it cannot be listed.
    """
    require_lake(store)
    for url in settings.source:
        require_log_objects(parse_source(url), session)
    verifier = _Verifier(store, settings, session, advance or (lambda _done, _all: None))
    verifier.check_parts()
    verifier.check_accounting()
    # Where a part of the ledger is damaged, nobody knows which log objects are ingested.
    if not any(map(_is_damaged_ledger, verifier.verification.differences)):
        verifier.check_sources()
    return verifier.verification


def _is_damaged_ledger(difference: Difference) -> bool:
    partition = difference.partition or ""
    return difference.kind == "damaged_part" and partition.startswith(
        partition_path(LEDGER)
    )


class _Folder(NamedTuple):
    """What is in the folder of a partition."""

    table: Table
    partition: str
    parts: list[Entry]
    others: list[Entry]


class _CheckedPart(NamedTuple):
    """A part's footer, None where it cannot be read, and what is wrong with the part."""

    footer: Footer | None
    differences: list[Difference]


class _Verifier:
    """The checks of one lake, which add to `verification` what they count and what differs."""

    def __init__(
        self,
        store: ReadableStore,
        settings: Settings,
        session: S3Session,
        advance: Advance,
    ) -> None:
        self.store = store
        self.settings = settings
        self.verification = Verification(lake=store.url)
        self._session = session
        self._advance = advance
        # Records and rejects of days before it have expired; None where none have.
        self._first_day = read_retention(store).expired_before
        # Queries need not read again what was read for the checks of parts.
        self._shared = SharedReader(store, EVERYTHING, int(settings.query_spill))
        self._rows: dict[str, int] = {}

    def check_parts(self) -> None:
        """Each partition has only parts, without a gap in their numbers, large enough (I4) and as they were written."""
        folders = [folder for table in TABLES for folder in _folders(self.store, table)]
        parts = [
            (folder, part)
            for folder in folders
            if not self._is_expired(folder)
            for part in folder.parts
        ]
        checked = self._checked(parts)
        for folder in folders:
            for file in folder.others:
                self._add_stray(folder.partition, file)
            if self._is_expired(folder):
                self._add(
                    "expired",
                    f"older than {self._first_day}; run `accesslake expire` again",
                    folder.partition,
                )
            else:
                self._check_partition(folder, list(islice(checked, len(folder.parts))))
                self._advance(self.verification.parts, len(parts))

    def _checked(self, parts: Iterable[tuple[_Folder, Entry]]) -> Iterator[_CheckedPart]:
        """The parts, checked in this order, several at a time, but no more than a bound of bytes."""
        readers = _READERS if self.store.is_remote else os.cpu_count()
        checks = (
            (
                part.size,
                partial(self._check_part, folder.table, folder.partition, part),
            )
            for folder, part in parts
        )
        with ThreadPoolExecutor(readers) as pool:
            yield from results_ahead(pool, checks, _READ_BYTES)

    def check_accounting(self) -> None:
        """The ledger against the rows, partition by partition (I2, I3), and no row twice (I1)."""
        unusable = unusable_parts(self.verification.differences)
        database = Database(
            self.store,
            settings=self.settings,
            without=unusable,
            with_files=True,
            shared=self._shared,
        )
        (totals,) = _query(database, _TOTALS)
        self.verification.rows = totals["rows"]
        self.verification.log_objects = totals["log_objects"]
        self.verification.differences += map(
            _ledger_difference, _query(database, _LEDGER)
        )
        self.verification.differences += self._row_differences(database)
        self.verification.differences += self._reject_differences(database)
        self.verification.differences += self._duplicate_differences(database)

    def check_sources(self) -> None:
        """Every log object of the sources is in the ledger, as it was when it was read."""
        ledger = Ledger(self.store)
        skipped = read_skipped(self.store)
        for url in self.settings.source:
            source = parse_source(url)
            etag_of = ledger.lookup(source.below)
            for log_object in self._discover(source):
                self.verification.source_objects += 1
                etag = etag_of(log_object.day, log_object.name)
                if etag is None and log_object.name in skipped:
                    self.verification.set_aside += 1
                elif etag is None:
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

    def _check_partition(self, folder: _Folder, checked: list[_CheckedPart]) -> None:
        self._check_numbers(folder.partition, folder.parts)
        self.verification.parts += len(checked)
        for part in checked:
            self.verification.differences += part.differences
        footers = [part.footer for part in checked]
        self._check_sizes(folder.partition, folder.parts, footers)
        if folder.table is ACCESS_LOG:
            self._rows[folder.partition] = sum(one.rows for one in footers if one)

    def _is_expired(self, folder: _Folder) -> bool:
        if folder.table is LEDGER or self._first_day is None or not folder.parts:
            return False
        return _day(folder.partition) < self._first_day

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

    def _check_part(self, table: Table, partition: str, part: Entry) -> _CheckedPart:
        """A part against its digest and its footer (I2), its rows' days against its partition."""
        try:
            data = self._read(part)
            file = pq.ParquetFile(reader_of(data))
            footer = read_footer(file)
            rows = file.read(columns=["log_object", *_DAY_COLUMNS.get(table.name, ())])
        except FileNotFoundError:
            return _CheckedPart(None, [])  # `expire` removed it since it was listed
        except (ValueError, KeyError, OSError, pa.ArrowException) as error:
            message = f"cannot be read: {error}"
            damaged = Difference("damaged_part", message, partition, part.name)
            return _CheckedPart(None, [damaged])
        differences = list(_footer_differences(partition, part, footer, rows))
        if is_edited(data, footer):
            message = "its data is not what was written"
            differences.insert(
                0, Difference("edited_part", message, partition, part.name)
            )
        misplaced = _misplaced(table, rows, _day(partition))
        if misplaced:
            message = f"{misplaced} rows of another day"
            differences.append(Difference("wrong_day", message, partition, part.name))
        return _CheckedPart(footer, differences)

    def _read(self, part: Entry) -> bytes:
        try:
            return self._shared.get().read_part(part)
        except PreconditionFailedError:
            # A run replaced it since it was listed: what is there now has to be right, too.
            return self.store.read(part.name)[0]

    def _row_differences(self, database: Database) -> Iterator[Difference]:
        sql = _ROWS.format(rows_by_object=rows_by_object(ACCESS_LOG))
        for row in _query(database, sql, first_day=self._first_day or dt.date.min):
            partition = partition_path(ACCESS_LOG, bucket=row["bucket"], date=row["date"])
            yield _rows_difference("rows", partition, row)

    def _reject_differences(self, database: Database) -> Iterator[Difference]:
        sql = _REJECTS.format(rows_by_object=rows_by_object(REJECTS))
        for row in _query(database, sql, first_day=self._first_day or dt.date.min):
            # Where all rejects of a log object are missing, no row has the day.
            date = row["date"]
            partition = (
                partition_path(REJECTS, date=date) if date else partition_path(REJECTS)
            )
            yield _rows_difference("rejects", partition, row)

    def _duplicate_differences(self, database: Database) -> Iterator[Difference]:
        older = has_older_parts(self.store)
        # Equal rows are of one bucket and day. A query over all partitions would group the whole lake, one for each
        # would take as long as the process takes for a query.
        for folders in _batches(database.snapshot, self._rows):
            sql = duplicate_rows(folders, has_older_parts=older)
            for row in _query(database, sql):
                yield Difference(
                    "duplicate_rows",
                    f"{row['duplicates']} rows are there more than once",
                    folders[row["folder"]],
                )

    def _discover(self, source: Source) -> Iterator[LogObject]:
        """All log objects of a source from the first day on that the lake is to have."""
        today = dt.datetime.now(dt.UTC).date()
        since = max(filter(None, (self.settings.since, self._first_day)), default=None)
        yield from discover_objects(
            source,
            since,
            today,
            self._session,
            Found(),
            until=self.settings.until,
            full=True,
        )


def _folders(store: ReadableStore, table: Table) -> Iterator[_Folder]:
    """The folders of a table's partitions, in order."""
    for partition, entries in groupby(
        store.entries(partition_path(table)), key=_partition_of
    ):
        files = list(entries)
        parts = sorted((file for file in files if is_part(file.name)), key=part_number)
        others = [file for file in files if not is_part(file.name)]
        yield _Folder(table, partition, parts, others)


def _batches(snapshot: Snapshot, rows: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """The partitions of `access_log` in batches, by the folders where DuckDB sees them; `rows` are those in each."""
    partitions = {
        _folder_of(path): _folder_of(part.name)
        for path, part in snapshot.parts.items()
        if part.name.startswith(partition_path(ACCESS_LOG))
    }
    batch: dict[str, str] = {}
    count = 0
    for folder, partition in partitions.items():
        count += rows.get(partition, 0)
        if batch and (count > _BATCH_ROWS or len(batch) == _BATCH_FOLDERS):
            yield batch
            batch, count = {}, rows.get(partition, 0)
        batch[folder] = partition
    if batch:
        yield batch


def _partition_of(entry: Entry) -> str:
    return _folder_of(entry.name)


def _folder_of(path: str) -> str:
    folder, _, _ = path.rpartition("/")
    return f"{folder}/"


def _day(partition: str) -> dt.date:
    _, _, date = partition.rstrip("/").rpartition("/date=")
    return dt.date.fromisoformat(date)


def _footer_differences(
    partition: str, part: Entry, footer: Footer, rows: pa.Table
) -> Iterator[Difference]:
    """The rows of each log object against their number by the footer."""
    counted = count_texts(rows["log_object"])
    by_footer = footer.rows_by_object()
    for name in sorted(counted.keys() | by_footer.keys()):
        expected = by_footer[name]
        if counted[name] != expected:
            message = f"{counted[name]} rows, {expected} by the part's footer"
            yield Difference("footer", message, partition, part.name, name)


def _misplaced(table: Table, rows: pa.Table, day: dt.date) -> int:
    """How many rows belong into the partition of another day, as far as they tell."""
    if table is ACCESS_LOG:
        days = pc.cast(rows["time"], pa.date32())
        return pc.sum(pc.not_equal(days, day)).as_py() or 0
    if table is LEDGER:
        names = rows["log_object"].to_pylist()
        times = rows["last_modified"].to_pylist()
        pairs = zip(names, times, strict=True)
        return sum((log_day(name) or time.date()) != day for name, time in pairs)
    return 0


def _query(database: Database, sql: str, **parameters: object) -> list[dict[str, Any]]:
    result = database.query(sql, parameters, reads_all=True)
    rows: list[dict[str, Any]] = result.to_arrow().to_pylist()
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
