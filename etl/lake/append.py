"""Appending rows to a partition: numbered parts, of which the last may be open; every append is a compare-and-swap.

What a partition holds can be read from the footers of its parts, so an append of what it already holds does
nothing; and any two appends want to write the same object, of which one loses and looks again. `remove_rows` takes rows
out again, for a log object that is read anew.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

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
# Parts that are decoded whole, and encoded, at a time: that takes a processor, and the memory of several copies.
# Reading, that of ids in sealed parts included, and storing take neither, and on S3 most of the time.
_MAKING = threading.BoundedSemaphore(2)
# Footers that are read at a time, by all appends together: each takes a few requests, a file descriptor on a disk, and
# the memory of all its names.
_OPENERS = 32
_OPENING = threading.BoundedSemaphore(_OPENERS)
# Sealed parts that are remembered, about 2 KB each. Those of the ledger have 70,000 names in their footers, and a day
# of twenty million log objects 250 of them: to read all of that for each batch takes longer than to parse its text.
_REMEMBERED = 20_000
# Rows of a sealed part that each append decodes at a time: few, as no semaphore bounds their memory.
_DECODED_ROWS = 8 * 1024


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
            return self._append_to(parts)
        except (StoreError, OSError, pa.ArrowException) as error:
            # What could not be read may have been replaced meanwhile.
            if list_parts(self.store, self.partition) != parts:
                raise PreconditionFailedError(self.partition) from error
            raise

    def _append_to(self, parts: list[Entry]) -> Appended:
        appended, part = self._prepare(parts)
        if part:
            self.store.write(part.name, part.data, if_match=part.if_match)
        return appended

    def _prepare(self, parts: list[Entry]) -> "tuple[Appended, _NewPart | None]":
        """What becomes of the rows, and the part to write, if any of them is new."""
        known = self._read_known(parts)
        _refuse_stale(known.entries, self.etags, self.piece)
        objects = count_texts(self.rows["log_object"])
        names = {name: piece_name(name, self.piece) for name in objects}
        # After a crash some may be known already. Mostly none is, and nothing has to be copied.
        known_names = {name for name, named in names.items() if named in known.entries}
        new_rows = self.rows
        if known_names:
            new_rows = without_texts(new_rows, "log_object", known_names)
        sealed_rows = self._read_possible_duplicates(known.sealed, new_rows)
        with _MAKING:
            new_entries, part = self._make_part(known, new_rows, sealed_rows)
        # Of an object that is known already, the partition's own entry counts: an earlier run wrote its rows.
        entries = {**new_entries, **known.entries}
        return _appended({name: entries[names[name]] for name in names}, part), part

    def _read_known(self, parts: list[Entry]) -> "_Known":
        """The parts of the partition: the last one whole if it is open, of the others what their footers say."""
        names = (min(self.etags, default=""), max(self.etags, default=""))
        with ThreadPoolExecutor(_OPENERS) as pool:
            others = pool.map(partial(self._read_sealed, names), parts[:-1])
            last = [self._read_last(names, one) for one in parts[-1:]]
            sealed = list(others)
        open_parts = [one for one in last if isinstance(one, _Part)]
        sealed += [one for one in last if isinstance(one, _Sealed)]
        footers = [one.footer for one in open_parts] + [one.footer for one in sealed]
        entries: dict[str, FooterEntry] = {}
        for footer in footers:
            entries.update(footer.log_objects)
        return _Known(parts, open_parts, sealed, entries)

    def _read_last(self, names: tuple[str, str], part: Entry) -> "_Part | _Sealed":
        """The last part of a partition, whole unless it is sealed.

        That is for the part itself to say, not for a setting: all writers must see the same, or two of them would write
        different objects, and both succeed. `min_part_size` only says what is likely: then one request reads all of it.
        """
        # A large part is most likely sealed: its footer is enough to know.
        if part.size >= self.min_part_size:
            sealed = self._read_sealed(names, part)
            if part.size >= sealed.footer.min_part_size:
                return sealed
        whole = _read_part(self.store, part, self.rows.schema)
        is_sealed = part.size >= whole.footer.min_part_size
        return self._sealed(part, whole.file) if is_sealed else whole

    def _read_sealed(self, names: tuple[str, str], part: Entry) -> "_Sealed":
        """What the footer of a part says; of one that is known to have no name in question, without reading it."""
        known = _outlines.get(self.store.url, part)
        if known and not _do_meet(known.footer.span, names):
            return known
        with _OPENING, open_part(self.store, part) as file:
            return self._sealed(part, file)

    def _sealed(self, part: Entry, file: pq.ParquetFile) -> "_Sealed":
        try:
            # A large partition has a million names; those of the batch are enough.
            footer = read_footer(file, only=self.etags)
        except ValueError as error:
            raise damaged(self.store, part, error) from error
        times = _times_by_group(self.table, file) if self.table.identity else []
        sealed = _Sealed(part, footer, times)
        _outlines.keep(self.store.url, sealed)
        return sealed

    def _read_possible_duplicates(
        self, sealed: "list[_Sealed]", rows: pa.Table
    ) -> list[pa.Table]:
        """Rows of sealed parts that share time and request id with some of `rows`: any equal row is among them.

        Parts are opened one at a time, and only those with row groups whose times overlap.
        """
        if not (self.table.identity and sealed and rows.num_rows):
            return []
        times, ids = _times_of(rows), pc.unique(rows["request_id"])
        found: list[pa.Table] = []
        for one in sealed:
            if any(map(times.overlaps, one.times)):
                with open_part(self.store, one.entry) as file:
                    found += _rows_with_ids(self.table, file, times, ids)
        return found

    def _make_part(
        self, known: "_Known", new_rows: pa.Table, sealed_rows: list[pa.Table]
    ) -> "tuple[dict[str, FooterEntry], _NewPart | None]":
        """What footers say of the new rows, and the part to write, if any of them has no equal."""
        schema = self.rows.schema
        open_rows = [_rows_of(self.store, part, schema) for part in known.open_parts]
        unique = new_rows
        if self.table.identity:
            ids = pc.unique(new_rows["request_id"])
            stored = [one.filter(pc.is_in(one["request_id"], ids)) for one in open_rows]
            stored += sealed_rows
            unique = drop_duplicates(new_rows, stored, self.table.identity)
        new_entries = {
            piece_name(name, self.piece): entry
            for name, entry in _footer_entries(new_rows, unique, self.etags).items()
        }
        part = None
        if unique.num_rows:
            rows = pa.concat_tables([*open_rows, unique])
            part = self._encode(known, rows, new_entries)
        return new_entries, part

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


class _Times(NamedTuple):
    """When the first and the last of some rows were logged."""

    first: dt.datetime
    last: dt.datetime

    def overlaps(self, other: "_Times") -> bool:
        return self.first <= other.last and other.first <= self.last


_ANY_TIME = _Times(dt.datetime.min, dt.datetime.max)  # noqa: DTZ901 - UTC, as stored


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A sealed part, of which only the footer was read."""

    entry: Entry
    footer: Footer
    """With just those log objects of which rows are appended."""
    times: list[_Times]
    """Of each row group; none where rows have no identity."""


class _Outlines:
    """The sealed parts that appends of this process have read, without the names in their footers.

    A part with the same ETag has the same rows, so nothing of this can be out of date.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, Entry], _Sealed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, lake: str, part: Entry) -> _Sealed | None:
        with self._lock:
            return self._kept.get((lake, part))

    def keep(self, lake: str, sealed: _Sealed) -> None:
        """Let go of the one that was read longest ago, if there are too many."""
        outline = replace(sealed, footer=replace(sealed.footer, log_objects={}))
        with self._lock:
            self._kept[lake, sealed.entry] = outline
            self._kept.move_to_end((lake, sealed.entry))
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


_outlines = _Outlines(_REMEMBERED)


def _do_meet(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two spans of names have any in common, perhaps."""
    return one[0] <= other[1] and other[0] <= one[1]


@dataclass(frozen=True, slots=True)
class _Known:
    """A partition as it was listed."""

    parts: list[Entry]
    open_parts: list[_Part]
    """The last part, where it may grow; else none."""
    sealed: list[_Sealed]
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


def _times_of(rows: pa.Table) -> _Times:
    return _Times(*(bound.as_py() for bound in pc.min_max(rows["time"]).values()))


def _times_by_group(table: Table, file: pq.ParquetFile) -> list[_Times]:
    """When the rows of each row group were logged, as its statistics say."""
    column = table.schema.get_field_index("time")
    groups = map(file.metadata.row_group, range(file.num_row_groups))
    known = [group.column(column).statistics for group in groups]
    return [
        _Times(one.min, one.max) if one and one.has_min_max else _ANY_TIME
        for one in known
    ]


def _rows_with_ids(
    table: Table, file: pq.ParquetFile, times: _Times, ids: pa.Array
) -> Iterator[pa.Table]:
    """Rows with one of these request ids, of the row groups of a part whose times overlap.

    Reads a single column, and whole rows only of row groups where ids meet, few at a time.
    """
    # The times are those of this very file: the part may be another one than when its footer was read.
    for number, group_times in enumerate(_times_by_group(table, file)):
        if not times.overlaps(group_times):
            continue
        group = file.read_row_group(number, columns=["request_id"])
        matches = pc.is_in(group["request_id"], ids)
        if not pc.any(matches).as_py():
            continue
        start = 0
        for batch in file.iter_batches(_DECODED_ROWS, row_groups=[number]):
            matching = matches.slice(start, batch.num_rows)
            rows = pa.Table.from_batches([batch]).filter(matching)
            yield conformed(rows, table.schema)
            start += batch.num_rows


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
