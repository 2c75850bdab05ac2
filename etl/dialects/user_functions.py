"""The functions of the bundle that are written in Python, for a session of Spark."""

import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from etl.errors import UsageError
from etl.spark.context import refusal, send_code_along
from etl.spark.executors import find_problem

USER_FUNCTIONS = frozenset({"parse_user_agent", "is_in_network"})
"""What `register_spark_functions` makes."""
_PARSED = "kind STRING, family STRING, system STRING"
_REFUSED = "accesslake refuses: "
_REFUSAL = re.compile(rf"{_REFUSED}([^\n]*)")


def register_spark_functions(session: Any) -> None:
    """Make `parse_user_agent` and `is_in_network` known to a SparkSession, for reports that are printed for Spark.

    Its executors need accesslake, in the version of the driver, as they do for `ingest`.
    """
    # An executor without accesslake has to be able to say so.
    send_code_along(sys.modules[__name__])
    own = version("accesslake")
    parse = _Loaded(own, "etl.query.user_agents", _user_agents)
    session.udf.register("parse_user_agent", parse, _PARSED)
    compare = _Loaded(own, "etl.query.networks", _networks)
    session.udf.register("is_in_network", compare, "BOOLEAN")


def refusal_in(text: str) -> UsageError | None:
    """The error of an executor without accesslake, or with another version, if a message of Spark tells of one."""
    found = _REFUSAL.search(text)
    return refusal(found[1]) if found else None


class _Loaded:
    """A function that each task loads with its first value, or says why it cannot."""

    def __init__(
        self, driver_version: str, module: str, load: Callable[[], Callable[..., Any]]
    ) -> None:
        self._driver_version = driver_version
        self._module = module
        self._load = load
        self._function: Callable[..., Any] | None = None

    def __call__(self, *values: str | None) -> Any:
        if self._function is None:
            problem = find_problem(self._driver_version, self._module)
            if problem:
                raise RuntimeError(f"{_REFUSED}{problem}")
            self._function = self._load()
        return self._function(*values)


def _user_agents() -> Callable[..., Any]:
    from etl.query.user_agents import parse_user_agent  # noqa: PLC0415 - may not be there

    def parsed(text: str | None) -> tuple[str, str | None, str | None]:
        found = parse_user_agent(text)
        return found.kind, found.family, found.system

    return parsed


def _networks() -> Callable[..., Any]:
    from etl.query.networks import is_in_network  # noqa: PLC0415 - may not be there

    return is_in_network
