"""Every report's answer on a small lake, worked out from the records of `small_lake`, not with the SQL.

Each function below answers the question in the head of the report that has its name, in plain Python, from what the
lines say; a report whose SQL answers another question than its head asks fails here.
"""

import datetime as dt
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import pytest
from conftest import ingest_local
from small_lake import (
    ADMIN,
    ANONYMOUS_OF_OLD,
    BOTO,
    CHROME,
    CHROME_119,
    CLI,
    CLOUDFRONT,
    CURL,
    FIREFOX,
    GOBUSTER,
    GOOGLEBOT,
    PROBER,
    RECORDS,
    REJECTS,
    RULES,
    SITE,
    SQLMAP,
    Record,
    all_lines,
    at,
    delivered,
    log_object,
    write_log_objects,
)

from etl import Lake, open_lake
from etl.config import Privacy
from etl.reports.loader import load_reports

Rows = list[tuple[Any, ...]]
Records = list[Record]

GOLDEN: dict[str, tuple[dict[str, Any], Callable[..., Rows]]] = {}
"""The arguments of each report's question, and what answers it."""
BY_LOG_OBJECT = {"operations/completeness", "operations/delivery_lag", "operations/rejects", "overview/figures"}
"""Reports whose answer depends on how the lines came."""


def golden(section: str, **arguments: Any) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """The function answers the report of its name, asked with these arguments."""

    def register(answer: Callable[..., Rows]) -> Callable[..., Rows]:
        GOLDEN[f"{section}/{answer.__name__}"] = arguments, answer
        return answer

    return register


def expected(name: str, lines: Sequence[Record] = RECORDS) -> Rows:
    """What the report must answer to these records."""
    arguments, answer = GOLDEN[name]
    bucket = arguments.get("bucket")
    first, last = (arguments.get(end) for end in ("date_from", "date_to"))
    records = [
        record
        for record in lines
        if bucket in (None, record.bucket)
        and (first is None or record.date >= first)
        and (last is None or record.date <= last)
    ]
    params = {name: value for name, value in arguments.items() if name not in ("bucket", "date_from", "date_to")}
    limit = params.pop("limit", None)
    return answer(records, **params)[:limit]


# What the questions mean


def by(records: Iterable[Record], *names: str) -> dict[tuple[Any, ...], Records]:
    """The records with the same values of these attributes."""
    groups: dict[tuple[Any, ...], Records] = defaultdict(list)
    for record in records:
        groups[tuple(getattr(record, name) for name in names)].append(record)
    return groups


def in_order(rows: Iterable[Sequence[Any]], *columns: int) -> Rows:
    """Rows by these columns, counted from 1, a negative one from large to small; None comes last either way."""
    result = [tuple(row) for row in rows]
    for column in reversed(columns):
        place = abs(column) - 1
        known = [row for row in result if row[place] is not None]
        unknown = [row for row in result if row[place] is None]
        result = sorted(known, key=lambda row: row[place], reverse=column < 0) + unknown
    return result


def chronicle(records: Iterable[Record], names: str, *then: str) -> Rows:
    """One row for each record, by time and then by these attributes."""
    columns = names.split()
    order = ["time", *then]
    rows = [[getattr(record, name) for name in columns + order] for record in records]
    return [row[: len(columns)] for row in in_order(rows, *range(len(columns) + 1, len(columns) + len(order) + 1))]


def distinct(records: Iterable[Record], *names: str) -> int:
    """How many different values; a single attribute that is None is not one."""
    values = {tuple(getattr(record, name) for name in names) for record in records}
    return len(values - {(None,)})


def bytes_of(records: Iterable[Record]) -> int:
    return sum(record.sent or 0 for record in records)


def sizes_of(records: Iterable[Record]) -> int:
    return sum(record.size or 0 for record in records)


def first(records: Iterable[Record]) -> dt.datetime:
    return min(record.time for record in records)


def last(records: Iterable[Record]) -> dt.datetime:
    return max(record.time for record in records)


def latest_size(records: Iterable[Record]) -> int | None:
    """The size that the newest record which tells one tells."""
    known = [record for record in records if record.size is not None]
    return max(known, key=lambda record: record.time).size if known else None


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def quantile(values: Sequence[Any], share: float) -> Any:
    """The smallest value of which so large a share is not above it."""
    known = sorted(value for value in values if value is not None)
    return known[max(0, math.ceil(share * len(known) - 1e-9) - 1)] if known else None


def quantiles(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(quantile(values, share) for share in (0.5, 0.95, 0.99))


def with_status(records: Iterable[Record], low: int, high: int = 599) -> Records:
    return [record for record in records if record.status is not None and low <= record.status <= high]


def failures(records: Iterable[Record]) -> Records:
    return with_status(records, 400)


def done(records: Iterable[Record]) -> Records:
    """The requests that S3 did; some records of a request say nothing of how it went."""
    return [record for record in records if record.status is None or record.status < 300 or record.status == 304]


def asked(records: Iterable[Record]) -> Records:
    """All requests: what lifecycle rules do is none."""
    return [record for record in records if record.requester != RULES]


def ruled(records: Iterable[Record]) -> Records:
    return [record for record in records if record.requester == RULES]


def downloads(records: Iterable[Record]) -> Records:
    return [record for record in records if record.op in ("REST.GET.OBJECT", "WEBSITE.GET.OBJECT")]


def reads(records: Iterable[Record]) -> Records:
    """Requests for an object's data, which a copy reads, too."""
    return [
        record for record in records if record.op in ("REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.COPY.OBJECT_GET")
    ]


def writes(records: Iterable[Record]) -> Records:
    """Requests after which a key has new data."""
    whole = ("REST.PUT.OBJECT", "REST.POST.OBJECT", "REST.COPY.OBJECT", "REST.POST.UPLOAD")
    return [record for record in records if record.op in whole]


def deletions_of(records: Iterable[Record]) -> Records:
    return [record for record in records if record.op in ("REST.DELETE.OBJECT", "BATCH.DELETE.OBJECT")]


def taken_away(records: Iterable[Record]) -> Records:
    return [record for record in records if record.op in ("S3.EXPIRE.OBJECT", "S3.CREATE.DELETEMARKER")]


def is_anonymous(record: Record) -> bool:
    return record.requester in (None, ANONYMOUS_OF_OLD)


def anonymous(records: Iterable[Record]) -> Records:
    return [record for record in records if is_anonymous(record)]


def known(records: Iterable[Record]) -> Records:
    """Of requesters with credentials, people or programs."""
    return [record for record in asked(records) if not is_anonymous(record)]


def of_roles(records: Iterable[Record]) -> Records:
    """The records with roles for requesters in the place of their sessions."""
    return [
        replace(record, requester=record.requester.rpartition("/")[0])
        if record.requester and ":assumed-role/" in record.requester
        else record
        for record in records
    ]


PRICES = {
    "put_copy_post_list": 0.005, "get_and_others": 0.0004, "free": 0.0, "transition_standard_ia": 0.01,
    "transition_onezone_ia": 0.01, "transition_intelligent_tiering": 0.01, "transition_glacier_ir": 0.02,
    "transition_glacier": 0.03, "transition_deep_archive": 0.05,
}  # fmt: skip
CLASSES = {
    "S3.TRANSITION_SIA.OBJECT": "standard_ia", "S3.TRANSITION_ZIA.OBJECT": "onezone_ia",
    "S3.TRANSITION.OBJECT": "glacier", "S3.TRANSITION_INT.OBJECT": "intelligent_tiering",
    "S3.TRANSITION_GIR.OBJECT": "glacier_ir", "S3.TRANSITION_GDA.OBJECT": "deep_archive",
}  # fmt: skip


def price_class(record: Record) -> str:
    if record.op in CLASSES:
        return f"transition_{CLASSES[record.op]}"
    if record.op.startswith(("S3.", "BATCH.", "REST.DELETE.")) or record.op.endswith(("_GET", "MULTI_OBJECT_DELETE")):
        return "free"
    listing = ("REST.GET.BUCKET", "REST.GET.BUCKETVERSIONS")
    if record.op.startswith(("REST.PUT.", "REST.COPY.", "REST.POST.")) or record.op in listing:
        return "put_copy_post_list"
    return "get_and_others"


def billed(records: Iterable[Record]) -> Records:
    """What is not free, nor a server error, a redirect to another endpoint, or denied to a stranger."""
    return [
        record
        for record in records
        if price_class(record) != "free"
        and (record.status or 0) < 500
        and record.status not in (301, 307)
        and not (record.status == 403 and is_anonymous(record))
    ]


def request_cost(records: Iterable[Record]) -> float:
    return sum(PRICES[price_class(record)] / 1_000 for record in billed(records))


def money(amount: float) -> float:
    return round(amount, 6)


def egress_of(records: Iterable[Record]) -> int:
    return sum(record.sent or 0 for record in records if record.region is None and record.agent != CLOUDFRONT)


def egress_cost(records: Iterable[Record]) -> float:
    return egress_of(records) * 0.09 / 10**9


def is_own(record: Record) -> bool:
    return urlsplit(record.referrer or "").hostname in (record.host, record.bucket)


AGENTS = {
    CHROME: ("browser", "Chrome", "Windows"), CHROME_119: ("browser", "Chrome", "Windows"), None: ("none", None, None),
    FIREFOX: ("browser", "Firefox", "Linux"), GOOGLEBOT: ("bot", "Googlebot", None), CURL: ("program", "curl", None),
    CLI: ("program", "aws-cli", "Linux"), BOTO: ("program", "Boto3", "Linux"),
}  # fmt: skip


def kind_of(record: Record) -> tuple[str, str | None, str | None]:
    """What the user agent is; those that are not above are programs that nobody knows."""
    return AGENTS.get(record.agent, ("program", None, None))


# cost


def costs(records: Records) -> tuple[Any, ...]:
    egress, requests = egress_cost(records), request_cost(records)
    return len(billed(records)), egress_of(records), money(requests), money(egress), money(requests + egress)


@golden("cost")
def by_bucket(records: Records) -> Rows:
    return in_order([(bucket, *costs(group)) for (bucket,), group in by(records, "bucket").items()], -6, 1)


@golden("cost")
def by_day(records: Records) -> Rows:
    return in_order([(date, *costs(group)) for (date,), group in by(records, "date").items()], 1)


def egress(records: Records, *names: str) -> Rows:
    """What was sent to or of each, of those to or of whom anything was."""
    return [
        (*values, len(group), bytes_of(group), percent(bytes_of(group), bytes_of(records)), money(egress_cost(group)))
        for values, group in by(records, *names).items()
        if bytes_of(group)
    ]


@golden("cost", limit=6)
def egress_by_object(records: Records) -> Rows:
    return in_order(egress([record for record in records if record.key is not None], "key", "bucket"), -4, 1, 2)


@golden("cost")
def egress_by_requester(records: Records) -> Rows:
    return in_order(egress(records, "requester"), -3, 1)


@golden("cost")
def egress_by_ip(records: Records) -> Rows:
    return in_order(egress([record for record in records if record.ip is not None], "ip"), -3, 1)


@golden("cost")
def by_requester(records: Records) -> Rows:
    return in_order([(who, *costs(group)) for (who,), group in by(of_roles(records), "requester").items()], -6, -2, 1)


@golden("cost", days=2)
def not_used_lately(records: Records, days: int) -> Rows:
    end = max(record.date for record in records)
    rows: Rows = []
    for (key, bucket), used in by(done(reads(records) + writes(records)), "key", "bucket").items():
        of_object = same(records, used[0])
        gone = done(deletions_of(of_object)) + taken_away(of_object)
        if (end - last(used).date()).days >= days and not any(one.time >= last(used) for one in gone):
            rows.append((key, bucket, last(used), latest_size(used)))
    return in_order(rows, -4, 1, 2)


@golden("cost")
def failed_requests(records: Records) -> Rows:
    rows = [
        (*names, len(group), len(billed(group)), money(request_cost(group)))
        for names, group in by(failures(records), "op", "status", "error").items()
        if billed(group)
    ]
    return in_order(rows, -6, -5, 1, 2, 3)


@golden("cost")
def list_requests(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in records:
        if record.op in ("REST.GET.BUCKET", "REST.GET.BUCKETVERSIONS"):
            prefix = re.search(r"[?&]prefix=([^& ]*)", record.uri or "")
            groups[record.bucket, unquote(prefix[1]) if prefix else "", record.requester].append(record)
    rows = ((*names, len(group), money(request_cost(group)), last(group)) for names, group in groups.items())
    return in_order(rows, -4, 1, 2, 3)


@golden("cost")
def requests_by_price_class(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in records:
        groups[price_class(record)].append(record)
    rows = ((name, len(group), len(billed(group)), money(request_cost(group))) for name, group in groups.items())
    return in_order(rows, -4, -2, 1)


@golden("cost")
def written_never_read(records: Records) -> Rows:
    rows = []
    for (key, bucket), group in by(done(writes(records)), "key", "bucket").items():
        later = [read for read in done(reads(records)) if read.key == key and read.bucket == bucket]
        if not any(read.time >= last(group) for read in later):
            rows.append((key, bucket, len(group), last(group), latest_size(group)))
    return in_order(rows, -5, 1, 2)


# lifecycle


@golden("lifecycle")
def aborted_uploads(records: Records) -> Rows:
    asked_for = [record for record in done(records) if record.op == "REST.DELETE.UPLOAD"]
    ruled_out = [record for record in records if record.op == "S3.DELETE.UPLOAD"]
    rows = [(one.time, one.bucket, one.key, "request", one.requester) for one in asked_for]
    rows += [(one.time, one.bucket, one.key, "rule", one.requester) for one in ruled_out]
    return in_order(rows, 1, 2, 3, 4, 5)


def expirations(records: Records) -> Records:
    return [record for record in records if record.op == "S3.EXPIRE.OBJECT"]


def same(records: Iterable[Record], one: Record) -> Records:
    """The records of the same object."""
    return [record for record in records if (record.bucket, record.key) == (one.bucket, one.key)]


@golden("lifecycle")
def age_at_expiry(records: Records) -> Rows:
    ages = defaultdict(list)
    for expired in taken_away(records):
        before = [one for one in same(done(writes(records)), expired) if one.time <= expired.time]
        if before:
            ages[(expired.time - last(before)).days].append(expired)
    # versions of an object that expire together are one object
    rows = ((days, distinct(group, "bucket", "key", "time"), sizes_of(group)) for days, group in ages.items())
    return in_order(rows, 1)


@golden("lifecycle")
def delete_markers(records: Records) -> Rows:
    markers = [record for record in records if record.op == "S3.CREATE.DELETEMARKER"]
    return chronicle(markers, "key time bucket version", "bucket", "key", "version")


@golden("lifecycle")
def deletions_by_actor(records: Records) -> Rows:
    actors = {"rule": taken_away(records), "request": done(deletions_of(records))}
    rows = (
        (date, actor, len(group), distinct(group, "bucket", "key"), sizes_of(group))
        for actor, deleted in actors.items()
        for (date,), group in by(deleted, "date").items()
    )
    return in_order(rows, 1, 2)


@golden("lifecycle")
def events_by_day(records: Records) -> Rows:
    groups = by(ruled(records), "date", "op").items()
    return in_order(((*names, len(group), sizes_of(group)) for names, group in groups), 1, 2)


@golden("lifecycle")
def expired_keys(records: Records) -> Rows:
    return in_order({(record.key,) for record in expirations(records)}, 1)


@golden("lifecycle")
def expired_never_read(records: Records) -> Rows:
    rows = []
    for group in by(taken_away(records), "bucket", "key").values():
        gone = max(group, key=lambda one: one.time)
        if not [read for read in same(done(reads(records)), gone) if read.time <= gone.time]:
            written = [one.time for one in same(done(writes(records)), gone) if one.time <= gone.time]
            rows.append((gone.key, gone.bucket, min(written, default=None), gone.time, gone.size))
    return in_order(rows, -5, 1, 2)


@golden("lifecycle", operation="S3.TRANSITION_SIA.OBJECT")
def expired_objects(records: Records, operation: str) -> Rows:
    moved = [record for record in records if record.op == operation]
    return chronicle(moved, "key time bucket version size", "bucket", "key", "version")


@golden("lifecycle", key="arch/3")
def object_events(records: Records, key: str) -> Rows:
    events = [record for record in ruled(records) if record.key == key]
    return chronicle(events, "time op bucket version size", "op", "bucket", "version")


@golden("lifecycle")
def operation_counts(records: Records) -> Rows:
    return in_order(((op, len(group)) for (op,), group in by(ruled(records), "op").items()), -2, 1)


@golden("lifecycle")
def restores(records: Records) -> Rows:
    archived = [record for record in records if record.op in ("REST.POST.RESTORE", "S3.RESTORE.OBJECT")]
    return chronicle(archived, "time bucket key version op status error requester", "bucket", "key", "op", "version")


@golden("lifecycle")
def transitions(records: Records) -> Rows:
    rows = []
    for (op, bucket), group in by(records, "op", "bucket").items():
        if op in CLASSES:
            keys = distinct(group, "key")
            rows.append((CLASSES[op].upper(), bucket, len(group), keys, sizes_of(group), first(group), last(group)))
    return in_order(rows, -5, -3, 1, 2)


@golden("lifecycle")
def used_after_expiry(records: Records) -> Rows:
    rows = []
    for group in by(taken_away(records), "bucket", "key").values():
        gone = min(group, key=lambda one: one.time)
        later = [one for one in same(asked(records), gone) if one.time > gone.time]
        wanted, written = reads(later), done(writes(later))
        used = wanted + written
        if used:
            counts = len(wanted), len(with_status(wanted, 404, 404)), len(written)
            rows.append((gone.key, gone.bucket, gone.time, *counts, first(used), last(used)))
    return in_order(rows, -4, -6, 1, 2)


# operations


@golden("operations")
def buckets(records: Records) -> Rows:
    rows = []
    for (bucket,), group in by(asked(records), "bucket").items():
        errors = len(failures(group))
        people = distinct(group, "ip"), distinct(known(group), "requester")
        share = percent(errors, len(group))
        rows.append((bucket, len(group), errors, share, *people, bytes_of(group), first(group), last(group)))
    return in_order(rows, -2, 1)


def minute(time: dt.datetime) -> dt.datetime:
    return time.replace(second=0)


@golden("operations")
def busiest_prefixes(records: Records, prefix: str = "") -> Rows:
    minutes = defaultdict(list)
    for record in asked(records):
        if record.key is not None and record.key.startswith(prefix):
            rest = record.key[len(prefix) :]
            folder = prefix + (rest.split("/")[0] + "/" if "/" in rest else "")
            minutes[record.bucket, folder, minute(record.time)].append(record)
    busiest: dict[tuple[str, str], tuple[Any, ...]] = {}
    for (bucket, folder, time), group in sorted(minutes.items()):
        if len(group) > busiest.get((bucket, folder), (0, 0, 0))[2]:
            gets = [one for one in group if one.op.split(".")[1] in ("GET", "HEAD") or one.op.endswith("_GET")]
            slow = [one for one in group if one.error == "SlowDown"]
            counts = len(group), len(gets), len(group) - len(gets), len(slow)
            busiest[bucket, folder] = (bucket, folder, *counts, time)
    return in_order(busiest.values(), -3, 1, 2)


def days_of(records: Records) -> list[dt.date]:
    begin, end = first(records).date(), last(records).date()
    return [begin + dt.timedelta(days=days) for days in range((end - begin).days + 1)]


@golden("operations")
def completeness(records: Records) -> Rows:
    rows: Rows = []
    for bucket in sorted({record.bucket for record in records}):
        for date in days_of(records):
            group = [record for record in records if (record.bucket, record.date) == (bucket, date)]
            objects = {delivered(record) for record in group}
            hours = {record.time.hour for record in group}
            times = (first(group), last(group)) if group else (None, None)
            rows.append((bucket, date, len(group), len(hours), len(objects), *times))
    return rows


def lag_of(record: Record) -> float:
    """Minutes from the request to its delivery."""
    return (delivered(record) - record.time) / dt.timedelta(minutes=1)


@golden("operations")
def delivery_lag(records: Records) -> Rows:
    rows: Rows = []
    for (date,), group in sorted(by(records, "date").items()):
        lags = [lag_of(record) for record in group]
        rows.append((date, len(group), *(round(lag, 1) for lag in (*quantiles(lags), max(lags)))))
    return rows


@golden("operations")
def error_codes(records: Records) -> Rows:
    rows = []
    for names, group in by((one for one in records if one.error or one in failures([one])), "error", "status").items():
        counts = len(group), distinct(group, "op"), distinct(group, "ip")
        rows.append((*names, *counts, first(group), last(group)))
    return in_order(rows, -3, 1, 2)


@golden("operations")
def errors_by_day(records: Records) -> Rows:
    rows = []
    for (date,), group in by(with_status(records, 100), "date").items():
        client, server = len(with_status(group, 400, 499)), len(with_status(group, 500))
        rows.append((date, len(group), client, server, percent(client + server, len(group))))
    return in_order(rows, 1)


@golden("operations")
def latency(records: Records) -> Rows:
    rows = []
    for (op,), group in by((record for record in records if record.total is not None), "op").items():
        totals, turns = [one.total for one in group], [one.turn for one in group]
        rows.append((op, len(group), *quantiles(totals), quantile(totals, 1), *quantiles(turns)))
    return in_order(rows, -2, 1)


def _operation_counts(records: Records) -> Rows:
    rows = []
    for (op,), group in by(asked(records), "op").items():
        errors = len(failures(group))
        rows.append((op, len(group), errors, percent(errors, len(group)), last(group)))
    return in_order(rows, -2, 1)


GOLDEN["operations/operation_counts"] = {}, _operation_counts


@golden("operations")
def parse_notes(records: Records) -> Rows:
    rows = [
        (note, len(group), distinct(group, "bucket"), first(group), last(group))
        for (note,), group in by(records, "note").items()
        if note
    ]
    return in_order(rows, -2, 1)


@golden("operations")
def rejects(_records: Records) -> Rows:
    rows = []
    for reason in {one.reason for one in REJECTS}:
        lines = sorted(
            (log_object(one.bucket, one.delivered), one.delivered.date(), one.line)
            for one in REJECTS
            if one.reason == reason
        )
        objects, dates = {line[0] for line in lines}, [line[1] for line in lines]
        rows.append((reason, len(lines), len(objects), min(dates), max(dates), lines[0][2]))
    return in_order(rows, -2, 1)


@golden("operations")
def requesters(records: Records) -> Rows:
    rows = []
    for (who,), group in by(asked(records), "requester").items():
        errors, counts = len(failures(group)), [distinct(group, name) for name in ("bucket", "op", "ip")]
        rows.append((who, len(group), errors, percent(errors, len(group)), *counts, bytes_of(group), last(group)))
    return in_order(rows, -2, 1)


@golden("operations", limit=8)
def request_uris(records: Records) -> Rows:
    groups = by([record for record in records if record.uri], "uri").items()
    rows = ((*uri, len(group), no_failures(group), len(failures(group))) for uri, group in groups)
    return in_order(rows, -2, 1)


@golden("operations")
def schema_drift(records: Records) -> Rows:
    rows = []
    for (bucket, fields), lines in by(records, "bucket", "fields").items():
        for more in (False, True):
            group = [record for record in lines if bool(record.extra) == more]
            example = min((record.extra for record in group if record.extra), default=None)
            if group:
                dates = first(group).date(), last(group).date()
                rows.append((bucket, fields, more, len(group), *dates, example))
    return in_order(rows, 1, 5, 2, 3)


@golden("operations")
def server_errors(records: Records) -> Rows:
    columns = "time bucket op key status error rid host_id ip agent"
    return chronicle(with_status(records, 500), columns, "bucket", "op", "key", "rid")


@golden("operations")
def status_by_day(records: Records) -> Rows:
    counts: dict[tuple[dt.date, str], int] = defaultdict(int)
    for record in with_status(records, 100):
        counts[record.date, f"{(record.status or 0) // 100}xx"] += 1
    return in_order(((*names, number) for names, number in counts.items()), 1, 2)


# overview


@golden("overview")
def figures(records: Records) -> Rows:
    requests = asked(records)
    client, server = len(with_status(requests, 400, 499)), len(with_status(requests, 500))
    return [
        (
            len(requests),
            client,
            server,
            percent(client + server, len(requests)),
            len(with_status(requests, 403, 403)),
            bytes_of(requests),
            distinct((record for record in anonymous(records) if record.ip), "ip", "agent"),
            distinct(known(requests), "requester"),
            len(anonymous(requests)),
            distinct(taken_away(records), "bucket", "key"),
            len(done(deletions_of(records))),
            len(REJECTS),
            round(quantile([lag_of(record) for record in records], 0.95)),
        )
    ]


# security


def tally(records: Iterable[Record], names: str, *measures: Callable[[Records], Any]) -> Rows:
    """For each group of these attributes: their values, how many records, and the measures."""
    groups = by(records, *names.split()).items()
    return [(*values, len(group), *(measure(group) for measure in measures)) for values, group in groups]


def objects(records: Records) -> int:
    """How many objects; keys of different buckets are different objects."""
    return len({(record.bucket, record.key) for record in records if record.key is not None})


def addresses(records: Records) -> int:
    return distinct(records, "ip")


def operations(records: Records) -> int:
    return distinct(records, "op")


def failed(records: Records) -> int:
    return len(failures(records))


def successful(records: Records) -> int:
    return len(done(records))


@golden("security")
def access_denied_by_requester(records: Records) -> Rows:
    refused = with_status(records, 403, 403)
    return in_order(tally(refused, "requester bucket op error", objects, addresses, last), -5, 1, 2, 3, 4)


@golden("security", limit=3)
def deleters(records: Records) -> Rows:
    deleted = of_roles(done(deletions_of(records)))
    return in_order(tally(deleted, "requester bucket", objects, sizes_of, first, last), -3, 1, 2)


@golden("security")
def acl_required(records: Records) -> Rows:
    needed = [record for record in records if record.acl == "Yes"]
    return in_order(tally(needed, "bucket requester op", objects, last), -4, 1, 2, 3)


ACTIVITY = ["bucket", "op", "key", "rid", "status", "version"]


@golden("security", remote_ip=PROBER)
def address_activity(records: Records, remote_ip: str) -> Rows:
    theirs = [record for record in records if record.ip == remote_ip]
    return chronicle(theirs, "time bucket op key status error sent requester agent rid", *ACTIVITY)


@golden("security")
def anonymous_requests(records: Records) -> Rows:
    def changes(group: Records) -> int:
        return sum(one.op.split(".")[1] in ("PUT", "POST", "COPY", "DELETE") for one in done(group))

    rows = tally(anonymous(records), "bucket op", successful, changes, addresses, bytes_of, last)
    return in_order(rows, -3, 1, 2)


@golden("security", threshold=2)
def bulk_deletions(records: Records, threshold: int) -> Rows:
    hours = defaultdict(list)
    for record in done(deletions_of(records)):
        hours[record.time.replace(minute=0, second=0), record.bucket, record.requester].append(record)
    rows = []
    for names, group in hours.items():
        names_of_keys = [record.key or "" for record in group]
        counts = len(group), distinct(group, "rid"), addresses(group), sizes_of(group)
        if len(group) >= threshold:
            rows.append((*names, *counts, min(names_of_keys), max(names_of_keys)))
    return in_order(rows, -4, 1, 2, 3)


@golden("security")
def configuration_changes(records: Records) -> Rows:
    settings = (
        "REST.PUT.BUCKETPOLICY", "REST.PUT.VERSIONING", "REST.DELETE.LIFECYCLE", "REST.PUT.PUBLIC_ACCESS_BLOCK",
        "REST.PUT.ACL",
    )  # fmt: skip
    changes = [record for record in records if record.op in settings and record.key is None]
    return chronicle(changes, "time bucket op status error requester ip agent rid", "bucket", "op", "rid")


@golden("security", prefix="junk/")
def deletions(records: Records, prefix: str) -> Rows:
    deleted = [record for record in done(deletions_of(records)) if (record.key or "").startswith(prefix)]
    return chronicle(deleted, "time bucket key version requester ip op status size rid", "bucket", "key", "version")


@golden("security")
def failed_uploads(records: Records) -> Rows:
    uploads = [record for record in failures(records) if record in writes(records) or record.op == "REST.PUT.PART"]
    return in_order(tally(uploads, "bucket requester op status error", objects, addresses, last), -6, 1, 2, 3, 4, 5)


def by_minute(records: Records) -> dict[tuple[str, dt.datetime], Records]:
    groups = defaultdict(list)
    for record in records:
        if record.ip is not None:
            groups[record.ip, minute(record.time)].append(record)
    return groups


@golden("security", threshold=2)
def failure_bursts(records: Records, threshold: int) -> Rows:
    rows = []
    for names, group in by_minute(failures(records)).items():
        if len(group) >= threshold:
            denied, missed = with_status(group, 403, 403), with_status(group, 404, 404)
            rows.append((*names, len(group), len(denied), len(missed), objects(group)))
    return in_order(rows, -3, 1, 2)


@golden("security", days=2)
def first_seen_requesters(records: Records, days: int) -> Rows:
    since = last(records).date() - dt.timedelta(days=days - 1)
    rows = [
        (name, first(group), last(group), len(group), failed(group), operations(group), addresses(group))
        for (name,), group in by(of_roles(known(records)), "requester").items()
        if first(group).date() >= since
    ]
    return in_order(rows, 2, 1)


@golden("security", threshold=4, limit=3)
def high_request_rates(records: Records, threshold: int) -> Rows:
    rows = [
        (*names, len(group), failed(group), objects(group), bytes_of(group))
        for names, group in by_minute(records).items()
        if len(group) >= threshold
    ]
    return in_order(rows, -3, 1, 2)


@golden("security", limit=50)
def insecure_transport(records: Records) -> Rows:
    insecure = [
        record
        for record in asked(records)
        # older lines do not tell; parts of another request have no transport
        if record.fields > 18
        and record.op not in ("BATCH.DELETE.OBJECT", "REST.COPY.OBJECT_GET")
        and record.tls in (None, "TLSv1", "TLSv1.1")
    ]
    rows = tally(insecure, "tls bucket op requester agent", addresses, last)
    return in_order(((row[0] or "none", *row[1:]) for row in rows), -6, 1, 2, 3, 4, 5)


@golden("security", bytes=50_000_000)
def large_downloads(records: Records, bytes: int) -> Rows:  # noqa: A002 - the parameter's name
    large = [record for record in records if (record.sent or 0) >= bytes]
    columns = "time bucket key sent requester ip agent rid"
    return in_order(chronicle(large, columns, "bucket", "key", "rid"), -4)


@golden("security", bytes=50_000_000)
def large_uploads(records: Records, bytes: int) -> Rows:  # noqa: A002 - the parameter's name
    large = [record for record in done(writes(records)) if (record.size or 0) >= bytes]
    columns = "time bucket key size requester ip agent rid"
    return in_order(chronicle(large, columns, "bucket", "key", "rid"), -4)


@golden("security")
def log_injection(records: Records) -> Rows:
    noted = [record for record in records if record.note]
    columns = "time bucket note ip requester status uri referrer agent rid"
    return in_order(chronicle(noted, columns, "bucket", "rid"), -1)


@golden("security")
def not_found_by_ip(records: Records) -> Rows:
    return in_order(tally(with_status(records, 404, 404), "ip", objects, first, last), -2, 1)


@golden("security", key="tmp/e")
def object_activity(records: Records, key: str) -> Rows:
    touched = [record for record in records if record.key == key]
    columns = "time bucket op requester ip status error sent version agent rid"
    return chronicle(touched, columns, "bucket", "op", "rid", "status", "version")


@golden("security", timezone="Europe/Berlin", first_hour=7, last_hour=17)
def outside_working_hours(records: Records, timezone: str, first_hour: int, last_hour: int) -> Rows:
    def local(record: Record) -> dt.datetime:
        return record.time.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone))

    def on_weekend(record: Record) -> bool:
        return local(record).weekday() >= 5

    late = [
        record for record in known(records) if on_weekend(record) or not first_hour <= local(record).hour < last_hour
    ]
    rows = [
        (
            name,
            len(group),
            sum(map(on_weekend, group)),
            failed(group),
            len({local(one).date() for one in group}),
            last(group),
        )
        for (name,), group in by(late, "requester").items()
    ]
    return in_order(rows, -2, 1)


@golden("security")
def presigned_requests(records: Records) -> Rows:
    presigned = [record for record in records if record.auth == "QueryString"]
    return in_order(tally(presigned, "requester bucket op", failed, objects, addresses, bytes_of, last), -4, 1, 2, 3)


@golden("security", requester=ADMIN)
def requester_activity(records: Records, requester: str) -> Rows:
    theirs = [record for record in records if record.requester == requester]
    return chronicle(theirs, "time bucket op key status error sent ip agent rid", *ACTIVITY)


@golden("security")
def signature_version_2(records: Records) -> Rows:
    outdated = [record for record in records if record.sig == "SigV2"]
    return in_order(tally(outdated, "requester agent bucket", addresses, last), -4, 1, 2, 3)


@golden("security")
def suspicious_user_agents(records: Records) -> Rows:
    tools = [record for record in records if record.agent in (SQLMAP, GOBUSTER)]
    return in_order(tally(tools, "agent", successful, addresses, objects, last), -2, 1)


@golden("security", approved="arn:aws:iam::111122223333:.*")
def unapproved_requesters(records: Records, approved: str) -> Rows:
    others = [record for record in asked(records) if not re.fullmatch(approved, record.requester or "")]
    return in_order(tally(others, "requester bucket", successful, operations, first, last), -3, 1, 2)


# website


@golden("website")
def access_denied_by_ip(records: Records) -> Rows:
    return in_order(tally(with_status(records, 403, 403), "ip"), -2, 1)


@golden("website")
def access_denied_by_key(records: Records) -> Rows:
    return in_order(tally(with_status(records, 403, 403), "key"), -2, 1)


@golden("website")
def broken_links(records: Records) -> Rows:
    broken = [record for record in with_status(downloads(records), 404, 404) if is_own(record)]
    return in_order(tally(broken, "referrer key", last), -3, 1, 2)


@golden("website", limit=7)
def bytes_by_object(records: Records) -> Rows:
    everything = bytes_of(downloads(records))
    rows = [
        (key, bytes_of(group), percent(bytes_of(group), everything), len(group), latest_size(group))
        for (key,), group in by(downloads(records), "key").items()
    ]
    return in_order(rows, -2, 1)


@golden("website")
def downloads_by_ip(records: Records) -> Rows:
    return in_order(tally(downloads(records), "ip", bytes_of), -2, 1)


@golden("website")
def errors_by_object(records: Records) -> Rows:
    rows = []
    for (key,), group in by(downloads(records), "key").items():
        client, server = len(with_status(group, 400, 499)), len(with_status(group, 500))
        if client + server:
            rows.append((key, len(group), client + server, client, server, percent(client + server, len(group))))
    return in_order(rows, -3, 1)


@golden("website")
def hosts(records: Records) -> Rows:
    return in_order(tally(downloads(records), "host", failed, bytes_of), -2, 1)


@golden("website")
def hotlinked_objects(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in done(downloads(records)):
        embedded = (record.key or "").endswith((".png", ".jpg", ".mp3", ".mp4", ".css"))
        if record.referrer and not is_own(record) and embedded:
            groups[record.key, urlsplit(record.referrer).hostname].append(record)
    rows = ((*names, len(group), bytes_of(group)) for names, group in groups.items())
    return in_order(rows, -4, -3, 1, 2)


@golden("website", timezone="Europe/Berlin", bucket=SITE)
def hours_of_day(records: Records, timezone: str) -> Rows:
    hours = defaultdict(list)
    for record in downloads(records):
        hours[record.time.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone)).hour].append(record)
    return [(hour, len(hours[hour]), bytes_of(hours[hour])) for hour in range(24) if hour in hours]


@golden("website")
def not_found_objects(records: Records) -> Rows:
    return in_order(tally(with_status(downloads(records), 404, 404), "key", addresses, last), -2, 1)


@golden("website")
def not_modified(records: Records) -> Rows:
    rows = []
    for (date,), group in by(downloads(records), "date").items():
        unchanged = len(with_status(group, 304, 304))
        rows.append((date, len(group), unchanged, percent(unchanged, len(group))))
    return in_order(rows, 1)


@golden("website")
def operating_systems(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in downloads(records):
        kind, _, system = kind_of(record)
        if kind == "browser":
            groups[system].append(record)
    return in_order(((system, len(group), addresses(group)) for system, group in groups.items()), -2, 1)


@golden("website")
def file_types(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in downloads(records):
        _, dot, end = (record.key or "").rpartition(".")
        groups[end.lower() if dot and end.isalnum() and end.isascii() else None].append(record)
    rows = ((end, len(group), len(failures(group)), bytes_of(group)) for end, group in groups.items())
    return in_order(rows, -2, 1)


@golden("website")
def people_and_bots(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in downloads(records):
        groups[record.date, kind_of(record)[0]].append(record)
    return in_order(((*names, len(group), bytes_of(group)) for names, group in groups.items()), 1, 2)


@golden("website")
def range_requests(records: Records) -> Rows:
    rows = []
    for names, group in by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        pieces = with_status(group, 206, 206)
        if pieces:
            size = latest_size(group) or 0
            rows.append((*names, len(group), len(pieces), bytes_of(group), size, round(bytes_of(group) / size, 2)))
    return in_order(rows, -4, 1, 2)


@golden("website")
def referring_pages(records: Records) -> Rows:
    referred = [record for record in downloads(records) if record.referrer]
    return in_order(tally(referred, "referrer", objects, bytes_of), -2, 1)


def visitors(records: Records) -> int:
    return distinct(records, "ip", "agent")


@golden("website", date_from=dt.date(2026, 3, 6), date_to=dt.date(2026, 3, 8))
def requests_by_day(records: Records) -> Rows:
    return in_order(tally(downloads(records), "date", visitors, bytes_of), 1)


@golden("website")
def requests_by_hour(records: Records) -> Rows:
    hours = defaultdict(list)
    for record in downloads(records):
        hours[record.time.replace(minute=0, second=0)].append(record)
    return in_order(((hour, len(group), visitors(group), bytes_of(group)) for hour, group in hours.items()), 1)


@golden("website")
def response_codes(records: Records) -> Rows:
    return in_order(tally(with_status(records, 100), "status"), -2, 1)


@golden("website", requests=3)
def slowest_objects(records: Records, requests: int) -> Rows:
    rows = []
    for names, group in by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        totals = [record.total for record in group]
        if len(group) >= requests:
            rows.append((*names, len(group), *quantiles(totals), quantile(totals, 1), latest_size(group)))
    return in_order(rows, -5, -4, 1, 2)


@golden("website")
def source_regions(records: Records) -> Rows:
    return in_order(tally(asked(records), "region", addresses, bytes_of), -2, 1)


def no_failures(records: Records) -> int:
    return len(with_status(records, 0, 399))


@golden("website", limit=4)
def top_objects(records: Records) -> Rows:
    return in_order(tally(downloads(records), "key", no_failures, failed), -2, 1)


@golden("website")
def top_referrers(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in downloads(records):
        if record.referrer and not is_own(record):
            groups[urlsplit(record.referrer).hostname].append(record)
    rows = ((site, len(group), distinct(group, "referrer"), bytes_of(group)) for site, group in groups.items())
    return in_order(rows, -2, 1)


def most_of(records: Records) -> int:
    """How much of an object a visitor got: its pieces, and the longest answer that began at its beginning."""
    whole = max((record.sent or 0 for record in with_status(records, 200, 200)), default=0)
    return whole + bytes_of(with_status(records, 206, 206))


@golden("website")
def unique_downloads(records: Records) -> Rows:
    rows = []
    for names, group in by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        size = latest_size(group) or 0
        each = by(group, "ip", "agent").values()
        complete = [one for one in each if most_of(one) >= size]
        pieces = with_status(group, 206, 206)
        rows.append((*names, len(each), len(complete), len(group), len(pieces), bytes_of(group), size))
    return in_order(rows, -3, -5, 1, 2)


@golden("website")
def user_agents(records: Records) -> Rows:
    groups = defaultdict(list)
    for record in downloads(records):
        kind, family, _ = kind_of(record)
        groups[kind, family].append(record)
    rows = ((*names, len(group), addresses(group), bytes_of(group)) for names, group in groups.items())
    return in_order(rows, -3, 1, 2)


# The tests


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """All lines, each in the log object that it was delivered in."""
    root = tmp_path_factory.mktemp("golden")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


@cache
def answer(lake: Lake, name: str) -> Rows:
    arguments, _ = GOLDEN[name]
    return [tuple(row.values()) for row in lake.report(name, **arguments).to_arrow().to_pylist()]


def exact(rows: Rows) -> list[tuple[Any, ...]]:
    """Rows to compare with: sums of prices differ in the last digits with the order in which they are added."""
    return [
        tuple(pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for value in row) for row in rows
    ]


def test_every_report_has_a_golden_result() -> None:
    """No report is shipped unproved."""
    assert set(GOLDEN) == set(load_reports())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_results(lake: Lake, name: str) -> None:
    """The whole answer is the one that the records give, in the order that the report promises."""
    rows = expected(name)
    assert rows, "a report is asked what it has an answer to"
    assert answer(lake, name) == exact(rows)


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same lines in another order, in other log objects, read in three runs; some of them delivered twice."""
    root = tmp_path_factory.mktemp("shuffled")
    rng = random.Random(4)
    lines = all_lines()
    rng.shuffle(lines)
    third = len(lines) // 3 + 1
    for run in range(3):
        delivery = at(f"10 0{run}:00:00")
        again = [line for line in lines[: run * third] if rng.random() < 0.2]
        chosen = lines[run * third : (run + 1) * third] + again
        good = [line for line in chosen if line[2] not in {reject.line.encode() for reject in REJECTS}]
        write_log_objects(root, [(bucket, delivery, line) for bucket, _, line in good])
        ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


@pytest.mark.parametrize("name", sorted(set(GOLDEN) - BY_LOG_OBJECT))
def test_answers_do_not_depend_on_the_delivery(lake: Lake, shuffled: Lake, name: str) -> None:
    """Neither order nor log objects nor runs, nor a second delivery, change an answer."""
    assert answer(shuffled, name) == exact(answer(lake, name))


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same lines in a lake that keeps no addresses."""
    root = tmp_path_factory.mktemp("nameless")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake", privacy=Privacy(remote_ip="drop"))
    return open_lake(str(root / "lake"))


WITHOUT_ADDRESSES = (
    "operations/buckets", "operations/busiest_prefixes", "security/insecure_transport", "website/hours_of_day",
    "security/outside_working_hours", "security/unapproved_requesters", "website/operating_systems",
    "website/people_and_bots", "website/source_regions", "website/user_agents", "security/first_seen_requesters",
    "overview/figures",
)  # fmt: skip
"""Reports that tell requests from what lifecycle rules do, or join user agents."""


@pytest.mark.parametrize("name", WITHOUT_ADDRESSES)
def test_a_lake_without_addresses_answers_the_rest(nameless: Lake, name: str) -> None:
    """With `privacy.remote_ip = "drop"` a report counts no addresses, and is right in all else."""
    # nobody knows which text of an ambiguous line is an address, so it has none
    kept = [replace(record, ip=None, agent=None if record.note == "ambiguous" else record.agent) for record in RECORDS]
    assert answer(nameless, name) == exact(expected(name, kept))


def test_lines_are_as_meant(lake: Lake) -> None:
    """The lake has the fields that the records say, so that records and reports speak of the same."""
    columns = (
        "bucket, time, operation, key, remote_ip, requester, request_id, request_uri, http_status, error_code, "
        "bytes_sent, object_size, total_time, turn_around_time, referrer, user_agent, version_id, host_id, "
        "signature_version, cipher_suite, authentication_type, host_header, tls_version, acl_required, source_region, "
        "field_count, extra_fields, parse_note"
    )
    names = (
        "bucket time op key ip requester rid uri status error sent size total turn referrer agent version host_id sig "
        "cipher auth host tls acl region fields extra note"
    )
    rows = lake.sql(f"SELECT {columns} FROM access_log ORDER BY time, bucket, operation, key, request_id").to_arrow()
    assert [tuple(row.values()) for row in rows.to_pylist()] == chronicle(RECORDS, names, "bucket", "op", "key", "rid")
