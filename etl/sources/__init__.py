"""Where log objects come from: finding the new ones, and fetching their text."""

from etl.sources.discover import (
    Found,
    Source,
    discover_objects,
    find_object,
    overlapping,
    parse_source,
    pass_over,
    refuse_around,
    refuse_inside,
    require_log_objects,
    subtract,
)
from etl.sources.fetch import Fetched, fetch_objects
from etl.sources.log_object import LogObject, log_day
from etl.sources.text import DamagedError, Text

__all__ = [
    "DamagedError",
    "Fetched",
    "Found",
    "LogObject",
    "Source",
    "Text",
    "discover_objects",
    "fetch_objects",
    "find_object",
    "log_day",
    "overlapping",
    "parse_source",
    "pass_over",
    "refuse_around",
    "refuse_inside",
    "require_log_objects",
    "subtract",
]
