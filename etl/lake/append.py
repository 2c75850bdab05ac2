"""Appending rows to a partition: numbered parts, of which the last may be open; every append is a compare-and-swap.

What a partition holds can be read from the footers of its parts, so an append of what it already holds does
nothing; and any two appends want to write the same object, of which one loses and looks again. `remove_rows` takes rows
out again, for a log object that is read anew.
"""

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.arrow import (
    compacted,
    conformed,
    count_texts,
    decoded,
    reader_of,
    without_texts,
)
from etl.config import MIB
from etl.errors import GoneError, PreconditionFailedError, StaleRowsError, StoreError
from etl.lake.parts import (
    Footer,
    FooterEntry,
    damaged,
    encode_part,
    is_part,
    list_parts,
    object_of,
    open_part,
    part_number,
    partition_path,
    piece_name,
    read_footer,
    short_etag,
)
from etl.schema import Table
from etl.store import LOST, Entry, Store, compete

# What an append raises that lost to another one, or met a part that was there when it was listed.
_LOST_OR_GONE = (*LOST, FileNotFoundError, GoneError)
# Bytes of rows in memory from which a part is sealed whatever its size: some texts shrink to nearly nothing, and what
# is open has to be read whole by the next append.
_FULL_BYTES = 512 * MIB
# Parts that are decoded and encoded at a time: that takes a processor, and the memory of several copies. Reading and
# storing take neither, and on S3 most of the time.
_MAKING = threading.BoundedSemaphore(2)
# Sealed parts of a partition that are opened at a time, which takes a few requests for each.
_OPENERS = 16


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows given to `append_rows`, by log object, and what that cost."""

    rows_by_object: dict[str, int]
    """Rows that the partition holds now, whoever wrote them."""
    duplicates_by_object: dict[str, int]
    """Rows left out because an equal one is there."""
    bytes_written: int
    growth: int
    """Bytes by which the partition grew."""


def append_rows(
    store: Store,
    table: Table,
    partition: str,
    rows: pa.Table,
    etags: Mapping[str, str],
    min_part_size: int,
    piece: int | None = None,
) -> Appended:
    """Add `rows` to a partition, except those that it holds already.

    `rows` has the columns of `table.schema`, texts perhaps as dictionaries; `etags` has the ETags of their log
    objects. Where that is a single one, which is read in pieces, `piece` is the number of this one.

    The partition holds already the rows of log objects, or pieces, that a footer names (an earlier run wrote them and
    died before its ledger), and rows equal in every column of `table.identity` to one that is there. Safe against any
    other append at the same time, and when repeated after a crash at any point.

    Raises StaleRowsError where a footer names a log object with another ETag: it was overwritten since.
    """
    append = _Append(store, table, partition, rows, etags, min_part_size, piece)
    return compete(append.try_once, f"{store.url}/{partition}", lost=_LOST_OR_GONE)


def remove_rows(store: Store, table: Table, log_objects: Collection[str]) -> None:
    """Take the rows of some log objects out of all parts of a table that hold any, and their names out of the footers.

    Such a part is sealed from then on, however small: an append that saw it sealed may be on its way.
    """
    for name in [
        one.name for one in store.entries(partition_path(table)) if is_part(one.name)
    ]:
        remove_once = partial(_remove_once, store, table, name, log_objects)
        compete(remove_once, f"{store.url}/{name}", lost=_LOST_OR_GONE)


def _remove_once(
    store: Store, table: Table, name: str, log_objects: Collection[str]
) -> None:
    folder = name.rpartition("/")[0] + "/"
    part = next((one for one in store.entries(folder) if one.name == name), None)
    if part is None:
        return
    with open_part(store, part) as file:
        # The footer tells without reading a row; most parts hold none of them.
        names = map(object_of, read_footer(file).log_objects)
        if not any(name in log_objects for name in names):
            return
    before = _read_part(store, part, table.schema)
    entries = {
        name: entry
        for name, entry in before.footer.log_objects.items()
        if object_of(name) not in log_objects
    }
    rows = _rows_of(store, before, table.schema)
    # Compacted, so that no text of theirs stays in a dictionary.
    rows = compacted(without_texts(rows, "log_object", log_objects))
    store.write(
        part.name,
        encode_part(table, rows, entries, min_part_size=0),
        if_match=before.etag,
    )


@dataclass(frozen=True, slots=True)
class _Append:
    """Rows on their way into a partition: the arguments of `append_rows`."""

    store: Store
    table: Table
    partition: str
    rows: pa.Table
    etags: Mapping[str, str]
    min_part_size: int
    piece: int | None

    def try_once(self) -> Appended:
        parts = list_parts(self.store, self.partition)
        try:
            with self._opened(parts) as known:
                with _MAKING:
                    appended, part = self._make_part(known)
                if part:
                    self.store.write(part.name, part.data, if_match=part.if_match)
                return appended
        except (StoreError, OSError, pa.ArrowException) as error:
            # What could not be read may have been replaced meanwhile.
            if list_parts(self.store, self.partition) != parts:
                raise PreconditionFailedError(self.partition) from error
            raise

    @contextlib.contextmanager
    def _opened(self, parts: list[Entry]) -> "Iterator[_Known]":
        """The parts of the partition: the last one read whole if it is open, the others as files."""
        last = None
        if parts:
            schema = self.rows.schema
            last = _read_open_part(self.store, parts[-1], schema, self.min_part_size)
        sealed_parts = parts[:-1] if last else parts
        entries = dict(last.footer.log_objects) if last else {}
        with contextlib.ExitStack() as stack:

            def open_sealed(part: Entry) -> pq.ParquetFile:
                return stack.enter_context(open_part(self.store, part))

            with ThreadPoolExecutor(_OPENERS) as pool:
                sealed = list(pool.map(open_sealed, sealed_parts))
            for part, file in zip(sealed_parts, sealed, strict=True):
                try:
                    # A large partition has a million names; those of the batch are enough.
                    entries.update(read_footer(file, only=self.etags).log_objects)
                except ValueError as error:
                    raise damaged(self.store, part, error) from error
            yield _Known(parts, [last] if last else [], sealed, entries)

    def _make_part(self, known: "_Known") -> "tuple[Appended, _NewPart | None]":
        """What becomes of the rows, and the part to write, if any of them is new."""
        _refuse_stale(known.entries, self.etags, self.piece)
        objects = count_texts(self.rows["log_object"])
        names = {name: piece_name(name, self.piece) for name in objects}
        # After a crash some may be known already. Mostly none is, and nothing has to be copied.
        known_names = {name for name, named in names.items() if named in known.entries}
        new_rows = self.rows
        if known_names:
            new_rows = without_texts(new_rows, "log_object", known_names)
        open_rows = [
            _rows_of(self.store, part, self.rows.schema) for part in known.open_parts
        ]
        unique = new_rows
        if self.table.identity:
            stored = _possible_duplicates(self.table, new_rows, open_rows, known.sealed)
            unique = drop_duplicates(new_rows, stored, self.table.identity)
        new_entries = {
            names[name]: entry
            for name, entry in _footer_entries(new_rows, unique, self.etags).items()
        }
        part = None
        if unique.num_rows:
            rows = pa.concat_tables([*open_rows, unique])
            part = self._encode(known, rows, new_entries)
        # Of an object that is known already, the partition's own entry counts: an earlier run wrote its rows.
        entries = {**new_entries, **known.entries}
        return _appended({name: entries[names[name]] for name in names}, part), part

    def _encode(
        self, known: "_Known", rows: pa.Table, new_entries: Mapping[str, FooterEntry]
    ) -> "_NewPart":
        """The open part with `rows`, its own and new ones, or the next part where there is none."""
        is_full = rows.nbytes >= _FULL_BYTES
        min_part_size = 0 if is_full else self.min_part_size
        if not known.open_parts:
            number = part_number(known.parts[-1]) + 1 if known.parts else 0
            name = f"{self.partition}part-{number:05d}.parquet"
            data = encode_part(self.table, rows, new_entries, min_part_size)
            return _NewPart(name, data, None, 0)
        (before,) = known.open_parts
        entries = {**before.footer.log_objects, **new_entries}
        data = encode_part(self.table, rows, entries, min_part_size)
        return _NewPart(before.entry.name, data, before.etag, before.entry.size)


@dataclass(frozen=True, slots=True)
class _NewPart:
    """A part that is to be written, in place of the one with the ETag `if_match`, if there is one."""

    name: str
    data: bytes
    if_match: str | None
    size_before: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A part, read whole, and not decoded yet."""

    entry: Entry
    file: pq.ParquetFile
    footer: Footer
    etag: str
    """Of just these bytes."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A partition as it was listed."""

    parts: list[Entry]
    open_parts: list[_Part]
    """The last part, where it may grow; else none."""
    sealed: list[pq.ParquetFile]
    entries: dict[str, FooterEntry]
    """What it holds of each log object; a log object's rows are all in one part."""


def _appended(entries: Mapping[str, FooterEntry], part: _NewPart | None) -> Appended:
    """What became of rows, by what footers say of their log objects."""
    return Appended(
        {name: entry.rows for name, entry in entries.items()},
        {name: entry.duplicates for name, entry in entries.items()},
        bytes_written=len(part.data) if part else 0,
        growth=len(part.data) - part.size_before if part else 0,
    )


def _refuse_stale(
    entries: Mapping[str, FooterEntry], etags: Mapping[str, str], piece: int | None
) -> None:
    """Raise StaleRowsError for log objects of which there are rows of another text, or cut into other pieces."""
    # The fewer names are looked up among the more: a batch has thousands, and so has a partition.
    whole = entries.keys() & etags.keys()
    in_pieces = {name for name in entries if object_of(name) != name}
    stale = {
        object_of(name)
        for name in whole | in_pieces
        if object_of(name) in etags
        and (
            entries[name].etag != short_etag(etags[object_of(name)])
            or (name in whole) != (piece is None)
        )
    }
    if stale:
        raise StaleRowsError(sorted(stale))


def _footer_entries(
    rows: pa.Table, unique: pa.Table, etags: Mapping[str, str]
) -> dict[str, FooterEntry]:
    """What the footer says of new rows, of which only the `unique` are written."""
    all_counts, unique_counts = (
        count_texts(rows["log_object"]),
        count_texts(unique["log_object"]),
    )
    return {
        name: FooterEntry(
            short_etag(etags[name]), unique_counts[name], count - unique_counts[name]
        )
        for name, count in all_counts.items()
    }


def _read_open_part(
    store: Store, part: Entry, schema: pa.Schema, min_part_size: int
) -> _Part | None:
    """The last part of a partition, or None where it is sealed.

    That is for the part itself to say, not for a setting: all writers must see the same, or two of them would write
    different objects, and both succeed. `min_part_size` only says what is likely: then one request reads all of it.
    """
    # A large part is most likely sealed: its footer is enough to know.
    if part.size >= min_part_size:
        with open_part(store, part) as file:
            try:
                footer = read_footer(file)
            except ValueError as error:
                raise damaged(store, part, error) from error
        if part.size >= footer.min_part_size:
            return None
    found = _read_part(store, part, schema)
    return None if part.size >= found.footer.min_part_size else found


def _read_part(store: Store, part: Entry, schema: pa.Schema) -> _Part:
    """The part, its columns in these types, and its ETag.

    Raises PreconditionFailedError or FileNotFoundError where it was replaced since it was listed.
    """
    data, etag = store.read(part.name)
    if len(data) != part.size:
        raise PreconditionFailedError(part.name)
    try:
        reader = reader_of(data)
        # The footer, which names thousands of log objects, is parsed once for both: its columns, and the file.
        metadata = pq.read_metadata(reader)
        written = metadata.schema.to_arrow_schema().names
        texts = [
            one.name
            for one in schema
            if pa.types.is_dictionary(one.type) and one.name in written
        ]
        file = pq.ParquetFile(reader, metadata=metadata, read_dictionary=texts)
        return _Part(part, file, read_footer(file), etag)
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise damaged(store, part, error) from error


def _rows_of(store: Store, part: _Part, schema: pa.Schema) -> pa.Table:
    try:
        return conformed(part.file.read(), schema)
    except (pa.ArrowException, KeyError) as error:
        raise damaged(store, part.entry, error) from error


def _possible_duplicates(
    table: Table,
    rows: pa.Table,
    open_rows: Iterable[pa.Table],
    sealed: Iterable[pq.ParquetFile],
) -> Iterator[pa.Table]:
    """Stored rows that share time and request id with some of `rows`: any equal row is among them.

    Reads two columns of the row groups whose times overlap, and whole rows only where ids meet; one row group
    is in memory at a time.
    """
    if not rows.num_rows:
        return
    ids = pc.unique(rows["request_id"])
    first, last = (bound.as_py() for bound in pc.min_max(rows["time"]).values())
    for stored in open_rows:
        yield stored.filter(pc.is_in(stored["request_id"], ids))
    time_column = table.schema.get_field_index("time")
    for file in sealed:
        for number in range(file.num_row_groups):
            times = file.metadata.row_group(number).column(time_column).statistics
            if times is not None and (times.max < first or times.min > last):
                continue
            matches = pc.is_in(
                file.read_row_group(number, columns=["request_id"])["request_id"], ids
            )
            if pc.any(matches).as_py():
                yield conformed(file.read_row_group(number), table.schema).filter(matches)


def drop_duplicates(
    rows: pa.Table, stored: Iterable[pa.Table], identity: Iterable[str]
) -> pa.Table:
    """`rows` without those equal, in every column of `identity`, to a stored row or to an earlier one of `rows`.

    NULL equals NULL. A row whose request id occurs once has no equal.
    """
    identity = list(identity)
    ids = rows["request_id"]
    # Nearly all ids are new and occur once, so whole rows are compared only where ids meet.
    counts = pc.value_counts(ids)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    no_rows = rows.select(identity).slice(0, 0)
    stored_rows = pa.concat_tables(
        [decoded(one.select(identity)) for one in (no_rows, *stored)]
    )
    suspects = pc.unique(
        pa.chunked_array([*stored_rows["request_id"].chunks, repeated], pa.string())
    )
    if not len(suspects):
        return rows
    is_suspect = pc.is_in(ids, suspects)
    every = pa.array(np.arange(rows.num_rows))
    positions = every.filter(is_suspect.combine_chunks())
    candidates = decoded(rows.select(identity).filter(is_suspect)).append_column(
        "_position", positions
    )
    # A stored row comes before all new ones, so of equal rows the first is the one that stays.
    before_all = pa.array(np.full(stored_rows.num_rows, -1))
    both = pa.concat_tables(
        [stored_rows.append_column("_position", before_all), candidates]
    )
    firsts = both.group_by(identity).aggregate([("_position", "min")])["_position_min"]
    dropped = positions.filter(pc.invert(pc.is_in(positions, firsts)))
    return rows.filter(pc.invert(pc.is_in(every, dropped)))
