"""A lake of records that no log has in one place: odd days and hours, hostile texts, numbers at their bounds, ties.

It is written as files of the lake, not as lines: a lake is read by engines that take nothing of it for granted.
"""

import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import empty_lake
from small_lake import ADMIN, ALICE, APP, BOB, BOTO, CHROME, FIREFOX, GOOGLEBOT, NEWCOMER, SIX, SQLMAP

from etl import Lake
from etl.fields import LARGEST_OBJECT
from etl.lake import partition_path
from etl.schema import ACCESS_LOG

SITE, NUMBER, HOSTILE = "www.example.org", "20260308", "it's a `b` \\ %41"
BUCKETS = (SITE, NUMBER, HOSTILE)
"""An ordinary name, one that is written as a number, and one that only forged records have."""

DAYS = (
    "2026-01-31",
    "2026-02-28",
    "2026-03-01",  # ends of months
    "2026-03-07",
    "2026-03-08",
    "2026-03-09",  # New York skips an hour on the 8th, a Sunday
    "2026-03-28",
    "2026-03-29",
    "2026-03-30",  # Berlin skips one on the 29th
    "2026-10-24",
    "2026-10-25",
    "2026-10-26",  # in Berlin an hour comes twice on the 25th
    "2026-10-31",
    "2026-11-01",
    "2026-11-02",  # in New York on the 1st
    "2026-12-31",
    "2027-01-01",  # and 60 days without a record before them
)
HOURS = (0, 0, 0, 1, 1, 2, 2, 3, 5, 6, 6, 7, 7, 8, 9, 12, 17, 18, 22, 23, 23)
"""Around midnight, and around the hours that clocks skip or repeat, as they are in UTC."""

TEXTS = (
    "it's",
    'a "b"',
    "back\\slash",
    "\\'",
    "line\nfeed",
    "ends in one\n",
    "carriage\rreturn",
    "tab\t",
    "nul\0nul",
    "\U0001f600",
    "e\u0301",
    "\u00e9",
    "\u0131",
    "\u0130",
    "I",
    "i",
    "\u212a",
    "K",
    "k",
    "\u017f",
    "stra\u00dfe",
    "STRASSE",
    "\u01c5",
    "100%",
    "a_b",
    "axb",
    ".*",
    "^a$",
    "[a-z]+",
    "(?i)x",
    "$1",
    "{{x}}",
    "${x}",
    ":name",
    "?",
    "--",
    "/* x */",
    ";",
    "2026-03-08",
    "1e5",
    "-0",
    "007",
    "null",
    "NULL",
    "true",
    "",
    " ",
    "  blanks ",
    "\u00a0",
    "\u2028",
    "\ufeffbom",
    "\U0010ffff",
    "x" * 5000,
    "a" * 40 + "\n",
)
_FOLDERS = ("", "photos/", "photos/2026/", "/", "a//b/", "it's/", "%/", "_/", "caf\u00e9/", "logs/", "data/\n/")
_NAMES = (
    "index.html",
    "a.JPG",
    "b.jpg",
    "video.mp4",
    "robots.txt",
    ".env",
    "wp-login.php",
    "x.tar.gz",
    "noext",
    "ends.html\n",
)
_AGENTS = (CHROME, CHROME, FIREFOX, GOOGLEBOT, SQLMAP, BOTO, "curl/8.4.0", "", None)
_ADDRESSES = (
    ALICE,
    ALICE,
    BOB,
    "198.51.100.7",
    "203.0.113.9",
    SIX,
    "::ffff:192.0.2.9",
    "10.0.0.5",
    "not an address",
    "",
    None,
)
_REQUESTERS = (
    None,
    None,
    ADMIN,
    APP,
    NEWCOMER,
    "AmazonS3",
    "svc:replication.s3.amazonaws.com",
    "arn:aws:iam::1:user/a\nb",
    "'",
)
_OPERATIONS = (
    "REST.GET.OBJECT",
    "REST.GET.OBJECT",
    "REST.GET.OBJECT",
    "WEBSITE.GET.OBJECT",
    "REST.HEAD.OBJECT",
    "REST.PUT.OBJECT",
    "REST.DELETE.OBJECT",
    "BATCH.DELETE.OBJECT",
    "S3.EXPIRE.OBJECT",
    "S3.CREATE.DELETEMARKER",
    "S3.TRANSITION_SIA.OBJECT",
    "S3.TRANSITION.OBJECT",
    "S3.TRANSITION_GDA.OBJECT",
    "REST.GET.BUCKET",
    "REST.PUT.PART",
    "REST.POST.UPLOADS",
    "REST.POST.UPLOAD",
    "REST.COPY.OBJECT",
    "REST.COPY.OBJECT_GET",
    "REST.POST.RESTORE",
    "S3.RESTORE.OBJECT",
    "REST.GET.ACL",
    "REST.PUT.BUCKETPOLICY",
    "REST.GET.LIFECYCLE",
    "REST.OPTIONS.PREFLIGHT",
    "odd.operation",
    None,
)
_STATUSES = (200, 200, 200, 200, 204, 206, 301, 304, 403, 403, 404, 404, 412, 500, 503, 0, 32767, None)
_SIZES = (
    0,
    1,
    1000,
    1000,
    127 * 1024,
    128 * 1024,
    5_000_000,
    60_000_000,
    LARGEST_OBJECT,
    LARGEST_OBJECT + 1,
    2**63 - 1,
    None,
    None,
)
_TIMES = (0, 1, 20, 20, 20, 1000, 60_000, 2**31 - 1, None)
_REFERRERS = (
    None,
    None,
    "",
    f"https://{SITE}/index.html",
    "https://forum.example.net/thread?q=1",
    "HTTP://Example.COM:80/a",
    "android-app://x",
    "-",
    "https://www.google.com/",
    "https://m\u00fcller.example/\n",
    "//",
    "https://user:pw@host/",
)


def odd_lake(root: Path, buckets: Sequence[str] = BUCKETS, count: int = 900, **settings: Any) -> Lake:
    """The lake, the same each time."""
    lake = empty_lake(root, **settings)
    rng = random.Random(17)
    records: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number in range(count):
        day = rng.choice(DAYS)
        bucket = rng.choice((SITE, *buckets) if SITE in buckets else buckets)
        records.setdefault((bucket, day), []).append(_record(rng, bucket, day, number))
    for (bucket, day), rows in records.items():
        folder = root / "lake" / partition_path(ACCESS_LOG, bucket=bucket, date=dt.date.fromisoformat(day))
        folder.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, ACCESS_LOG.schema), folder / "part-00000.parquet")
    return lake


def _record(rng: random.Random, bucket: str, day: str, number: int) -> dict[str, Any]:
    """A record: of each field an ordinary value or an odd one, and sometimes none."""
    clock = dt.time(rng.choice(HOURS), rng.choice((0, 0, 29, 30, 59)), rng.choice((0, 0, 59)))
    key = rng.choice(_FOLDERS) + rng.choice(_NAMES) if rng.random() < 0.8 else rng.choice((*TEXTS, None))
    operation = rng.choice(_OPERATIONS) if rng.random() < 0.6 else "REST.GET.OBJECT"
    given = {
        "time": dt.datetime.combine(dt.date.fromisoformat(day), clock),
        "remote_ip": rng.choice(_ADDRESSES),
        "requester": rng.choice(_REQUESTERS),
        "request_id": f"{number // 2:016X}",
        "operation": operation,
        "key": key,
        "request_uri": f"GET /{key}?{rng.choice(TEXTS)} HTTP/1.1" if rng.random() < 0.9 else None,
        "http_status": rng.choice(_STATUSES),
        "error_code": rng.choice((None, None, "AccessDenied", "NoSuchKey", "SlowDown", "'")),
        "bytes_sent": rng.choice(_SIZES),
        "object_size": rng.choice(_SIZES),
        "total_time": rng.choice(_TIMES),
        "turn_around_time": rng.choice(_TIMES),
        "referrer": rng.choice(_REFERRERS),
        "user_agent": rng.choice(_AGENTS if rng.random() < 0.9 else TEXTS),
        "version_id": rng.choice((None, None, None, "v1", "v2", "")),
        "signature_version": rng.choice((None, "SigV2", "SigV4")),
        "cipher_suite": rng.choice((None, "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-SHA")),
        "authentication_type": rng.choice((None, "AuthHeader", "QueryString")),
        "host_header": rng.choice(
            (SITE, f"{bucket}.s3.eu-central-1.amazonaws.com", "s3.amazonaws.com", *TEXTS[:4], None)
        ),
        "tls_version": rng.choice((None, "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")),
        "access_point_arn": rng.choice((None, None, "arn:aws:s3:eu-central-1:1:accesspoint/x")),
        "acl_required": rng.choice((None, "Yes")),
        "source_region": rng.choice((None, "us-east-1", "eu-central-1", "eu-west-1")),
        "field_count": 26,
        "parse_note": rng.choice((None, None, None, "ambiguous")),
        "log_object": f"/logs/{number // 7}",
    }
    return {name: given.get(name) for name in ACCESS_LOG.schema.names}
