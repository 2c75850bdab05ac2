"""Log objects and their names.

AWS names them `[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE` (simple) or
`[prefix]ACCOUNT/REGION/BUCKET/YYYY/MM/DD/YYYY-MM-DD-hh-mm-ss-UNIQUE` (partitioned).
"""

import datetime as dt
import re
from dataclasses import dataclass

from etl.dates import parse_date

LOG_NAME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:-[0-9]{2}){3}-[0-9A-Za-z]+(?:\.(?:gz|zst))?$"
)
"""`[prefix]YYYY-MM-DD-hh-mm-ss-UNIQUE`; a suffix says that somebody compressed the object later."""
_SOURCE_FOLDER = r"[0-9]{12}/[a-z0-9-]+/[^/]+/"
YEAR_FOLDER = re.compile(_SOURCE_FOLDER + r"[0-9]{4}/$")
LIKELY_YEAR_FOLDER = re.compile(r"[^/]+/[^/]*/[^/]+/[0-9]{4}/$")
"""The same with Ceph's names of accounts and regions, or somebody's own folder."""
DAY_FOLDER = re.compile(_SOURCE_FOLDER + r"(?P<date>[0-9]{4}/[0-9]{2}/[0-9]{2})/$")
"""`[prefix]ACCOUNT/REGION/BUCKET/YYYY/MM/DD/`, AWS's date-based partitioning."""


@dataclass(frozen=True, slots=True)
class LogObject:
    """A log object: `name` is its URL on S3 or its absolute path, `day` the day that it is filed under."""

    name: str
    size: int
    etag: str
    last_modified: dt.datetime
    day: dt.date


def log_day(name: str) -> dt.date | None:
    """The day in the name of a log object, or None for any other name."""
    match = LOG_NAME.search(name)
    return parse_date(match["date"]) if match else None
