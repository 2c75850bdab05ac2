"""What a query sees of a lake: the parts in its scope, listed once, each read as it was then."""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from etl.config import MIB
from etl.errors import PreconditionFailedError, StoreError
from etl.lake import READ_WHOLE, has_older_parts, is_part, part_day, partition_path, read_retention
from etl.query.scope import Scope
from etl.schema import ACCESS_LOG, CLIMBS, LEDGER, TABLES, Table
from etl.store import Entry, ReadableStore

_CACHE_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The parts of a lake that a query may read, by the paths under which DuckDB sees them.

    A path is the part's name in the lake. Only where a bucket's name leads out of its folder (`../../etc`: of a forged
    line, in a lake of before such lines were rejected), all of them are percent-encoded once more: `is_encoded_twice`.
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


def take_snapshot(store: ReadableStore, scope: Scope, without: Collection[str] = ()) -> Snapshot:
    """List the parts in `scope`, except those `without` which the lake is looked at, named as the store names them.

    Days that `expire` removes are not among them from the moment it begins.
    """
    expired_before = read_retention(store).expired_before
    parts = [
        part
        for table in TABLES
        for part in _list(store, table, scope)
        if part.name not in without and _is_in(table, part_day(part.name), scope, expired_before)
    ]
    is_encoded_twice = any(CLIMBS.search(unquote(part.name)) for part in parts)
    encode = _encoded if is_encoded_twice else str
    paths = {encode(part.name): part for part in parts}
    return Snapshot(paths, is_encoded_twice, has_older_parts(store))


def _list(store: ReadableStore, table: Table, scope: Scope) -> Iterator[Entry]:
    prefix = partition_path(table)
    if table is ACCESS_LOG and scope.bucket is not None:
        prefix = partition_path(table, bucket=scope.bucket)
    yield from (part for part in store.entries(prefix) if is_part(part.name))


def _is_in(table: Table, day: dt.date, scope: Scope, expired_before: dt.date | None) -> bool:
    """Rejects have a day (that of their log object) but no bucket; what was ingested, the ledger, is kept for good."""
    if table is LEDGER:
        return True
    first = max(filter(None, (expired_before, scope.date_from)), default=dt.date.min)
    return first <= day <= (scope.date_to or dt.date.max)


def _encoded(name: str) -> str:
    return quote(name, safe="/=")


class SnapshotReader:
    """Reads parts of a snapshot, from several threads at a time; small ones from S3 whole, and once.

    `is_outdated` tells afterwards that a part was not there any more as it was listed, `failure` that the store failed.
    """

    def __init__(self, store: ReadableStore, snapshot: Snapshot) -> None:
        self._store = store
        self._parts = snapshot.parts
        self._whole: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.is_outdated = False
        self.failure: StoreError | None = None

    def read(self, path: str, start: int, length: int) -> bytes:
        """Bytes of a part. Raises OSError where it is not what was listed, StoreError where the store fails."""
        part = self._parts[path]
        length = max(0, min(length, part.size - start))
        try:
            if self._store.is_remote and part.size <= READ_WHOLE:
                return self._read_whole(part)[start : start + length]
            return self._store.read_range(part, start, length)
        except (FileNotFoundError, PreconditionFailedError) as error:
            self.is_outdated = True
            raise OSError(f"{part.name} was replaced or removed since it was listed") from error
        except StoreError as error:
            self.failure = error
            raise

    def _read_whole(self, part: Entry) -> bytes:
        with self._lock:
            if (data := self._whole.get(part.name)) is not None:
                self._whole.move_to_end(part.name)
                return data
        data = self._store.read_range(part, 0, part.size)
        with self._lock:
            self._whole[part.name] = data
            while sum(map(len, self._whole.values())) > _CACHE_BYTES:
                self._whole.popitem(last=False)
        return data
