"""The storage class of each version of an object, from when to when, told record by record in the order of time."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from small_lake import Record

from oracle.objects import removed
from oracle.prices import STORAGE_CLASSES
from oracle.selections import deletes, reads, successes, with_operation, writes
from oracle.tables import Records, group_by

MINIMUM_DAYS = {
    "STANDARD_IA": 30,
    "ONEZONE_IA": 30,
    "GLACIER_IR": 90,
    "GLACIER": 90,
    "ARCHIVE": 90,
    "DEEP_ARCHIVE": 180,
}
PER_GB_MONTH = {
    "STANDARD": 0.023,
    "INTELLIGENT_TIERING": 0.023,
    "STANDARD_IA": 0.0125,
    "ONEZONE_IA": 0.01,
    "GLACIER_IR": 0.004,
    "GLACIER": 0.0036,
    "DEEP_ARCHIVE": 0.00099,
    "ARCHIVE": 0.00099,
}
USAGE_TYPES = {
    "STANDARD_IA": "EarlyDelete-SIA",
    "ONEZONE_IA": "EarlyDelete-ZIA",
    "GLACIER_IR": "EarlyDelete-GIR",
    "GLACIER": "EarlyDelete-ByteHrs",
    "DEEP_ARCHIVE": "EarlyDelete-GDA",
}
KIB, GIB = 1024, 1024**3
SMALL = 128 * KIB


@dataclass
class Stay:
    """A version in a class; `ended` and `ended_by` are None where it still is there."""

    began_by: Record
    storage_class: str
    previous_class: str | None
    ended: dt.datetime | None = None
    ended_by: str | None = None

    @property
    def began(self) -> dt.datetime:
        return self.began_by.time

    @property
    def size(self) -> int | None:
        return self.began_by.size

    @property
    def is_transition(self) -> bool:
        return self.began_by.op in STORAGE_CLASSES

    @property
    def days(self) -> int | None:
        return (self.ended.date() - self.began.date()).days if self.ended else None


def billed_size(storage_class: str, size: int) -> int:
    """What a class bills an object of this size with."""
    if storage_class in ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"):
        return max(size, SMALL)
    return size + 32 * KIB if storage_class in ("GLACIER", "DEEP_ARCHIVE", "ARCHIVE") else size


def monthly_cost(storage_class: str, size: int) -> float:
    """The dollars of a month for an object of this size."""
    index = 8 * KIB / GIB * PER_GB_MONTH["STANDARD"] if storage_class in ("GLACIER", "DEEP_ARCHIVE") else 0
    return billed_size(storage_class, size) / GIB * PER_GB_MONTH[storage_class] + index


def stays(records: Records) -> list[Stay]:
    """Of every version, one after the other."""
    versioned = {one.bucket for one in successes(records) if one.version or one.op == "S3.CREATE.DELETEMARKER"}
    found: list[Stay] = []
    for group in group_by(_events(records, versioned), "bucket", "key", "version").values():
        found += _stays_of_version(sorted(group, key=lambda one: (one.time, removed(one) is not None)))
    return found


def _events(records: Records, versioned: set[str]) -> Iterable[Record]:
    """What changes the class of a version or takes it away, and what tells that it is archived."""
    changes = with_operation(successes(records), *STORAGE_CLASSES, "S3.EXPIRE.OBJECT")
    changes += with_operation(successes(records), "REST.POST.RESTORE", "S3.RESTORE.OBJECT")
    changes += writes(successes(records)) + deletes(successes(records))
    yield from (record for record in changes if not (record.version is None and _is_kept(record, versioned)))
    yield from (record for record in reads(records) if record.error == "InvalidObjectState")


def _is_kept(record: Record, versioned: set[str]) -> bool:
    """Whether what was there goes on as an old version."""
    return record.bucket in versioned and bool(writes([record]) + deletes([record]))


def _stays_of_version(events: Records) -> Iterable[Stay]:
    current: Stay | None = None
    for event in events:
        if event.error == "InvalidObjectState" or "RESTORE" in event.op:
            if current and current.storage_class == "STANDARD":
                current.storage_class = "ARCHIVE"
            continue
        if current:
            current.ended, current.ended_by = event.time, _way(event)
            yield current
        before = current.storage_class if current else None
        current = None
        if storage_class := _class_after(event):
            current = Stay(event, storage_class, before)
    if current:
        yield current


def _class_after(event: Record) -> str | None:
    if writes([event]):
        target = (event.uri or " ").split(" ")[1]
        return parse_qs(urlsplit(target).query).get("x-amz-storage-class", ["STANDARD"])[0]
    return STORAGE_CLASSES.get(event.op)


def _way(event: Record) -> str:
    if event.op == "S3.EXPIRE.OBJECT":
        return "expired"
    if deletes([event]):
        return "deleted"
    return "overwritten" if writes([event]) else "moved"
