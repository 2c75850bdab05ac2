"""Reports of the section cost."""

import re
from urllib.parse import unquote

from small_lake import Record

from oracle.measures import last_time, latest_size, percent
from oracle.prices import (
    LISTINGS,
    accelerated_bytes,
    acceleration_cost,
    billed_requests,
    cost,
    egress_bytes,
    egress_cost,
    price_class,
    region_bytes,
    region_cost,
    request_cost,
    requests_of_somebody,
    transfer_cost,
)
from oracle.selections import (
    by_principal,
    deletes,
    expiries,
    of_same_object,
    reads,
    successes,
    with_operation,
    with_status,
    writes,
)
from oracle.tables import Records, Rows, group_by, in_order, summarize

_COSTS = (
    requests_of_somebody,
    billed_requests,
    egress_bytes,
    region_bytes,
    accelerated_bytes,
    request_cost,
    egress_cost,
    region_cost,
    acceleration_cost,
    cost,
)


def by_bucket(records: Records) -> Rows:
    return in_order(summarize(records, ["bucket"], *_COSTS), -11, 1)


def by_day(records: Records) -> Rows:
    return in_order(summarize(records, ["date"], *_COSTS), 1)


def by_requester(records: Records) -> Rows:
    return in_order(summarize(by_principal(records), ["requester"], *_COSTS), -11, -3, 1)


def _egress(records: Records, *keys: str) -> Rows:
    """What was sent and charged for, by these keys, where anything was."""

    def share(group: Records) -> float | None:
        return percent(egress_bytes(group), egress_bytes(records))

    groups = group_by(records, *keys).values()
    sent = [one for one in groups if egress_bytes(one) + region_bytes(one) + accelerated_bytes(one)]
    return summarize(
        [record for group in sent for record in group],
        keys,
        requests_of_somebody,
        egress_bytes,
        share,
        region_bytes,
        accelerated_bytes,
        transfer_cost,
    )


def egress_by_ip(records: Records) -> Rows:
    return in_order(_egress([record for record in records if record.ip is not None], "ip"), -3, -7, 1)


def egress_by_object(records: Records) -> Rows:
    return in_order(_egress([record for record in records if record.key is not None], "key", "bucket"), -4, -8, 1, 2)


def egress_by_requester(records: Records) -> Rows:
    return in_order(_egress(by_principal(records), "requester"), -3, -7, 1)


def failed_requests(records: Records) -> Rows:
    errors = with_status(records, 400)
    rows = summarize(errors, ["op", "status", "error"], requests_of_somebody, billed_requests, request_cost)
    return in_order((row for row in rows if row[4] > 0), -6, -5, 1, 2, 3)


def list_requests(records: Records) -> Rows:
    def prefix(record: Record) -> str:
        found = re.search(r"[?&]prefix=([^& ]*)", record.uri or "")
        return record.key or (unquote(found[1]) if found else "")

    listings = by_principal(with_operation(records, *LISTINGS))
    return in_order(summarize(listings, ["bucket", prefix, "requester"], len, request_cost, last_time), -4, 1, 2, 3)


def not_used_lately(records: Records, days: int) -> Rows:
    last_date = max(record.date for record in records)
    rows: Rows = []
    for (key, bucket), uses in group_by(successes(reads(records) + writes(records)), "key", "bucket").items():
        last_use = last_time(uses)
        of_object = of_same_object(records, uses[0])
        removals = successes(deletes(of_object)) + expiries(of_object)
        is_gone = any(removal.time >= last_use for removal in removals)
        if (last_date - last_use.date()).days >= days and not is_gone:
            rows.append((key, bucket, last_use, latest_size(uses)))
    return in_order(rows, -4, 1, 2)


def requests_by_price_class(records: Records) -> Rows:
    return in_order(summarize(records, [price_class], requests_of_somebody, billed_requests, request_cost), -4, -2, 1)


def written_never_read(records: Records) -> Rows:
    rows: Rows = []
    for (key, bucket), written in group_by(successes(writes(records)), "key", "bucket").items():
        its_reads = of_same_object(successes(reads(records)), written[0])
        last_write = last_time(written)
        if not any(read.time >= last_write for read in its_reads):
            rows.append((key, bucket, len(written), last_write, latest_size(written)))
    return in_order(rows, -5, 1, 2)
