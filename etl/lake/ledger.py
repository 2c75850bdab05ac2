"""The ledger: one row per ingested log object, partitioned by the log object's day."""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache

from etl.dates import parse_date
from etl.lake.parts import list_parts, open_part, partition_path
from etl.schema import LEDGER
from etl.store import ReadableStore

# Days come nearly in order; a busy one has ten thousands of names.
_DAYS_IN_MEMORY = 64


class Ledger:
    """What is ingested, read day by day; at most `_DAYS_IN_MEMORY` days are held at a time."""

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._days = frozenset(_days(store))
        self._day = lru_cache(maxsize=_DAYS_IN_MEMORY)(self._read_day)

    def lookup(self, below: str | None) -> Callable[[dt.date], Mapping[str, str]]:
        """For a log object's day, ETags by name that would have the object if it is ingested.

        With `below`, the start of the names in question, they are looked up in all days: where the day is that
        of the last modification, a copy of the object has another.
        """
        if below is None:
            return lambda day: self._day(day) if day in self._days else {}
        # All days, once: the objects of a glob are few, and the days of their modification are not theirs.
        etags = {
            name: etag
            for day in self._days
            for name, etag in self._read_day(day).items()
            if name.startswith(below)
        }
        return lambda _day: etags

    def _read_day(self, day: dt.date) -> dict[str, str]:
        etags: dict[str, str] = {}
        for part in list_parts(self._store, partition_path(LEDGER, date=day)):
            with open_part(self._store, part) as file:
                rows = file.read(columns=["log_object", "etag"])
            etags.update(
                zip(rows["log_object"].to_pylist(), rows["etag"].to_pylist(), strict=True)
            )
        return etags


def _days(store: ReadableStore) -> list[dt.date]:
    """The days that have log objects in the ledger, in order."""
    names = (
        name.removeprefix("date=") for name in store.directories(partition_path(LEDGER))
    )
    return [day for name in names if (day := parse_date(name))]
