"""Reports of the section lifecycle."""

from collections import defaultdict

from small_lake import Record

from oracle.measures import distinct, first_time, last_time, object_sizes
from oracle.prices import STORAGE_CLASSES
from oracle.selections import (
    deletes,
    expiries,
    lifecycle_events,
    of_same_object,
    reads,
    requests,
    successes,
    with_operation,
    with_status,
    writes,
)
from oracle.tables import Records, Rows, chronological, group_by, in_order, summarize


def _keys(records: Records) -> int:
    return distinct(records, "key")


def _objects(records: Records) -> int:
    return distinct(records, "bucket", "key")


def aborted_uploads(records: Records) -> Rows:
    by_request = with_operation(successes(records), "REST.DELETE.UPLOAD")
    by_rule = with_operation(records, "S3.DELETE.UPLOAD")
    rows = [
        (record.time, record.bucket, record.key, aborted_by, record.requester)
        for aborted_by, aborted in (("request", by_request), ("rule", by_rule))
        for record in aborted
    ]
    return in_order(rows, 1, 2, 3, 4, 5)


def age_at_expiry(records: Records) -> Rows:
    ages = defaultdict(list)
    for expired in expiries(records):
        its_writes = of_same_object(successes(writes(records)), expired)
        earlier = [write for write in its_writes if write.time <= expired.time]
        if earlier:
            ages[(expired.time - last_time(earlier)).days].append(expired)
    # versions of an object that expire together are one object
    rows = [(days, distinct(group, "bucket", "key", "time"), object_sizes(group)) for days, group in ages.items()]
    return in_order(rows, 1)


def delete_markers(records: Records) -> Rows:
    markers = with_operation(records, "S3.CREATE.DELETEMARKER")
    return chronological(markers, "key time bucket version", "bucket", "key", "version")


def deletions_by_actor(records: Records) -> Rows:
    def deleted_by(record: Record) -> str:
        return "rule" if expiries([record]) else "request"

    deleted = expiries(records) + successes(deletes(records))
    return in_order(summarize(deleted, ["date", deleted_by], len, _objects, object_sizes), 1, 2)


def events_by_day(records: Records) -> Rows:
    return in_order(summarize(lifecycle_events(records), ["date", "op"], len, object_sizes), 1, 2)


def expired_keys(records: Records) -> Rows:
    return in_order(summarize(with_operation(records, "S3.EXPIRE.OBJECT"), ["key"]), 1)


def expired_never_read(records: Records) -> Rows:
    rows: Rows = []
    for expired in group_by(expiries(records), "bucket", "key").values():
        last = max(expired, key=lambda record: record.time)
        earlier = [record for record in of_same_object(successes(records), last) if record.time <= last.time]
        if not reads(earlier):
            first_write = min((write.time for write in writes(earlier)), default=None)
            rows.append((last.key, last.bucket, first_write, last.time, last.size))
    return in_order(rows, -5, 1, 2)


def expired_objects(records: Records, operation: str) -> Rows:
    events = with_operation(records, operation)
    return chronological(events, "key time bucket version size", "bucket", "key", "version")


def object_events(records: Records, key: str) -> Rows:
    events = [record for record in lifecycle_events(records) if record.key == key]
    return chronological(events, "time op bucket version size", "op", "bucket", "version")


def operation_counts(records: Records) -> Rows:
    return in_order(summarize(lifecycle_events(records), ["op"], len), -2, 1)


def restores(records: Records) -> Rows:
    events = with_operation(records, "REST.POST.RESTORE", "S3.RESTORE.OBJECT")
    columns = "time bucket key version op status error requester"
    return chronological(events, columns, "bucket", "key", "op", "version")


def transitions(records: Records) -> Rows:
    def storage_class(record: Record) -> str:
        return STORAGE_CLASSES[record.op]

    moved = with_operation(records, *STORAGE_CLASSES)
    rows = summarize(moved, [storage_class, "bucket"], len, _keys, object_sizes, first_time, last_time)
    return in_order(rows, -5, -3, 1, 2)


def used_after_expiry(records: Records) -> Rows:
    rows: Rows = []
    for expired in group_by(expiries(records), "bucket", "key").values():
        first = min(expired, key=lambda record: record.time)
        later = [record for record in of_same_object(requests(records), first) if record.time > first.time]
        read, written = reads(later), successes(writes(later))
        uses = read + written
        if uses:
            counts = len(read), len(with_status(read, 404, 404)), len(written)
            rows.append((first.key, first.bucket, first.time, *counts, first_time(uses), last_time(uses)))
    return in_order(rows, -4, -6, 1, 2)
