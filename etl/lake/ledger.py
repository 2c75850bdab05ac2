"""The ledger: one row per ingested log object, partitioned by the log object's day."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping

from etl.dates import parse_date
from etl.lake.parts import list_parts, open_part, partition_path
from etl.schema import LEDGER
from etl.store import ReadableStore

# A window's days come again for each source bucket, so all of them have to be there.
_DAYS_IN_MEMORY = 64
# More days where they have few log objects: where everything is listed, each comes again for each source bucket.
_NAMES_IN_MEMORY = 200_000


class Ledger:
    """What is ingested, read day by day; the days that were used last are held."""

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._days = frozenset(_days(store))
        self._held: OrderedDict[dt.date, dict[str, str]] = OrderedDict()

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

    def _day(self, day: dt.date) -> dict[str, str]:
        if day not in self._held:
            self._held[day] = self._read_day(day)
            self._let_go()
        self._held.move_to_end(day)
        return self._held[day]

    def _let_go(self) -> None:
        names = sum(map(len, self._held.values()))
        while len(self._held) > _DAYS_IN_MEMORY and names > _NAMES_IN_MEMORY:
            _, oldest = self._held.popitem(last=False)
            names -= len(oldest)

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
