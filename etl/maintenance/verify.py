"""Proving that a lake holds what its ledger says, once, in the parts that it should.

Reads only. Every difference names where it is and what to do.
"""

import datetime as dt
from collections.abc import Collection, Generator, Iterable, Iterator
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
    is_edited,
    is_part,
    part_number,
    partition_path,
    read_footer,
    read_retention,
    require_lake,
)
from etl.query import Database, duplicate_rows, held_rows
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, TABLES, Table
from etl.sources import Found, discover_objects, log_day, parse_source
from etl.store import Entry, ReadableStore


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
    """Files that the books are looked at without: nobody can read them, or they are not ours."""
    return frozenset(one.part for one in differences if one.part and one.kind in ("damaged_part", "foreign_part"))


@dataclass(slots=True)
class Verification:
    """What was looked at, and what was found wrong."""

    lake: str
    parts: int = 0
    rows: int = 0
    log_objects: int = 0
    source_objects: int = 0
    differences: list[Difference] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def verify_lake(store: ReadableStore, settings: Settings) -> Verification:
    """Check the lake in `store`, and whether all log objects of the sources of the settings are in it.

    Raises UsageError without a lake and StoreError where it cannot be listed.
    """
    require_lake(store)
    first_day = read_retention(store).expired_before
    result = Verification(lake=store.url)
    for table in TABLES:
        result.differences += _check_table(store, table, first_day, result)
    result.differences += _check_books(store, settings, first_day, unusable_parts(result.differences), result)
    if not any(one.kind == "damaged_part" and _is_in(LEDGER, one) for one in result.differences):
        result.differences += _check_sources(store, settings, first_day, result)
    return result


def _is_in(table: Table, one: Difference) -> bool:
    return (one.partition or "").startswith(partition_path(table))


def _check_table(
    store: ReadableStore, table: Table, first_day: dt.date | None, result: Verification
) -> Iterator[Difference]:
    entries = store.entries(partition_path(table))
    for partition, group in groupby(entries, key=lambda entry: entry.name.rpartition("/")[0] + "/"):
        files = list(group)
        for one in files:
            if not is_part(one.name):
                kind = "foreign_part" if one.name.endswith(".parquet") else "stray_file"
                yield Difference(kind, "not a part of the lake; move it away", partition, one.name)
        parts = sorted((one for one in files if is_part(one.name)), key=part_number)
        if not parts:
            continue
        if table in (ACCESS_LOG, REJECTS) and first_day is not None and _day(partition) < first_day:
            yield Difference("expired", f"older than {first_day}; run `accesslake expire` again", partition)
            continue
        yield from _check_numbers(partition, parts)
        footers = []
        for part in parts:
            result.parts += 1
            footers.append((yield from _check_part(store, table, partition, part)))
        yield from _check_sizes(partition, parts, footers)


def _day(partition: str) -> dt.date:
    return dt.date.fromisoformat(partition.rstrip("/").rpartition("/date=")[2])


def _check_numbers(partition: str, parts: list[Entry]) -> Iterator[Difference]:
    for expected, part in enumerate(parts):
        if part_number(part) != expected:
            yield Difference("missing_part", f"part-{expected:05d}.parquet is missing before it", partition, part.name)
            return


def _check_sizes(partition: str, parts: list[Entry], footers: list[Footer | None]) -> Iterator[Difference]:
    """Of a partition's parts only the last is below the minimum size (I4), as it was when each was written."""
    for part, footer in zip(parts[:-1], footers[:-1], strict=True):
        if footer and part.size < footer.min_part_size:
            message = f"{part.size} bytes, sealed from {footer.min_part_size} on"
            yield Difference("small_part", message, partition, part.name)


def _check_part(
    store: ReadableStore, table: Table, partition: str, part: Entry
) -> Generator[Difference, None, Footer | None]:
    """A part against its digest and its footer (I2), its rows' day against its partition. Returns a readable footer."""
    try:
        data, _ = store.read(part.name)
        file = pq.ParquetFile(reader_of(data))
        footer = read_footer(file)
        rows = file.read(columns=["log_object", *_DAYS.get(table.name, ())])
    except FileNotFoundError:
        return None  # `expire` removed it since it was listed
    except (ValueError, KeyError, OSError, pa.ArrowException) as error:
        yield Difference("damaged_part", f"cannot be read: {error}", partition, part.name)
        return None
    if is_edited(data, footer):
        yield Difference("edited_part", "its data is not what was written", partition, part.name)
    counted = count_texts(rows["log_object"])
    named = {name: held.rows for name, held in footer.log_objects.items() if held.rows}
    for name in sorted(counted.keys() | named.keys()):
        if counted[name] != named.get(name, 0):
            message = f"{counted[name]} rows, {named.get(name, 0)} by the part's footer"
            yield Difference("footer", message, partition, part.name, name)
    if wrong := sum(day != _day(partition) for day in _days(table, rows)):
        yield Difference("wrong_day", f"{wrong} rows of another day", partition, part.name)
    return footer


_DAYS = {ACCESS_LOG.name: ("time",), LEDGER.name: ("last_modified",)}
"""The columns besides `log_object` that the day of a row follows from."""


def _days(table: Table, rows: pa.Table) -> Iterator[dt.date]:
    """The days of the partitions that rows belong into, as far as they say so."""
    if table is ACCESS_LOG:
        yield from pc.cast(rows["time"], pa.date32()).to_pylist()
    if table is LEDGER:
        for name, modified in zip(rows["log_object"].to_pylist(), rows["last_modified"].to_pylist(), strict=True):
            yield log_day(name) or modified.date()


_LEDGER = """
SELECT log_object, count(*) AS entries, sum(lines)::BIGINT AS lines, sum(rows)::BIGINT AS rows,
    sum(rejects)::BIGINT AS rejects, sum(duplicates)::BIGINT AS duplicates, sum(blank_lines)::BIGINT AS blank_lines,
    sum(list_sum([one.rows FOR one IN partitions]))::BIGINT AS in_partitions
FROM ledger
GROUP BY ALL
HAVING entries <> 1 OR lines <> rows + rejects + duplicates + blank_lines OR rows <> coalesce(in_partitions, 0)
ORDER BY log_object
"""

_ROWS = """
WITH booked AS (
    SELECT log_object, one.bucket AS bucket, one.date AS date, any_value(one.rows) AS rows
    FROM (SELECT log_object, unnest(partitions) AS one FROM ledger)
    WHERE one.date >= $first_day
    GROUP BY ALL
)
SELECT log_object, bucket, date, coalesce(booked.rows, 0) AS booked, coalesce(held.rows, 0) AS held, part,
    log_object IN (SELECT log_object FROM ledger) AS is_committed
FROM booked FULL JOIN ({held}) AS held USING (log_object, bucket, date)
WHERE booked.rows IS DISTINCT FROM held.rows
ORDER BY log_object, bucket, date
"""

_PARTITIONS = """
SELECT DISTINCT bucket, date, regexp_replace(filename, '[^/]*$', '') AS folder
FROM files_of_access_log
ORDER BY ALL
"""

_REJECTS = """
WITH booked AS (SELECT log_object, any_value(rejects) AS rows FROM ledger WHERE date >= $first_day GROUP BY ALL)
SELECT log_object, coalesce(booked.rows, 0) AS booked, coalesce(held.rows, 0) AS held, held.date, part,
    log_object IN (SELECT log_object FROM ledger) AS is_committed
FROM booked FULL JOIN ({held}) AS held USING (log_object)
WHERE coalesce(booked.rows, 0) <> coalesce(held.rows, 0)
ORDER BY log_object
"""


def _check_books(
    store: ReadableStore, settings: Settings, first_day: dt.date | None, unusable: Collection[str], result: Verification
) -> Iterator[Difference]:
    """The ledger against the rows, partition by partition (I2, I3), and no row twice (I1)."""
    database = Database(store, settings=settings, without=unusable, with_files=True)

    def ask(sql: str, **parameters: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = database.query(sql, parameters).to_arrow().to_pylist()
        return rows

    (totals,) = ask("SELECT (SELECT count(*) FROM access_log) AS r, (SELECT count(*) FROM ledger) AS o")
    result.rows, result.log_objects = totals["r"], totals["o"]
    day = first_day or dt.date.min
    for row in ask(_LEDGER):
        yield _ledger_difference(row)
    for row in ask(_ROWS.format(held=held_rows(ACCESS_LOG)), first_day=day):
        partition = partition_path(ACCESS_LOG, bucket=row["bucket"], date=row["date"])
        yield _rows_difference("rows", partition, row)
    for row in ask(_REJECTS.format(held=held_rows(REJECTS)), first_day=day):
        partition = partition_path(REJECTS, date=row["date"]) if row["date"] else partition_path(REJECTS)
        yield _rows_difference("rejects", partition, row)
    for row in ask(_PARTITIONS):
        (found,) = ask(duplicate_rows(row["folder"]))
        if found["twice"]:
            partition = partition_path(ACCESS_LOG, bucket=row["bucket"], date=row["date"])
            yield Difference("duplicate_rows", f"{found['twice']} rows are there more than once", partition)


def _ledger_difference(row: dict[str, Any]) -> Difference:
    name = row["log_object"]
    if row["entries"] > 1:
        return Difference("ledger", f"{row['entries']} times in the ledger", log_object=name)
    return Difference(
        "books",
        f"{row['lines']} lines are not {row['rows']} rows ({row['in_partitions'] or 0} by partition) + "
        f"{row['rejects']} rejects + {row['duplicates']} duplicates + {row['blank_lines']} blank lines",
        log_object=name,
    )


def _rows_difference(what: str, partition: str, row: dict[str, Any]) -> Difference:
    part = f"{partition}{row['part']}" if row["part"] else None
    if not row["is_committed"]:
        message = f"{row['held']} {what}, not in the ledger; `accesslake ingest` completes it if the source has it"
        return Difference("uncommitted", message, partition, part, row["log_object"])
    return Difference(what, f"{row['held']} {what}, {row['booked']} by the ledger", partition, part, row["log_object"])


def _check_sources(
    store: ReadableStore, settings: Settings, first_day: dt.date | None, result: Verification
) -> Iterator[Difference]:
    """Every log object of the sources is in the ledger, as it was when it was read."""
    today = dt.datetime.now(dt.UTC).date()
    ledger = Ledger(store)
    since = max(filter(None, (settings.since, first_day)), default=None)
    for url in settings.source:
        source = parse_source(url)
        known = ledger.lookup(source.below)
        for one in discover_objects(source, since, today, settings.endpoint_url, Found(), full=True):
            result.source_objects += 1
            etag = known(one.day).get(one.name)
            if etag is None:
                message = "in the source, not in the lake; `accesslake ingest --full`"
                yield Difference("not_ingested", message, log_object=one.name)
            elif etag != one.etag:
                message = "overwritten after it was ingested; the lake has the older text"
                yield Difference("changed", message, log_object=one.name)
