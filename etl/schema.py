"""The tables of the lake: columns, types, sort order and Parquet encodings."""

import re
from dataclasses import dataclass, field

import pyarrow as pa

TEXT = pa.string()
TIME = pa.timestamp("us")
HELD_IN = pa.list_(pa.struct({"bucket": TEXT, "date": pa.date32(), "rows": pa.int64()}))
"""The partitions of `access_log` that a log object's rows are in, and how many are in each."""

LARGEST_OBJECT = 50 * 2**40
"""Bytes that an object of S3 can have: 50 TB, since December 2025."""
SIZES = ("bytes_sent", "object_size")
"""Fields that cannot be larger."""

CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)")
"""Names that lead out of a folder, to whoever decodes percent escapes before looking at a path; DuckDB refuses them."""

LOG_FIELDS: dict[str, pa.DataType] = {
    "bucket_owner": TEXT,
    "bucket": TEXT,
    "time": TIME,
    "remote_ip": TEXT,
    "requester": TEXT,
    "request_id": TEXT,
    "operation": TEXT,
    "key": TEXT,
    "key_encoded": TEXT,
    "request_uri": TEXT,
    "http_status": pa.int16(),
    "error_code": TEXT,
    "bytes_sent": pa.int64(),
    "object_size": pa.int64(),
    "total_time": pa.int32(),
    "turn_around_time": pa.int32(),
    "referrer": TEXT,
    "user_agent": TEXT,
    "version_id": TEXT,
    "host_id": TEXT,
    "signature_version": TEXT,
    "cipher_suite": TEXT,
    "authentication_type": TEXT,
    "host_header": TEXT,
    "tls_version": TEXT,
    "access_point_arn": TEXT,
    "acl_required": TEXT,
    "source_region": TEXT,
    "field_count": pa.int16(),
    "extra_fields": TEXT,
    "parse_note": TEXT,
}
"""What a log line says, in the order of the line. Times are UTC, sizes bytes, durations milliseconds."""


@dataclass(frozen=True)
class Table:
    """One table of the lake, stored as `<name>/<partition>/part-NNNNN.parquet`."""

    name: str
    schema: pa.Schema
    """The columns inside a part: those of the partition path are not repeated in it."""
    sort_by: tuple[str, ...]
    identity: tuple[str, ...] = ()
    """Columns in which two equal rows are one record delivered twice; empty where that cannot happen."""
    plain: frozenset[str] = field(default_factory=frozenset)
    """Columns of random text, on which a dictionary would only cost."""
    bloom: tuple[str, ...] = ()


_STORED = {name: kind for name, kind in LOG_FIELDS.items() if name != "bucket"}

ACCESS_LOG = Table(
    name="access_log",
    schema=pa.schema({**_STORED, "log_object": TEXT}),
    sort_by=("operation", "key", "time"),
    identity=tuple(_STORED),
    plain=frozenset({"request_id", "host_id"}),
    bloom=("key", "request_id"),
)

REJECTS = Table(
    name="rejects",
    schema=pa.schema(
        {"log_object": TEXT, "line_number": pa.int64(), "reason": TEXT, "line": TEXT, "ingested_at": TIME}
    ),
    sort_by=("log_object", "line_number"),
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
            "partitions": HELD_IN,
        }
    ),
    sort_by=("log_object",),
)

TABLES = (ACCESS_LOG, REJECTS, LEDGER)
