"""Removing whole partitions of days that are older than a given age."""

import datetime as dt
import re
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from etl.dates import parse_duration
from etl.errors import UsageError
from etl.lake import (
    SET_ASIDE,
    hold_lease,
    migrate,
    partition_path,
    read_retention,
    require_lake,
    write_retention,
)
from etl.schema import ACCESS_LOG, LEDGER, REJECTS
from etl.store import Entry, Store

_SHORTEST = dt.timedelta(days=1)
_DATE = re.compile(r"/date=([0-9]{4}-[0-9]{2}-[0-9]{2})/")


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition that is, or would be, removed: its path in the lake, its files and their bytes."""

    path: str
    parts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Expired:
    """What `expire` removed, or with `dry_run` would remove: partitions of UTC days before `expired_before`."""

    expired_before: dt.date
    dry_run: bool
    partitions: list[Partition]

    def as_dict(self) -> dict[str, Any]:
        """One object, as `expire --json` prints it."""
        return asdict(self) | {"expired_before": self.expired_before.isoformat()}


def parse_age(name: str, text: str) -> dt.timedelta:
    """An age in days, `400d`. Raises UsageError naming the argument."""
    try:
        age = parse_duration(name, text)
    except UsageError:
        age = dt.timedelta()
    oldest = dt.timedelta(dt.date.today().toordinal() - 1)  # noqa: DTZ011 - a rough bound
    if age % _SHORTEST or not _SHORTEST <= age <= oldest:
        raise UsageError(f"{name} {text}: write a number of days, like 400d")
    return age


def expire_partitions(
    store: Store,
    run_id: str,
    age: dt.timedelta,
    lease_seconds: int,
    *,
    dry_run: bool = False,
) -> Expired:
    """Remove the partitions of records and rejects of days that are more than `age` ago (UTC).

    What a repair set aside of them is removed, too. The ledger stays. A day that an earlier run removed stays removed,
    however large `age` is now. Raises UsageError where there is no lake, and LeaseHeldError where another run is at
    work.
    """
    # What is removed does not come back, so the age is looked at here, too, whoever calls.
    if age < _SHORTEST or age % _SHORTEST:
        raise UsageError(f"an age of {age}: give a whole number of days, at least 1")
    require_lake(store)
    expired_before = dt.datetime.now(dt.UTC).date() - age
    if dry_run:
        known = read_retention(store).expired_before or expired_before
        return _expired(store, max(expired_before, known), dry_run=True)
    with hold_lease(store, run_id, lease_seconds):
        migrate(store)
        # First the new first day is written down: from then on no report reads older days and no run ingests them, so
        # that a run which is killed here only leaves files for the next one to remove.
        first_day = write_retention(store, expired_before).expired_before
        expired = _expired(store, first_day or expired_before, dry_run=False)
        for partition in expired.partitions:
            store.remove(partition.path)
    return expired


def _expired(store: Store, expired_before: dt.date, *, dry_run: bool) -> Expired:
    prefixes = [partition_path(ACCESS_LOG), partition_path(REJECTS), SET_ASIDE]
    entries = (entry for prefix in prefixes for entry in store.entries(prefix))
    partitions = []
    for path, files in groupby(entries, key=_folder):
        if _is_expired(path, expired_before):
            sizes = [file.size for file in files]
            partitions.append(Partition(path, len(sizes), sum(sizes)))
    return Expired(expired_before, dry_run, partitions)


def _folder(entry: Entry) -> str:
    folder, _, _ = entry.name.rpartition("/")
    return f"{folder}/"


def _is_expired(path: str, expired_before: dt.date) -> bool:
    # A repair sets aside parts of the ledger, too, which never expires.
    if f"/{LEDGER.name}/" in path:
        return False
    match = _DATE.search(path)
    # Days written as YYYY-MM-DD sort as text; the name of a folder may be of a day that does not exist.
    return match is not None and match[1] < expired_before.isoformat()
