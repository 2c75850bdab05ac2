"""What a query sees of a lake: the parts in its scope, listed once, each read only as it was listed."""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from etl.config import MIB
from etl.errors import PreconditionFailedError, StoreError
from etl.lake import (
    READ_WHOLE,
    has_older_parts,
    is_part,
    part_day,
    partition_path,
    read_retention,
)
from etl.query.scope import Scope
from etl.schema import ACCESS_LOG, CLIMBS, LEDGER, TABLES, Table
from etl.store import Entry, ReadableStore

# Of small parts, read entirely: DuckDB reads a part in several pieces, soon after each other, and then caches those.
_CACHE_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The parts of a lake that a query may read, by the paths under which DuckDB sees them.

    A path is the part's name in the lake. Only where a bucket's name leads out of its folder (`../../etc`, of a forged
    line, in a lake from before such lines were rejected), all paths are percent-encoded once more: `is_encoded_twice`.
    """

    parts: Mapping[str, Entry]
    is_encoded_twice: bool = False
    has_older_parts: bool = False
    """Whether there may be parts without columns that were added since."""

    def of(self, table: Table) -> list[str]:
        """The paths of a table's parts."""
        return [path for path in self.parts if path.startswith(f"{table.name}/")]

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each part in bytes, by path."""
        return {path: part.size for path, part in self.parts.items()}


def take_snapshot(
    store: ReadableStore, scope: Scope, without: Collection[str] = ()
) -> Snapshot:
    """List the parts in `scope`, except those named in `without`, as the store names them.

    Days that `expire` removes are not among them from the moment it begins.
    """
    expired_before = read_retention(store).expired_before
    listed = (
        part for table in TABLES for part in _list(store, table, scope, expired_before)
    )
    parts = [part for part in listed if part.name not in without]
    # DuckDB refuses a path that leads out of an allowed directory, even if it does so only once it is decoded.
    is_encoded_twice = any(CLIMBS.search(unquote(part.name)) for part in parts)
    encode = _encoded if is_encoded_twice else str
    paths = {encode(part.name): part for part in parts}
    return Snapshot(paths, is_encoded_twice, has_older_parts(store))


def _list(
    store: ReadableStore, table: Table, scope: Scope, expired_before: dt.date | None
) -> Iterator[Entry]:
    """The parts of a table in a scope."""
    # Only access_log is partitioned by bucket.
    bucket = scope.bucket if table is ACCESS_LOG else None
    prefix = (
        partition_path(table) if bucket is None else partition_path(table, bucket=bucket)
    )
    first, last = _period(table, scope, expired_before)
    for entry in store.entries(prefix):
        if is_part(entry.name) and first <= part_day(entry.name) <= last:
            yield entry


def _period(
    table: Table, scope: Scope, expired_before: dt.date | None
) -> tuple[dt.date, dt.date]:
    """The first and the last day of a table's partitions in a scope."""
    # A day of the ledger is that of log objects, whose records may be of other days; and it never expires.
    if table is LEDGER:
        return dt.date.min, dt.date.max
    first_days = filter(None, (expired_before, scope.date_from))
    return max(first_days, default=dt.date.min), scope.date_to or dt.date.max


def _encoded(name: str) -> str:
    return quote(name, safe="/=")


class SnapshotReader:
    """Reads parts of a snapshot, from several threads at a time; small ones from S3 entirely, and once.

    The query process learns only that a read failed. Why, is noted here for its parent: `is_outdated` where a part was
    not there any more as it was listed, `failure` where the store failed.
    """

    def __init__(self, store: ReadableStore, snapshot: Snapshot) -> None:
        self._store = store
        self._parts = snapshot.parts
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.is_outdated = False
        self.failure: StoreError | None = None

    def read(self, path: str, start: int, length: int) -> bytes:
        """Bytes of a part. Raises OSError where it is not what was listed, StoreError where the store fails."""
        part = self._parts[path]
        length = max(0, min(length, part.size - start))
        try:
            # A request to S3 takes about as long for a small part as for a few of its bytes; a disk has no such delay.
            if self._store.is_remote and part.size <= READ_WHOLE:
                return self._read_cached(part)[start : start + length]
            return self._store.read_range(part, start, length)
        except (FileNotFoundError, PreconditionFailedError) as error:
            self.is_outdated = True
            raise OSError(
                f"{part.name} was replaced or removed since it was listed"
            ) from error
        except StoreError as error:
            self.failure = error
            raise

    def _read_cached(self, part: Entry) -> bytes:
        with self._lock:
            if (data := self._cache.get(part.name)) is not None:
                self._cache.move_to_end(part.name)
                return data
        # Without the lock, so that threads can read at the same time; it does no harm if two read the same part.
        data = self._store.read_range(part, 0, part.size)
        with self._lock:
            self._cache[part.name] = data
            while self._cached_bytes() > _CACHE_BYTES:
                self._cache.popitem(last=False)
        return data

    def _cached_bytes(self) -> int:
        return sum(map(len, self._cache.values()))
