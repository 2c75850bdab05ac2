"""The ledger: one row per ingested log object, partitioned by the log object's day."""

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from etl.dates import parse_date
from etl.lake.parts import list_parts, open_part, partition_path
from etl.schema import LEDGER
from etl.store import Entry, ReadableStore

# About 330 bytes each. What is asked for at the moment is held, however much it is.
_NAMES_IN_MEMORY = 500_000
# Bytes of a day's parts up to which all of it is read at once, with fewer requests: at most some 200,000 names.
_WHOLE_DAY = 8 * 1024 * 1024
_COLUMNS = ["log_object", "etag"]
# Sorts after every name.
_LAST = "\U0010ffff"

Lookup = Callable[[dt.date, str], str | None]
"""For the day and the name of a log object, its ETag when it was ingested, None where it is not."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group of a sealed part, which never changes: its names are from the first to the last."""

    part: Entry
    number: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class _Around:
    """Where the names of a day, from `first` to before `end`, would be."""

    day: dt.date
    first: str
    end: str
    etags: tuple[Mapping[str, str], ...]


class Ledger:
    """What is ingested, read as it is asked for: a day at once, or of a day with many log objects a row group.

    Log objects are listed by name, and sealed parts are sorted by it, so what was used last is what comes next.
    """

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._days = frozenset(_days(store))
        self._groups: dict[dt.date, tuple[_Group, ...]] = {}
        # Of a day what is not in a row group of its own.
        self._held: OrderedDict[dt.date | _Group, dict[str, str]] = OrderedDict()
        self._around = _Around(dt.date.min, "", "", ())

    def lookup(self, below: str | None) -> Lookup:
        """The ETags of ingested log objects.

        With `below`, the start of the names in question, they are looked up in all days: where the day is that
        of the last modification, a copy of the object has another.
        """
        if below is None:
            return self._etag
        # All days, once: the objects of a glob are few, and the days of their modification are not theirs.
        etags = {
            name: etag
            for day in self._days
            for part in self._parts(day)
            for name, etag in self._read(part).items()
            if name.startswith(below)
        }
        return lambda _day, name: etags.get(name)

    def _etag(self, day: dt.date, name: str) -> str | None:
        around = self._around
        if day != around.day or not around.first <= name < around.end:
            around = self._around = self._look_around(day, name)
        known = (etags[name] for etags in around.etags if name in etags)
        return next(known, None)

    def _look_around(self, day: dt.date, name: str) -> _Around:
        if day not in self._days:
            return _Around(day, "", _LAST, ())
        recent = self._hold(day, partial(self._read_day, day))
        groups = self._groups[day]
        inside = [one for one in groups if one.first <= name <= one.last]
        changes = [one.last for one in inside]
        changes += [one.first for one in groups if one.first > name]
        etags = [self._hold(one, partial(self._read_group, one)) for one in inside]
        self._let_go(keep=1 + len(inside))
        return _Around(day, name, min(changes, default=_LAST), (recent, *etags))

    def _hold(
        self, key: dt.date | _Group, read: Callable[[], dict[str, str]]
    ) -> dict[str, str]:
        if key not in self._held:
            self._held[key] = read()
        self._held.move_to_end(key)
        return self._held[key]

    def _let_go(self, keep: int) -> None:
        """Let go of what was used longest ago, but for the last so many."""
        names = sum(map(len, self._held.values()))
        while names > _NAMES_IN_MEMORY and len(self._held) > keep:
            _, oldest = self._held.popitem(last=False)
            names -= len(oldest)

    def _parts(self, day: dt.date) -> list[Entry]:
        return list_parts(self._store, partition_path(LEDGER, date=day))

    def _read_day(self, day: dt.date) -> dict[str, str]:
        """The log objects of a day; of one with many only those of the last part, and row groups are noted.

        The last part may be open, and be replaced by this very run.
        """
        parts = self._parts(day)
        is_large = sum(part.size for part in parts) > _WHOLE_DAY
        sealed, whole = (parts[:-1], parts[-1:]) if is_large else ([], parts)
        self._groups[day] = tuple(
            group for part in sealed for group in self._groups_of(part)
        )
        return {name: etag for part in whole for name, etag in self._read(part).items()}

    def _groups_of(self, part: Entry) -> list[_Group]:
        with open_part(self._store, part) as file:
            groups = map(file.metadata.row_group, range(file.num_row_groups))
            return [
                _Group(part, number, *_bounds(group))
                for number, group in enumerate(groups)
            ]

    def _read_group(self, group: _Group) -> dict[str, str]:
        with open_part(self._store, group.part) as file:
            return _etags(file.read_row_group(group.number, columns=_COLUMNS))

    def _read(self, part: Entry) -> dict[str, str]:
        with open_part(self._store, part) as file:
            return _etags(file.read(columns=_COLUMNS))


def _etags(rows: pa.Table) -> dict[str, str]:
    names, etags = (rows[name].to_pylist() for name in _COLUMNS)
    return dict(zip(names, etags, strict=True))


def _bounds(group: pq.RowGroupMetaData) -> tuple[str, str]:
    """The first and the last name in a row group, or what is not beyond them."""
    bounds = group.column(LEDGER.schema.get_field_index("log_object")).statistics
    return (bounds.min, bounds.max) if bounds and bounds.has_min_max else ("", _LAST)


def _days(store: ReadableStore) -> Iterable[dt.date]:
    """The days that have log objects in the ledger."""
    names = (
        name.removeprefix("date=") for name in store.directories(partition_path(LEDGER))
    )
    return (day for name in names if (day := parse_date(name)))
