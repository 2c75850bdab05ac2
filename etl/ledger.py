"""The ledger: one row per ingested log object, partitioned by the log object's day."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import pyarrow as pa

from etl.log_object import parse_date
from etl.parts import list_parts, open_part, partition_path
from etl.schema import LEDGER
from etl.store import Store

_DAYS_IN_MEMORY = 64


class Ledger:
    """What is ingested, read day by day; at most `_DAYS_IN_MEMORY` days are held at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days = frozenset(days(store))
        self._day = lru_cache(maxsize=_DAYS_IN_MEMORY)(self._read_day)

    def lookup(self, below: str | None) -> Callable[[dt.date], Mapping[str, str]]:
        """For a log object's day, ETags by name that would have the object if it is ingested.

        With `below`, the start of the names in question, they are looked up in all days: where the day is that
        of the last modification, a copy of the object has another.
        """
        if below is None:
            return lambda day: self._day(day) if day in self._days else {}
        etags = {
            name: etag for day in self._days for name, etag in self._read_day(day).items() if name.startswith(below)
        }
        return lambda _day: etags

    def _read_day(self, day: dt.date) -> dict[str, str]:
        return {
            name: etag
            for rows in read_days(self._store, [day], columns=["log_object", "etag"])
            for name, etag in zip(rows["log_object"].to_pylist(), rows["etag"].to_pylist(), strict=True)
        }


def days(store: Store) -> list[dt.date]:
    """The days that have log objects in the ledger, in order."""
    names = (name.removeprefix("date=") for name in store.directories(partition_path(LEDGER)))
    return [day for name in names if (day := parse_date(name))]


def read_days(store: Store, which: list[dt.date], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The ledger's rows for some days, one table per part."""
    for day in which:
        for part in list_parts(store, partition_path(LEDGER, date=day)):
            with open_part(store, part) as file:
                yield file.read(columns=columns)
