"""The lake in DuckDB: queries in SQL run in a process that can read the lake and nothing else."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.config import DEFAULTS
    from etl.query.database import Database, query_lake
    from etl.query.result import (
        ChangedError,
        LimitError,
        QueryError,
        Result,
        UnreadableError,
    )
    from etl.query.scope import EVERYTHING, Scope, buckets, check_scope, parse_day
    from etl.query.views import duplicate_rows, rows_by_object, sql_literal

# Where each name is. Modules are imported when one of their names is first used, so that the query process, which needs
# few of them, starts fast.
_MODULES = {
    "etl.config": ("DEFAULTS",),
    "etl.query.database": ("Database", "query_lake"),
    "etl.query.result": (
        "ChangedError",
        "LimitError",
        "QueryError",
        "Result",
        "UnreadableError",
    ),
    "etl.query.scope": ("EVERYTHING", "Scope", "buckets", "check_scope", "parse_day"),
    "etl.query.views": ("duplicate_rows", "rows_by_object", "sql_literal"),
}

__all__ = [
    "DEFAULTS",
    "EVERYTHING",
    "ChangedError",
    "Database",
    "LimitError",
    "QueryError",
    "Result",
    "Scope",
    "UnreadableError",
    "buckets",
    "check_scope",
    "duplicate_rows",
    "parse_day",
    "query_lake",
    "rows_by_object",
    "sql_literal",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
