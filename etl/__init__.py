"""accesslake: Amazon S3 server access logs in a Parquet lake, and reports on it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.api import Lake, open_lake
    from etl.dialects.user_functions import register_spark_functions
    from etl.errors import AccessLakeError
    from etl.query import Result

_MODULES = {
    "AccessLakeError": "etl.errors",
    "Lake": "etl.api",
    "Result": "etl.query",
    "open_lake": "etl.api",
    "register_spark_functions": "etl.dialects.user_functions",
}
"""Where each name is; imported when it is first used: the worker processes of a run need no query engine."""

__all__ = [
    "AccessLakeError",
    "Lake",
    "Result",
    "open_lake",
    "register_spark_functions",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
