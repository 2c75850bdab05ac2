"""Appending rows to a partition: numbered parts, one open tail, every append a compare-and-swap.

What a partition holds can be read from the footers of its parts, so an append of what it already holds does
nothing; and any two appends want to write the same object, of which one loses and looks again. `remove` takes rows
out again, for a log object that is read anew.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.arrow import as_dictionary, count_texts, decoded, reader_of, where_text
from etl.config import MIB
from etl.errors import GoneError, PreconditionFailedError, StaleRowsError, StoreError
from etl.lake.parts import (
    Footer,
    Held,
    damaged,
    encode_part,
    is_part,
    list_parts,
    open_part,
    part_number,
    partition_path,
    read_footer,
    short_etag,
)
from etl.schema import Table
from etl.store import LOST, Entry, Store, compete

_LOST_OR_GONE = (*LOST, FileNotFoundError, GoneError)
"""What an append raises that lost to another one, or met a part that was there when it was listed."""
_FULL_BYTES = 512 * MIB
"""Bytes of rows in memory from which a part is sealed whatever its size: some texts shrink to nearly nothing."""


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


def append_rows(
    store: Store, table: Table, partition: str, rows: pa.Table, etags: Mapping[str, str], min_part_size: int
) -> Appended:
    """Add `rows` to a partition, except those that it holds already.

    `rows` has the columns of `table.schema`, texts perhaps as dictionaries; `etags` has the ETags of their log
    objects. Held already are the rows of log objects that a footer names (an earlier run wrote them and died before
    its ledger), and rows equal in every column of `table.identity` to one that is there. Safe against any other
    append at the same time, and when repeated after a crash at any point.

    Raises StaleRowsError where a footer names a log object with another ETag: it was overwritten since.
    """
    return compete(
        lambda: _append_once(store, table, partition, rows, etags, min_part_size),
        f"{store.url}/{partition}",
        lost=_LOST_OR_GONE,
    )


def remove_rows(store: Store, table: Table, log_objects: Collection[str]) -> None:
    """Take the rows of some log objects out of all parts of a table that hold any, and their names out of the footers.

    Such a part is sealed from then on, however small: an append that saw it sealed may be on its way.
    """
    for name in [one.name for one in store.entries(partition_path(table)) if is_part(one.name)]:
        remove_once = partial(_remove_once, store, table, name, log_objects)
        compete(remove_once, f"{store.url}/{name}", lost=_LOST_OR_GONE)


def _remove_once(store: Store, table: Table, name: str, log_objects: Collection[str]) -> None:
    part = next((one for one in store.entries(name.rpartition("/")[0] + "/") if one.name == name), None)
    if part is None:
        return
    with open_part(store, part) as file:
        if read_footer(file).log_objects.keys().isdisjoint(log_objects):
            return
    whole = _read_whole(store, part, table.schema)
    if whole is None:
        return
    kept = {name: held for name, held in whole.footer.log_objects.items() if name not in log_objects}
    names = as_dictionary(whole.rows["log_object"])
    rows = whole.rows.filter(pa.array(where_text(names, lambda name: name not in log_objects)))
    store.write(part.name, encode_part(table, rows, kept, min_part_size=0), if_match=whole.etag)


def _append_once(
    store: Store, table: Table, partition: str, rows: pa.Table, etags: Mapping[str, str], min_part_size: int
) -> Appended:
    parts = list_parts(store, partition)
    try:
        return _append_to(store, table, partition, parts, rows, etags, min_part_size)
    except (StoreError, OSError, pa.ArrowException) as error:
        if list_parts(store, partition) != parts:  # what could not be read was replaced meanwhile
            raise PreconditionFailedError(partition) from error
        raise


def _append_to(
    store: Store,
    table: Table,
    partition: str,
    parts: list[Entry],
    rows: pa.Table,
    etags: Mapping[str, str],
    min_part_size: int,
) -> Appended:
    tail = _read_tail(store, parts[-1], rows.schema, may_be_open=parts[-1].size < min_part_size) if parts else None
    counts = count_texts(rows["log_object"])
    with contextlib.ExitStack() as stack:
        sealed = [stack.enter_context(open_part(store, part)) for part in (parts[:-1] if tail else parts)]
        held = _held_log_objects(store, parts, sealed, tail)
        _refuse_stale(held, etags)
        fresh = rows
        if not held.keys().isdisjoint(counts):
            names = as_dictionary(rows["log_object"])
            fresh = rows.filter(pa.array(where_text(names, lambda name: name not in held)))
        unique = fresh
        if table.identity:
            unique = drop_duplicates(fresh, _possible_duplicates(table, fresh, sealed, tail), table.identity)
    given, kept = count_texts(fresh["log_object"]), count_texts(unique["log_object"])
    news = {name: Held(short_etag(etags[name]), kept[name], given[name] - kept[name]) for name in given}
    bytes_written = 0
    if unique.num_rows:
        whole = pa.concat_tables([tail.rows, unique]) if tail else unique
        log_objects = {**(tail.footer.log_objects if tail else {}), **news}
        is_full = whole.nbytes >= _FULL_BYTES
        data = encode_part(table, whole, log_objects, 0 if is_full else min_part_size)
        number = part_number(parts[-1]) + (not tail) if parts else 0
        store.write(f"{partition}part-{number:05d}.parquet", data, if_match=tail.etag if tail else None)
        bytes_written = len(data)
    return Appended(
        held={name: (held.get(name) or news[name]).rows for name in counts},
        duplicates={name: (held.get(name) or news[name]).duplicates for name in counts},
        bytes_written=bytes_written,
        growth=bytes_written - tail.size if tail and bytes_written else bytes_written,
    )


def _refuse_stale(held: Mapping[str, Held], etags: Mapping[str, str]) -> None:
    stale = [name for name, etag in etags.items() if name in held and held[name].etag != short_etag(etag)]
    if stale:
        raise StaleRowsError(stale)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A part, read whole."""

    rows: pa.Table
    footer: Footer
    etag: str
    """Of just these bytes."""
    size: int


def _read_tail(store: Store, part: Entry, schema: pa.Schema, *, may_be_open: bool) -> _Whole | None:
    """The last part of a partition, or None where it is sealed.

    That is for the part itself to say, not for a setting: all writers must see the same, or two of them would write
    different objects, and both succeed. `may_be_open` only says what is likely: then one request reads all of it.
    """
    if not may_be_open:
        with open_part(store, part) as file:
            try:
                footer = read_footer(file)
            except ValueError as error:
                raise damaged(store, part, error) from error
        if part.size >= footer.min_part_size:
            return None
    return _read_whole(store, part, schema, only_open=True)


def _read_whole(store: Store, part: Entry, schema: pa.Schema, *, only_open: bool = False) -> _Whole | None:
    """The part, with columns of these types, and its ETag; with `only_open` None where it is sealed.

    Raises PreconditionFailedError or FileNotFoundError where it was replaced since it was listed.
    """
    data, etag = store.read(part.name)
    if len(data) != part.size:
        raise PreconditionFailedError(part.name)
    try:
        texts = [one.name for one in schema if pa.types.is_dictionary(one.type)]
        file = pq.ParquetFile(reader_of(data), read_dictionary=texts)
        footer = read_footer(file)
        if only_open and part.size >= footer.min_part_size:
            return None
        return _Whole(file.read().cast(schema), footer, etag, len(data))
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise damaged(store, part, error) from error


def _held_log_objects(
    store: Store, parts: list[Entry], sealed: list[pq.ParquetFile], tail: _Whole | None
) -> dict[str, Held]:
    """What the partition holds of each log object; a log object's rows are all in one part."""
    held = dict(tail.footer.log_objects) if tail else {}
    for part, file in zip(parts, sealed, strict=False):
        try:
            held.update(read_footer(file).log_objects)
        except ValueError as error:
            raise damaged(store, part, error) from error
    return held


def _possible_duplicates(
    table: Table, rows: pa.Table, sealed: Iterable[pq.ParquetFile], tail: _Whole | None
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
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    nothing = rows.select(identity).slice(0, 0)
    stored_rows = pa.concat_tables([decoded(table.select(identity)) for table in (nothing, *stored)])
    suspects = pc.unique(pa.chunked_array([*stored_rows["request_id"].chunks, repeated], pa.string()))
    if not len(suspects):
        return rows
    is_suspect = pc.is_in(ids, suspects)
    every = pa.array(np.arange(rows.num_rows))
    positions = every.filter(is_suspect.combine_chunks())
    candidates = decoded(rows.select(identity).filter(is_suspect)).append_column("_position", positions)
    held = stored_rows.append_column("_position", pa.array(np.full(stored_rows.num_rows, -1)))
    firsts = pa.concat_tables([held, candidates]).group_by(identity).aggregate([("_position", "min")])["_position_min"]
    dropped = pc.invert(pc.is_in(positions, firsts))
    keep = pc.invert(pc.is_in(every, positions.filter(dropped)))
    return rows.filter(keep)
