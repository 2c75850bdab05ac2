"""Bytes of log objects -> an Arrow table of records, and the lines that do not parse."""

import codecs
import datetime as dt
from dataclasses import dataclass, field

import pyarrow as pa

from etl.line import Record, RejectError, parse_line
from etl.schema import LOG_FIELDS, REJECTS, TEXT

_CHUNK_ROWS = 32 * 1024

RECORDS = pa.schema({**LOG_FIELDS, "log_object": TEXT})
"""Schema of parsed records: every log field, and the log object that the record came from."""


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """What parsing made of the lines of one log object: `lines` = `rows` + `rejects` + `blank_lines`."""

    lines: int
    rows: int
    rejects: int
    blank_lines: int


@dataclass(frozen=True)
class Parsed:
    """The records and rejects of a batch's log objects, and the counts of each."""

    records: pa.Table
    rejects: pa.Table
    counts: dict[str, ObjectCounts]


@dataclass
class Parser:
    """Collects the records of log objects, one `add` for each, until `finish`."""

    ingested_at: dt.datetime
    _rows: list[tuple[object, ...]] = field(default_factory=list)
    _chunks: list[pa.RecordBatch] = field(default_factory=list)
    _rejects: list[dict[str, object]] = field(default_factory=list)
    _counts: dict[str, ObjectCounts] = field(default_factory=dict)

    def add(self, log_object: str, data: bytes) -> None:
        """Parse the uncompressed text of one log object. Lines end with a line feed, the last one perhaps not."""
        lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
        if not lines[-1]:
            lines.pop()
        rows = rejects = 0
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                self._add_row(parse_line(line), log_object)
                rows += 1
            except RejectError as error:
                self._add_reject(log_object, number, error.reason, line)
                rejects += 1
        self._counts[log_object] = ObjectCounts(len(lines), rows, rejects, len(lines) - rows - rejects)

    def finish(self) -> Parsed:
        self._flush()
        return Parsed(
            records=pa.Table.from_batches(self._chunks, RECORDS),
            rejects=pa.Table.from_pylist(self._rejects, REJECTS.schema),
            counts=self._counts,
        )

    def _add_row(self, record: Record, log_object: str) -> None:
        self._rows.append((*record, log_object))
        if len(self._rows) >= _CHUNK_ROWS:
            self._flush()

    def _add_reject(self, log_object: str, number: int, reason: str, line: bytes) -> None:
        self._rejects.append(
            {
                "log_object": log_object,
                "line_number": number,
                "reason": reason,
                "line": line.decode("utf-8", errors="backslashreplace"),
                "ingested_at": self.ingested_at,
            }
        )

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(values, kind.type) for values, kind in zip(columns, RECORDS, strict=True)]
            self._chunks.append(pa.RecordBatch.from_arrays(arrays, schema=RECORDS))
            self._rows = []
