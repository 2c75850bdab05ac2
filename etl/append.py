"""Appending rows to a partition: numbered parts, one open tail, every append a compare-and-swap.

What a partition holds can be read from the footers of its parts, so an append of what it already holds does
nothing; and any two appends want to write the same object, of which one loses and looks again.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.errors import PreconditionFailedError, StoreError
from etl.parts import Footer, damaged, encode_part, list_parts, open_part, part_number, read_footer
from etl.schema import Table
from etl.storage import Entry, Store

_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows given to `append`, by log object, and what that cost."""

    held: dict[str, int]
    """Rows of each log object that the partition holds now, whoever wrote them."""
    duplicates: dict[str, int]
    """Rows left out because an equal one is there."""
    bytes_written: int
    growth: int
    """Bytes by which the partition grew."""


def append(store: Store, table: Table, partition: str, rows: pa.Table, min_part_size: int) -> Appended:
    """Add `rows` (columns of `table.schema`) to a partition, except those that it holds already.

    Held already are the rows of log objects that a footer names (an earlier run wrote them and died before its
    ledger), and rows equal in every column of `table.identity` to one that is there. Safe against any other
    append at the same time, and when repeated after a crash at any point.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _append_once(store, table, partition, rows, min_part_size)
        except PreconditionFailedError:
            time.sleep(random.random() * min(2.0, 0.02 * 2**attempt))  # noqa: S311 - jitter
    raise StoreError(f"{store.url}/{partition}: {_ATTEMPTS} appends in a row lost to other writers; run it again")


def _append_once(store: Store, table: Table, partition: str, rows: pa.Table, min_part_size: int) -> Appended:
    parts = list_parts(store, partition)
    tail = parts[-1] if parts and parts[-1].size < min_part_size else None
    tail_rows, tail_etag = _read_tail(store, table, tail)
    files = [open_part(store, part) for part in parts if part is not tail]
    held = _held_log_objects(store, parts, files, tail_rows)

    counts = _rows_by_log_object(rows)
    known = [name for name in counts if name in held]
    fresh = rows.filter(pc.invert(pc.is_in(rows["log_object"], pa.array(known, pa.string())))) if known else rows
    given = _rows_by_log_object(fresh) if known else counts
    if table.identity:
        fresh = drop_duplicates(fresh, _possible_duplicates(table, fresh, files, tail_rows), table.identity)
    kept = _rows_by_log_object(fresh)
    for file in files:
        file.close()
    result = {
        "held": {name: held[name] if name in held else kept[name] for name in counts},
        "duplicates": {
            name: counts[name] - held[name] if name in held else given[name] - kept[name] for name in counts
        },
    }
    if not fresh.num_rows:
        return Appended(**result, bytes_written=0, growth=0)

    whole = fresh if tail_rows is None else pa.concat_tables([tail_rows[0], fresh])
    footer = Counter({name: kept[name] for name in given})
    if tail_rows is not None:
        footer.update(tail_rows[1].log_objects)
    data = encode_part(table, whole, footer, min_part_size)
    number = part_number(parts[-1]) + (tail is None) if parts else 0
    store.write(f"{partition}part-{number:05d}.parquet", data, if_match=tail_etag)
    return Appended(**result, bytes_written=len(data), growth=len(data) - (tail.size if tail else 0))


def _rows_by_log_object(rows: pa.Table) -> Counter[str]:
    counted = pc.value_counts(rows["log_object"])
    return Counter(dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)))


def _read_tail(store: Store, table: Table, tail: Entry | None) -> tuple[tuple[pa.Table, Footer] | None, str | None]:
    """The open tail's rows and footer, and the ETag of just these bytes."""
    if tail is None:
        return None, None
    try:
        data, etag = store.read(tail.name)
    except FileNotFoundError as error:
        raise PreconditionFailedError(tail.name) from error
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        return (file.read().cast(table.schema), read_footer(file)), etag
    except (pa.ArrowException, ValueError) as error:
        raise damaged(store, tail, error) from error


def _held_log_objects(
    store: Store, parts: list[Entry], files: list[pq.ParquetFile], tail: tuple[pa.Table, Footer] | None
) -> Counter[str]:
    held: Counter[str] = Counter()
    for part, file in zip(parts, files, strict=False):
        try:
            held.update(read_footer(file).log_objects)
        except ValueError as error:
            raise damaged(store, part, error) from error
    if tail is not None:
        held.update(tail[1].log_objects)
    return held


def _possible_duplicates(
    table: Table, rows: pa.Table, files: Iterable[pq.ParquetFile], tail: tuple[pa.Table, Footer] | None
) -> Iterator[pa.Table]:
    """Stored rows that share time and request id with some of `rows`: any equal row is among them.

    Reads two columns of the row groups whose times overlap, and whole rows only where ids meet; one row group
    is in memory at a time.
    """
    if not rows.num_rows:
        return
    ids = pc.unique(rows["request_id"])
    first, last = (bound.as_py() for bound in pc.min_max(rows["time"]).values())
    if tail is not None:
        yield tail[0].filter(pc.is_in(tail[0]["request_id"], ids))
    for file in files:
        for group in range(file.num_row_groups):
            statistics = file.metadata.row_group(group).column(table.schema.get_field_index("time")).statistics
            if statistics is not None and (statistics.max < first or statistics.min > last):
                continue
            matches = pc.is_in(file.read_row_group(group, columns=["request_id"])["request_id"], ids)
            if pc.any(matches).as_py():
                yield file.read_row_group(group).cast(table.schema).filter(matches)


def drop_duplicates(rows: pa.Table, stored: Iterable[pa.Table], identity: Iterable[str]) -> pa.Table:
    """`rows` without those equal, in every column of `identity`, to a stored row or to an earlier one of `rows`.

    NULL equals NULL. Rows whose request id occurs once are told apart by that alone.
    """
    identity = list(identity)
    ids = rows["request_id"]
    counts = pc.value_counts(ids)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    stored_rows = pa.concat_tables([table.select(identity) for table in stored] or [rows.select(identity).slice(0, 0)])
    suspects = pc.unique(pa.chunked_array([*stored_rows["request_id"].chunks, repeated], pa.string()))
    if not len(suspects):
        return rows
    is_suspect = pc.is_in(ids, suspects)
    positions = pa.array(range(rows.num_rows), pa.int64()).filter(is_suspect.combine_chunks())
    candidates = rows.select(identity).filter(is_suspect).append_column("_position", positions)
    held = stored_rows.append_column("_position", pa.repeat(pa.scalar(-1, pa.int64()), stored_rows.num_rows))
    firsts = pa.concat_tables([held, candidates]).group_by(identity).aggregate([("_position", "min")])["_position_min"]
    dropped = pc.invert(pc.is_in(positions, firsts))
    keep = pc.invert(pc.is_in(pa.array(range(rows.num_rows), pa.int64()), positions.filter(dropped)))
    return rows.filter(keep)
