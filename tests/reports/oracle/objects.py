"""What became of each object, told record by record in the order of time."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from small_lake import Record

from oracle.measures import last_time, latest_size
from oracle.prices import STORAGE_CLASSES
from oracle.selections import deletes, expiries, lifecycle_events, reads, successes, with_operation, writes
from oracle.tables import Records, group_by

ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


def removed(record: Record) -> str | None:
    """What a deletion or an expiry took away."""
    if record.op == "S3.CREATE.DELETEMARKER":
        return "marked"
    if not expiries([record]) and not deletes([record]):
        return None
    if record.version is None:
        return "object"
    return "delete marker" if record.size is None else "old version"


def object_expiries(records: Iterable[Record]) -> Records:
    """The events of rules after which an object is gone."""
    return [record for record in expiries(records) if removed(record) in ("object", "marked")]


def real_reads(records: Records) -> Records:
    """Successful reads, without the copies of an object onto itself."""
    targets = {(record.rid, record.bucket, record.key) for record in with_operation(records, "REST.COPY.OBJECT")}
    return [
        record
        for record in successes(reads(records))
        if not (record.op == "REST.COPY.OBJECT_GET" and (record.rid, record.bucket, record.key) in targets)
    ]


@dataclass
class Fate:
    """What is known of an object after its last record."""

    key: str
    bucket: str
    writes: Records = field(default_factory=list)
    uses: Records = field(default_factory=list)
    storage_class: str | None = None
    is_archived: bool = False
    is_gone: bool = False
    was_removed: bool = False
    is_destroyed: bool = False

    @property
    def last_write(self) -> dt.datetime | None:
        return last_time(self.writes) if self.writes else None

    @property
    def size(self) -> int | None:
        return latest_size([use for use in self.uses if use.version is None])

    def after(self, record: Record) -> None:
        """One more record."""
        is_of_object = record.version is None or record.size == self.size
        if writes([record]):
            self.writes.append(record)
            self.storage_class, self.is_archived = "STANDARD", False
            self.is_gone = self.was_removed = self.is_destroyed = False
        elif record.op in STORAGE_CLASSES:
            if is_of_object:
                self.storage_class = STORAGE_CLASSES[record.op]
                self.is_archived = self.storage_class in ARCHIVES
        elif record.op in ("REST.POST.RESTORE", "S3.RESTORE.OBJECT"):
            self.is_archived |= is_of_object
        elif removed(record) in ("object", "marked"):
            self.is_gone = self.was_removed = True
        elif (reads([record]) or record.op.endswith(".HEAD.OBJECT")) and record.version is None:
            self.is_gone = self.was_removed = self.is_destroyed = False
        elif removed(record) == "old version" and self.was_removed and is_of_object:
            self.is_gone = self.is_destroyed = True
        elif _is_undelete(record):
            self.is_gone = self.is_destroyed


def _is_undelete(record: Record) -> bool:
    return removed(record) == "delete marker" and not lifecycle_events([record])


def fates(records: Records) -> list[Fate]:
    """One for each object that a successful record names."""
    read = real_reads(records)
    found = []
    for (key, bucket), of_object in group_by(successes(records), "key", "bucket").items():
        if key is None:
            continue
        fate = Fate(key, bucket)
        used = writes(of_object) + with_operation(of_object, "REST.POST.RESTORE", "S3.RESTORE.OBJECT")
        fate.uses = used + [record for record in read if (record.key, record.bucket) == (key, bucket)]
        # of records of one second, a removal counts as the last
        for record in sorted(of_object, key=lambda one: (one.time, removed(one) is not None)):
            fate.after(record)
        found.append(fate)
    return found


def candidates(records: Records) -> list[Fate]:
    """Objects that may be proposed for a cheaper class: in use once, neither gone nor archived."""
    return [fate for fate in fates(records) if fate.uses and not fate.is_gone and not fate.is_archived]
