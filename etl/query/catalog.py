"""What queries can use: the views and functions of `accesslake sql`, with columns, types and units."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from etl import fields
from etl.query import Result
from etl.query.connection import run_query
from etl.query.database import connect
from etl.query.views import view_definitions
from etl.store import open_store

Notes = dict[str, tuple[str, str]]
"""The unit of each column of a view ("" where there is none), and what it means."""

# A function of `sql/views`: the lines of comment right before it, and how it is called.
_FUNCTION = re.compile(r"((?:^-- .*\n)+)CREATE MACRO (\w+\([^)]*\))", re.MULTILINE)

_LOG_OBJECT: Notes = {"log_object": ("", "name of the log object below its source")}
_DATE: Notes = {"date": ("UTC day", "day of time (partition)")}
_FIELDS: Notes = {field.name: (field.unit, field.meaning) for field in fields.columns()}
_ACCESS_LOG: Notes = {"bucket": _FIELDS["bucket"], **_DATE, **_FIELDS, **_LOG_OBJECT}
NOTES: dict[str, Notes] = {
    "access_log": _ACCESS_LOG,
    "requests": _ACCESS_LOG,
    "website_requests": _ACCESS_LOG,
    "lifecycle_events": _ACCESS_LOG,
    "rejects": {
        "date": ("UTC day", "day of the log object (partition)"),
        **_LOG_OBJECT,
        "line_number": ("", "from 1"),
        "reason": ("", "why the line could not be parsed"),
        "line": ("", "the line; bytes that are not text as \\xNN"),
        "ingested_at": ("UTC", "when it was read"),
    },
    "ledger": {
        "date": ("UTC day", "day of the log object (partition)"),
        **_LOG_OBJECT,
        "etag": ("", "of the log object when it was read"),
        "size": ("bytes", "of the log object"),
        "last_modified": ("UTC", "when the log object was delivered"),
        "lines": ("lines", "rows + rejects + duplicates + blank_lines"),
        "rows": ("records", "that are in access_log, or were before they expired"),
        "rejects": ("lines", "that could not be parsed"),
        "duplicates": ("lines", "equal to a record that was there already"),
        "blank_lines": ("lines", "without a record: without text, or a known header"),
        "run_id": ("", "run that read it"),
        "committed_at": ("UTC", "when the run added it to the ledger"),
        "partitions": ("", "how many rows are in which bucket and day"),
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
    "prices": {
        "price_class": ("", "line of the price list: see price_class()"),
        "price": ("currency", "of 1,000 requests; for egress, of 10^9 bytes"),
    },
    "site_hosts": {"host": ("", "a host of the site, from the settings")},
    "own_accounts": {"account": ("", "an AWS account of the owner, from the settings")},
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
