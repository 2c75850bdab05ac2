"""The lake in DuckDB: queries in SQL run in a process that can read the lake and nothing else."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.query.database import Database, check_locations, connect, query_lake
    from etl.query.reader import Advance, SharedReader
    from etl.query.records import described, select_records
    from etl.query.result import (
        ChangedError,
        LimitError,
        QueryError,
        Result,
        UnreadableError,
        to_frame,
    )
    from etl.query.scope import (
        EVERYTHING,
        Scope,
        buckets,
        check_days,
        is_pattern,
        matches_any,
        moved_back,
        period_before,
        scope_of,
    )
    from etl.query.snapshot import Snapshot
    from etl.query.views import duplicate_rows, left_out, rows_by_object, sql_literal

__getattr__ = lazy_face(
    __name__,
    {
        "database": ("Database", "check_locations", "connect", "query_lake"),
        "reader": ("Advance", "SharedReader"),
        "records": ("described", "select_records"),
        "result": (
            "ChangedError",
            "LimitError",
            "QueryError",
            "Result",
            "UnreadableError",
            "to_frame",
        ),
        "scope": (
            "EVERYTHING",
            "Scope",
            "buckets",
            "check_days",
            "is_pattern",
            "matches_any",
            "moved_back",
            "period_before",
            "scope_of",
        ),
        "snapshot": ("Snapshot",),
        "views": ("duplicate_rows", "left_out", "rows_by_object", "sql_literal"),
    },
)

__all__ = [
    "EVERYTHING",
    "Advance",
    "ChangedError",
    "Database",
    "LimitError",
    "QueryError",
    "Result",
    "Scope",
    "SharedReader",
    "Snapshot",
    "UnreadableError",
    "buckets",
    "check_days",
    "check_locations",
    "connect",
    "described",
    "duplicate_rows",
    "is_pattern",
    "left_out",
    "matches_any",
    "moved_back",
    "period_before",
    "query_lake",
    "rows_by_object",
    "scope_of",
    "select_records",
    "sql_literal",
    "to_frame",
]
