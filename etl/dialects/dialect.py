"""The engines whose SQL can be written, and what a table may be called there."""

import re
from enum import StrEnum

from etl.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,2}", re.ASCII)


class Dialect(StrEnum):
    """An engine whose statements can be written."""

    ATHENA = "athena"
    TRINO = "trino"
    SPARK = "spark"
    DUCKDB = "duckdb"


def check_qualified_name(name: str) -> None:
    """Raise UsageError for what is not `NAME`, `DATABASE.NAME` or `CATALOG.DATABASE.NAME`."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} names no table: write NAME, DATABASE.NAME or CATALOG.DATABASE.NAME, of letters, digits, _ and -"
        )
