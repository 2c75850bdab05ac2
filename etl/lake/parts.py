"""Parts: the Parquet files of a partition, their names, footers and encodings.

A partition's parts are `part-00000.parquet`, `part-00001.parquet`, ...; one of at least the minimum size is
sealed, and only the last may be smaller: the open part. Every part's footer names the log objects whose rows it holds,
has a digest of its data, and says what the columns mean.
"""

import base64
import contextlib
import datetime as dt
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from etl.arrow import are_sorted, compacted, count_distinct, reader_of, sort_order
from etl.dates import parse_date
from etl.errors import GoneError, StoreError
from etl.schema import Table, with_unit
from etl.store import Entry, ReadableStore

SET_ASIDE = "_damaged/"
"""Where a repair keeps parts that cannot be used, outside every glob."""
ROW_GROUP_ROWS = 128 * 1024
_FOOTER_LOG_OBJECTS = b"accesslake.log_objects"
_FOOTER_MIN_PART_SIZE = b"accesslake.min_part_size"
_FOOTER_DIGEST = b"accesslake.digest"
_FOOTER_COLUMNS = b"accesslake.columns"
# Characters of a log object's ETag in a footer: enough to tell that it was overwritten.
_ETAG_LENGTH = 12
# Between a log object and the number of a piece: a byte that no name has.
_PIECE_MARK = "\0"
READ_WHOLE = 4 * 1024 * 1024
"""Bytes up to which one request for all of a part is cheaper than several for its footer and columns."""
_PART_PATH = re.compile(
    r"(?:access_log/bucket=[^/]+|rejects|_ledger)/date=([0-9-]{10})/part-[0-9]{5,}\.parquet"
)
_PART_NAME = re.compile(r"part-(\d{5,})\.parquet")


class FooterEntry(NamedTuple):
    """What a part's footer says of one log object."""

    etag: str
    """Of the log object when it was read, as `short_etag` gives it."""
    rows: int
    duplicates: int
    """Rows left out because an equal one was there; `rows` is 0 where that were all."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a part says about itself."""

    rows: int
    log_objects: dict[str, FooterEntry]
    """By the name of the log object; of one that is read in several pieces, by `piece_name` of each."""
    min_part_size: int
    """Bytes from which a part was sealed when this one was written; 0 where it is sealed whatever its size."""
    digest: str
    """Length and BLAKE2b digest of all that comes before the footer's own data: row groups and their pages."""
    span: tuple[str, str]
    """The first and the last log object of the part, whichever of them are in `log_objects`."""

    def rows_by_object(self) -> Counter[str]:
        """How many rows of each log object there are, if any."""
        rows: Counter[str] = Counter()
        for name, entry in self.log_objects.items():
            rows[object_of(name)] += entry.rows
        return +rows


def piece_name(log_object: str, number: int | None) -> str:
    """How footers name a piece of a log object, from 0 on; None where the object is not read in pieces."""
    return log_object if number is None else f"{log_object}{_PIECE_MARK}{number}"


def object_of(name: str) -> str:
    """The log object of a name in a footer."""
    return name.partition(_PIECE_MARK)[0]


def short_etag(etag: str) -> str:
    """As much of a log object's ETag as footers keep."""
    return etag[:_ETAG_LENGTH]


def partition_path(table: Table, **keys: str | dt.date) -> str:
    """The directory of a partition, Hive style: `access_log/bucket=a/date=2026-01-02/`.

    Values are percent-encoded, so that no bucket name can leave its partition.
    """
    parts = "".join(
        f"{name}={quote(str(value), safe='')}/" for name, value in keys.items()
    )
    return f"{table.name}/{parts}"


def list_parts(store: ReadableStore, partition: str) -> list[Entry]:
    """The parts of a partition in the order of their numbers."""
    entries = [
        one
        for one in store.entries(partition)
        if _PART_NAME.fullmatch(one.name.removeprefix(partition))
    ]
    return sorted(entries, key=part_number)


def is_part(name: str) -> bool:
    """Whether the object `name` of a lake is a part in a partition."""
    match = _PART_PATH.fullmatch(name)
    return match is not None and parse_date(match[1]) is not None


def part_number(part: Entry) -> int:
    match = _PART_NAME.fullmatch(part.name.rpartition("/")[2])
    if match is None:
        raise ValueError(part.name)
    return int(match[1])


def read_footer(file: pq.ParquetFile, only: Container[str] | None = None) -> Footer:
    """What a part says about itself; of its log objects `only` these, where they are given."""
    metadata = file.metadata.metadata or {}
    packed = metadata.get(_FOOTER_LOG_OBJECTS)
    if packed is None:
        raise ValueError("the footer names no log objects")
    entries = json.loads(zlib.decompress(base64.b64decode(packed)))
    return Footer(
        rows=file.metadata.num_rows,
        log_objects={
            name: FooterEntry(*values)
            for name, values in entries.items()
            if only is None or object_of(name) in only
        },
        min_part_size=int(metadata.get(_FOOTER_MIN_PART_SIZE, b"0")),
        digest=metadata.get(_FOOTER_DIGEST, b"").decode(),
        span=(object_of(min(entries, default="")), object_of(max(entries, default=""))),
    )


def is_edited(data: bytes, footer: Footer) -> bool:
    """Whether a part's data is not what was written: changed in place, or written again by another program."""
    length = footer.digest.partition(":")[0]
    return (
        not length.isdigit() or _digest(memoryview(data)[: int(length)]) != footer.digest
    )


def _digest(data: memoryview) -> str:
    return f"{len(data)}:{hashlib.blake2b(data, digest_size=16).hexdigest()}"


@contextlib.contextmanager
def open_part(store: ReadableStore, part: Entry) -> Iterator[pq.ParquetFile]:
    """A part as a Parquet file. Raises StoreError where it is damaged, GoneError where it no longer exists."""
    is_small = part.size <= READ_WHOLE
    try:
        opened = reader_of(store.read(part.name)[0]) if is_small else store.open(part)
    except FileNotFoundError as error:
        raise GoneError(
            f"{store.url}/{part.name}: is gone since it was listed; run it again"
        ) from error
    with opened as raw:
        try:
            file = pq.ParquetFile(raw, pre_buffer=not is_small)
        except pa.ArrowException as error:
            raise damaged(store, part, error) from error
        yield file


def damaged(store: ReadableStore, part: Entry, error: Exception) -> StoreError:
    return StoreError(
        f"{store.url}/{part.name}: not a readable part of the lake ({error}); "
        "`accesslake verify` says what is wrong; run `accesslake verify --repair` to read what it had again"
    )


def encode_part(
    table: Table,
    rows: pa.Table,
    log_objects: Mapping[str, FooterEntry],
    min_part_size: int,
) -> bytes:
    """`rows`, sorted, as a Parquet file whose footer names their log objects.

    What their dictionaries have besides the texts of `rows` may be in the file.
    """
    rows = _in_order(table, rows)
    # Footers are read by every append: names of log objects, which begin alike, shrink to a tenth.
    names = json.dumps(log_objects, sort_keys=True).encode()
    packed = base64.b64encode(zlib.compress(names))
    footer = {
        _FOOTER_LOG_OBJECTS: packed,
        _FOOTER_MIN_PART_SIZE: str(min_part_size).encode(),
        _FOOTER_COLUMNS: _described(table),
    }
    columns = rows.schema.names
    encodings = {
        name: table.encodings[name] for name in columns if name in table.encodings
    }
    ordering = [(name, "ascending") for name in table.sort_by]
    sink = io.BytesIO()
    with pq.ParquetWriter(
        sink,
        rows.schema,
        compression="zstd",
        # Arrow's own schema would make readers see dictionaries, and differ from part to part.
        store_schema=False,
        use_dictionary=[name for name in columns if name not in encodings],
        column_encoding=encodings,
        sorting_columns=pq.SortingColumn.from_ordering(rows.schema, ordering),
        bloom_filter_options=_bloom_filters(table, rows),
    ) as writer:
        for group in _row_groups(rows):
            writer.write_table(group)
        # The digest is part of the footer, so it can only be of what comes before.
        with sink.getbuffer() as written:
            footer[_FOOTER_DIGEST] = _digest(written).encode()
        writer.add_key_value_metadata(footer)
    return sink.getvalue()


def _described(table: Table) -> bytes:
    """What the columns mean, as JSON: `{"bytes_sent": "sent as ... [bytes]", ...}`, with the unit in brackets.

    Plain text, which DuckDB shows in SQL. As metadata of fields in an Arrow schema, which only Arrow reads, it would
    take more than three times the space, in each of many small parts.
    """
    texts = {name: with_unit(*note) for name, note in table.notes.items()}
    return json.dumps(texts, separators=(",", ":")).encode()


def _row_groups(rows: pa.Table) -> Iterator[pa.Table]:
    """`rows` in row groups, each with dictionaries of its own; those of `rows` are right for a single one."""
    for start in range(0, rows.num_rows, ROW_GROUP_ROWS):
        group = rows.slice(start, ROW_GROUP_ROWS)
        yield rows if group.num_rows == rows.num_rows else compacted(group)


def _in_order(table: Table, rows: pa.Table) -> pa.Table:
    """`rows` sorted as parts are; mostly they are already, and nothing has to be copied."""
    columns = [rows[name] for name in table.sort_by]
    return rows if are_sorted(columns) else rows.take(sort_order(columns))


def _bloom_filters(table: Table, rows: pa.Table) -> dict[str, dict[str, Any]]:
    """Sized for a row group of these rows; texts that are no dictionary hardly repeat."""
    # A filter that is too large costs bytes in every row group, one that is too small finds everything.
    share = min(1.0, ROW_GROUP_ROWS / max(1, rows.num_rows))
    is_dictionary = {
        name: pa.types.is_dictionary(rows[name].type) for name in table.bloom
    }
    distinct = {
        name: count_distinct(rows[name]) if is_dictionary[name] else rows.num_rows
        for name in table.bloom
    }
    return {
        name: {"ndv": max(64, int(count * share)), "fpp": 0.01}
        for name, count in distinct.items()
    }
