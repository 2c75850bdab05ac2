"""Costs of what users of S3 logs meet: lines in, rows of the reports out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from small_lake import ADMIN, APP, CHROME, NEWCOMER, OFFICE, OWNER, Record, api, get, page, part_of, put, read, rule

from etl import Lake, open_lake
from etl.config import Privacy

GB = 1024**3


def lake_of(tmp_path: Path, records: Iterable[Record], privacy: Privacy | None = None, **settings: Any) -> Lake:
    """A lake of these records."""
    logs = tmp_path / "2026-03-10-00-00-00-0000000000000001"
    logs.write_bytes(b"".join(record.line + b"\n" for record in records))
    ingest_local(logs, tmp_path / "lake", privacy=privacy or Privacy())
    return open_lake(str(tmp_path / "lake"), **settings)


def rows_of_report(lake: Lake, name: str, columns: Sequence[str], **arguments: Any) -> list[tuple[Any, ...]]:
    """Some columns of a report's rows."""
    table = lake.report(name, **arguments).to_arrow()
    return [tuple(row[column] for column in columns) for row in table.to_pylist()]


def test_a_gigabyte_is_what_aws_counts(tmp_path: Path) -> None:
    """1,024 GB of 2^30 bytes cost 92.16 at 0.09, to the cent."""
    records = [read("05 08:00:00", "k", 256 * GB, ip=OFFICE) for _ in range(4)]
    lake = lake_of(tmp_path, records)
    assert rows_of_report(lake, "cost/by_day", ["egress_cost"]) == [(92.16,)]


def test_the_bytes_of_denied_outsiders_are_not_charged(tmp_path: Path) -> None:
    """An error page is sent to strangers at AWS's expense, but that of a website endpoint at the owner's."""
    records = [get("05 08:00:00", OFFICE, CHROME, "a", 403, sent=GB), page("05 08:00:00", OFFICE, CHROME, "b", 403)]
    lake = lake_of(tmp_path, records)
    assert rows_of_report(lake, "cost/egress_by_object", ["key", "egress_bytes"]) == [("b", 243)]
    assert rows_of_report(lake, "cost/by_bucket", ["billed_requests", "egress_bytes"]) == [(1, 243)]


def test_what_foreign_accounts_are_denied_is_theirs(tmp_path: Path) -> None:
    """With the owner's accounts set, neither requests nor bytes of another account's denied requests cost anything."""
    records = [read("05 08:00:00", "k", GB, ip=OFFICE, requester=who, status=403) for who in (ADMIN, NEWCOMER)]
    columns = ["principal", "billed_requests", "egress_bytes"]
    lake = lake_of(tmp_path, records, accounts=["111122223333"])
    assert sorted(rows_of_report(lake, "cost/by_requester", columns)) == [(ADMIN, 1, GB), (NEWCOMER, 0, 0)]
    unset = open_lake(str(tmp_path / "lake"))
    assert sorted(rows_of_report(unset, "cost/by_requester", columns)) == [(ADMIN, 1, GB), (NEWCOMER, 1, GB)]


def test_requesters_pay_in_the_buckets_that_say_so(tmp_path: Path) -> None:
    """There the owner pays for his own accounts, services and what is refused, and for nothing else."""
    bucket = {"bucket": "shop", "ip": OFFICE}
    records = [
        read("05 08:00:00", "k", GB, requester=NEWCOMER, **bucket),
        read("05 08:00:01", "k", GB, requester=NEWCOMER, **bucket, status=403),
        read("05 08:00:02", "k", GB, requester=ADMIN, **bucket),
        rule("05 08:00:03", "TRANSITION.OBJECT", "k", GB, bucket="shop"),
        read("05 08:00:04", "k", GB, requester=NEWCOMER, bucket="free", ip=OFFICE),
    ]
    lake = lake_of(tmp_path, records, requester_pays=["shop"], accounts=["111122223333"])
    columns = ["bucket", "requests", "billed_requests", "egress_bytes"]
    assert sorted(rows_of_report(lake, "cost/by_bucket", columns)) == [("free", 1, 1, GB), ("shop", 3, 2, GB)]


def test_a_canonical_id_may_be_the_owner_of_the_bucket(tmp_path: Path) -> None:
    """Root users have one in place of an ARN, the owner's, too: what they request costs at most what it costs him."""
    lake = lake_of(
        tmp_path,
        [read("05 08:00:00", "k", GB, bucket="shop", ip=OFFICE, requester=OWNER)],
        requester_pays=["shop"],
        accounts=["111122223333"],
    )
    assert rows_of_report(lake, "cost/by_bucket", ["billed_requests", "egress_bytes"]) == [(1, GB)]


def test_without_accounts_all_requesters_with_credentials_pay(tmp_path: Path) -> None:
    """Whose the accounts are is not known then; who has no credentials never pays."""
    records = [
        read("05 08:00:00", "k", GB, bucket="shop", ip=OFFICE),
        get("05 08:00:01", OFFICE, CHROME, "k", sent=GB, bucket="shop"),
    ]
    lake = lake_of(tmp_path, records, requester_pays=["shop"])
    assert rows_of_report(lake, "cost/by_bucket", ["billed_requests", "egress_bytes"]) == [(1, GB)]


@pytest.mark.parametrize("policy", ["keep", "truncate"])
def test_private_addresses_are_known_by_their_networks(tmp_path: Path, policy: Any) -> None:
    """What goes through an endpoint of a VPC is no egress, also where a lake keeps networks only."""
    addresses = ["10.1.2.3", "172.16.5.6", "100.64.9.9", "fd00:ec2::254", "192.168.1.1", "203.0.113.7"]
    records = [read("05 08:00:00", "k", GB, ip=ip) for ip in addresses]
    lake = lake_of(tmp_path, records, Privacy(remote_ip=policy))
    assert rows_of_report(lake, "cost/by_requester", ["requests", "egress_bytes"]) == [(6, GB)]
    assert [row[0][:9] for row in rows_of_report(lake, "cost/egress_by_ip", ["remote_ip"])] == ["203.0.113"]


def test_addresses_that_are_not_kept_are_of_the_internet(tmp_path: Path) -> None:
    """Egress is the most that it can be where nothing tells."""
    lake = lake_of(tmp_path, [read("05 08:00:00", "k", GB, ip="10.1.2.3")], Privacy(remote_ip="drop"))
    assert rows_of_report(lake, "cost/by_bucket", ["egress_bytes"]) == [(GB,)]


def test_hosts_are_known_in_capitals_and_by_their_old_names(tmp_path: Path) -> None:
    """s3-external-1 is in us-east-1, and clients may write a host as they like."""
    records = [
        read("05 08:00:00", "k", GB, host="s3-external-1.amazonaws.com", region="us-east-1", fields=27, bucket="old"),
        read("05 08:00:01", "k", GB, host="DATA.S3-Accelerate.AmazonAWS.com", bucket="loud"),
    ]
    columns = ["bucket", "region_bytes", "accelerated_bytes"]
    assert sorted(rows_of_report(lake_of(tmp_path, records), "cost/by_bucket", columns)) == [
        ("loud", 0, GB),
        ("old", 0, 0),
    ]


def test_the_region_of_a_bucket_is_known_by_its_other_hosts(tmp_path: Path) -> None:
    """Whoever comes by a name of the bucket's own, from the Region that other requests name, is at home."""
    far = {"region": "us-east-1", "fields": 27, "ip": OFFICE}
    home = {"region": "eu-central-1", "fields": 27, "ip": OFFICE}
    records = [
        read("05 08:00:00", "k", GB, **home, host="files.example.org"),
        read("05 08:00:01", "k", GB, **far, host="files.example.org"),
        read("05 08:00:02", "k", GB, **far, host="data.s3.amazonaws.com"),
        read("05 08:00:03", "k", GB, **home),
    ]
    lake = lake_of(tmp_path, records)
    assert rows_of_report(lake, "cost/by_bucket", ["egress_bytes", "region_bytes"]) == [(0, 2 * GB)]


def test_reports_of_egress_rank_egress(tmp_path: Path) -> None:
    """What CloudFront fetches is most of the bytes, and none of the egress; its requests stay in by_requester."""
    cloudfront = "svc:cloudfront.amazonaws.com"
    records = [
        read("05 08:00:00", "film", 50 * GB, ip=None, requester=cloudfront),
        read("05 08:00:01", "page", 3 * GB, ip=OFFICE),
        read("05 08:00:02", "icon", GB, ip=OFFICE, requester=ADMIN),
    ]
    lake = lake_of(tmp_path, records)
    columns = ["egress_bytes", "bytes_percent"]
    expected = [(3 * GB, 75.0), (GB, 25.0)]
    for name in ("cost/egress_by_object", "cost/egress_by_requester"):
        assert rows_of_report(lake, name, columns) == expected
    assert (cloudfront, 1, 0) in rows_of_report(lake, "cost/by_requester", ["principal", "requests", "egress_bytes"])


def test_sessions_of_a_role_are_one_principal(tmp_path: Path) -> None:
    """Costs of a role are not scattered over its sessions."""
    records = [read("05 08:00:00", "k", GB, ip=OFFICE, requester=f"{APP}-{number}") for number in range(3)]
    lake = lake_of(tmp_path, records)
    role = APP.rpartition("/")[0]
    for name in ("cost/by_requester", "cost/egress_by_requester"):
        assert rows_of_report(lake, name, ["principal", "requests", "egress_bytes"]) == [(role, 3, 3 * GB)]


def test_requests_are_not_records(tmp_path: Path) -> None:
    """A copy is one request, and lifecycle rules and checksum jobs send none."""
    records = [
        api("05 08:00:00", "REST.COPY.OBJECT", "k", size=5),
        api("05 08:00:00", "REST.COPY.OBJECT_GET", "l", size=5),
        rule("05 08:00:01", "EXPIRE.OBJECT", "k", 5),
        rule("05 08:00:02", "TRANSITION.OBJECT", "k", 5),
        api("05 08:00:03", "S3.COMPUTE.OBJECT.CHECKSUM", "k", None),
    ]
    lake = lake_of(tmp_path, records)
    assert rows_of_report(lake, "cost/by_bucket", ["requests", "billed_requests"]) == [(1, 2)]
    classes = rows_of_report(lake, "cost/requests_by_price_class", ["price_class", "requests", "billed"])
    assert classes == [("transition_glacier", 0, 1), ("put_copy_post_list", 1, 1), ("free", 0, 0)]


def test_parts_of_an_upload_are_listed_too(tmp_path: Path) -> None:
    """LIST hot spots have the same requests as the price class."""
    records = [
        *(api("05 08:00:00", "REST.GET.UPLOAD", "big.bin", uri="GET /big.bin?uploadId=x HTTP/1.1") for _ in range(5)),
        api("05 08:00:00", "REST.GET.UPLOADS", uri="GET /?uploads&prefix=in%2F HTTP/1.1"),
    ]
    lake = lake_of(tmp_path, records)
    columns = ["prefix", "requests", "cost"]
    assert rows_of_report(lake, "cost/list_requests", columns) == [("big.bin", 5, 0.000025), ("in/", 1, 0.000005)]
    assert rows_of_report(lake, "cost/requests_by_price_class", ["requests"]) == [(6,)]


def test_errors_that_aws_does_not_bill_are_no_failed_requests_that_were(tmp_path: Path) -> None:
    """Only what costs something is listed."""
    records = [
        put("05 08:00:00", "k", 5, status=400, error="MalformedXML"),
        put("05 08:00:00", "k", 5, status=400, error="BadDigest"),
        put("05 08:00:00", "k", 5, status=503),
    ]
    lake = lake_of(tmp_path, records)
    assert rows_of_report(lake, "cost/failed_requests", ["error_code", "billed"]) == [("BadDigest", 1)]


def test_prices_are_those_of_the_settings(tmp_path: Path) -> None:
    """Each kind of transfer, and restores, have a price that can be set."""
    fast, far = {"host": "b.s3-accelerate.amazonaws.com"}, {"region": "us-east-1", "fields": 27}
    records = [
        read("05 08:00:00", "k", GB, ip=OFFICE, **fast),
        read("05 08:00:01", "k", GB, ip=OFFICE, **far),
        api("05 08:00:02", "REST.POST.RESTORE", "k", 202),
    ]
    prices = {"get_and_others": 0, "egress": 1, "egress_regions": 20, "acceleration": 300, "restore": 4_000_000}
    lake = lake_of(tmp_path, records, prices=prices)
    columns = ["request_cost", "egress_cost", "region_cost", "acceleration_cost", "cost"]
    assert rows_of_report(lake, "cost/by_bucket", columns) == [(4000, 1, 20, 300, 4321)]


def test_usage_types_are_those_of_the_bill(tmp_path: Path) -> None:
    """Each way that data takes is a line of its own, also where it is free."""
    ways: list[dict[str, Any]] = [
        {"ip": OFFICE},
        {"ip": "10.0.0.1"},
        {"ip": OFFICE, "region": "us-east-1", "fields": 27},
        {"ip": OFFICE, "region": "eu-central-1", "fields": 27},
        {"ip": None, "requester": "svc:cloudfront.amazonaws.com"},
    ]
    records = [read("05 08:00:00", "k", GB, **way) for way in ways]
    records += [put("06 08:00:00", "k", 2 * GB, ip=OFFICE), api("06 08:00:00", "REST.POST.RESTORE", "k", 202)]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/usage_types", ["usage_type", "requests", "gigabytes"])
    assert rows == [
        ("AWS-Out-Bytes", None, 1.0),
        ("C3DataTransfer-Out-Bytes", None, 2.0),
        ("CloudFront-Out-Bytes", None, 1.0),
        ("DataTransfer-In-Bytes", None, 2.0),
        ("DataTransfer-Out-Bytes", None, 1.0),
        ("Requests-Tier1", 1, None),
        ("Requests-Tier2", 5, None),
        ("Requests-Tier3", 1, None),
    ]


def test_restores_are_a_bill_by_tier(tmp_path: Path) -> None:
    """1,000 restores of 1 MB each: requests and retrieval at the price of each tier, and those asked again as GETs."""
    keys = [f"arch/{number}" for number in range(1000)]
    records = [
        *(rule("01 08:00:00", "TRANSITION.OBJECT", key, 1024**2, bucket="flexible") for key in keys),
        *(rule("01 08:00:00", "TRANSITION_GDA.OBJECT", key, 1024**2, bucket="deep") for key in keys),
        *(api("05 08:00:00", "REST.POST.RESTORE", key, 202, bucket="flexible") for key in keys),
        *(api("05 08:00:00", "REST.POST.RESTORE", key, 202, bucket="deep") for key in keys),
        *(api("05 09:00:00", "REST.POST.RESTORE", key, 200, bucket="again", size=5) for key in keys),
    ]
    columns = ["bucket", "restores", "repeats", "bytes", "bulk_cost", "standard_cost", "expedited_cost"]
    size = 1000 * 1024**2
    gigabytes = 1000 / 1024
    assert rows_of_report(lake_of(tmp_path, records), "cost/restores", columns) == [
        ("deep", 1000, 0, size, *(pytest.approx(one + gigabytes * per_gb, abs=1e-6) for one, per_gb in DEEP)),
        ("flexible", 1000, 0, size, *(pytest.approx(one + gigabytes * per_gb, abs=1e-6) for one, per_gb in FLEXIBLE)),
        ("again", 0, 1000, 0, 0.0004, 0.0004, 0.0004),
    ]


DEEP = ((0.025, 0.0025), (0.10, 0.02), (0.10, 0.02))
FLEXIBLE = ((0, 0), (0.05, 0.01), (10, 0.03))
"""Prices of 1,000 restores and of one GB: Bulk, Standard, Expedited."""


def test_restores_say_what_is_not_known(tmp_path: Path) -> None:
    """Objects without a size are counted, so are reads before the restore; what was refused is no restore."""
    records = [
        api("05 08:00:00", "REST.GET.OBJECT", "old/2024/a", 403, error="InvalidObjectState", sent=300),
        api("05 08:00:01", "REST.GET.OBJECT", "old/2024/a", 403, sent=300),
        api("05 08:00:02", "REST.POST.RESTORE", "old/2024/a", 202),
        api("05 08:00:03", "REST.POST.RESTORE", "old/2025/b", 202, size=7),
        api("05 08:00:04", "REST.POST.RESTORE", "old/2025/c", 403),
    ]
    columns = ["prefix", "restores", "archived_reads", "objects", "bytes", "unknown_sizes"]
    assert rows_of_report(lake_of(tmp_path, records), "cost/restores", columns) == [("old/", 2, 1, 2, 7, 1)]


def test_uploads_say_what_they_replaced(tmp_path: Path) -> None:
    """A write replaces what the last write left, unless that was removed; the parts of an upload are its bytes."""
    records = [
        put("05 08:00:00", "k", 100),
        put("06 08:00:00", "k", 30),
        put("06 09:00:00", "k", 5, status=403),
        api("06 10:00:00", "REST.DELETE.OBJECT", "k", 204),
        put("06 11:00:00", "k", 7),
        api("06 12:00:00", "REST.DELETE.OBJECT", "k", 204, version="v1"),
        api("07 08:00:00", "REST.PUT.PART", "k", size=50),
        api("07 08:00:01", "REST.PUT.PART", "k", size=60),
        api("07 08:00:02", "REST.POST.UPLOAD", "k", size=110),
        api("08 08:00:00", "REST.COPY.OBJECT", "k", size=9),
        api("08 08:00:01", "REST.POST.BUCKET", "form", 204, size=4),
        put("09 08:00:00", "of-another-store", 3),
        api("09 09:00:00", "REST.DELETE.OBJECT", "of-another-store", 204, version="null"),
        put("09 10:00:00", "of-another-store", 5),
    ]
    columns = ["date", "uploads", "uploaded_bytes", "overwrites", "overwritten_bytes"]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/uploads", columns)
    assert [(row[0].day, *row[1:]) for row in sorted(rows)] == [
        (5, 1, 100, 0, 0),
        (6, 2, 37, 1, 100),
        (7, 2, 110, 1, 7),
        (8, 1, 4, 1, 110),
        (9, 2, 8, 0, 0),
    ]


def test_reads_of_a_colder_class_cost_what_it_charges(tmp_path: Path) -> None:
    """What a rule moved is read at the price of its class, with retrieval, until it is written again."""
    records = [
        rule("01 08:00:00", "TRANSITION_GIR.OBJECT", "k", GB),
        read("02 08:00:00", "k", GB),
        api("03 08:00:00", "REST.COPY.OBJECT_GET", "k", size=GB),
        read("03 09:00:00", "k", GB, status=304),
        put("04 08:00:00", "k", GB),
        read("05 08:00:00", "k", GB),
        rule("06 08:00:00", "TRANSITION_SIA.OBJECT", "k", GB),
        read("07 08:00:00", "k", GB),
        rule("08 08:00:00", "TRANSITION.OBJECT", "k", GB),
        read("09 08:00:00", "k", GB),
        rule("06 08:00:00", "TRANSITION_GIR.OBJECT", "old", GB, version="v1"),
        read("09 08:00:00", "old", GB),
    ]
    lake = lake_of(tmp_path, records)
    columns = ["date", "request_cost", "retrieval_cost"]
    found = {row[0].day: row[1:] for row in rows_of_report(lake, "cost/by_day", columns)}
    assert [found[day] for day in (2, 3, 5, 7, 9)] == [
        (0.00001, 0.03),
        (0, 0.03),
        (0, 0),
        (0.000001, 0.01),
        (0.000001, 0),
    ]
    classes = rows_of_report(lake, "cost/requests_by_price_class", ["price_class", "requests", "billed"])
    assert ("get_glacier_ir", 1, 1) in classes
    assert ("get_standard_ia", 1, 1) in classes
    assert ("get_and_others", 4, 4) in classes


EARLY = ["key", "storage_class", "ended_by", "days", "days_left", "gb_days", "cost", "usage_type"]


def test_what_leaves_a_class_too_early_is_charged_for_the_days_left(tmp_path: Path) -> None:
    """Whatever ends the stay, whole days count from the transition; on the last day of the minimum nothing is left."""
    records = [
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "expired", 10 * GB),
        rule("11 00:10:00", "EXPIRE.OBJECT", "expired", 10 * GB),
        rule("01 02:00:00", "TRANSITION_ZIA.OBJECT", "deleted", 10 * GB),
        api("30 23:00:00", "REST.DELETE.OBJECT", "deleted", 204, size=10 * GB),
        rule("01 02:00:00", "TRANSITION_GIR.OBJECT", "written", 10 * GB),
        put("02 01:00:00", "written", 5),
        rule("01 02:00:00", "TRANSITION.OBJECT", "moved", 10 * GB),
        rule("31 02:00:00", "TRANSITION_GDA.OBJECT", "moved", 10 * GB),
        rule("01 02:00:00", "TRANSITION_GDA.OBJECT", "batch", 10 * GB),
        api("31 02:00:00", "BATCH.DELETE.OBJECT", "batch", 204, size=10 * GB),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "in-time", 10 * GB),
        rule("31 00:10:00", "EXPIRE.OBJECT", "in-time", 10 * GB),
        rule("01 02:00:00", "TRANSITION_INT.OBJECT", "without-minimum", 10 * GB),
        rule("02 00:10:00", "EXPIRE.OBJECT", "without-minimum", 10 * GB),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "still-there", 10 * GB),
        api("02 02:00:00", "REST.DELETE.OBJECT", "still-there", 403),
    ]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/early_deletions", EARLY)
    archived = 10 + 32 / 1024**2  # with the index
    two_months = (round(archived * 60, 6), round(archived * 2 * 0.0036, 9))
    five_months = (round(archived * 150, 6), round(archived * 5 * 0.00099, 9))
    assert rows == [
        ("written", "GLACIER_IR", "overwritten", 1, 89, 890.0, round(890 / 30 * 0.004, 9), "EarlyDelete-GIR"),
        ("expired", "STANDARD_IA", "expired", 10, 20, 200.0, round(200 / 30 * 0.0125, 9), "EarlyDelete-SIA"),
        ("moved", "GLACIER", "moved", 30, 60, *two_months, "EarlyDelete-ByteHrs"),
        ("batch", "DEEP_ARCHIVE", "deleted", 30, 150, *five_months, "EarlyDelete-GDA"),
        ("deleted", "ONEZONE_IA", "deleted", 29, 1, 10.0, round(10 / 30 * 0.01, 9), "EarlyDelete-ZIA"),
    ]


def test_small_objects_are_charged_as_128_kb(tmp_path: Path) -> None:
    """They have a usage type of their own, and an object without a known size no charge."""
    records = [
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "small", 1),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "edge", 131_072),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "unknown"),
        *(rule("16 02:00:00", "EXPIRE.OBJECT", key) for key in ("small", "edge", "unknown")),
    ]
    columns = ["key", "gb_days", "usage_type"]
    assert rows_of_report(lake_of(tmp_path, records), "cost/early_deletions", columns) == [
        ("edge", round(15 / 8192, 6), "EarlyDelete-SIA"),
        ("small", round(15 / 8192, 6), "EarlyDelete-SIA-SmObjects"),
        ("unknown", None, "EarlyDelete-SIA"),
    ]


def test_a_bucket_with_versions_keeps_what_is_overwritten_or_marked(tmp_path: Path) -> None:
    """There a version is charged for when it goes itself, by a rule or by its id, and not before."""
    records = [
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "k", GB, version="v1"),
        put("02 02:00:00", "k", 7),
        rule("03 02:00:00", "CREATE.DELETEMARKER", "k", version="m1"),
        api("04 02:00:00", "REST.DELETE.OBJECT", "k", 204, version="m1"),
        rule("06 02:00:00", "EXPIRE.OBJECT", "k", GB, version="v1"),
        rule("01 02:00:00", "TRANSITION_GIR.OBJECT", "by-id", GB, version="v2"),
        api("02 02:00:00", "REST.DELETE.OBJECT", "by-id", 204),
        api("03 02:00:00", "BATCH.DELETE.OBJECT", "from-before-versions", 204),
        api("08 02:00:00", "REST.DELETE.OBJECT", "by-id", 204, version="v2", size=GB),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "from-before-versions", GB),
        put("02 02:00:00", "from-before-versions", 7),
        api("03 02:00:00", "REST.DELETE.OBJECT", "from-before-versions", 204),
    ]
    columns = ["key", "version_id", "ended_by", "days"]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/early_deletions", columns)
    assert sorted(rows) == [("by-id", "v2", "deleted", 7), ("k", "v1", "expired", 5)]


def test_uploads_into_a_class_count_where_the_log_tells_it(tmp_path: Path) -> None:
    """By the presigned URL, or because the object had to be restored: then it was in one of the archives."""
    url = "PUT /{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&x-amz-storage-class={}&X-Amz-Signature=0 HTTP/1.1"
    records = [
        put("01 02:00:00", "named", 30 * GB, auth="QueryString", uri=url.format("named", "GLACIER_IR")),
        api("02 02:00:00", "REST.COPY.OBJECT", "named", size=30 * GB),
        api("03 02:00:00", "REST.DELETE.OBJECT", "named", 204, size=30 * GB),
        put("01 02:00:00", "refused", 30 * GB, auth="QueryString", uri=url.format("refused", "GLACIER_IR"), status=403),
        api("02 02:00:00", "REST.DELETE.OBJECT", "refused", 204, size=30 * GB),
        put("01 02:00:00", "frozen", 30 * GB),
        api("02 02:00:00", "REST.GET.OBJECT", "frozen", 403, error="InvalidObjectState"),
        put("11 02:00:00", "frozen", 30 * GB),
        api("12 02:00:00", "REST.DELETE.OBJECT", "frozen", 204, size=30 * GB),
        put("01 02:00:00", "asked-for", 30 * GB),
        api("02 02:00:00", "REST.POST.RESTORE", "asked-for", 202),
        rule("11 02:00:00", "EXPIRE.OBJECT", "asked-for", 30 * GB),
    ]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/early_deletions", EARLY)
    gb_days = (30 + 32 / 1024**2) * 80
    charge = round(gb_days / 30 * 0.00099, 9)
    assert rows == [
        ("named", "GLACIER_IR", "overwritten", 1, 89, 2670.0, 0.356, "EarlyDelete-GIR"),
        ("asked-for", "ARCHIVE", "expired", 10, 80, round(gb_days, 6), charge, None),
        ("frozen", "ARCHIVE", "overwritten", 10, 80, round(gb_days, 6), charge, None),
    ]


def test_transitions_break_even_when_they_have_saved_what_they_cost(tmp_path: Path) -> None:
    """Of each folder and class, objects below 128 KB apart; what never pays comes first, what is not known last."""
    records = [
        *(rule("01 02:00:00", "TRANSITION_SIA.OBJECT", f"big/{number}", GB) for number in range(4)),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "big/small", 100 * 1024),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "tiny/1", 10 * 1024),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "unknown/1"),
        rule("01 02:00:00", "TRANSITION_INT.OBJECT", "int/small", 10 * 1024),
        rule("01 02:00:00", "TRANSITION_INT.OBJECT", "int/large", GB),
        rule("02 02:00:00", "TRANSITION_GDA.OBJECT", "big/1", GB),
    ]
    columns = ["prefix", "from_class", "storage_class", "below_128_kb", "transitions", "transition_cost"]
    more = ["monthly_saving", "days_to_break_even"]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/transitions_that_do_not_pay", columns + more)
    saved = 0.0125 - (1 + 32 / 1024**2) * 0.00099 - 8 / 1024**2 * 0.023
    kib = 1024**2
    assert rows == [
        ("int/", "STANDARD", "INTELLIGENT_TIERING", True, 1, 0.00001, 0.0, None),
        ("tiny/", "STANDARD", "STANDARD_IA", True, 1, 0.00001, round((10 * 0.023 - 128 * 0.0125) / kib, 9), None),
        ("big/", "STANDARD", "STANDARD_IA", True, 1, 0.00001, round(0.7 / kib, 9), round(0.0003 / (0.7 / kib), 1)),
        ("big/", "STANDARD_IA", "DEEP_ARCHIVE", False, 1, 0.00005, round(saved, 9), round(0.0015 / saved, 1)),
        ("big/", "STANDARD", "STANDARD_IA", False, 4, 0.00004, 0.042, 0.0),
        ("unknown/", "STANDARD", "STANDARD_IA", None, 1, 0.00001, None, None),
    ]


def test_a_write_between_two_transitions_starts_in_standard(tmp_path: Path) -> None:
    """What was moved before it was written again saves from Standard, not from the class it was in."""
    records = [
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "a/k", GB),
        put("05 02:00:00", "a/k", GB),
        rule("06 02:00:00", "TRANSITION_GDA.OBJECT", "a/k", GB),
        rule("01 02:00:00", "TRANSITION_SIA.OBJECT", "a/gone", GB),
        rule("05 02:00:00", "EXPIRE.OBJECT", "a/gone", GB),
        rule("06 02:00:00", "TRANSITION_GDA.OBJECT", "a/gone", GB),
    ]
    columns = ["from_class", "storage_class", "transitions"]
    rows = rows_of_report(lake_of(tmp_path, records), "cost/transitions_that_do_not_pay", columns)
    assert sorted(rows) == [("STANDARD", "DEEP_ARCHIVE", 2), ("STANDARD", "STANDARD_IA", 2)]


def test_a_copy_in_parts_retrieves_its_source_once(tmp_path: Path) -> None:
    """The record of each part's source has the size of the whole object."""
    parts = [part_of(f"P{n}", "05 08:00:00", "REST.COPY.PART_GET", "k", 200, size=10 * GB) for n in range(10)]
    lake = lake_of(tmp_path, [rule("01 08:00:00", "TRANSITION_GIR.OBJECT", "k", 10 * GB), *parts])
    assert rows_of_report(lake, "cost/by_bucket", ["retrieval_cost"]) == [(0.3,)]


def test_a_restore_is_as_large_as_the_object(tmp_path: Path) -> None:
    """The size of an old version that expired since is not the object's."""
    records = [
        rule("01 08:00:00", "TRANSITION.OBJECT", "k", 9 * GB),
        api("05 08:00:00", "REST.POST.RESTORE", "k", 202),
        rule("06 00:10:00", "EXPIRE.OBJECT", "k", 1, version="v0"),
    ]
    assert rows_of_report(lake_of(tmp_path, records), "cost/restores", ["bytes"]) == [(9 * GB,)]


def test_restores_from_deep_archive_have_prices_of_their_own(tmp_path: Path) -> None:
    """1,000 objects cost 0.10 (Standard) or 0.025 (Bulk), and each GB 0.02 or 0.0025; there is no Expedited."""
    moved = rule("01 08:00:00", "TRANSITION_GDA.OBJECT", "k", 10 * GB)
    lake = lake_of(tmp_path, [moved, api("05 08:00:00", "REST.POST.RESTORE", "k", 202)])
    columns = ["bulk_cost", "standard_cost", "expedited_cost"]
    assert rows_of_report(lake, "cost/restores", columns) == [(0.025025, 0.2001, 0.2001)]


def test_listings_have_bytes_but_no_object(tmp_path: Path) -> None:
    """What is sent of no object is not in the report on objects."""
    listing = api("05 08:00:00", "REST.GET.BUCKET", sent=500, ip=OFFICE)
    lake = lake_of(tmp_path, [listing, read("05 08:00:00", "k", 9, ip=OFFICE)])
    assert rows_of_report(lake, "cost/egress_by_object", ["key", "bytes_percent"]) == [("k", 100)]
