"""The days that a query is about, as DuckDB's plan of it says: parts of other days need not be opened.

DuckDB takes the days from the paths of parts, and so leaves out whole parts for a condition on `date`, but not for one
on `time`. What its optimizer has pushed down to the scans tells from when to when records are asked for.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SCAN = "READ_PARQUET"
# What begins a plan without reading a file.
_NO_FILES = frozenset({"DUMMY_SCAN", "EMPTY_RESULT", "CTE_SCAN", "DELIM_SCAN"})
# A year before Christ has more behind the time.
_BOUND = r"time (>=|>|<=|<|=) '([0-9]{4}-[0-9]{2}-[0-9]{2})[ 0-9:.]*'::TIMESTAMP"
# A conjunction of bounds, and nothing else: whatever this does not know is no bound.
_BOUNDS = re.compile(rf"\(*{_BOUND}(?:\)* AND \(*{_BOUND})*\)*")
_FIRST, _LAST = "0001-01-01", "9999-12-31"


@dataclass(frozen=True, slots=True)
class Days:
    """A period from one day to another, both as texts, which are in the order of days."""

    first: str = _FIRST
    last: str = _LAST

    def has(self, path: str) -> bool:
        """Whether a part, by its path, is of one of these days."""
        folder, _, _ = path.rpartition("/")
        _, _, day = folder.rpartition("date=")
        return self.first <= day <= self.last


EVERY_DAY = Days()


def days_of(plan: str) -> Days:
    """The days of all records that a query reads, by its plan as `EXPLAIN (FORMAT JSON)` has it.

    They are at least those: a scan without bounds, or with others than are known here, is of every day, and so is what
    is no scan of a table, as functions that list files. Only records have a column `time`; what else there is to scan
    has no such bound.
    """
    begins = [begin for root in json.loads(plan) for begin in _begins(root)]
    scans = [_bounds_of(one) for one in begins if _name(one) not in _NO_FILES]
    if not scans:
        return EVERY_DAY
    return Days(min(one.first for one in scans), max(one.last for one in scans))


def _begins(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What has nothing before it in a plan, and all scans."""
    if not node["children"] or _name(node) == _SCAN:
        yield node
    for child in node["children"]:
        yield from _begins(child)


def _name(node: dict[str, Any]) -> str:
    return str(node["name"]).strip()


def _bounds_of(scan: dict[str, Any]) -> Days:
    """From when to when a scan reads, by all of its conditions, which have to be met together."""
    if _name(scan) != _SCAN:
        return EVERY_DAY
    filters = scan["extra_info"].get("Filters", [])
    first, last = _FIRST, _LAST
    for text in [filters] if isinstance(filters, str) else filters:
        if not _BOUNDS.fullmatch(text):
            continue
        for comparison, day in re.findall(_BOUND, text):
            if comparison in (">=", ">", "="):
                first = max(first, day)
            if comparison in ("<=", "<", "="):
                last = min(last, day)
    return Days(first, last)
