"""The engines whose SQL can be written."""

from enum import StrEnum


class Dialect(StrEnum):
    """An engine whose statements can be written."""

    ATHENA = "athena"
    TRINO = "trino"
    SPARK = "spark"
    DUCKDB = "duckdb"
