"""accesslake: Amazon S3 server access logs in a Parquet lake, and answers from it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.errors import AccessLakeError
    from etl.lake import Lake, open_lake
    from etl.query import Result

__all__ = ["AccessLakeError", "Lake", "Result", "open_lake"]


def __getattr__(name: str) -> Any:
    """The names above, loaded when they are asked for: the worker processes of a run need no query engine."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from etl import errors, lake  # noqa: PLC0415

    return getattr(lake, name, None) or getattr(errors, name)
