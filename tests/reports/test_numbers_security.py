"""What reports on security and operations say of a few records: requests, failures, denials, deletions, and who."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from small_lake import (
    ADMIN,
    APP,
    BOB,
    CHROME,
    CRAWLER,
    DATA,
    EVERYWHERE,
    NEWCOMER,
    OFFICE,
    OLD,
    OWNER,
    POINT,
    PRIVATE,
    PROBER,
    Record,
    api,
    at,
    part_of,
    put,
    read,
    rule,
)

from etl import open_lake

Ask = Callable[..., list[dict[str, Any]]]
ROLE = APP.rpartition("/")[0]
STRANGER: dict[str, Any] = {"requester": None, "sig": None, "auth": None, "ip": PROBER}
WRONG: dict[str, Any] = {"requester": None, "error": "SignatureDoesNotMatch"}


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Ask]:
    """Of a lake of these records: the rows of a report, without the columns that a test does not name."""

    def of(*records: Record, **settings: Any) -> Ask:
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs/2026-03-10-00-00-00-AAAA").write_bytes(b"".join(record.line + b"\n" for record in records))
        ingest_local(tmp_path / "logs", tmp_path / "lake")
        lake = open_lake(str(tmp_path / "lake"), **settings)

        def rows(report: str, columns: str = "", **arguments: Any) -> list[dict[str, Any]]:
            found = lake.report(report, **arguments).to_arrow().to_pylist()
            return [{name: row[name] for name in columns.split() or row} for row in found]

        return rows

    return of


def later(record: Record, **passed: int) -> Record:
    return replace(record, time=record.time + dt.timedelta(**passed))


def copies(count: int) -> list[Record]:
    """So many copies within one minute, each of which has two records."""
    written = [api("05 08:00:00", "REST.COPY.OBJECT", f"k{n}", size=10) for n in range(count)]
    return written + [part_of(one.rid, "05 08:00:00", "REST.COPY.OBJECT_GET", one.key or "", 200) for one in written]


def test_a_copy_is_one_request(ask: Callable[..., Ask]) -> None:
    """Rates and figures count a copy once, though its source has a record, too."""
    rows = ask(*copies(6))
    assert rows("security/high_request_rates", "requests", threshold=6) == [{"requests": 6}]
    assert rows("security/high_request_rates", threshold=7) == []
    assert rows("overview/figures", "requests") == [{"requests": 6}]
    assert rows("operations/operation_counts", "operation requests") == [
        {"operation": "REST.COPY.OBJECT", "requests": 6}
    ]


def test_a_checksum_job_is_no_request_of_its_owner(ask: Callable[..., Ask]) -> None:
    """S3 computes at night, in the owner's name; nobody was at work, and nobody is new."""
    job = rule("05 03:00:00", "COMPUTE.OBJECT.CHECKSUM", "k", 10, requester=ADMIN)
    rows = ask(api("05 12:00:00", "REST.GET.OBJECT", "k"), *[later(job, seconds=n) for n in range(5)])
    assert rows("overview/figures", "requests principals expired") == [{"requests": 1, "principals": 1, "expired": 0}]
    assert rows("security/outside_working_hours") == []
    assert rows("security/first_seen_requesters", "principal") == [{"principal": ROLE}]
    assert rows("operations/requesters", "principal") == [{"principal": ROLE}]


def test_the_sessions_of_a_role_are_one_principal(ask: Callable[..., Ask]) -> None:
    """Who is behind many sessions of a role is the role, in each report that groups by requester."""
    sessions = [
        put("05 03:00:00", f"k{n}", 5, requester=f"{ROLE}/s{n}", status=403, acl="Yes", sig="SigV2", auth="QueryString")
        for n in range(4)
    ]
    rows = ask(*sessions)
    for report in ("access_denied_by_requester", "failed_uploads", "outside_working_hours", "presigned_requests"):
        assert rows(f"security/{report}", "principal requests") == [{"principal": ROLE, "requests": 4}]
    assert rows("security/signature_version_2", "principal requests") == [{"principal": ROLE, "requests": 4}]
    assert rows("security/unapproved_requesters", "principal requests", approved="-") == [
        {"principal": ROLE, "requests": 4}
    ]
    assert rows("operations/buckets", "principals") == [{"principals": 1}]
    assert rows("overview/figures", "principals") == [{"principals": 1}]


def test_the_activity_of_a_role_is_found_by_its_name_and_by_that_of_a_session(ask: Callable[..., Ask]) -> None:
    """Reports name principals; what one did has the sessions."""
    rows = ask(*[read("05 03:00:00", f"k{n}", 5, requester=f"{ROLE}/s{n}") for n in range(2)])
    sessions = [{"requester": f"{ROLE}/s0"}, {"requester": f"{ROLE}/s1"}]
    assert rows("security/requester_activity", "requester", requester=ROLE) == sessions
    assert rows("security/requester_activity", "requester", requester=f"{ROLE}/s1") == sessions[1:]


@pytest.mark.parametrize("approved", [f"{ROLE}", f"{ROLE}/.*"])
def test_a_role_is_approved_by_its_name_with_or_without_the_session(ask: Callable[..., Ask], approved: str) -> None:
    """A list of those who may says one or the other."""
    assert ask(read("05 03:00:00", "k", 5))("security/unapproved_requesters", approved=approved) == []


def test_look_ups_that_find_nothing_by_design_are_no_failures(ask: Callable[..., Ask]) -> None:
    """Neither of configurations that a bucket need not have, nor by HEAD, nor of archived objects."""
    codes = [
        "NoSuchCORSConfiguration",
        "NoSuchBucketPolicy",
        "NoSuchTagSet",
        "ServerSideEncryptionConfigurationNotFoundError",
    ]
    answers = [api("05 08:00:00", "REST.GET.CORS", None, 404, error=code) for code in codes]
    probes = [api("05 08:00:01", "REST.HEAD.OBJECT", "k", 404, error=None)]
    archived = [api("05 08:00:02", "REST.GET.OBJECT", "k", 403, error="InvalidObjectState")]
    rows = ask(*answers, *probes, *archived)
    assert rows("operations/errors_by_day", "requests failed error_percent") == [
        {"requests": 6, "failed": 0, "error_percent": 0.0}
    ]
    assert rows("security/failure_bursts", threshold=1) == []
    assert rows("security/not_found_by_ip") == []
    for report in ("operations/buckets", "operations/requesters"):
        assert rows(report, "failed error_percent") == [{"failed": 0, "error_percent": 0.0}]
    assert rows("overview/figures", "client_errors error_percent denied") == [
        {"client_errors": 0, "error_percent": 0.0, "denied": 0}
    ]


def test_a_burst_is_of_failures_that_are_some(ask: Callable[..., Ask]) -> None:
    """What is not there, and what is refused, count apart and together."""
    missing = [api("05 08:00:00", "REST.GET.OBJECT", f"k{n}", 404) for n in range(2)]
    refused = [
        api("05 08:00:01", "REST.GET.OBJECT", "k", 403),
        api("05 08:00:02", "REST.GET.OBJECT", "k", 403, **WRONG),
    ]
    rows = ask(*missing, *refused, api("05 08:00:03", "REST.HEAD.OBJECT", "k", 403, error=None))
    assert rows("security/failure_bursts", "failed denied not_found keys", threshold=5) == [
        {"failed": 5, "denied": 2, "not_found": 2, "keys": 3}
    ]
    assert rows("security/not_found_by_ip", "requests keys") == [{"requests": 2, "keys": 2}]


def test_denied_is_who_may_not(ask: Callable[..., Ask]) -> None:
    """Not archived objects, wrong signatures and clocks, which are 403, too."""
    others = ("InvalidObjectState", "SignatureDoesNotMatch", "RequestTimeTooSkewed")
    rows = ask(
        api("05 08:00:00", "REST.GET.OBJECT", "secret", 403),
        *[api("05 08:00:01", "REST.GET.OBJECT", "k", 403, error=code) for code in others],
    )
    assert rows("overview/figures", "denied") == [{"denied": 1}]
    assert rows("security/access_denied_by_requester", "error_code requests keys") == [
        {"error_code": "AccessDenied", "requests": 1, "keys": 1}
    ]


def test_a_refused_deletion_of_many_objects_is_one_denied_request(ask: Callable[..., Ask]) -> None:
    """Only the records of the keys tell that they were not to be deleted."""
    request = api("05 08:00:00", "REST.POST.MULTI_OBJECT_DELETE")
    keys = [part_of(request.rid, "05 08:00:00", "BATCH.DELETE.OBJECT", f"k{n}", 403) for n in range(3)]
    rows = ask(request, *keys)
    assert rows("security/access_denied_by_requester", "operation requests keys") == [
        {"operation": "BATCH.DELETE.OBJECT", "requests": 1, "keys": 3}
    ]


def test_preflights_and_wrong_credentials_are_not_anonymous(ask: Callable[..., Ask]) -> None:
    """A preflight never carries credentials; a request with wrong ones was signed by somebody."""
    preflight = api("05 08:00:00", "REST.OPTIONS.PREFLIGHT", **STRANGER)
    unverified = api("05 08:00:01", "REST.GET.OBJECT", "k", 403, **WRONG)
    rows = ask(preflight, unverified)
    assert rows("security/anonymous_requests") == []
    assert rows("overview/figures", "visitors anonymous") == [{"visitors": 0, "anonymous": 0}]
    assert rows("security/unapproved_requesters", "operations", approved="arn:.*") == [{"operations": 1}]


def test_a_form_is_an_upload_and_no_change_of_configuration(ask: Callable[..., Ask]) -> None:
    """Browsers post HTML forms to the bucket itself; a refused one has no key."""
    rows = ask(
        api("05 08:00:00", "REST.POST.BUCKET", "in/1", 204, size=60_000_000),
        api("05 08:00:01", "REST.POST.BUCKET", None, 403, **STRANGER),
        api("05 08:00:02", "REST.PUT.PART", "in/2", 403),
    )
    assert rows("security/large_uploads", "key object_size") == [{"key": "in/1", "object_size": 60_000_000}]
    assert rows("security/failed_uploads", "operation requests") == [
        {"operation": "REST.PUT.PART", "requests": 1},
        {"operation": "REST.POST.BUCKET", "requests": 1},
    ]
    assert rows("security/configuration_changes") == []


def test_a_configuration_that_is_copied_is_a_change(ask: Callable[..., Ask]) -> None:
    """Some programs send a copy source with a setting; copies of objects are none, whatever they lack."""
    rows = ask(
        api("05 08:00:00", "REST.PUT.NOTIFICATION"),
        api("05 08:00:01", "REST.COPY.NOTIFICATION"),
        api("05 08:00:02", "REST.COPY.OBJECT", None, 400),
        api("05 08:00:03", "REST.GET.NOTIFICATION"),
    )
    changes = [{"operation": "REST.PUT.NOTIFICATION"}, {"operation": "REST.COPY.NOTIFICATION"}]
    assert rows("security/configuration_changes", "operation") == changes


def test_what_was_not_there_is_no_deletion(ask: Callable[..., Ask]) -> None:
    """S3 confirms the deletion of markers that a program never wrote; their size is not logged."""
    request = api("05 08:00:00", "REST.POST.MULTI_OBJECT_DELETE")
    markers = [part_of(request.rid, "05 08:00:00", "BATCH.DELETE.OBJECT", f"d{n}/", 204) for n in range(4)]
    rows = ask(request, *markers)
    assert rows("security/bulk_deletions", threshold=1) == []
    assert rows("security/bulk_deletions", "deletions without_size", threshold=4, unsized=True) == [
        {"deletions": 0, "without_size": 4}
    ]
    assert rows("security/deleters", "deletions without_size keys") == [{"deletions": 0, "without_size": 4, "keys": 4}]
    assert rows("security/deletions", "removed")[0] == {"removed": None}
    assert rows("overview/figures", "deleted") == [{"deleted": 0}]


def test_deletions_say_what_they_removed(ask: Callable[..., Ask]) -> None:
    """A version by its id is gone for good; a delete marker by its id gives the object back."""
    rows = ask(
        api("05 08:00:00", "REST.DELETE.OBJECT", "a", 204, size=10),
        api("05 08:00:01", "REST.DELETE.OBJECT", "a", 204, size=20, version="v1"),
        api("05 08:00:02", "REST.DELETE.OBJECT", "a", 204, size=30, version="v2"),
        api("05 08:00:03", "REST.DELETE.OBJECT", "b", 204, version="m1"),
    )
    counts = {"deletions": 3, "for_good": 2, "undeleted": 1, "without_size": 0, "bytes": 60}
    assert rows("security/deleters", " ".join(counts)) == [counts]
    assert rows("security/bulk_deletions", " ".join(counts), threshold=3) == [counts]
    assert [row["removed"] for row in rows("security/deletions")] == [
        "object",
        "old version",
        "old version",
        "delete marker",
    ]
    assert rows("overview/figures", "deleted") == [{"deleted": 1}]


def test_the_version_null_of_other_stores_is_no_version(ask: Callable[..., Ask]) -> None:
    """They write it where there are no versions: an object that is deleted so is gone, or was not there."""
    rows = ask(
        api("05 08:00:00", "REST.DELETE.OBJECT", "a", 204, size=10, version="null"),
        api("05 08:00:01", "REST.DELETE.OBJECT", "b", 204, version="null"),
    )
    counts = {"deletions": 1, "for_good": 0, "undeleted": 0, "without_size": 1}
    assert rows("security/deleters", " ".join(counts)) == [counts]
    assert rows("security/bulk_deletions", " ".join(counts), threshold=1) == [counts]
    assert [row["removed"] for row in rows("security/deletions")] == ["object", None]


def test_unverified_requests_are_of_nobody_whom_s3_knows(ask: Callable[..., Ask]) -> None:
    """They were signed, but not with what S3 knows; the key that a presigned URL claims is told, in both signatures."""
    new = "GET /k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIANEW%2F20260305%2Fs3%2Faws4_request HTTP/1.1"
    old = "GET /k?AWSAccessKeyId=AKIAOLD&Expires=1&Signature=x HTTP/1.1"
    presigned: dict[str, Any] = {**WRONG, "auth": "QueryString", "ip": PROBER}
    rows = ask(
        api("05 08:00:00", "REST.GET.OBJECT", "k", 403, uri=new, **presigned),
        api("05 08:00:01", "REST.GET.OBJECT", "k", 403, uri=new, **presigned),
        api("05 08:00:02", "REST.GET.OBJECT", "k", 403, uri=old, **presigned),
        api("05 08:00:03", "REST.PUT.OBJECT", "k", 403, **WRONG, ip=OFFICE),
        api("05 08:00:04", "REST.GET.OBJECT", "k", 403, **STRANGER),
        api("05 08:00:05", "REST.GET.OBJECT", "k", 403),
    )
    found = rows("security/unverified_requests", "remote_ip access_key operation error_code requests")
    assert [tuple(row.values()) for row in found] == [
        (PROBER, "AKIANEW", "REST.GET.OBJECT", "SignatureDoesNotMatch", 2),
        (OFFICE, None, "REST.PUT.OBJECT", "SignatureDoesNotMatch", 1),
        (PROBER, "AKIAOLD", "REST.GET.OBJECT", "SignatureDoesNotMatch", 1),
    ]


def test_an_old_version_that_a_rule_removes_is_no_expired_object(ask: Callable[..., Ask]) -> None:
    """The figure counts objects that a rule took away: for good without versions, below a delete marker with them."""
    rows = ask(
        rule("05 00:10:00", "EXPIRE.OBJECT", "alive", 10, version="v1"),
        rule("05 00:10:00", "CREATE.DELETEMARKER", "marked", version="m1"),
        rule("05 00:10:00", "EXPIRE.OBJECT", "plain", 10),
        rule("06 00:10:00", "EXPIRE.OBJECT", "plain", 10),
    )
    assert rows("overview/figures", "expired") == [{"expired": 2}]


def test_ranges_of_one_download_are_added_up(ask: Callable[..., Ask]) -> None:
    """A program fetches a large object in pieces, from several machines; strangers are told apart by the address."""
    piece = read("05 08:00:00", "big", 80_000_000, status=206)
    pieces = [replace(piece, sent=8_000_000, requester=f"{ROLE}/s{n}", ip=(PRIVATE, OFFICE)[n % 2]) for n in range(10)]
    strangers = [replace(piece, sent=40_000_000, requester=None, auth=None, ip=ip) for ip in (BOB, PROBER, PROBER)]
    rows = ask(*[later(one, seconds=n) for n, one in enumerate([*pieces, *strangers])], read("05 08:00:00", "small", 9))
    assert rows("security/large_downloads", "principal remote_ip requests bytes_sent addresses") == [
        {"principal": ROLE, "remote_ip": None, "requests": 10, "bytes_sent": 80_000_000, "addresses": 2},
        {"principal": None, "remote_ip": PROBER, "requests": 2, "bytes_sent": 80_000_000, "addresses": 1},
    ]


def test_requests_that_an_acl_let_in_and_those_that_set_one_are_told_apart(ask: Callable[..., Ask]) -> None:
    """Refused ones need no ACL, they would fail without it just the same."""
    rows = ask(
        read("05 08:00:00", "k", 5, acl="Yes"),
        api("05 08:00:01", "REST.PUT.ACL", "k", acl="Yes"),
        put("05 08:00:02", "k", 5, acl="Yes"),
        put("05 08:00:03", "k", 5, status=403, acl="Yes"),
    )
    assert rows("security/acl_required", "operation acl_use requests") == [
        {"operation": "REST.GET.OBJECT", "acl_use": "allow", "requests": 1},
        {"operation": "REST.PUT.ACL", "acl_use": "set", "requests": 1},
        {"operation": "REST.PUT.OBJECT", "acl_use": "set or allow", "requests": 1},
    ]


def test_plain_http_that_is_let_in_comes_before_what_a_policy_refuses(ask: Callable[..., Ask]) -> None:
    """One request that succeeded without TLS says more than many that did not."""
    plain: dict[str, Any] = {"tls": None, "cipher": None}
    refused = [api("05 08:00:00", "REST.GET.OBJECT", "k", 403, **(STRANGER | plain)) for _ in range(3)]
    rows = ask(*refused, read("05 08:00:01", "payroll.csv", 5, **plain))
    assert rows("security/insecure_transport", "requests successful") == [
        {"requests": 1, "successful": 1},
        {"requests": 3, "successful": 0},
    ]


def test_old_tls_of_a_copys_source_is_seen(ask: Callable[..., Ask]) -> None:
    """Where the destination is in another account, no other record tells it; without a version nothing is known."""
    rows = ask(
        part_of("A", "05 08:00:00", "REST.COPY.OBJECT_GET", "k", 200, tls="TLSv1"),
        part_of("B", "05 08:00:01", "REST.COPY.OBJECT_GET", "k", 200),
        part_of("C", "05 08:00:02", "BATCH.DELETE.OBJECT", "k", 204, tls="TLSv1.1", fields=27),
    )
    assert rows("security/insecure_transport", "tls_version operation") == [
        {"tls_version": "TLSv1", "operation": "REST.COPY.OBJECT_GET"},
        {"tls_version": "TLSv1.1", "operation": "BATCH.DELETE.OBJECT"},
    ]


def test_services_are_not_at_work_at_night(ask: Callable[..., Ask]) -> None:
    """CloudFront and Config never sleep; a person does."""
    services = ("svc:cloudfront.amazonaws.com", "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x")
    rows = ask(*[read("05 02:00:00", "k", 5, requester=name) for name in (*services, ADMIN)])
    assert rows("security/outside_working_hours", "principal requests") == [{"principal": ADMIN, "requests": 1}]


def test_a_young_lake_says_so_of_who_is_new(ask: Callable[..., Ask]) -> None:
    """Who was there on the first day may have been there before."""
    rows = ask(read("05 08:00:00", "k", 5), read("08 08:00:00", "k", 5, requester=ADMIN))
    assert rows("security/first_seen_requesters", "principal days_before", days=7) == [
        {"principal": ROLE, "days_before": 0},
        {"principal": ADMIN, "days_before": 3},
    ]
    assert rows("security/first_seen_requesters", "principal", days=2) == [{"principal": ADMIN}]


def test_latency_is_of_requests_that_were_answered(ask: Callable[..., Ask]) -> None:
    """Refusals are quick, and have no turn-around time: both quantiles are of the same requests."""
    answered = [read("05 08:00:00", "k", 5, total=2000) for _ in range(2)]
    refused = [api("05 08:00:01", "REST.GET.OBJECT", "k", 403, total=5) for _ in range(3)]
    without = api("05 08:00:02", "REST.GET.OBJECT", "k", total=1)
    rows = ask(*answered, *refused, without, api("05 08:00:03", "REST.HEAD.OBJECT", "k", total=7))
    columns = "operation answered total_p50 turn_around_p50 failed failed_p50"
    assert [tuple(row.values()) for row in rows("operations/latency", columns)] == [
        ("REST.GET.OBJECT", 2, 2000, 12, 3, 5),
        ("REST.HEAD.OBJECT", 1, 7, None, 0, None),
    ]


def test_throttled_prefixes_are_found_whenever_they_were_throttled(ask: Callable[..., Ask]) -> None:
    """SlowDown is of the whole period, and the rate of the busiest second, as S3's limits are."""
    busiest = [read("05 08:00:00", "a/k", 5) for _ in range(3)]
    throttled = [put("05 09:00:00", "a/k", 5, status=503), put("05 09:00:01", "a/k", 5, status=503)]
    rows = ask(*busiest, *throttled)
    assert rows("operations/busiest_prefixes") == [
        {
            "bucket": DATA,
            "prefix": "a/",
            "requests": 5,
            "slow_down": 2,
            "per_second": 3,
            "reads_per_second": 3,
            "writes_per_second": 0,
            "busiest_second": at("05 08:00:00"),
        }
    ]


def test_a_scan_of_the_configuration_is_no_read_of_an_object(ask: Callable[..., Ask]) -> None:
    """A bucket's last read is that of an object, also as the source of a copy; a failed one is none."""
    rows = ask(
        read("05 08:00:00", "k", 5),
        part_of("A", "06 08:00:00", "REST.COPY.OBJECT_GET", "k", 200),
        api("07 08:00:00", "REST.GET.OBJECT", "k", 403),
        api("08 08:00:00", "REST.GET.BUCKETPOLICY", ip=CRAWLER, agent=CHROME),
    )
    assert rows("operations/buckets", "requests last_read last_write last_time") == [
        {"requests": 3, "last_read": at("06 08:00:00"), "last_write": None, "last_time": at("08 08:00:00")}
    ]


def test_copies_tell_who_took_what_from_where_to_where(ask: Callable[..., Ask]) -> None:
    """The record of the source alone tells no destination; a copy that failed on either side is none."""
    moved = api("05 08:00:00", "REST.COPY.OBJECT", "new", size=10, bucket=OLD)
    refused = api("05 08:00:01", "REST.COPY.OBJECT", "new", 403, bucket=OLD)
    rows = ask(
        moved,
        part_of(moved.rid, "05 08:00:00", "REST.COPY.OBJECT_GET", "k", 200, size=10),
        refused,
        part_of(refused.rid, "05 08:00:01", "REST.COPY.OBJECT_GET", "k", 200, size=10),
        part_of("A", "05 08:00:02", "REST.COPY.OBJECT_GET", "k", 200, size=20, requester=NEWCOMER),
        part_of("B", "05 08:00:03", "REST.COPY.OBJECT_GET", "k", 200, size=20, requester=NEWCOMER),
    )
    assert [tuple(row.values())[:6] for row in rows("security/copies")] == [
        (NEWCOMER, DATA, None, 2, 1, 40),
        (ROLE, DATA, OLD, 1, 1, 10),
    ]


def test_parts_of_a_copy_have_their_own_sizes(ask: Callable[..., Ask]) -> None:
    """The record of a part's source has the size of the whole object."""
    part = api("05 08:00:00", "REST.COPY.PART", "new", size=10, bucket=OLD)
    rows = ask(part, part_of(part.rid, "05 08:00:00", "REST.COPY.PART_GET", "k", 200, size=1_000))
    assert rows("security/copies", "copies bytes") == [{"copies": 1, "bytes": 10}]


def test_a_copy_in_parts_to_elsewhere_takes_each_object_once(ask: Callable[..., Ask]) -> None:
    """Where no record tells how large the parts were, ten of them are not ten times the object."""
    parts = [
        part_of(f"{key}{n}", "05 08:00:00", "REST.COPY.PART_GET", key, 200, size=size)
        for key, size in (("a", 1_000), ("b", 500))
        for n in range(10)
    ]
    whole = part_of("C", "05 09:00:00", "REST.COPY.OBJECT_GET", "a", 200, size=1_000)
    found = ask(*parts, whole)("security/copies", "copies objects bytes")
    assert found == [{"copies": 21, "objects": 2, "bytes": 2_500}]


def test_a_user_whose_path_looks_like_a_role_is_a_user(ask: Callable[..., Ask]) -> None:
    """Paths may have colons, so a user can be called as if it were the role of a service."""
    users = [
        f"arn:aws:iam::111122223333:user/x:sts::1:assumed-role/AWSServiceRoleForX/{name}" for name in ("eve", "bob")
    ]
    rows = ask(*(read("07 03:00:00", "k", 5, requester=user) for user in users))
    assert [row["principal"] for row in rows("security/outside_working_hours")] == sorted(users)


def test_permissions_of_an_object_are_not_those_of_its_bucket(ask: Callable[..., Ask]) -> None:
    """An object is made public by its ACL, which no report on the bucket's configuration shows."""
    operations = ("REST.PUT.ACL", "REST.DELETE.OBJECT_TAGGING", "REST.PUT.RETENTION", "REST.PUT.LEGAL_HOLD")
    changes = [api(f"05 08:00:0{n}", operation, "k", requester=ADMIN) for n, operation in enumerate(operations)]
    rows = ask(*changes, api("05 08:00:05", "REST.PUT.ACL"), api("05 08:00:06", "REST.GET.ACL", "k"))
    found = rows("security/object_permissions", "operation key requester")
    assert found == [{"operation": name, "key": "k", "requester": ADMIN} for name in operations]
    assert rows("security/configuration_changes", "operation") == [{"operation": "REST.PUT.ACL"}]


def test_foreign_accounts_are_those_that_the_settings_do_not_name(ask: Callable[..., Ask]) -> None:
    """Services and the bucket's owner have no account to be named; another's canonical user id is one."""
    rows = ask(
        read("05 08:00:00", "k", 5),
        read("05 08:00:01", "k", 5, requester=NEWCOMER),
        put("05 08:00:02", "k", 5, requester=NEWCOMER, status=403),
        part_of("A", "05 08:00:03", "REST.COPY.OBJECT_GET", "k", 200, requester=NEWCOMER),
        read("05 08:00:04", "k", 5, requester="svc:cloudfront.amazonaws.com"),
        read("05 08:00:05", "k", 5, requester=OWNER),
        put("05 08:00:06", "k", 5, requester="f" * 64),
        accounts=("111122223333",),
    )
    assert rows("security/foreign_accounts", "account requests reads changes bytes_sent") == [
        {"account": "444455556666", "requests": 2, "reads": 2, "changes": 0, "bytes_sent": 5},
        {"account": "f" * 64, "requests": 1, "reads": 0, "changes": 1, "bytes_sent": 0},
    ]


def test_mass_reading_is_of_different_objects_or_of_many_bytes(ask: Callable[..., Ask]) -> None:
    """All sessions of a role in one hour; copies are readings, and one object again and again is no mass."""
    many = [read("05 08:00:00", f"k{n}", 5, requester=f"{ROLE}/s{n}") for n in range(3)]
    copied = part_of("A", "05 08:00:01", "REST.COPY.OBJECT_GET", "k9", 200, size=100)
    again = [read("05 08:00:02", "k", 5, requester=ADMIN) for _ in range(4)]
    parts = [part_of(f"P{n}", "05 10:00:00", "REST.COPY.PART_GET", "k7", 200, size=60) for n in range(10)]
    next_hour = read("05 09:00:00", "k8", 5)
    rows = ask(*many, copied, *again, *parts, next_hour)
    found = {"principal": ROLE, "readings": 4, "keys": 4, "bytes": 115}
    assert rows("security/mass_reading", " ".join(found), keys=4) == [found]
    assert rows("security/mass_reading", " ".join(found), bytes=115) == [found]
    assert rows("security/mass_reading", keys=5, bytes=116) == []


@pytest.mark.parametrize(
    ("host", "endpoint", "addressing"),
    [
        ("data.s3.eu-central-1.amazonaws.com", "regional", "virtual-hosted"),
        ("S3.cn-north-1.amazonaws.com.cn:443", "regional", "path-style"),
        ("s3.amazonaws.com", "legacy global", "path-style"),
        ("data.s3.amazonaws.com", "legacy global", "virtual-hosted"),
        ("data.s3-external-1.amazonaws.com", "legacy global", "virtual-hosted"),
        ("s3-eu-west-1.amazonaws.com", "legacy regional", "path-style"),
        ("data.s3.dualstack.us-west-2.amazonaws.com", "dual-stack", "virtual-hosted"),
        ("data.s3-fips.us-east-1.amazonaws.com", "FIPS", "virtual-hosted"),
        ("s3-fips.dualstack.us-east-1.amazonaws.com", "FIPS", "path-style"),
        ("s3-fips-us-gov-west-1.amazonaws.com", "FIPS", "path-style"),
        ("bucket.vpce-0a1b-cd.s3.us-east-1.vpce.amazonaws.com", "VPC endpoint", "path-style"),
        ("data.bucket.vpce-0a1b-cd.s3.us-east-1.vpce.amazonaws.com", "VPC endpoint", "virtual-hosted"),
        ("data.s3-accelerate.dualstack.amazonaws.com", "accelerate", "virtual-hosted"),
        ("data.s3-website-us-east-1.amazonaws.com", "website", "virtual-hosted"),
        ("data.s3-website.eu-central-1.amazonaws.com", "website", "virtual-hosted"),
        ("point-111122223333.s3-accesspoint.us-west-2.amazonaws.com", "access point", None),
        ("m.mrap.accesspoint.s3-global.amazonaws.com", "multi-Region access point", None),
        ("point-111122223333.s3-object-lambda.us-east-1.amazonaws.com", "Object Lambda", None),
        ("cdn.example.com", "other", None),
    ],
)
def test_endpoints_are_told_by_the_host(ask: Callable[..., Ask], host: str, endpoint: str, addressing: str) -> None:
    """Each kind of endpoint that AWS documents has a name of its own, also in capitals and with a port."""
    rows = ask(read("05 08:00:00", "k", 5, host=host))
    assert rows("operations/endpoints", "endpoint addressing") == [{"endpoint": endpoint, "addressing": addressing}]


def test_tls_versions_tell_who_would_be_left_without(ask: Callable[..., Ask]) -> None:
    """Sessions of a role are one; what was refused is no success."""
    old: dict[str, Any] = {"tls": "TLSv1", "cipher": "ECDHE-RSA-AES128-SHA"}
    sessions = [read("05 08:00:00", "k", 5, requester=f"{ROLE}/s{n}", **old) for n in range(2)]
    rows = ask(*sessions, api("05 08:00:01", "REST.GET.OBJECT", "k", 403, **old), put("05 08:00:02", "k", 5, fields=18))
    columns = "tls_version cipher_suite requests successful failed principals"
    assert [tuple(row.values()) for row in rows("operations/tls_versions", columns)] == [
        ("TLSv1", "ECDHE-RSA-AES128-SHA", 3, 2, 1, 1)
    ]


def test_requests_by_access_point(ask: Callable[..., Ask]) -> None:
    """Multi-Region ones and Object Lambda are kinds of their own, and most requests come without any."""
    points = (POINT, POINT, EVERYWHERE, "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/redact", None)
    rows = ask(*[read("05 08:00:00", "k", 5, access_point=point) for point in points])
    assert rows("operations/access_points", "kind requests") == [
        {"kind": "regional", "requests": 2},
        {"kind": "Object Lambda", "requests": 1},
        {"kind": "multi-Region", "requests": 1},
        {"kind": "none", "requests": 1},
    ]


@pytest.mark.parametrize(
    "requester",
    [
        "svc:cloudfront.amazonaws.com",
        "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1EXAMPLE",
    ],
)
def test_cloudfront_fetches_for_people_and_never_sleeps(ask: Callable[..., Ask], requester: str) -> None:
    """A bucket behind it is in use, and nobody was at work at night."""
    rows = ask(read("07 03:00:00", "k", 5, requester=requester), read("28 10:00:00", "k", 5, requester=requester))
    assert rows("operations/unused_buckets", days=20) == []
    assert rows("security/outside_working_hours") == []


def test_a_bucket_that_only_services_look_at_is_unused(ask: Callable[..., Ask]) -> None:
    """Neither listings, configuration, nor what fails is use; a bucket in use is left out."""
    config = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x"
    rows = ask(
        read("05 08:00:00", "k", 5, bucket=OLD),
        read("28 08:00:00", "k", 5, bucket=OLD, requester=config),
        api("28 08:00:01", "REST.GET.BUCKET", bucket=OLD),
        api("28 08:00:02", "REST.GET.OBJECT", "k", 403, bucket=OLD),
        read("28 08:00:03", "k", 5),
    )
    assert rows("operations/unused_buckets", days=20) == [
        {
            "bucket": OLD,
            "last_use": at("05 08:00:00"),
            "requests": 4,
            "by_services": 1,
            "last_record": at("28 08:00:02"),
        }
    ]


def test_fields_that_are_missing_or_the_last_of_their_time(ask: Callable[..., Ask]) -> None:
    """An error without a code, a request without its line, a line of 24 fields, an access point of Object Lambda."""
    point = "arn:aws:s3-object-lambda:us-east-1:111122223333:accesspoint/x"
    rows = ask(
        api("05 08:00:00", "REST.GET.OBJECT", "k", 400, error=None),
        read("05 08:00:01", "k", 5, uri=None, access_point=point),
        read("05 08:00:02", "k", 5, fields=24, tls=None),
    )
    assert rows("operations/error_codes", "error_code http_status failed") == [
        {"error_code": None, "http_status": 400, "failed": 1}
    ]
    assert [row["requests"] for row in rows("operations/request_uris")] == [2]
    assert [row["kind"] for row in rows("operations/access_points")] == ["none", "Object Lambda"]
    assert [(row["tls_version"], row["requests"]) for row in rows("security/insecure_transport")] == [("none", 1)]


def test_a_night_shift_and_the_first_day_of_news(ask: Callable[..., Ask]) -> None:
    """From 22 to 6 is work, and 21 and 6 are not; of two days, the day before them is no news."""
    hours = [read(f"05 {hour:02}:30:00", "k", 5) for hour in (5, 6, 21, 22)]
    rows = ask(*hours, read("06 23:00:00", "k", 5, requester=NEWCOMER), read("07 23:00:00", "k", 5, requester=ADMIN))
    at_night = rows("security/outside_working_hours", "principal requests on_weekends", first_hour=22, last_hour=6)
    assert at_night == [
        {"principal": ROLE, "requests": 2, "on_weekends": 0},
        {"principal": ADMIN, "requests": 1, "on_weekends": 1},
    ]
    assert [row["principal"] for row in rows("security/first_seen_requesters", days=1)] == [ADMIN]
