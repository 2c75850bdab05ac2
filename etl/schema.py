"""The tables of the lake: columns and what they mean, types, sort order and Parquet encodings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from etl.fields import TEXT, TIME, columns

Notes = dict[str, tuple[str, str]]
"""The unit of each column ("" where there is none), and what it means; `with_unit` makes one text of both."""

PARTITION_COUNTS = pa.list_(
    pa.struct({"bucket": TEXT, "date": pa.date32(), "rows": pa.int64()})
)
"""The partitions of `access_log` that a log object's rows are in, and how many are in each."""

CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
"""Names that lead out of a folder, to whoever decodes percent escapes before looking at a path; DuckDB refuses them."""

LOG_FIELDS: dict[str, pa.DataType] = {one.name: one.type for one in columns()}
"""What a log line says, in the order of the line. Times are UTC, sizes bytes, durations milliseconds."""


def with_unit(unit: str, meaning: str) -> str:
    """What a column means with its unit in brackets, wherever one text has to say both: `sent in total [bytes]`."""
    return " ".join(filter(None, (meaning, unit and f"[{unit}]")))


@dataclass(frozen=True)
class Table:
    """One table of the lake, stored as `<name>/<partition>/part-NNNNN.parquet`."""

    name: str
    schema: pa.Schema
    """The columns inside a part: those of the partition path are not repeated in it."""
    sort_by: tuple[str, ...]
    identity: tuple[str, ...] = ()
    """Columns in which two equal rows are one record delivered twice; empty where that cannot happen."""
    encodings: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Columns that hardly repeat, on which a dictionary would only cost, and their Parquet encodings instead."""
    bloom: tuple[str, ...] = ()
    notes: Notes = field(default_factory=dict, hash=False)
    """Of each column inside a part; its footer has them, too."""


_LOG_OBJECT: Notes = {
    "log_object": ("", "full name of the log object: its path, or its s3:// URL")
}
_STORED = {name: kind for name, kind in LOG_FIELDS.items() if name != "bucket"}

# Sorted so that lookups by operation and key skip row groups. The request id alone is no identity: a copy or a delete
# of several objects writes several records under one.
ACCESS_LOG = Table(
    name="access_log",
    schema=pa.schema({**_STORED, "log_object": TEXT}),
    sort_by=("operation", "key", "time"),
    identity=tuple(_STORED),
    encodings=dict.fromkeys(("request_id", "host_id"), "DELTA_LENGTH_BYTE_ARRAY"),
    bloom=("key", "request_id"),
    notes={
        **{one.name: (one.unit, one.meaning) for one in columns() if one.name in _STORED},
        **_LOG_OBJECT,
    },
)

REJECTS = Table(
    name="rejects",
    schema=pa.schema(
        {
            "log_object": TEXT,
            "line_number": pa.int64(),
            "reason": TEXT,
            "line": TEXT,
            "ingested_at": TIME,
        }
    ),
    sort_by=("log_object", "line_number"),
    notes={
        **_LOG_OBJECT,
        "line_number": ("", "from 1"),
        "reason": ("", "why the line could not be parsed"),
        "line": ("", "the line; bytes that are not text as \\xNN"),
        "ingested_at": ("UTC", "when it was read"),
    },
)

LEDGER = Table(
    name="_ledger",
    schema=pa.schema(
        {
            "log_object": TEXT,
            "etag": TEXT,
            "size": pa.int64(),
            "last_modified": TIME,
            "lines": pa.int64(),
            "rows": pa.int64(),
            "rejects": pa.int64(),
            "duplicates": pa.int64(),
            "blank_lines": pa.int64(),
            "run_id": TEXT,
            "committed_at": TIME,
            "partitions": PARTITION_COUNTS,
        }
    ),
    sort_by=("log_object",),
    # The largest of what is kept of a log object: a name begins as the one before it does.
    encodings={
        "log_object": "DELTA_BYTE_ARRAY",
        "etag": "DELTA_LENGTH_BYTE_ARRAY",
        "size": "DELTA_BINARY_PACKED",
        "last_modified": "DELTA_BINARY_PACKED",
    },
    notes={
        **_LOG_OBJECT,
        "etag": ("", "of the log object when it was read"),
        "size": ("bytes", "of the log object"),
        "last_modified": (
            "UTC",
            "of the log object: when S3 stored it or its copy; of a file when it was written",
        ),
        "lines": ("lines", "rows + rejects + duplicates + blank_lines"),
        "rows": ("records", "that are in access_log, or were before they expired"),
        "rejects": ("lines", "that could not be parsed"),
        "duplicates": ("lines", "equal to a record that was there already"),
        "blank_lines": ("lines", "without a record: without text, or a known header"),
        "run_id": ("", "run that read it"),
        "committed_at": ("UTC", "when the run added it to the ledger"),
        "partitions": ("", "how many rows are in which bucket and day"),
    },
)

TABLES = (ACCESS_LOG, REJECTS, LEDGER)
