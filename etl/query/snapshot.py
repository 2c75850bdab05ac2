"""What a query sees of a lake: the parts in its scope, listed once."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote, unquote

from etl.lake import (
    has_older_parts,
    is_part,
    partition_path,
    read_retention,
)
from etl.query.scope import (
    Scope,
    bucket_of,
    check_buckets,
    is_of_bucket,
    is_pattern,
    matches_any,
)
from etl.schema import ACCESS_LOG, CLIMBS, LEDGER, TABLES, Table
from etl.store import PAGE, Entry, ReadableStore, Stretch, folders_below, list_stretches


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

    def of(self, table: Table) -> list[Entry]:
        """The parts of a table, in the order of their paths."""
        prefix = f"{table.name}/"
        return [part for path, part in self.parts.items() if path.startswith(prefix)]

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each part in bytes, by path."""
        return {path: part.size for path, part in self.parts.items()}

    def within(self, scope: Scope, without: Collection[str] = ()) -> "Snapshot":
        """What of it is in a scope, and is not named in `without`."""
        is_in = _test_of(scope)
        kept = {
            path: part
            for path, part in self.parts.items()
            if is_in(part) and part.name not in without
        }
        return replace(self, parts=kept)


def take_snapshot(store: ReadableStore, scope: Scope) -> Snapshot:
    """List the parts in `scope`.

    Days that `expire` removes are not among them from the moment it begins. Raises UsageError for a bucket that is not
    in the lake, and StoreError where a newer version has written the lake.
    """
    found = _look(store, scope)
    first_days = filter(None, (scope.date_from, found.expired_before))
    is_in = _test_of(replace(scope, date_from=max(first_days, default=None)))
    parts = [file for file in found.files if is_part(file.name) and is_in(file)]
    check_buckets(store, scope, parts)
    # DuckDB refuses a path that leads out of an allowed directory, even if it does so only once it is decoded.
    is_encoded_twice = any(CLIMBS.search(unquote(part.name)) for part in parts)
    encode = _encoded if is_encoded_twice else str
    paths = {encode(part.name): part for part in parts}
    return Snapshot(paths, is_encoded_twice, found.has_older_parts)


class _Found(NamedTuple):
    """The files of a lake in a scope and perhaps others, and what its documents say."""

    files: list[Entry]
    expired_before: dt.date | None
    has_older_parts: bool


def _look(store: ReadableStore, scope: Scope) -> _Found:
    """List the tables and read the documents of a lake, all at the same time."""
    with ThreadPoolExecutor() as pool:
        older = pool.submit(has_older_parts, store)
        retention = pool.submit(read_retention, store)
        listed = pool.map(lambda table: _list(store, table, scope), TABLES)
        # First of all: of a lake that a newer version has written, nothing else is certain.
        has_older = older.result()
        files = list(chain.from_iterable(listed))
        return _Found(files, retention.result().expired_before, has_older)


def _list(store: ReadableStore, table: Table, scope: Scope) -> list[Entry]:
    """The objects of a table's folders in a scope, and perhaps others."""
    folder = partition_path(table)
    # A day of the ledger is that of log objects, whose records may be of other days.
    if table is LEDGER or not (scope.buckets or scope.date_from or scope.date_to):
        return store.entries(folder)
    if table is not ACCESS_LOG:
        return store.entries(*_days(folder, scope))
    if not scope.buckets or any(map(is_pattern, scope.buckets)):
        return _list_buckets(store, folder, scope)
    folders = [
        partition_path(table, bucket=name) for name in dict.fromkeys(scope.buckets)
    ]
    return list(list_stretches(store, [_days(one, scope) for one in folders]))


def _list_buckets(store: ReadableStore, folder: str, scope: Scope) -> list[Entry]:
    """The objects of a scope's days, in the folders of all its buckets.

    The first page has all objects of a small lake. Of a larger one it has the first buckets, and the others are listed
    one by one, many at a time, each from its first day in the scope to its last: what there is of other days, however
    much, is not listed.
    """
    page = store.entries(folder, limit=PAGE)
    if len(page) < PAGE:
        return page
    # The page's last name tells where it ends. What folders there are does not: `expire` may have removed some since.
    name, slash, _ = page[-1].name.removeprefix(folder).partition("/")
    begun = f"{folder}{name}{slash}"
    known = [entry for entry in page if entry.name < begun]
    is_wanted = matches_any(scope.buckets)
    buckets = [one for one in folders_below(store, folder) if one >= begun]
    stretches = [_days(one, scope) for one in buckets if is_wanted(bucket_of(one))]
    return [*known, *list_stretches(store, stretches)]


def _days(folder: str, scope: Scope) -> Stretch:
    """What is in a folder of partitions from the first day of a scope to its last."""
    after = f"{folder}date={scope.date_from}" if scope.date_from else ""
    # In the order of names 0 is the next character after the slash that follows a day.
    before = f"{folder}date={scope.date_to}0" if scope.date_to else None
    return Stretch(folder, after, before)


def _test_of(scope: Scope) -> Callable[[Entry], bool]:
    """What tells whether a part is in a scope: all of the ledger is, which never expires."""
    # Days as texts are in the order of days.
    first = str(scope.date_from or dt.date.min)
    last = str(scope.date_to or dt.date.max)
    ledger = partition_path(LEDGER)
    is_wanted = matches_any(scope.buckets)

    def is_in(part: Entry) -> bool:
        if part.name.startswith(ledger):
            return True
        if is_of_bucket(part.name) and not is_wanted(bucket_of(part.name)):
            return False
        folder, _, _ = part.name.rpartition("/")
        _, _, day = folder.rpartition("date=")
        return first <= day <= last

    return is_in


def _encoded(name: str) -> str:
    return quote(name, safe="/=")
