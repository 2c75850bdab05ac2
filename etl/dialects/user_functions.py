"""The functions of the bundle that are written in Python, for a session of Spark."""

from dataclasses import asdict
from typing import Any

from etl.query.networks import is_in_network
from etl.query.user_agents import parse_user_agent

USER_FUNCTIONS = frozenset({"parse_user_agent", "is_in_network"})
"""What `register_functions` makes."""


def register_functions(session: Any) -> None:
    """Make the functions known to a SparkSession; its executors need accesslake, as they do for `ingest`."""
    kinds = "kind STRING, family STRING, system STRING"
    session.udf.register("parse_user_agent", _parsed, kinds)
    session.udf.register("is_in_network", is_in_network, "BOOLEAN")


def _parsed(text: str | None) -> dict[str, str | None]:
    return asdict(parse_user_agent(text))
