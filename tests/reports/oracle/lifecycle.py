"""Reports of the section lifecycle."""

from collections import defaultdict

from small_lake import Record

from oracle.measures import distinct, first_time, last_time, latest_size, object_sizes
from oracle.objects import fates, object_expiries, real_reads, removed
from oracle.prices import STORAGE_CLASSES
from oracle.selections import (
    by_principal,
    deletes,
    expiries,
    lifecycle_events,
    of_same_object,
    reads,
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
    for expired in object_expiries(records):
        its_writes = of_same_object(successes(writes(records)), expired)
        earlier = [write for write in its_writes if write.time <= expired.time]
        if earlier:
            size = expired.size if expired.size is not None else latest_size(earlier)
            ages[(expired.time - last_time(earlier)).days].append(size or 0)
    return in_order([(days, len(sizes), sum(sizes)) for days, sizes in ages.items()], 1)


def delete_markers(records: Records) -> Rows:
    markers = with_operation(records, "S3.CREATE.DELETEMARKER")
    return chronological(markers, "key time bucket version", "bucket", "key", "version")


def deletions_by_actor(records: Records) -> Rows:
    def deleted_by(record: Record) -> str:
        return "rule" if expiries([record]) else "request"

    def is_unknown(record: Record) -> bool:
        return deleted_by(record) == "request" and removed(record) == "object" and record.size is None

    def gone(group: Records) -> int:
        return _objects([one for one in group if removed(one) in ("object", "marked") and not is_unknown(one)])

    def old_versions(group: Records) -> int:
        return sum(removed(record) == "old version" for record in group)

    def markers(group: Records) -> int:
        return sum(removed(record) == "delete marker" for record in group)

    def of_unknown(group: Records) -> int:
        return sum(map(is_unknown, group))

    deleted = expiries(records) + successes(deletes(records))
    measures = (len, gone, old_versions, markers, of_unknown, object_sizes)
    return in_order(summarize(deleted, ["date", deleted_by], *measures), 1, 2)


def events_by_day(records: Records) -> Rows:
    return in_order(summarize(lifecycle_events(records), ["date", "op"], len, object_sizes), 1, 2)


def expired_keys(records: Records) -> Rows:
    return in_order(summarize(with_operation(records, "S3.EXPIRE.OBJECT"), ["key"]), 1)


def expired_never_read(records: Records) -> Rows:
    rows: Rows = []
    for expired in group_by(object_expiries(records), "bucket", "key").values():
        last = max(expired, key=lambda record: record.time)
        earlier = [record for record in of_same_object(successes(records), last) if record.time <= last.time]
        if not real_reads(earlier) and not with_operation(earlier, "REST.POST.RESTORE", "S3.RESTORE.OBJECT"):
            written = writes(earlier)
            first_write = min((write.time for write in written), default=None)
            size = last.size if last.size is not None else latest_size(written)
            rows.append((last.key, last.bucket, first_write, last.time, size))
    return in_order(rows, -5, 1, 2)


def expired_objects(records: Records, operation: str) -> Rows:
    events = sorted(with_operation(records, operation), key=lambda record: record.rid)
    rows = [(one.key, one.time, one.bucket, one.version, one.size, removed(one)) for one in events]
    return in_order(rows, 2, 3, 1, 4)


def gone_keys(records: Records) -> Rows:
    expired = {(record.key, record.bucket) for record in object_expiries(records)}
    gone = {fate.key for fate in fates(records) if fate.is_gone and (fate.key, fate.bucket) in expired}
    return [(key,) for key in sorted(gone)]


def object_events(records: Records, key: str) -> Rows:
    events = sorted(lifecycle_events(records), key=lambda record: record.rid)
    rows = [(one.time, one.op, one.bucket, one.version, one.size, removed(one)) for one in events if one.key == key]
    return in_order(rows, 1, 2, 3, 4)


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


def undo_list(records: Records) -> Rows:
    deleted = by_principal(expiries(records) + successes(deletes(records)))
    versioned = {record.bucket for record in deleted if removed(record) != "object"}
    unmarked = [one for one in deleted if removed(one) == "delete marker"]
    known = fates(records)
    gone = {(fate.bucket, fate.key) for fate in known if fate.is_gone}
    used = {(fate.bucket, fate.key) for fate in known if fate.uses}

    def outcome(record: Record) -> str:
        if removed(record) == "object" and deletes([record]) and record.bucket in versioned:
            return "marked"
        return "marked" if removed(record) == "marked" else "for good"

    def is_listed(record: Record) -> bool:
        if removed(record) == "old version":
            return True
        of_object = (record.bucket, record.key)
        if deletes([record]) and record.size is None and record.bucket not in versioned and of_object not in used:
            return False
        is_undone = any(
            (one.bucket, one.key) == of_object
            and (one.version == record.version or (record.version is None and one.time >= record.time))
            for one in unmarked
        )
        return of_object in gone and not is_undone

    listed = [one for one in deleted if is_listed(one)]
    rows = [(one.time, one.requester, one.bucket, one.key, outcome(one), one.version) for one in listed]
    return in_order(rows, -1, 3, 4, 5, 6, 2)


def unfinished_uploads(records: Records) -> Rows:
    def part(record: Record) -> str:
        return (record.uri or "").partition("partNumber=")[2].partition("&")[0]

    def upload(record: Record) -> str:
        return (record.uri or "").partition("uploadId=")[2].partition(" ")[0]

    ended = with_operation(successes(records), "REST.POST.UPLOAD", "REST.DELETE.UPLOAD")
    ids = {(record.key, record.bucket, upload(record)) for record in ended}
    rows: Rows = []
    sent = with_operation(successes(records), "REST.PUT.PART")
    for (key, bucket, upload_id), group in group_by(sent, "key", "bucket", upload).items():
        by_rule = with_operation(of_same_object(records, group[0]), "S3.DELETE.UPLOAD")
        is_aborted = any(record.time >= last_time(group) for record in by_rule)
        if (key, bucket, upload_id) not in ids and not is_aborted:
            sizes = [latest_size(parts) or 0 for parts in group_by(group, part).values()]
            rows.append((key, bucket, upload_id, len(sizes), sum(sizes), first_time(group), last_time(group)))
    return in_order(rows, -5, 1, 2, 3)


def used_after_expiry(records: Records) -> Rows:
    rows: Rows = []
    for expired in group_by(object_expiries(records), "bucket", "key").values():
        first = min(expired, key=lambda record: record.time)
        later = [record for record in of_same_object(records, first) if record.time > first.time]
        requested = reads(later) + with_operation(later, "REST.HEAD.OBJECT", "WEBSITE.HEAD.OBJECT")
        written = successes(writes(later))
        uses = requested + written
        if uses:
            counts = len(requested), len(with_status(requested, 404, 404)), len(written)
            rows.append((first.key, first.bucket, first.time, *counts, first_time(uses), last_time(uses)))
    return in_order(rows, -4, -6, 1, 2)
