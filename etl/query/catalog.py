"""What queries can use: the views and functions of `accesslake sql`, with columns, types and units."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from etl.query import Result, records
from etl.query.connection import run_query
from etl.query.database import connect
from etl.query.views import view_definitions
from etl.schema import LEDGER, REJECTS, Notes
from etl.store import open_store

# A function of `sql/views`: the lines of comment right before it, and how it is called.
_FUNCTION = re.compile(r"((?:^-- .*\n)+)CREATE MACRO (\w+\([^)]*\))", re.MULTILINE)

_FIELDS = records.NOTES
_DATE: Notes = {"date": _FIELDS["date"]}
_CHARGED_BYTES: Notes = {
    "egress_bytes": ("bytes", "sent to the internet at the owner's expense"),
    "region_bytes": ("bytes", "sent to another Region at the owner's expense"),
    "accelerated_bytes": ("bytes", "accelerated, both ways, at the owner's expense"),
}
NOTES: dict[str, Notes] = {
    "access_log": _FIELDS,
    "requests": _FIELDS,
    "website_requests": _FIELDS,
    "visits": _FIELDS,
    "lifecycle_events": _FIELDS,
    "objects": {
        "bucket": _FIELDS["bucket"],
        "key": _FIELDS["key"],
        "writes": ("records", "that gave the key data"),
        "last_write": ("UTC", "when the key was last given data"),
        "last_read": ("UTC", "when its data was last read; a copy onto itself is none"),
        "last_used": ("UTC", "when it was last written, read or restored"),
        "object_size": ("bytes", "by the last write or read"),
        "storage_class": (
            "",
            "by the last transition; STANDARD after a write, ARCHIVE after a restore",
        ),
        "is_archived": ("", "true where it has to be restored before it can be read"),
        "is_gone": ("", "true where it was deleted, expired or marked as deleted"),
        "last_day": ("UTC day", "last day with records of its bucket"),
    },
    "readings": {
        "time": _FIELDS["time"],
        "bucket": _FIELDS["bucket"],
        "key": _FIELDS["key"],
        "requester": _FIELDS["requester"],
        "remote_ip": _FIELDS["remote_ip"],
        "bytes": ("bytes", "sent, or copied"),
    },
    "versioned_buckets": {"bucket": ("", "that keeps versions, as records tell")},
    "stays": {
        "bucket": _FIELDS["bucket"],
        "key": _FIELDS["key"],
        "version_id": ("", "of the version; NULL where there are none"),
        "previous_class": ("", "storage class before; NULL where none is known"),
        "storage_class": ("", "in which the version was; ARCHIVE: one of the archives"),
        "is_transition": ("", "true where a lifecycle rule moved it there"),
        "object_size": ("bytes", "of the version"),
        "began": ("UTC", "when it came there"),
        "ended": ("UTC", "when it was there no longer; NULL where it still is"),
        "ended_by": ("", "expired, deleted, overwritten or moved"),
    },
    "rejects": {
        "date": ("UTC day", "day of the log object (partition)"),
        **REJECTS.notes,
    },
    "ledger": {
        "date": ("UTC day", "day of the log object (partition)"),
        **LEDGER.notes,
        "delivered_at": (
            "UTC",
            "when AWS delivered the log object, by its name, else last_modified on S3; NULL where nothing tells",
        ),
    },
    "user_agents": {
        "user_agent": (
            "",
            "each that occurs in access_log; NULL where requests have none",
        ),
        "kind": ("", "browser, bot, program or none, by its own account"),
        "family": ("", "such as Chrome, Googlebot or curl"),
        "system": ("", "operating system"),
    },
    "located_addresses": {
        "remote_ip": ("", "each that requests in access_log have"),
        "country": ("", "ISO 3166, two letters; NULL where it is not known"),
        "asn": ("", "number of its network (autonomous system)"),
        "organization": ("", "whose network it is"),
    },
    "prices": {
        "price_class": ("", "line of the price list: see price_class()"),
        "price": ("currency", "of 1,000 requests, or of 1 GB (2^30 bytes) sent"),
    },
    "storage_prices": {
        "storage_class": ("", "such as STANDARD_IA"),
        "price": ("currency", "of 1 GB (2^30 bytes) that is stored for a month"),
    },
    "site_hosts": {"host": ("", "a host of the site, from the settings")},
    "own_accounts": {"account": ("", "an AWS account of the owner, from the settings")},
    "requester_pays_buckets": {
        "bucket": ("", "where requesters pay, from the settings"),
    },
    "bucket_regions": {
        "bucket": _FIELDS["bucket"],
        "region": ("", "of the bucket, as hosts tell; NULL where none does"),
    },
    "transfers": {
        **_FIELDS,
        "transfer": ("", "where the response went: see transfer()"),
        **_CHARGED_BYTES,
    },
    "cold_reads": {
        **_FIELDS,
        "retrieved_bytes": ("bytes", "of the object that were read"),
        "storage_class": ("", "of the object, by the last move of a lifecycle rule"),
    },
    "request_costs": {
        **_DATE,
        "bucket": _FIELDS["bucket"],
        "principal": ("", "who sent the requests: see principal()"),
        "operation": _FIELDS["operation"],
        "http_status": _FIELDS["http_status"],
        "error_code": _FIELDS["error_code"],
        "price_class": ("", "line of the price list: see price_class()"),
        "transfer": ("", "where the responses went: see transfer()"),
        "is_accelerated": ("", "by Transfer Acceleration: see is_accelerated()"),
        "requests": ("requests", "of somebody: see is_request()"),
        "billed": ("records", "that AWS bills the owner: see is_billed()"),
        "charged_bytes": ("bytes", "sent, to wherever, at the owner's expense"),
        "uploaded_bytes": ("bytes", "that came with requests: see uploaded_bytes()"),
        **_CHARGED_BYTES,
        "request_cost": ("currency", "of what is billed"),
        "egress_cost": ("currency", "of egress_bytes"),
        "region_cost": ("currency", "of region_bytes"),
        "acceleration_cost": ("currency", "of accelerated_bytes, in addition"),
        "retrieved_bytes": ("bytes", "read of objects that rules moved: see cold_reads"),
        "retrieval_cost": ("currency", "of retrieved_bytes"),
        "cost": ("currency", "all of these"),
    },
    "excluded": {
        "kind": ("", "address, requester or user agent"),
        "value": ("", "what the settings leave out of visits and downloads"),
    },
    "excluded_addresses": {"remote_ip": ("", "in access_log, and left out")},
    "excluded_requesters": {"requester": ("", "in access_log, and left out")},
    "excluded_user_agents": {"user_agent": ("", "in access_log, and left out")},
}
"""The views, and the columns of each."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view, with its type in DuckDB."""

    view: str
    column: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function that queries may use: how it is called, and what it returns."""

    call: str
    meaning: str


def columns() -> list[Column]:
    """Every column of every view, in the order of the views."""
    with TemporaryDirectory() as empty_lake:
        connection = connect(open_store(empty_lake))
        return [column for view in NOTES for column in _columns_of(connection, view)]


def _columns_of(connection: Any, view: str) -> Iterator[Column]:
    described = run_query(
        connection, f"SELECT column_name, column_type FROM (DESCRIBE {view})"
    ).to_arrow()
    for name, duckdb_type in zip(*described.to_pydict().values(), strict=True):
        unit, meaning = NOTES[view][name]
        yield Column(view, name, duckdb_type, unit, meaning)


def functions() -> list[Function]:
    """The functions of `sql/views`, described by the comments before them."""
    found = _FUNCTION.findall(view_definitions())
    return [Function(call, _text_of(comment)) for comment, call in found]


def _text_of(comment: str) -> str:
    """The text of a comment of SQL, in one line."""
    lines = (line.removeprefix("-- ") for line in comment.splitlines())
    return " ".join(lines)


def as_result(view: str | None = None) -> Result:
    """The columns of one view, or of all, to be written as other results are."""
    rows = [asdict(column) for column in columns() if view in (None, column.view)]
    schema = pa.schema([(name, pa.string()) for name in Column.__slots__])
    return Result(pa.Table.from_pylist(rows, schema).to_reader())
