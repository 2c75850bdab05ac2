"""Proving that a lake holds what its ledger says, once, in the parts that it should.

Reads only. Every difference names where it is and what to do.
"""

import datetime as dt
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl import runs
from etl.config import Settings
from etl.discover import Found, discover, parse_source
from etl.errors import StoreError, UsageError
from etl.ledger import Ledger
from etl.parts import Footer, is_part, list_parts, open_part, part_number, partition_path, read_footer
from etl.query import connect, duplicate_rows, run_query
from etl.schema import ACCESS_LOG, TABLES, Table
from etl.storage import open_store
from etl.store import Entry, Store


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be."""

    kind: str
    where: str
    """A part, a partition or a log object."""
    message: str


_UNREADABLE = frozenset({"damaged_part", "foreign_part"})
"""With these in the way the rows cannot be asked for, or not only ours."""


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


def verify(settings: Settings) -> Verification:
    """Check the lake, and with sources whether all of their log objects are in it.

    Raises UsageError without a lake and StoreError where it cannot be listed.
    """
    store = open_store(settings.lake_url, settings.endpoint_url)
    if not any(store.directories(partition_path(table)) for table in TABLES) and not runs.read_covered(store):
        raise UsageError(f"{store.url}: there is no lake here; `accesslake ingest` makes one")
    result = Verification(lake=store.url)
    for table in TABLES:
        result.differences += _check_table(store, table, result)
    if not any(one.kind in _UNREADABLE for one in result.differences):
        result.differences += _check_books(store, settings, result)
    result.differences += _check_sources(store, settings, result)
    return result


def _check_table(store: Store, table: Table, result: Verification) -> Iterator[Difference]:
    entries = store.entries(partition_path(table))
    for partition, group in groupby(entries, key=lambda entry: entry.name.rpartition("/")[0] + "/"):
        parts = list_parts(store, partition)
        strays = {entry.name for entry in group} - {part.name for part in parts}
        for name in sorted(strays):
            kind = "foreign_part" if name.endswith(".parquet") else "stray_file"
            yield Difference(kind, name, "not a part of the lake; move it away")
        yield from _check_numbers(parts)
        footers = []
        for part in parts:
            result.parts += 1
            footers.append((yield from _check_part(store, table, part)))
        yield from _check_sizes(parts, footers)


def _check_numbers(parts: list[Entry]) -> Iterator[Difference]:
    for expected, part in enumerate(parts):
        if part_number(part) != expected:
            yield Difference("missing_part", part.name, f"part {expected:05d} should come before it")
            return


def _check_sizes(parts: list[Entry], footers: list[Footer | None]) -> Iterator[Difference]:
    """Of a partition's parts only the last is below the minimum size (I4), as it was set when each was sealed."""
    minimum = None
    for part, footer in zip(reversed(parts), reversed(footers), strict=True):
        if footer is None:
            continue
        own = footer.min_part_size
        if minimum is not None and part.size < min(own, minimum):
            yield Difference("small_part", part.name, f"{part.size} bytes, sealed from {min(own, minimum)} on")
        minimum = own if minimum is None else min(own, minimum)


def _check_part(store: Store, table: Table, part: Entry) -> Generator[Difference, None, Footer | None]:
    """A part's footer against its rows (I2), and its rows' day against its partition. Returns a readable footer."""
    footer = None
    try:
        with open_part(store, part) as file:
            footer = read_footer(file)
            columns = ["log_object", "time"] if table is ACCESS_LOG else ["log_object"]
            rows = file.read(columns=columns)
    except (StoreError, ValueError, OSError, pa.ArrowException) as error:
        yield Difference("damaged_part", part.name, f"cannot be read: {error}")
        return footer
    counted = {row["values"]: row["counts"] for row in pc.value_counts(rows["log_object"]).to_pylist()}
    named = {name: count for name, count in footer.log_objects.items() if count}
    for name in sorted(counted.keys() | named.keys()):
        if counted.get(name, 0) != named.get(name, 0):
            yield Difference(
                "footer",
                part.name,
                f"{counted.get(name, 0)} rows of {name}, {named.get(name, 0)} by its footer",
            )
    if table is ACCESS_LOG:
        day = dt.date.fromisoformat(part.name.split("/")[2].removeprefix("date="))
        wrong = pc.sum(pc.not_equal(pc.cast(rows["time"], pa.date32()), pa.scalar(day))).as_py()
        if wrong:
            yield Difference("wrong_day", part.name, f"{wrong} rows of another day")
    return footer


_BOOKS = """
WITH held AS (SELECT log_object, count(*) AS rows FROM access_log GROUP BY ALL),
rejected AS (SELECT log_object, count(*) AS rejects FROM rejects GROUP BY ALL),
booked AS (
    SELECT log_object, count(*) AS entries, sum(lines) AS lines, sum(rows) AS rows, sum(rejects) AS rejects,
        sum(duplicates) AS duplicates, sum(blank_lines) AS blank_lines
    FROM ledger GROUP BY ALL
)
SELECT
    coalesce(booked.log_object, held.log_object, rejected.log_object) AS log_object,
    coalesce(entries, 0) AS entries,
    booked.lines, booked.rows, booked.rejects, booked.duplicates, booked.blank_lines,
    coalesce(held.rows, 0) AS rows_held,
    coalesce(rejected.rejects, 0) AS rejects_held
FROM booked
FULL JOIN held ON booked.log_object = held.log_object
FULL JOIN rejected ON coalesce(booked.log_object, held.log_object) = rejected.log_object
WHERE entries IS DISTINCT FROM 1
    OR booked.lines <> booked.rows + booked.rejects + booked.duplicates + booked.blank_lines
    OR booked.rows <> coalesce(held.rows, 0)
    OR booked.rejects <> coalesce(rejected.rejects, 0)
ORDER BY log_object
"""


def _check_books(store: Store, settings: Settings, result: Verification) -> Iterator[Difference]:
    """The ledger against the rows (I2, I3), and no row twice (I1)."""
    connection = connect(store, endpoint_url=settings.endpoint_url)
    totals = run_query(
        connection, "SELECT (SELECT count(*) FROM access_log) AS r, (SELECT count(*) FROM ledger) AS o"
    ).to_arrow()
    result.rows, result.log_objects = totals["r"][0].as_py(), totals["o"][0].as_py()
    for row in run_query(connection, _BOOKS).to_arrow().to_pylist():
        yield _book_difference(row)
    names = [one.name for one in store.entries(partition_path(ACCESS_LOG)) if is_part(one.name)]
    for partition in sorted({name.rpartition("/")[0] + "/" for name in names}):
        twice = duplicate_rows(connection, store, partition)
        if twice:
            yield Difference("duplicate_rows", partition, f"{twice} rows are there more than once")


def _book_difference(row: dict[str, Any]) -> Difference:
    name = row["log_object"]
    if row["entries"] == 0:
        return Difference(
            "uncommitted",
            name,
            f"{row['rows_held']} rows, not in the ledger; `accesslake ingest` completes it if the source still has it",
        )
    if row["entries"] > 1:
        return Difference("ledger", name, f"{row['entries']} times in the ledger")
    if row["rows"] != row["rows_held"] or row["rejects"] != row["rejects_held"]:
        return Difference(
            "rows",
            name,
            f"{row['rows_held']} rows and {row['rejects_held']} rejects, "
            f"{row['rows']} and {row['rejects']} by the ledger",
        )
    return Difference(
        "books",
        name,
        f"{row['lines']} lines are not {row['rows']} rows + {row['rejects']} rejects + "
        f"{row['duplicates']} duplicates + {row['blank_lines']} blank lines",
    )


def _check_sources(store: Store, settings: Settings, result: Verification) -> Iterator[Difference]:
    """Every log object of the sources is in the ledger, as it was when it was read."""
    today = dt.datetime.now(dt.UTC).date()
    ledger = Ledger(store)
    for url in settings.source:
        source = parse_source(url)
        known = ledger.lookup(source.below)
        for one in discover(source, settings.since, today, settings.endpoint_url, Found(), full=True):
            result.source_objects += 1
            etag = known(one.day).get(one.name)
            if etag is None:
                yield Difference("not_ingested", one.name, "in the source, not in the lake; `accesslake ingest --full`")
            elif etag != one.etag:
                yield Difference("changed", one.name, "overwritten after it was ingested; the lake has the older text")
