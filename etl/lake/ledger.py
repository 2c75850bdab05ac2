"""The ledger: one row per ingested log object, partitioned by the log object's day."""

import datetime as dt
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from struct import Struct
from typing import Self

import numpy as np
import pyarrow as pa

from etl.dates import parse_date
from etl.lake.parts import list_parts, open_part, partition_path
from etl.schema import LEDGER
from etl.store import ReadableStore

# Of the days that are held while another one is read: 300 MB. Where everything is listed, each day comes again for each
# source bucket; a window comes day by day.
_NAMES_IN_MEMORY = 5_000_000
_HALVES = Struct("<QQ")


class Ingested:
    """Log objects and their ETags, in about 65 bytes each: of a name there is only a digest, of 128 bits.

    No two names share one: among 10^9 of them it would take luck of one in 10^20.
    """

    def __init__(self, digests: bytes, etags: pa.Array) -> None:
        halves = np.frombuffer(digests, "<u8").reshape(-1, 2)
        order = np.argsort(halves[:, 0], kind="stable")
        # Looked up one by one, arrays of Python are five times as fast as numpy's.
        self._first = array("Q", halves[order, 0].tobytes())
        self._second = array("Q", halves[order, 1].tobytes())
        self._rows = array("I", order.astype("u4").tobytes())
        self._etags = etags

    @classmethod
    def of(cls, chunks: "Iterable[tuple[list[str], pa.Array]]") -> Self:
        """Of names with their ETags, of which only one chunk has to be in memory at a time."""
        digests: list[bytes] = []
        etags: list[pa.Array] = [pa.array([], pa.string())]
        for names, of_names in chunks:
            digests.append(b"".join(map(_digest, names)))
            etags.append(of_names)
        joined = b"".join(digests)
        digests.clear()
        combined = pa.concat_arrays(etags)
        etags.clear()
        return cls(joined, combined)

    def __len__(self) -> int:
        return len(self._first)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """The ETag of a log object when it was read, None where it was not."""
        first, second = _HALVES.unpack(_digest(name))
        at = bisect_right(self._first, first) - 1
        while at >= 0 and self._first[at] == first:
            if self._second[at] == second:
                etag: str = self._etags[self._rows[at]].as_py()
                return etag
            at -= 1
        return None


_NONE = Ingested.of(())


class Ledger:
    """What is ingested, read day by day; the days that were used last are held."""

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._days = frozenset(_days(store))
        self._held: OrderedDict[dt.date, Ingested] = OrderedDict()

    def lookup(self, below: str | None) -> Callable[[dt.date], Ingested]:
        """For a log object's day, what would have the object if it is ingested.

        With `below`, the start of the names in question, they are looked up in all days: where the day is that
        of the last modification, a copy of the object has another.
        """
        if below is None:
            return lambda day: self._day(day) if day in self._days else _NONE
        # All days, once: the objects of a glob are few, and the days of their modification are not theirs.
        ingested = Ingested.of(
            _below(names, etags, below)
            for day in self._days
            for names, etags in self._read_day(day)
        )
        return lambda _day: ingested

    def _day(self, day: dt.date) -> Ingested:
        if day not in self._held:
            self._let_go()
            self._held[day] = Ingested.of(self._read_day(day))
        self._held.move_to_end(day)
        return self._held[day]

    def _let_go(self) -> None:
        names = sum(map(len, self._held.values()))
        while names > _NAMES_IN_MEMORY:
            _, oldest = self._held.popitem(last=False)
            names -= len(oldest)

    def _read_day(self, day: dt.date) -> Iterator[tuple[list[str], pa.Array]]:
        """Names and ETags, part by part."""
        for part in list_parts(self._store, partition_path(LEDGER, date=day)):
            with open_part(self._store, part) as file:
                rows = file.read(columns=["log_object", "etag"])
            etags = rows["etag"].combine_chunks().cast(pa.string())
            yield rows["log_object"].to_pylist(), etags


def _below(names: list[str], etags: pa.Array, start: str) -> tuple[list[str], pa.Array]:
    at = [number for number, name in enumerate(names) if name.startswith(start)]
    return [names[number] for number in at], etags.take(pa.array(at, pa.int64()))


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=_HALVES.size).digest()


def _days(store: ReadableStore) -> list[dt.date]:
    """The days that have log objects in the ledger, in order."""
    names = (
        name.removeprefix("date=") for name in store.directories(partition_path(LEDGER))
    )
    return [day for name in names if (day := parse_date(name))]
