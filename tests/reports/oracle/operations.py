"""Reports of the section operations."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from small_lake import REJECTS, Record, delivered, log_object

from oracle.measures import (
    addresses,
    bytes_sent,
    client_failures,
    distinct,
    error_percent,
    failed,
    first_time,
    last_of,
    last_time,
    minutes_to_delivery,
    operations,
    quantile,
    quantiles,
    server_failures,
    successful,
)
from oracle.selections import (
    authenticated,
    by_principal,
    deletes,
    failures,
    is_request,
    is_service,
    reads,
    requests,
    successes,
    with_status,
    writes,
)
from oracle.tables import Records, Rows, chronological, group_by, in_order, summarize

Measure = Callable[[Records], Any]


def _buckets(records: Records) -> int:
    return distinct(records, "bucket")


def _first_date(records: Records) -> dt.date:
    return first_time(records).date()


def _last_date(records: Records) -> dt.date:
    return last_time(records).date()


def buckets(records: Records) -> Rows:
    def principals(group: Records) -> int:
        return distinct(authenticated(group), "requester")

    def last_read(group: Records) -> dt.datetime | None:
        return last_of(successes(reads(group)))

    def last_write(group: Records) -> dt.datetime | None:
        return last_of(successes(writes(group)))

    def of_requests(measure: Measure) -> Measure:
        return lambda group: measure(requests(group))

    used = [record for record in by_principal(records) if is_request(record) or reads([record])]
    counts = (of_requests(len), of_requests(failed), of_requests(error_percent))
    times = (first_time, last_time, last_read, last_write)
    return in_order(summarize(used, ["bucket"], *counts, addresses, principals, bytes_sent, *times), -2, 1)


def busiest_prefixes(records: Records, prefix: str = "") -> Rows:
    def folder(record: Record) -> str:
        below = (record.key or "")[len(prefix) :]
        return prefix + (below.split("/")[0] + "/" if "/" in below else "")

    below = [record for record in requests(records) if record.key is not None and record.key.startswith(prefix)]
    rows: Rows = []
    for (bucket, name), group in group_by(below, "bucket", folder).items():
        seconds = group_by(group, "time")
        (second,), busiest = min(seconds.items(), key=lambda item: (-len(item[1]), item[0]))
        slow_down = sum(record.error == "SlowDown" for record in group)
        reading = sum(record.op.split(".")[1] in ("GET", "HEAD", "OPTIONS") for record in busiest)
        rates = (len(busiest), reading, len(busiest) - reading)
        rows.append((bucket, name, len(group), slow_down, *rates, second))
    return in_order(rows, -5, -3, 1, 2)


def completeness(records: Records) -> Rows:
    days = (_last_date(records) - _first_date(records)).days + 1
    dates = [_first_date(records) + dt.timedelta(days=day) for day in range(days)]
    rows: Rows = []
    for bucket in sorted({record.bucket for record in records}):
        for date in dates:
            group = [record for record in records if (record.bucket, record.date) == (bucket, date)]
            log_objects = {delivered(record) for record in group}
            hours = {record.time.hour for record in group}
            times = (first_time(group), last_time(group)) if group else (None, None)
            rows.append((bucket, date, len(group), len(hours), len(log_objects), *times))
    return rows


def delivery_lag(records: Records) -> Rows:
    rows: Rows = []
    for (date,), group in group_by(records, "date").items():
        lags = [minutes_to_delivery(record) for record in group]
        rows.append((date, len(group), *(round(lag, 1) for lag in (*quantiles(lags), max(lags)))))
    return in_order(rows, 1)


def error_codes(records: Records) -> Rows:
    errors = [record for record in requests(records) if record.error or with_status([record], 400)]
    rows = summarize(errors, ["error", "status"], len, failed, operations, addresses, first_time, last_time)
    return in_order(rows, -3, 1, 2)


def errors_by_day(records: Records) -> Rows:
    measures = (len, failed, client_failures, server_failures, error_percent)
    return in_order(summarize(with_status(requests(records), 100), ["date"], *measures), 1)


def latency(records: Records) -> Rows:
    rows: Rows = []
    timed = [record for record in requests(records) if record.total is not None]
    for (op,), group in group_by(timed, "op").items():
        answered = with_status(group, 200, 299)
        both = [record for record in answered if record.turn is not None]
        totals, turns = [record.total for record in both or answered], [record.turn for record in both]
        failed_p50 = quantile([record.total for record in failures(group)], 0.5)
        rows.append(
            (op, len(totals), *quantiles(totals), quantile(totals, 1), *quantiles(turns), failed(group), failed_p50)
        )
    return in_order(rows, -2, -10, 1)


def latency_by_day(records: Records, buckets: int) -> Rows:
    rows: Rows = []
    answered = [record for record in with_status(requests(records), 200, 299) if record.total is not None]
    busiest = in_order(summarize(answered, ["bucket"], len), -2, 1)[:buckets]
    in_busiest = [record for record in answered if record.bucket in {bucket for bucket, _ in busiest}]
    for (date, bucket), group in group_by(in_busiest, "date", "bucket").items():
        both = [record for record in group if record.turn is not None]
        totals, turns = [record.total for record in both or group], [record.turn for record in both]
        times = [None if time is None else float(time) for time in (*quantiles(totals), *quantiles(turns))]
        rows.append((date, bucket, len(totals), *times))
    return in_order(rows, 1, 2)


def operation_counts(records: Records) -> Rows:
    return in_order(summarize(requests(records), ["op"], len, failed, error_percent, last_time), -2, 1)


def parse_notes(records: Records) -> Rows:
    noted = [record for record in records if record.note]
    return in_order(summarize(noted, ["note"], len, _buckets, first_time, last_time), -2, 1)


def rejects(_records: Records) -> Rows:
    rows: Rows = []
    for reason in {reject.reason for reject in REJECTS}:
        lines = sorted(
            (log_object(reject.bucket, reject.delivered), reject.delivered.date(), reject.line)
            for reject in REJECTS
            if reject.reason == reason
        )
        log_objects, dates = {line[0] for line in lines}, [line[1] for line in lines]
        rows.append((reason, len(lines), len(log_objects), min(dates), max(dates), lines[0][2]))
    return in_order(rows, -2, 1)


def requesters(records: Records) -> Rows:
    measures = (len, failed, error_percent, _buckets, operations, addresses, bytes_sent, last_time)
    return in_order(summarize(by_principal(requests(records)), ["requester"], *measures), -2, 1)


def request_uris(records: Records) -> Rows:
    with_uri = [record for record in requests(records) if record.uri]
    return in_order(summarize(with_uri, ["uri"], len, successful, failed), -2, 1)


def schema_drift(records: Records) -> Rows:
    def has_extra(record: Record) -> bool:
        return bool(record.extra)

    def example(group: Records) -> str | None:
        return min((record.extra for record in group if record.extra), default=None)

    rows = summarize(records, ["bucket", "fields", has_extra], len, _first_date, _last_date, example)
    return in_order(rows, 1, 5, 2, 3)


def server_errors(records: Records) -> Rows:
    columns = "time bucket op key status error rid host_id ip agent"
    return chronological(with_status(requests(records), 500), columns, "bucket", "op", "key", "rid")


def status_by_day(records: Records) -> Rows:
    def status_class(record: Record) -> str:
        return f"{(record.status or 0) // 100}xx"

    return in_order(summarize(with_status(requests(records), 100), ["date", status_class], len), 1, 2)


def _principals(records: Records) -> int:
    return distinct(by_principal(authenticated(records)), "requester")


def access_points(records: Records) -> Rows:
    def kind(record: Record) -> str:
        if record.access_point is None:
            return "none"
        return "multi-Region" if record.access_point.endswith(".mrap") else "regional"

    measures = (len, failed, _principals, bytes_sent, last_time)
    return in_order(summarize(requests(records), ["bucket", kind, "access_point"], *measures), -4, 1, 3)


_ENDPOINTS = (
    (".s3-website", "website"),
    (".s3-accelerate", "accelerate"),
    (".s3-global", "multi-Region access point"),
    (".s3-accesspoint", "access point"),
    (".vpce", "VPC endpoint"),
    ("s3-fips", "FIPS"),
    ("dualstack", "dual-stack"),
    ("s3.amazonaws.com", "legacy global"),
    ("s3-eu-west-1", "legacy regional"),
    (".amazonaws.com", "regional"),
    ("", "other"),
)
"""What a host of the small lake contains, and which endpoint that is; the first counts."""


def endpoints(records: Records) -> Rows:
    def endpoint(record: Record) -> str:
        return next(name for part, name in _ENDPOINTS if part in (record.host or ""))

    def addressing(record: Record) -> str | None:
        host = record.host or ""
        if host.startswith(f"{record.bucket}."):
            return "virtual-hosted"
        return "path-style" if host.startswith(("s3.", "s3-", "bucket.")) else None

    named = [record for record in requests(records) if record.host]
    rows = summarize(named, ["bucket", endpoint, addressing], len, failed, _principals, last_time)
    return in_order(rows, -4, 1, 2, 3)


def tls_versions(records: Records) -> Rows:
    def version(record: Record) -> str:
        return record.tls or "none"

    known = [record for record in requests(records) if record.fields > 18]
    measures = (len, successful, failed, _principals, last_time)
    return in_order(summarize(known, [version, "cipher"], *measures), -3, 1, 2)


def traffic_by_day(records: Records, hours: int) -> Rows:
    early = [record for record in requests(records) if record.time.hour < hours]
    return in_order(summarize(early, ["date", "bucket"], len, bytes_sent), 1, 2)


def unused_buckets(records: Records, days: int) -> Rows:
    rows: Rows = []
    for (bucket,), group in group_by(records, "bucket").items():
        served = [record for record in group if is_service(record) and "cloudfront" not in (record.requester or "")]
        used = [record for record in reads(group) + writes(group) + deletes(group) if record not in served]
        by_services = requests(served)
        last_use = last_of(successes(used))
        if last_use is None or (_last_date(records) - last_use.date()).days >= days:
            rows.append((bucket, last_use, len(requests(group)), len(by_services), last_time(group)))
    return sorted(rows, key=lambda row: (row[1] is not None, row[1], row[0]))
