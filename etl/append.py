"""Appending rows to a partition: numbered parts, one open tail, every append a compare-and-swap.

What a partition holds can be read from the footers of its parts, so an append of what it already holds does
nothing; and any two appends want to write the same object, of which one loses and looks again.
"""

import contextlib
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.arrays import as_dictionary, count_texts, decoded, from_numpy, mask_of, to_numpy, where_text
from etl.errors import PreconditionFailedError, StoreError
from etl.parts import Footer, damaged, encode_part, list_parts, open_part, part_number, read_footer
from etl.schema import Table
from etl.store import Entry, Store

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
    """Add `rows` to a partition, except those that it holds already.

    `rows` has the columns of `table.schema`, texts perhaps as dictionaries.
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
    tail = _read_tail(store, parts[-1], rows.schema) if parts and parts[-1].size < min_part_size else None
    counts = count_texts(rows["log_object"])
    with contextlib.ExitStack() as stack:
        sealed = [stack.enter_context(open_part(store, part)) for part in (parts[:-1] if tail else parts)]
        held = _held_log_objects(store, parts, sealed, tail)
        fresh = rows
        if not held.keys().isdisjoint(counts):
            names = as_dictionary(rows["log_object"])
            fresh = rows.filter(mask_of(where_text(names, lambda name: name not in held)))
        unique = fresh
        if table.identity:
            unique = drop_duplicates(fresh, _possible_duplicates(table, fresh, sealed, tail), table.identity)
    given, kept = count_texts(fresh["log_object"]), count_texts(unique["log_object"])
    bytes_written = 0
    if unique.num_rows:
        whole = pa.concat_tables([tail.rows, unique]) if tail else unique
        log_objects = {**(tail.footer.log_objects if tail else {}), **{name: kept[name] for name in given}}
        data = encode_part(table, whole, log_objects, min_part_size)
        number = part_number(parts[-1]) + (not tail) if parts else 0
        store.write(f"{partition}part-{number:05d}.parquet", data, if_match=tail.etag if tail else None)
        bytes_written = len(data)
    return Appended(
        held={name: held.get(name, kept[name]) for name in counts},
        duplicates={name: counts[name] - held.get(name, kept[name]) for name in counts},
        bytes_written=bytes_written,
        growth=bytes_written - tail.size if tail and bytes_written else bytes_written,
    )


@dataclass(frozen=True, slots=True)
class _Tail:
    """An open part, read whole."""

    rows: pa.Table
    footer: Footer
    etag: str
    """Of just these bytes."""
    size: int


def _read_tail(store: Store, part: Entry, schema: pa.Schema) -> _Tail:
    """The part, with columns of these types, and its ETag.

    Raises PreconditionFailedError where it was replaced since it was listed.
    """
    try:
        data, etag = store.read(part.name)
    except FileNotFoundError as error:
        raise PreconditionFailedError(part.name) from error
    if len(data) != part.size:
        raise PreconditionFailedError(part.name)
    try:
        texts = [one.name for one in schema if pa.types.is_dictionary(one.type)]
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        return _Tail(file.read().cast(schema), read_footer(file), etag, len(data))
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise damaged(store, part, error) from error


def _held_log_objects(
    store: Store, parts: list[Entry], sealed: list[pq.ParquetFile], tail: _Tail | None
) -> dict[str, int]:
    """Rows of each log object that the partition holds; a log object's rows are all in one part."""
    held = dict(tail.footer.log_objects) if tail else {}
    for part, file in zip(parts, sealed, strict=False):
        try:
            held.update(read_footer(file).log_objects)
        except ValueError as error:
            raise damaged(store, part, error) from error
    return held


def _possible_duplicates(
    table: Table, rows: pa.Table, sealed: Iterable[pq.ParquetFile], tail: _Tail | None
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
        yield tail.rows.filter(pc.is_in(tail.rows["request_id"], ids))
    for file in sealed:
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
    repeated = counts.field("values").filter(mask_of(to_numpy(counts.field("counts")) > 1))
    nothing = rows.select(identity).slice(0, 0)
    stored_rows = pa.concat_tables([decoded(table.select(identity)) for table in (nothing, *stored)])
    suspects = pc.unique(pa.chunked_array([*stored_rows["request_id"].chunks, repeated], pa.string()))
    if not len(suspects):
        return rows
    is_suspect = pc.is_in(ids, suspects)
    every = from_numpy(np.arange(rows.num_rows), pa.int64())
    positions = every.filter(is_suspect.combine_chunks())
    candidates = decoded(rows.select(identity).filter(is_suspect)).append_column("_position", positions)
    held = stored_rows.append_column("_position", from_numpy(np.full(stored_rows.num_rows, -1), pa.int64()))
    firsts = pa.concat_tables([held, candidates]).group_by(identity).aggregate([("_position", "min")])["_position_min"]
    dropped = pc.invert(pc.is_in(positions, firsts))
    keep = pc.invert(pc.is_in(every, positions.filter(dropped)))
    return rows.filter(keep)
