"""Removing whole partitions of days that are older than the lake is to keep."""

import datetime as dt
import re
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from etl.errors import UsageError
from etl.lake import SET_ASIDE, hold_lease, migrate, partition_path, read_retention, require_lake, write_retention
from etl.schema import ACCESS_LOG, LEDGER, REJECTS
from etl.store import Store

_AGE = re.compile(r"([1-9][0-9]*)d")
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


def parse_age(text: str) -> dt.timedelta:
    """An age in days, `400d`. Raises UsageError."""
    match = _AGE.fullmatch(text)
    if match is None or int(match[1]) > dt.date.today().toordinal() - 1:  # noqa: DTZ011 - a rough bound
        raise UsageError(f"--older-than {text}: write a number of days, like 400d")
    return dt.timedelta(days=int(match[1]))


def expire_partitions(
    store: Store, run_id: str, age: dt.timedelta, lease_seconds: int, *, dry_run: bool = False
) -> Expired:
    """Remove the partitions of records and rejects of days that are more than `age` ago (UTC).

    What a repair set aside of them goes too. First the new first day is written down: from then on no report reads
    older days and no run ingests them, so a run that is killed here only leaves files for the next one to remove. The
    ledger stays. A day that an earlier run removed stays removed, however large `age` is now. Raises UsageError where
    there is no lake, and LeaseHeldError where another run is at work.
    """
    require_lake(store)
    expired_before = dt.datetime.now(dt.UTC).date() - age
    if dry_run:
        known = read_retention(store).expired_before
        return _expired(store, max(expired_before, known or expired_before), dry_run=True)
    with hold_lease(store, run_id, lease_seconds):
        migrate(store)
        kept_from = write_retention(store, expired_before).expired_before
        expired = _expired(store, kept_from or expired_before, dry_run=False)
        for partition in expired.partitions:
            store.remove(partition.path)
    return expired


def _expired(store: Store, expired_before: dt.date, *, dry_run: bool) -> Expired:
    prefixes = [*(partition_path(table) for table in (ACCESS_LOG, REJECTS)), SET_ASIDE]
    entries = [one for prefix in prefixes for one in store.entries(prefix)]
    partitions = []
    for path, group in groupby(entries, key=lambda entry: entry.name.rpartition("/")[0] + "/"):
        match = None if f"/{LEDGER.name}/" in path else _DATE.search(path)
        if match and match[1] < expired_before.isoformat():
            sizes = [entry.size for entry in group]
            partitions.append(Partition(path, len(sizes), sum(sizes)))
    return Expired(expired_before, dry_run, partitions)
