"""accesslake under its own name: `accesslake.open_lake` is `etl.open_lake`."""

from typing import TYPE_CHECKING, Any

import etl

if TYPE_CHECKING:
    from etl import (
        AccessLakeError,
        Lake,
        Result,
        open_lake,
        register_spark_functions,
    )

__all__ = [
    "AccessLakeError",
    "Lake",
    "Result",
    "open_lake",
    "register_spark_functions",
]


def __getattr__(name: str) -> Any:
    return getattr(etl, name)
