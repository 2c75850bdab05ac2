"""Reports of the section cost."""

import datetime as dt
import re
from itertools import pairwise
from urllib.parse import unquote

from small_lake import CLOUDFRONT, Record

from oracle.measures import bytes_sent, last_time, latest_size, objects, percent
from oracle.objects import candidates
from oracle.prices import (
    LISTINGS,
    STORAGE_CLASSES,
    accelerated_bytes,
    acceleration_cost,
    billed,
    billed_requests,
    cold_class,
    cost,
    egress_bytes,
    egress_cost,
    is_accelerated,
    is_denied_outsider,
    price_class,
    region_bytes,
    region_cost,
    request_cost,
    requests_of_somebody,
    retrieval_cost,
    retrieved_bytes,
    transfer,
    transfer_cost,
    uploaded,
)
from oracle.selections import (
    by_principal,
    deletes,
    expiries,
    folder_of,
    of_same_object,
    reads,
    requests,
    successes,
    with_operation,
    with_status,
    writes,
)
from oracle.stays import (
    GIB,
    MINIMUM_DAYS,
    PER_GB_MONTH,
    SMALL,
    USAGE_TYPES,
    Stay,
    billed_size,
    monthly_cost,
    stays,
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
    retrieval_cost,
    cost,
)


def by_bucket(records: Records) -> Rows:
    return in_order(summarize(records, ["bucket"], *_COSTS), -12, 1)


def by_bucket_and_day(records: Records) -> Rows:
    measures = (requests_of_somebody, billed_requests, cost)
    return in_order(summarize(records, ["date", "bucket"], *measures), 1, 2)


def by_day(records: Records) -> Rows:
    return in_order(summarize(records, ["date"], *_COSTS), 1)


def by_requester(records: Records) -> Rows:
    return in_order(summarize(by_principal(records), ["requester"], *_COSTS), -12, -3, 1)


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


def folders(records: Records, below: str, depth: int) -> Rows:
    def folder(record: Record) -> str:
        return folder_of(record, below, depth)

    def objects_read(group: Records) -> int:
        return objects(successes(reads(group)))

    def sent(group: Records) -> int:
        return bytes_sent(requests(group))

    chosen = [record for record in records if record.key is not None and record.key.startswith(below)]
    costs = (request_cost, transfer_cost, retrieval_cost, cost)
    measures = (objects_read, requests_of_somebody, sent, egress_bytes, *costs)
    rows = summarize(chosen, ["bucket", folder], *measures)
    return in_order((row for row in rows if row[3] > 0 or row[6] > 0), -10, -5, 1, 2)


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
    rows: Rows = []
    for fate in candidates(records):
        last_date = max(record.date for record in records if record.bucket == fate.bucket)
        last_use = last_time(fate.uses)
        if (last_date - last_use.date()).days >= days:
            rows.append((fate.key, fate.bucket, last_use, fate.storage_class, fate.size))
    return in_order(rows, -5, 1, 2)


def requests_by_price_class(records: Records) -> Rows:
    return in_order(summarize(records, [price_class], requests_of_somebody, billed_requests, request_cost), -4, -2, 1)


def written_never_read(records: Records) -> Rows:
    rows: Rows = []
    for fate in candidates(records):
        its_reads = reads(fate.uses)
        if fate.last_write and not any(read.time >= fate.last_write for read in its_reads):
            size = latest_size(fate.writes)
            rows.append((fate.key, fate.bucket, len(fate.writes), fate.last_write, fate.storage_class, size))
    return in_order(rows, -6, 1, 2)


def usage_types(records: Records) -> Rows:
    """The small lake has no whole month, so no egress is free."""
    tiers = {
        "put_copy_post_list": "Requests-Tier1",
        "get_and_others": "Requests-Tier2",
        "restore": "Requests-Tier3",
        "transition_glacier": "Requests-Tier3",
        "transition_deep_archive": "Requests-Tier3",
        "get_standard_ia": "Requests-SIA-Tier2",
        "get_glacier_ir": "Requests-GIR-Tier2",
    }
    march = dt.date(2026, 3, 1)
    rows: Rows = [
        (march, False, usage_type, len(group), None, None, request_cost(group))
        for (usage_type,), group in group_by(
            billed(records), lambda record: tiers.get(price_class(record), "Requests-Tier4")
        ).items()
    ]
    for (storage_class,), group in group_by(records, cold_class).items():
        if storage_class:
            usage = {"STANDARD_IA": "Retrieval-SIA", "GLACIER_IR": "Retrieval-GIR"}[storage_class]
            number = retrieved_bytes(group)
            rows.append((march, False, usage, None, number, round(number / 1024**3, 3), retrieval_cost(group)))
    charged = [record for record in records if not is_denied_outsider(record)]
    fast = [record for record in charged if is_accelerated(record)]
    for kind, group in (*group_by(charged, _usage_of_transfer).items(), (("AWS",), fast)):
        suffix = "ABytes" if group is fast else "Bytes"
        price = {"DataTransfer": 0.09, "AWS": 0.04 if group is fast else 0.02}.get(kind[0], 0)
        sent, came = sum(record.sent or 0 for record in group), sum(uploaded(record) for record in group)
        is_free = price == 0 or group is not fast
        for way, number, its_price in (("Out", sent, price), ("In", came, 0 if is_free else price)):
            gigabytes = number / 1024**3
            usage = f"{kind[0]}-{way}-{suffix}"
            rows.append((march, False, usage, None, number, round(gigabytes, 3), round(gigabytes * its_price, 6)))
    return in_order((row for row in rows if row[3] or row[4]), 1, 3)


def _usage_of_transfer(record: Record) -> str:
    """What the bill calls data that goes where the record's response went."""
    if record.agent == CLOUDFRONT or "cloudfront" in (record.requester or ""):
        return "CloudFront"
    return {"internet": "DataTransfer", "region": "AWS"}.get(transfer(record), "C3DataTransfer")


def restores(records: Records) -> Rows:
    """The small lake is of one month."""
    asked = [
        record
        for record in by_principal(records)
        if (record.op == "REST.POST.RESTORE" and record.status in (200, 202)) or record.error == "InvalidObjectState"
    ]
    rows: Rows = []
    for (bucket, prefix, principal), group in group_by(asked, "bucket", _top_folder, "requester").items():
        begun = [record for record in group if record.status == 202]
        again = [record for record in group if record.status == 200]
        sizes = {record.key: latest_size(of_same_object(records, record)) for record in begun}
        costs = [
            [_restore_cost(records, record, tier) for record in begun] for tier in ("bulk", "standard", "expedited")
        ]
        rows.append(
            (
                dt.date(2026, 3, 1),
                bucket,
                prefix,
                principal,
                len(begun),
                len(again),
                len(group) - len(begun) - len(again),
                len(sizes),
                sum(sizes[record.key] or 0 for record in begun),
                sum(size is None for size in sizes.values()),
                *(round(sum(tier) + len(again) * 0.0004 / 1000, 6) for tier in costs),
            )
        )
    return in_order(rows, -12, -7, 1, 2, 3, 4)


def _top_folder(record: Record) -> str:
    folder, slash, _ = (record.key or "").partition("/")
    return folder + slash if slash else ""


def _restore_cost(records: Records, record: Record, tier: str) -> float:
    """What the restore of one object costs, with what is retrieved."""
    of_object = of_same_object(records, record)
    transitions = [one for one in of_object if one.op in STORAGE_CLASSES]
    last = max(transitions, key=lambda one: one.time, default=None)
    is_deep = last is not None and STORAGE_CLASSES[last.op] == "DEEP_ARCHIVE"
    flexible = {"bulk": (0, 0), "standard": (0.05, 0.01), "expedited": (10, 0.03)}
    deep = {"bulk": (0.025, 0.0025), "standard": (0.1, 0.02), "expedited": (0.1, 0.02)}
    per_thousand, per_gb = (deep if is_deep else flexible)[tier]
    return per_thousand / 1000 + (latest_size(of_object) or 0) / 1024**3 * per_gb


def uploads(records: Records) -> Rows:
    arrived = [record for record in records if uploaded(record)]
    replaced = {id(record): size for record, size in _overwrites(records)}
    concerned = {id(record) for record in arrived} | replaced.keys()
    # the principal takes the place of the requester in copies of the records, so these are made in the same order
    pairs = [
        (copy, replaced.get(id(record)), uploaded(record))
        for record, copy in zip(records, by_principal(records), strict=True)
        if id(record) in concerned
    ]
    rows: Rows = []
    groups: dict[tuple[object, ...], list[tuple[Record, int | None, int]]] = {}
    for pair in pairs:
        groups.setdefault((pair[0].date, pair[0].bucket, pair[0].requester), []).append(pair)
    for key, group in groups.items():
        fast = sum(size for record, _, size in group if is_accelerated(record))
        sizes = [size for _, size, _ in group if size is not None]
        sent = [size for _, _, size in group if size]
        rows.append((*key, len(sent), sum(sent), fast, len(sizes), sum(sizes)))
    return in_order(rows, -5, -8, 1, 2, 3)


def _overwrites(records: Records) -> list[tuple[Record, int]]:
    """The writes that replaced an object, and the size of what they replaced."""
    found = []
    for group in group_by(successes(writes(records)), "bucket", "key").values():
        removals = [
            record
            for record in successes(deletes(records)) + expiries(records)
            if (record.bucket, record.key) == (group[0].bucket, group[0].key)
            and (record.version is None or record.op == "S3.CREATE.DELETEMARKER")
        ]
        events = sorted(group + removals, key=lambda record: (record.time, record.rid))
        for before, after in pairwise(events):
            if before in group and after in group:
                found.append((after, before.size or 0))
    return found


def early_deletions(records: Records) -> Rows:
    ended = [stay for stay in stays(records) if stay.days is not None]
    early = [stay for stay in ended if (stay.days or 0) < MINIMUM_DAYS.get(stay.storage_class, 0)]
    return in_order(map(_early_deletion, early), -13, -12, 1, 2, 3, 6)


def _early_deletion(stay: Stay) -> tuple[object, ...]:
    days_left = MINIMUM_DAYS[stay.storage_class] - (stay.days or 0)
    size = stay.size or 0
    gb_days = billed_size(stay.storage_class, size) / GIB * days_left
    is_small = size < SMALL and stay.storage_class in ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR")
    usage_type = USAGE_TYPES.get(stay.storage_class)
    return (
        stay.began_by.key,
        stay.began_by.bucket,
        stay.began_by.version,
        stay.storage_class,
        f"{usage_type}-SmObjects" if usage_type and is_small else usage_type,
        stay.began,
        stay.ended,
        stay.ended_by,
        stay.days,
        days_left,
        size,
        round(gb_days, 6),
        round(gb_days / 30 * PER_GB_MONTH[stay.storage_class], 9),
    )


def transitions_that_do_not_pay(records: Records) -> Rows:
    groups: dict[tuple[object, ...], list[Stay]] = {}
    for stay in stays(records):
        is_small = None if stay.size is None else stay.size < SMALL
        if stay.is_transition and (stay.storage_class != "INTELLIGENT_TIERING" or is_small):
            before = stay.previous_class or "STANDARD"
            where = (stay.began_by.bucket, _top_folder(stay.began_by))
            groups.setdefault((*where, before, stay.storage_class, is_small), []).append(stay)
    rows = [(*key, *_break_even(group, str(key[2]))) for key, group in groups.items()]
    never = [row for row in rows if row[8] is not None and row[9] is None]
    late = [row for row in rows if row[9] is not None]
    unknown = [row for row in rows if row[8] is None]
    order = (-10, -8, 1, 2, 3, 4, 5)
    return [row for group in (never, late, unknown) for row in in_order(group, *order)]


def _break_even(group: list[Stay], before: str) -> tuple[object, ...]:
    """Transitions, bytes, what they cost and save each month, and the days until that is even."""
    cost_of_all = request_cost(one.began_by for one in group)
    sizes = [one.size for one in group if one.size is not None]
    if not sizes:
        return len(group), 0, cost_of_all, None, None
    after = group[0].storage_class
    saving = sum(monthly_cost(before, size) - monthly_cost(after, size) for size in sizes)
    days = round(30 * cost_of_all / saving, 1) if saving > 0 else None
    return len(group), sum(sizes), cost_of_all, round(saving, 9), days
