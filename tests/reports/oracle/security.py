"""Reports of the section security."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

from small_lake import GOBUSTER, SQLMAP, Record

from oracle.locations import country_of, network_of
from oracle.measures import (
    addresses,
    bytes_sent,
    distinct,
    failed,
    first_time,
    hour,
    last_of,
    last_time,
    minute,
    object_sizes,
    objects,
    operations,
    successful,
)
from oracle.selections import (
    anonymous,
    authenticated,
    by_principal,
    deletes,
    denials,
    failures,
    is_nobody,
    is_request,
    is_service,
    reads,
    requests,
    successes,
    uploads,
    with_operation,
    with_status,
    writes,
)
from oracle.tables import Records, Rows, chronological, group_by, in_order, summarize


def _denied(records: Records) -> int:
    return len(denials(records))


def _requests_of(records: Records) -> int:
    """How many requests the records are of: those of several keys may have the same."""
    return distinct(records, "rid")


def _deleted(records: Records) -> int:
    """How many have a size: of what was there."""
    return sum(record.size is not None for record in records)


def _for_good(records: Records) -> int:
    return _deleted([record for record in records if record.version is not None])


def _undeleted(records: Records) -> int:
    """How many delete markers were removed: they have a version, but no size."""
    return sum(record.size is None and record.version is not None for record in records)


def _without_size(records: Records) -> int:
    return sum(record.size is None and record.version is None for record in records)


_DELETION_MEASURES = (_deleted, _for_good, _undeleted, _without_size)


def _not_found(records: Records) -> int:
    return len(with_status(records, 404, 404))


def _with_address(records: Records) -> Records:
    return [record for record in records if record.ip is not None]


def access_denied_by_requester(records: Records) -> Rows:
    denied = by_principal(denials(records))
    rows = summarize(denied, ["requester", "bucket", "op", "error"], _requests_of, objects, addresses, last_time)
    return in_order(rows, -5, 1, 2, 3, 4)


def acl_required(records: Records) -> Rows:
    def use(record: Record) -> str:
        if record.op.endswith(".ACL"):
            return "set"
        return "set or allow" if record.op.startswith("REST.PUT.") else "allow"

    by_acl = [record for record in by_principal(successes(requests(records))) if record.acl == "Yes"]
    rows = summarize(by_acl, ["bucket", "requester", "op", use], len, objects, last_time)
    return in_order(rows, -5, 1, 2, 3)


_ACTIVITY_ORDER = ("bucket", "op", "key", "rid", "status", "version")


def address_activity(records: Records, remote_ip: str) -> Rows:
    activity = [record for record in records if record.ip == remote_ip]
    columns = "time bucket op key status error sent requester agent rid"
    return chronological(activity, columns, *_ACTIVITY_ORDER)


def anonymous_requests(records: Records) -> Rows:
    def changes(group: Records) -> int:
        return sum(record.op.split(".")[1] in ("PUT", "POST", "COPY", "DELETE") for record in successes(group))

    def last_success(group: Records) -> dt.datetime | None:
        return last_of(successes(group))

    measures = (len, successful, changes, addresses, bytes_sent, last_time, last_success)
    return in_order(summarize(anonymous(records), ["bucket", "op"], *measures), -3, 1, 2)


def bulk_deletions(records: Records, threshold: int, *, unsized: bool = False) -> Rows:
    def first_key(group: Records) -> str:
        return min(record.key or "" for record in group)

    def last_key(group: Records) -> str:
        return max(record.key or "" for record in group)

    deleted = by_principal(successes(deletes(records)))
    measures = (*_DELETION_MEASURES, _requests_of, addresses, object_sizes, first_key, last_key)
    rows = summarize(deleted, [hour, "bucket", "requester"], *measures)
    many = [row for row in rows if row[3] + (row[6] if unsized else 0) >= threshold]
    return in_order(many, -4, 1, 2, 3)


def configuration_changes(records: Records) -> Rows:
    settings = with_operation(
        records,
        "REST.PUT.BUCKETPOLICY",
        "REST.PUT.VERSIONING",
        "REST.DELETE.LIFECYCLE",
        "REST.PUT.PUBLIC_ACCESS_BLOCK",
        "REST.PUT.ACL",
    )
    of_bucket = [record for record in settings if record.key is None]
    return chronological(of_bucket, "time bucket op status error requester ip agent rid", "bucket", "op", "rid")


def countries_by_principal(records: Records) -> Rows:
    def country(record: Record) -> str | None:
        return country_of(record.ip)

    located = [record for record in by_principal(successes(authenticated(records))) if country(record)]
    measures = (len, addresses, bytes_sent, first_time, last_time)
    return in_order(summarize(located, ["requester", country, "bucket"], *measures), -4, 1, 2, 3)


def deleters(records: Records) -> Rows:
    deleted = by_principal(successes(deletes(records)))
    measures = (*_DELETION_MEASURES, objects, object_sizes, first_time, last_time)
    return in_order(summarize(deleted, ["requester", "bucket"], *measures), -3, -6, 1, 2)


def deletions(records: Records, prefix: str) -> Rows:
    deleted = [record for record in successes(deletes(records)) if (record.key or "").startswith(prefix)]

    def removed(version: str | None, size: int | None) -> str | None:
        if version is None:
            return None if size is None else "object"
        return "delete marker" if size is None else "old version"

    columns = "time bucket key version requester ip op status size rid"
    rows = chronological(deleted, columns, "bucket", "key", "version")
    return [(*row[:4], removed(row[3], row[8]), *row[4:]) for row in rows]


def failed_uploads(records: Records) -> Rows:
    failed_ones = by_principal(failures(uploads(records)))
    keys = ("bucket", "requester", "op", "status", "error")
    return in_order(summarize(failed_ones, keys, len, objects, addresses, last_time), -6, 1, 2, 3, 4, 5)


def failure_bursts(records: Records, threshold: int) -> Rows:
    failing = _with_address(failures(requests(records)))
    rows = summarize(failing, ["ip", minute], len, _denied, _not_found, objects)
    return in_order((row for row in rows if row[2] >= threshold), -3, 1, 2)


def first_seen_requesters(records: Records, days: int) -> Rows:
    since = last_time(records).date() - dt.timedelta(days=days - 1)
    oldest = first_time(records).date()

    def days_before(group: Records) -> int:
        return (first_time(group).date() - oldest).days

    def most_active(group: Records) -> Any:
        by_session = group_by(group, "requester")
        ((requester,), _) = min(by_session.items(), key=lambda item: (-len(item[1]), item[0]))
        return requester

    def requesters(group: Records) -> int:
        return distinct(group, "requester")

    def principal(record: Record) -> str | None:
        (same,) = by_principal([record])
        return same.requester

    measures = (most_active, requesters, first_time, last_time, days_before, len, failed, operations, addresses)
    rows = summarize(authenticated(records), [principal], *measures)
    return in_order((row for row in rows if row[3].date() >= since), 4, 1)


def high_request_rates(records: Records, threshold: int) -> Rows:
    rows = summarize(_with_address(requests(records)), ["ip", minute], len, failed, objects, bytes_sent)
    return in_order((row for row in rows if row[2] >= threshold), -3, 1, 2)


def insecure_transport(records: Records) -> Rows:
    def tls_version(record: Record) -> str:
        return record.tls or "none"

    insecure = [
        record
        for record in by_principal(records)
        # older lines do not tell, nor do all that are part of another request
        if record.fields > 18 and record.tls in (((None,) if is_request(record) else ()) + ("TLSv1", "TLSv1.1"))
    ]
    keys = (tls_version, "bucket", "op", "requester", "agent")
    return in_order(summarize(insecure, keys, len, successful, addresses, last_time), -7, -6, 1, 2, 3, 4, 5)


def large_downloads(records: Records, bytes: int) -> Rows:  # noqa: A002 - the parameter's name
    def object_size(group: Records) -> int | None:
        return max((record.size for record in group if record.size is not None), default=None)

    def user_agent(group: Records) -> str | None:
        return max((record.agent for record in group if record.agent), default=None)

    sent = [record for record in by_principal(requests(records)) if record.sent]
    keys = (hour, "bucket", "key", "requester", _stranger)
    rows = summarize(sent, keys, len, bytes_sent, object_size, addresses, user_agent)
    large = [row for row in rows if row[6] >= bytes and (row[7] or bytes) >= bytes]
    return in_order(large, -7, 1, 2, 3, 4, 5)


def large_uploads(records: Records, bytes: int) -> Rows:  # noqa: A002 - the parameter's name
    large = [record for record in successes(writes(records)) if (record.size or 0) >= bytes]
    columns = "time bucket key size requester ip agent rid"
    return in_order(chronological(large, columns, "bucket", "key", "rid"), -4)


def log_injection(records: Records) -> Rows:
    noted = [record for record in records if record.note]
    columns = "time bucket note ip requester status uri referrer agent rid"
    return in_order(chronological(noted, columns, "bucket", "rid"), -1)


def not_found_by_ip(records: Records) -> Rows:
    missed = _with_address(with_status(failures(requests(records)), 404, 404))
    return in_order(summarize(missed, ["ip"], len, objects, first_time, last_time), -2, 1)


def object_activity(records: Records, key: str) -> Rows:
    activity = [record for record in records if record.key == key]
    columns = "time bucket op requester ip status error sent version agent rid"
    return chronological(activity, columns, "bucket", "op", "rid", "status", "version")


def outside_working_hours(records: Records, timezone: str, first_hour: int, last_hour: int) -> Rows:
    def local_time(record: Record) -> dt.datetime:
        return record.time.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone))

    def is_on_weekend(record: Record) -> bool:
        return local_time(record).weekday() >= 5

    def on_weekends(group: Records) -> int:
        return sum(map(is_on_weekend, group))

    def days(group: Records) -> int:
        return len({local_time(record).date() for record in group})

    outside = [
        record
        for record in by_principal(authenticated(records))
        if not is_service(record) and (is_on_weekend(record) or not first_hour <= local_time(record).hour < last_hour)
    ]
    return in_order(summarize(outside, ["requester"], len, on_weekends, failed, days, last_time), -2, 1)


def presigned_requests(records: Records) -> Rows:
    presigned = [record for record in by_principal(requests(records)) if record.auth == "QueryString"]
    measures = (len, failed, objects, addresses, bytes_sent, last_time)
    return in_order(summarize(presigned, ["requester", "bucket", "op"], *measures), -4, 1, 2, 3)


def requester_activity(records: Records, requester: str) -> Rows:
    pairs = zip(records, by_principal(records), strict=True)
    activity = [record for record, known_as in pairs if requester in (record.requester, known_as.requester)]
    columns = "time bucket op key status error sent requester ip agent rid"
    return chronological(activity, columns, *_ACTIVITY_ORDER)


def signature_version_2(records: Records) -> Rows:
    outdated = [record for record in by_principal(requests(records)) if record.sig == "SigV2"]
    return in_order(summarize(outdated, ["requester", "agent", "bucket"], len, addresses, last_time), -4, 1, 2, 3)


def suspicious_user_agents(records: Records) -> Rows:
    by_tool = [record for record in requests(records) if record.agent in (SQLMAP, GOBUSTER)]
    return in_order(summarize(by_tool, ["agent"], len, successful, addresses, objects, last_time), -2, 1)


def unapproved_requesters(records: Records, approved: str) -> Rows:
    unapproved = [
        record
        for record in by_principal(
            record for record in requests(records) if not re.fullmatch(approved, record.requester or "")
        )
        if not re.fullmatch(approved, record.requester or "") and ".OPTIONS." not in record.op
    ]
    measures = (len, successful, operations, first_time, last_time)
    return in_order(summarize(unapproved, ["requester", "bucket"], *measures), -3, 1, 2)


def _stranger(record: Record) -> str | None:
    """The address, where nothing else tells who it was."""
    return record.ip if record.requester is None else None


def copies(records: Records) -> Rows:
    halves = with_operation(records, "REST.COPY.OBJECT", "REST.COPY.OBJECT_GET")
    found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for group in group_by(by_principal(halves), "rid").values():
        if len(successes(group)) < len(group):
            continue
        source = next((record for record in group if record.op.endswith("_GET")), None)
        target = next((record for record in group if not record.op.endswith("_GET")), None)
        pair = (group[0].requester, source and source.bucket, target and target.bucket)
        object_ = (source or group[0]).key
        found.setdefault(pair, []).append((object_, (target or group[0]).size or 0, group[0].time))
    rows: Rows = [
        (*pair, len(ones), len({key for key, _, _ in ones}), sum(size for _, size, _ in ones), min(times), max(times))
        for pair, ones in found.items()
        for times in [[time for _, _, time in ones]]
    ]
    return in_order(rows, -4, 1, 2, 3)


def object_permissions(records: Records) -> Rows:
    kinds = ("ACL", "OBJECT_TAGGING", "RETENTION", "LEGAL_HOLD")
    changes = [
        record
        for record in records
        if record.key and record.op.split(".")[1] in ("PUT", "DELETE") and record.op.split(".")[2] in kinds
    ]
    columns = "time bucket key version op status error requester ip agent rid"
    return chronological(changes, columns, "bucket", "key", "op", "rid")


def foreign_accounts(records: Records) -> Rows:
    def account(record: Record) -> str:
        return (record.requester or "").split(":")[4]

    def read_ones(group: Records) -> int:
        return len(reads(successes(group)))

    def changes(group: Records) -> int:
        return sum(
            record.op.split(".")[1] in ("PUT", "POST", "COPY", "DELETE") for record in successes(requests(group))
        )

    def bytes_of_successes(group: Records) -> int:
        return bytes_sent(successes(group))

    def principals(group: Records) -> int:
        return distinct(group, "requester")

    def number(group: Records) -> int:
        return len(requests(group))

    measures = (principals, number, read_ones, changes, bytes_of_successes, first_time, last_time)
    requested = [record for record in records if is_request(record) or reads([record])]
    used = [
        record
        for record in by_principal(requested)
        if (record.requester or "").startswith("arn:") and account(record).isdigit()
    ]
    return in_order(summarize(used, [account, "bucket"], *measures), -4, 1, 2)


def _readings(records: Records) -> Records:
    """By whom what was read; a copy in parts has a record of the whole object for each part, and is one in an hour."""
    readings = by_principal(successes(reads(records)))
    copies = [record for record in readings if record.op == "REST.COPY.PART_GET"]
    copies.sort(key=lambda record: record.size or 0)
    whole = {(hour(one), one.bucket, one.key, one.requester, one.ip): one for one in copies}
    return [*(record for record in readings if record.op != "REST.COPY.PART_GET"), *whole.values()]


def _bytes_read(records: Records) -> int:
    """A copy reads all of its source, and sends nothing."""
    return sum((record.size if record.op.endswith("_GET") else record.sent) or 0 for record in records)


def mass_reading(records: Records, keys: int, bytes: int) -> Rows:  # noqa: A002 - the parameter's name
    rows = summarize(_readings(records), [hour, "bucket", "requester", _stranger], len, objects, _bytes_read)
    return in_order((row for row in rows if row[5] >= keys or row[6] >= bytes), -7, -6, 1, 2, 3, 4)


def unverified_requests(records: Records) -> Rows:
    def access_key(record: Record) -> str | None:
        found = re.search(r"(?:X-Amz-Credential|AWSAccessKeyId)=(\w+)", record.uri or "")
        return found[1] if found else None

    def keys(group: Records) -> int:
        return distinct(group, "key")

    def user_agents(group: Records) -> int:
        return distinct(group, "agent")

    unverified = [record for record in requests(records) if is_nobody(record) and record.auth is not None]
    measures = (len, keys, user_agents, first_time, last_time)
    rows = summarize(unverified, ["ip", access_key, "bucket", "op", "status", "error"], *measures)
    return in_order(rows, -7, 1, 2, 3, 4, 5, 6)


def readers_below(records: Records, prefix: str) -> Rows:
    readings = [record for record in _readings(records) if (record.key or "").startswith(prefix)]
    measures = (objects, len, _bytes_read, first_time, last_time)
    return in_order(summarize(readings, ["bucket", "requester", "ip"], *measures), -6, -4, 1, 2, 3)


def networks(records: Records) -> Rows:
    def asn(record: Record) -> int | None:
        return network_of(record.ip)[0]

    def organization(record: Record) -> str | None:
        return network_of(record.ip)[1]

    def country(record: Record) -> str | None:
        return country_of(record.ip)

    def principals(group: Records) -> int:
        return distinct(authenticated(group), "requester")

    measures = (len, principals, addresses, failed, _denied, bytes_sent, first_time, last_time)
    rows = summarize(by_principal(requests(records)), [asn, organization, country], *measures)
    return in_order(rows, -4, 1, 2, 3)
