"""Bytes of log objects -> an Arrow table of records, and the lines that do not parse.

Text is parsed in blocks: the regular lines of a block all at once, the others one by one.
"""

import codecs
import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from etl.arrow import Ints, array_of, in_one_piece
from etl.fields import TEXT
from etl.parser.fast import read_regular
from etl.parser.fast.block import split_block
from etl.parser.fast.columns import SLICED, TYPES, expand
from etl.parser.grammar import HEADER, LONGEST_LINE, RejectError
from etl.parser.line import parse_line
from etl.parser.rows import RowBuffer
from etl.schema import LOG_FIELDS, REJECTS

# Large enough that numpy's calls cost little, small enough that a block and its columns stay in the processor's cache.
_BLOCK_BYTES = 1024 * 1024
MOST_REJECTS = 10_000_000
MOST_REJECTED_BYTES = 256 * 1024 * 1024
"""What is kept of one log object: whatever has more rejects is not a log."""
_DAY = dt.timedelta(days=1)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as `ingested_at`

RECORDS = pa.schema({**TYPES, "log_object": pa.dictionary(pa.int32(), TEXT)})
"""Schema of parsed records: every log field, and the log object that the record came from.

Texts that repeat are dictionaries, which take a fraction of the memory.
"""
REJECTED = pa.schema(
    {
        one.name: pa.dictionary(pa.int32(), TEXT)
        if one.name in ("log_object", "reason")
        else one.type
        for one in REJECTS.schema
    }
)
"""Schema of rejects, likewise."""
_PLAIN_RECORDS = pa.schema({**LOG_FIELDS, "log_object": TEXT})


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """What parsing made of the lines of one log object: `lines` = `rows` + `rejects` + `blank_lines`.

    Lines without a record are blank: those without text, and the head of another store's log objects.
    """

    lines: int = 0
    rows: int = 0
    rejects: int = 0
    blank_lines: int = 0

    def __add__(self, other: "ObjectCounts") -> "ObjectCounts":
        return ObjectCounts(
            self.lines + other.lines,
            self.rows + other.rows,
            self.rejects + other.rejects,
            self.blank_lines + other.blank_lines,
        )


@dataclass
class Parsed:
    """The records and rejects of a batch's log objects, and the counts of each."""

    records: pa.Table
    rejects: pa.Table
    counts: dict[str, ObjectCounts]


@dataclass
class Parser:
    """Collects the records of log objects, one `add` for each, until `finish`.

    A record may be of the day after `ingested_at`, as clocks differ, and not later.
    """

    ingested_at: dt.datetime
    """UTC and naive."""
    _log_objects: list[str] = field(default_factory=list)
    _pieces: list[bytes] = field(default_factory=list)
    """Text not parsed yet, less than a block: pieces of log objects that end with a newline."""
    _owners: list[int] = field(default_factory=list)
    """The log object of each piece, by its place in `_log_objects`."""
    _pending: int = 0
    """Bytes in `_pieces`."""
    _lines: Counter[int] = field(default_factory=Counter)
    """Lines parsed of each log object, those before its present text included."""
    _lines_before: list[int] = field(default_factory=list)
    _regular: list[pa.RecordBatch] = field(default_factory=list)
    _slow: RowBuffer = field(default_factory=lambda: RowBuffer(_PLAIN_RECORDS, RECORDS))
    _rejects: RowBuffer = field(
        default_factory=lambda: RowBuffer(REJECTS.schema, REJECTED)
    )
    _rejected: Counter[int] = field(default_factory=Counter)
    _bytes_of_rejects: Counter[int] = field(default_factory=Counter)
    _overfull: set[int] = field(default_factory=set)
    _rows: Counter[int] = field(default_factory=Counter)
    _blank: Counter[int] = field(default_factory=Counter)

    @property
    def _latest(self) -> int:
        return (self.ingested_at + _DAY - _EPOCH) // dt.timedelta(microseconds=1)

    @property
    def rejects(self) -> int:
        """Rejects so far, of which a small log object may have very many."""
        return self._rejected.total()

    @property
    def lines(self) -> int:
        """Lines so far of the log object that was begun last, those before its present text included."""
        return self._lines[len(self._log_objects) - 1]

    @property
    def overfull(self) -> list[str]:
        """Log objects with more rejects than are kept of one."""
        return [self._log_objects[owner] for owner in sorted(self._overfull)]

    def add(self, log_object: str, data: bytes) -> None:
        """Parse the uncompressed text of one log object. Lines end with LF or CRLF, the last one perhaps not."""
        self.begin(log_object)
        self.feed(data.removeprefix(codecs.BOM_UTF8))

    def begin(self, log_object: str, lines_before: int = 0) -> None:
        """Expect the text of a log object, or its rest behind so many lines."""
        self._lines[len(self._log_objects)] = lines_before
        self._log_objects.append(log_object)
        self._lines_before.append(lines_before)

    def feed(self, data: bytes) -> None:
        """Parse some text of the log object that was begun last, which ends with a line or with all of it."""
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        start = 0
        while start < len(data):
            # Cut at the last newline that fits; a line longer than the room makes a block of its own.
            room = max(1, _BLOCK_BYTES - self._pending)
            end = data.rfind(b"\n", start, start + room) + 1
            if end == 0:
                end = data.find(b"\n", start) + 1 or len(data)
                if end - start > LONGEST_LINE + 1:
                    self._add_long_line(data[start:end])
                    start = end
                    continue
            self._add_piece(data[start:end] if end - start < len(data) else data)
            start = end

    def finish(self) -> Parsed:
        self._parse_block()
        return Parsed(
            records=self._records(),
            rejects=self._rejects.finish(),
            counts={
                name: ObjectCounts(
                    self._lines[n] - self._lines_before[n],
                    self._rows[n],
                    self._rejected[n],
                    self._blank[n],
                )
                for n, name in enumerate(self._log_objects)
            },
        )

    def _records(self) -> pa.Table:
        schema = SLICED.append(RECORDS.field("log_object"))
        sliced = pa.Table.from_batches(self._regular, schema)
        # Let go of what was sliced as soon as it is copied together.
        self._regular = []
        regular = expand(sliced)
        del sliced
        slow = self._slow.finish()
        columns = [
            in_one_piece(_joined(regular.pop(field.name), slow[field.name]))
            for field in RECORDS
        ]
        return pa.Table.from_arrays(columns, schema=RECORDS)

    def _add_piece(self, piece: bytes) -> None:
        self._pieces.append(piece if piece.endswith(b"\n") else piece + b"\n")
        self._owners.append(len(self._log_objects) - 1)
        self._pending += len(piece)
        if self._pending >= _BLOCK_BYTES:
            self._parse_block()

    def _add_long_line(self, line: bytes) -> None:
        """A line that is too long for a block, which it would fill."""
        self._parse_block()
        owner = len(self._log_objects) - 1
        self._lines[owner] += 1
        self._add_line(owner, self._lines[owner], line.removesuffix(b"\n"))

    def _parse_block(self) -> None:
        if not self._pieces:
            return
        # Pieces end with a newline, so a line is of the log object in whose piece it begins.
        block = split_block(b"".join(self._pieces))
        pieces = np.cumsum([0, *(len(piece) for piece in self._pieces)])
        owners = np.array(self._owners)[
            np.searchsorted(pieces, block.starts, side="right") - 1
        ]
        is_slow = np.ones(len(block.starts), np.bool_)
        for lines, records in read_regular(block, self._latest):
            is_slow[lines] = False
            self._add_regular(records, owners[lines])
        numbers = self._line_numbers(owners)
        for line in np.flatnonzero(is_slow).tolist():
            self._add_line(
                int(owners[line]),
                int(numbers[line]),
                block.data[block.starts[line] : block.ends[line]],
            )
        self._pieces, self._owners, self._pending = [], [], 0

    def _line_numbers(self, owners: Ints) -> Ints:
        """The number of each line of a block in its log object, from 1; counts them."""
        distinct, first, counts = _runs(owners)
        before = np.array([self._lines[owner] for owner in distinct.tolist()])
        self._lines.update(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))
        numbers: Ints = np.arange(len(owners)) - np.repeat(first - before, counts) + 1
        return numbers

    def _add_regular(self, records: pa.RecordBatch, owners: Ints) -> None:
        distinct, _, counts = _runs(owners)
        codes = np.repeat(np.arange(len(distinct)), counts)
        names = array_of([self._log_objects[owner] for owner in distinct.tolist()], TEXT)
        column = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), names)
        self._regular.append(records.append_column("log_object", column))
        self._rows.update(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))

    def _add_line(self, owner: int, number: int, line: bytes) -> None:
        if not line.strip() or HEADER.fullmatch(line):
            self._blank[owner] += 1
            return
        try:
            record = parse_line(line, self._latest)
        except RejectError as error:
            self._reject(owner, number, error.reason, line)
        else:
            self._slow.add((*record, self._log_objects[owner]), len(line))
            self._rows[owner] += 1

    def _reject(self, owner: int, number: int, reason: str, line: bytes) -> None:
        self._rejected[owner] += 1
        self._bytes_of_rejects[owner] += len(line)
        if (
            self._rejected[owner] > MOST_REJECTS
            or self._bytes_of_rejects[owner] > MOST_REJECTED_BYTES
        ):
            self._overfull.add(owner)
            return
        text = line[:LONGEST_LINE].decode("utf-8", errors="backslashreplace")
        if len(line) > LONGEST_LINE:
            text += f" ... ({len(line)} bytes in all)"
        self._rejects.add(
            (self._log_objects[owner], number, reason, text, self.ingested_at), len(text)
        )


def _joined(
    first: pa.Array | pa.ChunkedArray, second: pa.ChunkedArray
) -> pa.ChunkedArray:
    chunks = first.chunks if isinstance(first, pa.ChunkedArray) else [first]
    return pa.chunked_array([*chunks, *second.chunks], second.type)


def _runs(owners: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct values of ascending `owners`, where each begins, and how often it occurs."""
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    return owners[first], first, np.diff(first, append=len(owners))
