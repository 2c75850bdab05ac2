"""Reports of the section cost."""

import re
from urllib.parse import unquote

from small_lake import Record

from oracle.measures import bytes_sent, last_time, latest_size, percent
from oracle.objects import candidates
from oracle.prices import billed_requests, cost, egress_bytes, egress_cost, price_class, request_cost
from oracle.selections import (
    by_principal,
    failures,
    reads,
    with_operation,
)
from oracle.tables import Records, Rows, group_by, in_order, summarize

_COSTS = (billed_requests, egress_bytes, request_cost, egress_cost, cost)


def by_bucket(records: Records) -> Rows:
    return in_order(summarize(records, ["bucket"], *_COSTS), -6, 1)


def by_day(records: Records) -> Rows:
    return in_order(summarize(records, ["date"], *_COSTS), 1)


def by_requester(records: Records) -> Rows:
    return in_order(summarize(by_principal(records), ["requester"], *_COSTS), -6, -2, 1)


def _egress(records: Records, *keys: str) -> Rows:
    """What was sent, by these keys, where anything was."""

    def share(group: Records) -> float | None:
        return percent(bytes_sent(group), bytes_sent(records))

    sent = [record for group in group_by(records, *keys).values() if bytes_sent(group) for record in group]
    return summarize(sent, keys, len, bytes_sent, share, egress_cost)


def egress_by_ip(records: Records) -> Rows:
    return in_order(_egress([record for record in records if record.ip is not None], "ip"), -3, 1)


def egress_by_object(records: Records) -> Rows:
    return in_order(_egress([record for record in records if record.key is not None], "key", "bucket"), -4, 1, 2)


def egress_by_requester(records: Records) -> Rows:
    return in_order(_egress(records, "requester"), -3, 1)


def failed_requests(records: Records) -> Rows:
    rows = summarize(failures(records), ["op", "status", "error"], len, billed_requests, request_cost)
    return in_order((row for row in rows if row[4] > 0), -6, -5, 1, 2, 3)


def list_requests(records: Records) -> Rows:
    def prefix(record: Record) -> str:
        found = re.search(r"[?&]prefix=([^& ]*)", record.uri or "")
        return unquote(found[1]) if found else ""

    listings = with_operation(records, "REST.GET.BUCKET", "REST.GET.BUCKETVERSIONS")
    return in_order(summarize(listings, ["bucket", prefix, "requester"], len, request_cost, last_time), -4, 1, 2, 3)


def not_used_lately(records: Records, days: int) -> Rows:
    rows: Rows = []
    for fate in candidates(records):
        last_date = max(record.date for record in records if record.bucket == fate.bucket)
        last_use = last_time(fate.uses)
        if (last_date - last_use.date()).days >= days:
            rows.append((fate.key, fate.bucket, last_use, fate.storage_class, fate.size))
    return in_order(rows, -5, 1, 2)


def requests_by_price_class(records: Records) -> Rows:
    return in_order(summarize(records, [price_class], len, billed_requests, request_cost), -4, -2, 1)


def written_never_read(records: Records) -> Rows:
    rows: Rows = []
    for fate in candidates(records):
        its_reads = reads(fate.uses)
        if fate.last_write and not any(read.time >= fate.last_write for read in its_reads):
            size = latest_size(fate.writes)
            rows.append((fate.key, fate.bucket, len(fate.writes), fate.last_write, fate.storage_class, size))
    return in_order(rows, -6, 1, 2)
