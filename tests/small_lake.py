"""The lines of a small lake, made to be counted: three buckets, five days, and whatever is special in each report.

Nothing here knows of reports. A record has each field of its line, so that what a report must give can be computed from
the records; `Record.line` writes the line as S3 does.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

SITE, DATA, OLD = "www.example.org", "data", "backup"
ADMIN = "arn:aws:iam::111122223333:user/admin"
APP = "arn:aws:sts::111122223333:assumed-role/app/session"
NEWCOMER = "arn:aws:iam::444455556666:user/newcomer"
RULES = "AmazonS3"
ANONYMOUS_OF_OLD = "65a011a29cdf8ec533ec3d1ccaae921c"

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CURL = "curl/8.4.0"
CLI = "aws-cli/2.15.0 Python/3.11.6 Linux/5.10 exe/x86_64"
BOTO = "Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#5.10 lang/python#3.11"
SQLMAP = "sqlmap/1.7 (https://sqlmap.org)"
CLOUDFRONT = "Amazon CloudFront"
GOBUSTER = "gobuster/3.6"
CHROME_119 = CHROME.replace("120.0.0.0", "119.0.0.0")

ALICE, BOB, CRAWLER, PROBER = "192.0.2.1", "192.0.2.2", "198.51.100.7", "203.0.113.9"
SIX, EDGE, OFFICE, PRIVATE = "2001:db8::1", "192.0.2.50", "192.0.2.80", "10.0.0.5"

OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
OWN_PAGE = f"https://{SITE}/index.html"
FORUM = "https://forum.example.net/thread"
MIRROR = "http://mirror.example.com/x"

_numbers = count(1)


@dataclass(frozen=True)
class Record:
    """What one line says; None is a dash."""

    bucket: str
    time: dt.datetime
    op: str
    key: str | None = None
    ip: str | None = None
    requester: str | None = None
    rid: str = ""
    uri: str | None = None
    status: int | None = None
    error: str | None = None
    sent: int | None = None
    size: int | None = None
    total: int | None = None
    turn: int | None = None
    referrer: str | None = None
    agent: str | None = None
    version: str | None = None
    sig: str | None = None
    cipher: str | None = None
    auth: str | None = None
    host: str | None = None
    tls: str | None = None
    access_point: str | None = None
    acl: str | None = None
    region: str | None = None
    fields: int = 26
    extra: str | None = None
    note: str | None = None
    logged_key: str | None = None

    @property
    def date(self) -> dt.date:
        return self.time.date()

    @property
    def host_id(self) -> str | None:
        return f"{self.rid * 5}"[:75] + "=" if self.fields > 18 else None

    @property
    def line(self) -> bytes:
        r"""The line; `\xff` in a text stands for the byte."""
        nothing = "-" if self.op.startswith(("BATCH.", "REST.COPY.OBJECT_GET")) else '"-"'
        uri, referrer, agent = (
            nothing if text is None else f'"{text}"' for text in (self.uri, self.referrer, self.agent)
        )
        key = self.logged_key if self.logged_key is not None else self.key
        fields = [
            OWNER, self.bucket, f"[{self.time:%d/Mar/%Y:%H:%M:%S} +0000]", self.ip, self.requester, self.rid, self.op,
            key, uri, self.status, self.error, self.sent, self.size, self.total, self.turn, referrer, agent,
            self.version, self.host_id, self.sig, self.cipher, self.auth, self.host, self.tls, self.access_point,
            self.acl, self.region,
        ]  # fmt: skip
        texts = ["-" if field is None else str(field) for field in fields[: self.fields]]
        return " ".join(texts + ([self.extra] if self.extra else [])).encode().replace(rb"\xff", b"\xff")


def at(text: str) -> dt.datetime:
    """`05 08:00:00`: the time on that day of March 2026, a Thursday the 5th, UTC as it is stored."""
    return dt.datetime.fromisoformat(f"2026-03-{text}")


ERRORS = {
    301: "PermanentRedirect", 307: "TemporaryRedirect", 400: "BadDigest", 403: "AccessDenied", 404: "NoSuchKey",
    409: "RestoreAlreadyInProgress", 500: "InternalError", 503: "SlowDown",
}  # fmt: skip
SIZES = {
    "index.html": 1_000, "about.html": 500, "style.css": 300, "logo.png": 4_000, "song.mp3": 100_000,
    "video.mp4": 60_000_000, "photos/a.jpg": 5_000, "photos/mein bild.jpg": 7_000,
}  # fmt: skip


def get(time: str, ip: str, agent: str | None, key: str, status: int = 200, **given: Any) -> Record:
    """A visitor of the site asks for an object."""
    size = SIZES.get(key) if status in (200, 206, 304) else None
    sent = {200: size, 304: None}.get(status, 243)
    total = given.pop("total", 20)
    fields: dict[str, Any] = {
        "bucket": SITE, "op": "REST.GET.OBJECT", "uri": f"GET /{quote(key)} HTTP/1.1", "rid": f"{next(_numbers):016X}",
        "error": ERRORS.get(status), "sent": sent, "size": size, "total": total, "cipher": "TLS_AES_128_GCM_SHA256",
        "turn": total - 5 if status < 300 else None, "tls": "TLSv1.3",
    }  # fmt: skip
    fields |= {"host": f"{given.get('bucket', SITE)}.s3.eu-central-1.amazonaws.com"} | given
    return Record(time=at(time), ip=ip, agent=agent, key=key, status=status, **fields)


def page(time: str, ip: str, agent: str | None, key: str, status: int = 200, **given: Any) -> Record:
    """The same from the website endpoint, which has no TLS."""
    host = f"{SITE}.s3-website.eu-central-1.amazonaws.com"
    plain = {"op": "WEBSITE.GET.OBJECT", "host": host, "tls": None, "cipher": None}
    return get(time, ip, agent, key, status, **(plain | given))


def api(time: str, op: str, key: str | None = None, status: int | None = 200, **given: Any) -> Record:
    """A signed request, of the application by default."""
    fields: dict[str, Any] = {
        "bucket": DATA, "ip": PRIVATE, "requester": APP, "rid": f"{next(_numbers):016X}", "agent": BOTO, "total": 30,
        "uri": f"{op.split('.')[1]} /{quote(key or '')} HTTP/1.1", "error": ERRORS.get(status or 0), "sig": "SigV4",
        "cipher": "ECDHE-RSA-AES128-GCM-SHA256", "auth": "AuthHeader", "tls": "TLSv1.2",
    }  # fmt: skip
    fields |= {"host": f"{given.get('bucket', DATA)}.s3.eu-central-1.amazonaws.com"} | given
    if given.get("fields", 27) <= 18:  # the years before host id, signature and TLS were logged
        fields |= dict.fromkeys(("sig", "cipher", "auth", "host", "tls"))
    return Record(time=at(time), op=op, key=key, status=status, **fields)


def put(time: str, key: str, size: int, **given: Any) -> Record:
    return api(time, "REST.PUT.OBJECT", key, size=size, **given)


def read(time: str, key: str, size: int, **given: Any) -> Record:
    return api(time, "REST.GET.OBJECT", key, size=size, sent=size, turn=12, **given)


def rule(time: str, op: str, key: str, size: int | None = None, **given: Any) -> Record:
    """What a lifecycle rule did."""
    fields: dict[str, Any] = {"bucket": DATA, "requester": RULES, "rid": f"{next(_numbers):016X}"} | given
    return Record(time=at(time), op=f"S3.{op}", key=key, size=size, **fields)


def part_of(rid: str, time: str, op: str, key: str, status: int | None, **given: Any) -> Record:
    """A record that shares its request with others, and says little."""
    bare = {"total": None, "uri": None, "agent": None, "cipher": None, "tls": None, "rid": rid}
    return api(time, op, key, status, **(bare | given))


VISITS = [
    get("05 08:00:00", ALICE, CHROME, "index.html", total=10),
    get("05 08:00:01", ALICE, CHROME, "style.css", referrer=OWN_PAGE),
    get("05 08:00:01", ALICE, CHROME, "logo.png", referrer=OWN_PAGE),
    get("05 08:00:02", ALICE, CHROME, "missing.png", 404, referrer=OWN_PAGE),
    get("05 09:15:00", BOB, FIREFOX, "index.html", total=40, referrer="https://www.google.com/"),
    get("05 09:15:02", BOB, FIREFOX, "missing.png", 404, referrer="https://WWW.Example.org:443/about.html"),
    get("05 09:16:00", BOB, FIREFOX, "song.mp3", 206, sent=60_000, total=600),
    get("05 09:16:20", BOB, FIREFOX, "song.mp3", 206, sent=40_000, total=400),
    get("05 09:17:00", BOB, FIREFOX, "song.mp3", 206, sent=60_000, total=600),
    get("05 10:00:00", ALICE, CHROME, "song.mp3", 206, sent=30_000, total=300),
    get("05 10:05:00", PROBER, CURL, "song.mp3", sent=50_000, total=900),
    get("05 10:06:00", PROBER, CURL, "song.mp3", sent=60_000, total=900),
    page("05 11:30:00", CRAWLER, GOOGLEBOT, "index.html", total=70),
    page("05 11:30:05", CRAWLER, GOOGLEBOT, "old.html", 404),
    get("05 22:10:00", SIX, None, "index.html", region="eu-west-1", fields=27),
    get("06 12:00:00", ALICE, CHROME, "logo.png", referrer=f"{FORUM}?id=1"),
    get("06 12:00:20", BOB, FIREFOX, "logo.png", referrer=f"{FORUM}?id=2"),
    get("06 12:01:00", BOB, FIREFOX, "style.css", referrer=MIRROR),
    get("06 12:01:01", BOB, FIREFOX, "logo.png", 304, referrer=MIRROR),
    get("06 12:02:00", ALICE, CHROME, "index.html", referrer=f"{FORUM}?id=1"),
    get("06 12:02:10", ALICE, CHROME, "index.html", 304),
    get("06 12:03:00", SIX, None, "missing.png", 404, referrer=OWN_PAGE),
    get("06 12:03:01", SIX, None, "missing.png", 404, referrer=f"{FORUM}?id=1"),
    get("06 13:00:00", SIX, None, "photos/mein bild.jpg", logged_key="photos/mein%2520bild.jpg", acl="Yes"),
    get("06 13:00:10", BOB, FIREFOX, "photos/a.jpg", 503),
    get("06 13:00:11", BOB, FIREFOX, "photos/a.jpg", acl="Yes"),
    get("06 13:00:12", BOB, FIREFOX, "photos/a.jpg", 500),
    get("06 13:00:20", BOB, FIREFOX, "photos/a.jpg", acl="Yes"),
    page("06 14:00:00", ALICE, CHROME, "logo.png", host="cdn.example.org", referrer="http://cdn.example.org/start"),
    page("06 14:00:05", ALICE, CHROME, "photos/a.jpg", 403, host="cdn.example.org", referrer=OWN_PAGE),
    get("06 23:30:00", PROBER, SQLMAP, "admin.php", 403),
    get("06 23:30:01", PROBER, SQLMAP, "wp-login.php", 404),
    get("06 23:30:02", PROBER, SQLMAP, "admin.php", 403),
    get("06 23:30:59", PROBER, SQLMAP, ".env", 404),
    get("06 23:31:00", PROBER, SQLMAP, ".env", 404),
    get("06 23:31:01", PROBER, SQLMAP, "index.html"),
    get("06 23:32:00", PROBER, GOBUSTER, "index.html", 304),
    get("07 00:30:00", ALICE, CHROME, "song.mp3", 304),
    get("07 00:31:00", ALICE, CHROME_119, "index.html"),
    get("07 03:00:00", EDGE, CLOUDFRONT, "video.mp4", total=5_000),
    get("07 03:10:00", EDGE, CLOUDFRONT, "video.mp4", 206, sent=10_000_000, total=1_000),
    get("07 15:00:00", BOB, CHROME, "video.mp4", sent=50_000_000, total=4_000),
    get("07 15:00:00", ALICE, CURL, "about.html", tls="TLSv1", cipher="ECDHE-RSA-AES128-SHA"),
    get("07 15:00:01", ALICE, CURL, "about.html", tls="TLSv1.1", cipher="ECDHE-RSA-AES128-SHA"),
    get("07 15:00:02", ALICE, CURL, "about.html", tls="TLSV1.2"),
    get("08 10:00:00", BOB, FIREFOX, "index.html", 301),
    get("08 10:00:01", BOB, FIREFOX, "index.html", 307, fields=27),
    get("08 10:00:02", SIX, FIREFOX, "index.html", region="eu-west-1", fields=27),
    get("08 10:00:03", ALICE, 'Odd "quoted" agent/1.0', "about.html", note="unescaped_quote"),
    get("08 10:00:04", PROBER, "x [01/Jan/2026:00:00:00 +0000] y", "about.html", 403, note="ambiguous"),
    get("09 07:00:00", PROBER, CURL, "caf", 404, uri=r"GET /caf\xff HTTP/1.1", note="replaced_bytes"),
    get("09 07:00:10", CRAWLER, GOOGLEBOT, "photos/a.jpg", region="us-east-1", fields=27, extra="new-field 1"),
    get("09 07:00:20", ALICE, CHROME, "index.html", op="REST.HEAD.OBJECT", sent=None, turn=None),
    get("09 07:00:24", ALICE, CHROME, "gone.html", 404, op="REST.HEAD.OBJECT", error=None, sent=None),
    get("09 07:00:40", PROBER, CURL, "about.html", 400, error="InvalidRequest"),
    get("09 07:00:50", CRAWLER, GOOGLEBOT, "photos/a.jpg", region="us-east-1", fields=27, extra="new-field 0"),
    get("09 07:01:00", BOB, 'Odd "quoted" agent/1.0', "style.css", note="unescaped_quote"),
    replace(
        get("09 07:00:30", PROBER, CURL, "", 403, op="REST.GET.BUCKET", uri="GET /?prefix=photos/ HTTP/1.1"), key=None
    ),
]
"""Of the site's bucket."""

BULK = f"{next(_numbers):016X}"
COPY = f"{next(_numbers):016X}"
WORK = [
    put("05 00:00:00", "tmp/c", 300),
    put("05 01:00:00", "tmp/b", 200),
    read("05 05:00:00", "tmp/b", 200),
    read("05 05:00:01", "tmp/e", 50),
    put("05 20:00:00", "tmp/a", 100),
    put("05 19:00:00", "tmp/a", 90, status=503),
    put("06 20:00:00", "tmp/a", 90, status=403),
    api("06 21:00:00", "REST.GET.OBJECT", "tmp/a", 403, sent=243),
    put("05 13:00:00", "tmp/g", 110, bucket=OLD),
    rule("08 00:10:00", "EXPIRE.OBJECT", "tmp/g", 110, bucket=OLD),
    rule("08 00:10:00", "EXPIRE.OBJECT", "tmp/a", 100, bucket=OLD),
    put("07 03:00:00", "tmp/z", 65),
    read("08 03:00:00", "tmp/z", 65),
    put("08 03:00:01", "tmp/d", 400, status=403),
    read("05 06:40:00", "docs/s", 630),
    put("06 06:40:00", "docs/s", 640),
    read("07 06:40:00", "docs/s", 640),
    put("06 00:00:00", "tmp/c", 350),
    rule("06 00:10:00", "EXPIRE.OBJECT", "tmp/f", 75),
    rule("06 00:10:00", "EXPIRE.OBJECT", "tmp/e", 50),
    rule("06 00:10:00", "EXPIRE.OBJECT", "tmp/d", 400),
    rule("06 00:10:01", "EXPIRE.OBJECT", "tmp/ä b", 20, logged_key="tmp/%C3%A4+b", version="v9"),
    rule("06 00:10:02", "EXPIRE.OBJECT", "tmp/z"),
    put("07 00:00:00", "tmp/f", 70),
    rule("07 00:10:00", "EXPIRE.OBJECT", "tmp/a", 100),
    rule("07 00:10:00", "EXPIRE.OBJECT", "tmp/b", 200),
    rule("07 00:10:00", "EXPIRE.OBJECT", "tmp/g", 100),
    api("07 09:00:00", "REST.GET.OBJECT", "tmp/d", 404, sent=300),
    rule("08 00:10:00", "EXPIRE.OBJECT", "tmp/c", 350),
    rule("08 00:10:00", "EXPIRE.OBJECT", "tmp/f", 70),
    rule("08 00:10:00", "EXPIRE.OBJECT", "copy/source", 600),
    put("08 09:00:00", "tmp/e", 60),
    api("08 09:30:00", "REST.GET.OBJECT", "tmp/d", 404, sent=300),
    read("09 09:00:00", "tmp/e", 60),
    api("09 09:10:00", "REST.GET.OBJECT", "tmp/f", 404, sent=300),
    put("05 03:00:00", "ver/k", 10),
    read("05 04:00:00", "ver/k", 10),
    rule("09 00:10:00", "EXPIRE.OBJECT", "ver/k", 10, version="v1"),
    rule("09 00:10:00", "EXPIRE.OBJECT", "ver/k", 30, version="v2"),
    read("05 06:30:00", "docs/r", 630),
    put("06 06:30:00", "docs/r", 640),
    rule("06 01:00:00", "CREATE.DELETEMARKER", "docs/y", version="v2"),
    rule("06 01:00:00", "CREATE.DELETEMARKER", "docs/x", version="v1"),
    rule("08 01:00:00", "CREATE.DELETEMARKER", "docs/x", version="v3", bucket=OLD),
    rule("05 02:00:00", "TRANSITION_SIA.OBJECT", "arch/1", 1_000, version="v1"),
    rule("06 02:00:00", "TRANSITION_SIA.OBJECT", "arch/1", 2_000, version="v2"),
    rule("06 02:00:00", "TRANSITION_SIA.OBJECT", "arch/1", 500, bucket=OLD),
    rule("07 02:00:00", "TRANSITION_ZIA.OBJECT", "arch/2", 500),
    rule("07 02:00:00", "TRANSITION_INT.OBJECT", "arch/3", 500),
    rule("07 02:00:01", "TRANSITION_GIR.OBJECT", "arch/3", 3_000),
    rule("08 02:00:00", "TRANSITION.OBJECT", "arch/4", 4_000),
    rule("09 02:00:00", "TRANSITION_GDA.OBJECT", "arch/5", 5_000),
    api("08 08:00:00", "REST.POST.RESTORE", "arch/4", 202, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("08 08:00:05", "REST.POST.RESTORE", "arch/4", 409, requester=ADMIN, ip=OFFICE, agent=CLI, sent=320),
    rule("08 12:00:00", "RESTORE.OBJECT", "arch/4", 4_000, version="v7", fields=18),
    rule("07 04:00:00", "DELETE.UPLOAD", "up/1"),
    api("07 04:00:00", "REST.DELETE.UPLOAD", "up/2", 204),
    api("07 04:00:01", "REST.DELETE.UPLOAD", "up/2", 404, error="NoSuchUpload", sent=280),
    api("06 10:00:00", "REST.POST.UPLOADS", "up/3", sent=350),
    api("06 10:00:10", "REST.PUT.PART", "up/3", size=40_000_000, total=900),
    api("06 10:00:10", "REST.PUT.PART", "up/3", size=40_000_000, total=800),
    api("06 10:00:20", "REST.POST.UPLOAD", "up/3", size=80_000_000, sent=400, total=100),
    put("06 10:01:00", "up/4", 50_000_000, requester=ADMIN, ip=OFFICE, agent=CLI),
    put("06 10:01:01", "up/5", 49_999_999),
    put("06 10:02:00", "up/6", 60_000_000, status=403),
    api("08 11:00:00", "REST.PUT.OBJECT", "in/1", 403, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=243),
    api("08 11:00:10", "REST.PUT.OBJECT", "in/2", 403, requester=NEWCOMER, ip=PROBER, agent=CLI, sent=243),
    api("08 11:00:20", "REST.PUT.OBJECT", "in/1", 503),
    api("08 11:00:30", "REST.PUT.PART", "in/1", 400, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=250),
    api("08 11:00:40", "REST.PUT.OBJECT", "in/1", 403, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=243),
    read("09 10:30:00", "copy/new", 600, requester=NEWCOMER, ip=OFFICE, agent=CLI),
    api("06 11:00:00", "REST.COPY.OBJECT", "copy/new", size=600, sent=200, rid=COPY),
    part_of(COPY, "06 11:00:00", "REST.COPY.OBJECT_GET", "copy/source", None, size=600),
    put("05 12:00:00", "copy/source", 600),
    put("05 12:05:00", "copy/idle", 600),
    api("09 10:00:00", "REST.POST.MULTI_OBJECT_DELETE", None, rid=BULK, requester=ADMIN, ip=OFFICE, agent=CLI, sent=900,
        uri="POST /?delete HTTP/1.1"),
    part_of(BULK, "09 10:00:00", "BATCH.DELETE.OBJECT", "junk/1", 204, requester=ADMIN, ip=OFFICE, size=10),
    part_of(BULK, "09 10:00:00", "BATCH.DELETE.OBJECT", "junk/2", 204, requester=ADMIN, ip=OFFICE),
    part_of(BULK, "09 10:00:00", "BATCH.DELETE.OBJECT", "junk/3", None, requester=ADMIN, ip=OFFICE, size=30),
    part_of(BULK, "09 10:00:00", "BATCH.DELETE.OBJECT", "junk/4", 403, requester=ADMIN, ip=OFFICE),
    api("09 10:59:59", "REST.DELETE.OBJECT", "junk/5", 204, requester=ADMIN, ip=PRIVATE, agent=CLI, size=50),
    api("09 11:00:00", "REST.DELETE.OBJECT", "junk/6", 204, requester=ADMIN, ip=OFFICE, agent=CLI, version="v4"),
    api("09 11:00:02", "REST.DELETE.OBJECT", "junk/8", 204, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("09 11:00:01", "REST.DELETE.OBJECT", "junk/7", 403, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=243),
    api("06 16:00:00", "REST.PUT.BUCKETPOLICY", None, 204, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("06 16:00:00", "REST.PUT.VERSIONING", None, 200, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("06 16:00:01", "REST.GET.BUCKETPOLICY", None, 200, requester=ADMIN, ip=OFFICE, agent=CLI, sent=700),
    api("06 15:00:00", "REST.DELETE.LIFECYCLE", None, 204, requester=ADMIN, ip=OFFICE, agent=CLI, bucket=OLD),
    api("08 16:00:00", "REST.PUT.PUBLIC_ACCESS_BLOCK", None, 403, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=243),
    api("08 16:00:01", "REST.PUT.ACL", "copy/new", 200, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("08 16:00:02", "REST.PUT.ACL", None, 200, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("05 06:00:00", "REST.GET.BUCKET", None, uri="GET /?list-type=2&prefix=tmp%2F HTTP/1.1", sent=1_000, turn=9),
    api("06 06:00:00", "REST.GET.BUCKET", None, uri="GET /data?prefix=tmp/&max-keys=9 HTTP/1.1", sent=1_000, turn=9),
    api("06 06:00:01", "REST.GET.BUCKET", None, uri="GET /?list-type=2 HTTP/1.1", sent=1_000, turn=9, requester=ADMIN),
    api("06 06:00:02", "REST.GET.BUCKETVERSIONS", None, uri="GET /?versions&prefix=tmp%2F HTTP/1.1", sent=90, turn=9),
    api("09 06:00:00", "REST.GET.BUCKET", None, 403, uri="GET /?prefix=a%20b HTTP/1.1", sent=243, requester=NEWCOMER),
    api("09 06:00:01", "REST.GET.BUCKET", None, 503, uri="GET /?prefix=a%20b HTTP/1.1", sent=300, requester=NEWCOMER),
]  # fmt: skip
"""Of the bucket `data` mostly: the application, its administrator, and lifecycle rules."""

PRESIGNED: dict[str, Any] = {"bucket": OLD, "auth": "QueryString", "agent": CHROME}
PAST = [
    api("05 07:00:00", "REST.GET.OBJECT", "old.txt", size=10, sent=10, turn=3, bucket=OLD, requester=ANONYMOUS_OF_OLD,
        ip=SIX, agent=CURL, fields=17),
    api("05 07:00:01", "REST.GET.OBJECT", "old.txt", size=10, sent=10, turn=3, bucket=OLD, requester=ADMIN, ip=OFFICE,
        agent=CURL, version="v1", fields=18),
    read("06 17:00:00", "tmp/a", 100, bucket=OLD),
    read("06 17:59:59", "report.pdf", 9_000, ip=ALICE, **PRESIGNED),
    read("06 18:00:00", "report.pdf", 9_000, ip=BOB, **PRESIGNED),
    api("08 17:00:00", "REST.GET.OBJECT", "report.pdf", 403, sent=243, ip=BOB, **PRESIGNED),
    api("08 17:00:01", "REST.PUT.OBJECT", "upload.bin", size=5_000, ip=BOB, **PRESIGNED, requester=ADMIN, acl="Yes"),
    read("09 17:00:00", "report.pdf", 9_000, bucket=OLD, requester=ADMIN, sig="SigV2", agent="old-tool/1.0", ip=OFFICE),
    read("09 17:00:01", "old.txt", 10, bucket=OLD, requester=ADMIN, sig="SigV2", agent="old-tool/1.0", ip=PRIVATE),
    read("09 17:00:03", "old.txt", 10, bucket=OLD, requester=ADMIN, sig="SigV2", agent="old-tool/1.0", ip=PRIVATE),
    api("09 17:30:00", "REST.GET.OBJECT", "report.pdf", 400, error="InvalidRequest", sent=300, ip=BOB, **PRESIGNED),
    read("09 17:00:02", "old.txt", 10, bucket=OLD, sig="SigV2", agent=None, acl="Yes"),
]  # fmt: skip
"""Of the bucket `backup`: old shapes, old signatures, presigned URLs; nothing on the 7th."""

MOVED, TAKEN = (f"{next(_numbers):016X}" for _ in range(2))
POINT = "arn:aws:s3:eu-central-1:111122223333:accesspoint/reports"
EVERYWHERE = "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap"
WAYS = [
    api("08 10:10:00", "REST.COPY.OBJECT", "copy/moved", size=600, sent=200, rid=MOVED, bucket=OLD, requester=ADMIN),
    part_of(MOVED, "08 10:10:00", "REST.COPY.OBJECT_GET", "copy/new", 200, size=600, requester=ADMIN),
    part_of(TAKEN, "08 10:11:00", "REST.COPY.OBJECT_GET", "docs/r", 200, size=640, requester=NEWCOMER, tls="TLSv1"),
    api("08 10:12:00", "REST.PUT.OBJECT_TAGGING", "docs/r", requester=ADMIN, ip=OFFICE, agent=CLI),
    api("08 10:12:01", "REST.DELETE.OBJECT_TAGGING", "docs/r", 204, requester=ADMIN, ip=OFFICE, agent=CLI),
    api("08 10:12:02", "REST.PUT.RETENTION", "docs/r", 403, requester=NEWCOMER, ip=OFFICE, agent=CLI, sent=243),
    api("08 10:12:03", "REST.PUT.LEGAL_HOLD", "docs/r", requester=ADMIN, ip=OFFICE, agent=CLI, version="v2"),
    read("08 10:13:00", "docs/r", 640, access_point=POINT,
         host="reports-111122223333.s3-accesspoint.eu-central-1.amazonaws.com"),
    read("08 10:13:01", "docs/s", 640, access_point=POINT, requester=NEWCOMER,
         host="reports-111122223333.s3-accesspoint.eu-central-1.amazonaws.com"),
    read("08 10:13:02", "docs/r", 640, access_point=EVERYWHERE,
         host="mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com"),
    read("08 10:14:00", "docs/r", 640, host="s3.eu-central-1.amazonaws.com"),
    read("08 10:14:01", "docs/r", 640, host="data.s3.amazonaws.com"),
    read("08 10:14:02", "docs/r", 640, host="data.s3.dualstack.eu-central-1.amazonaws.com"),
    read("08 10:14:03", "docs/r", 640, host="s3-fips.us-east-1.amazonaws.com"),
    read("08 10:14:04", "docs/r", 640, host="bucket.vpce-0a1b-cd.s3.eu-central-1.vpce.amazonaws.com"),
    read("08 10:14:05", "docs/r", 640, host="data.s3-accelerate.amazonaws.com"),
    read("08 10:14:06", "docs/r", 640, host="data.s3-eu-west-1.amazonaws.com:443"),
    api("08 10:14:07", "REST.GET.CORS", None, 404, error="NoSuchCORSConfiguration", host=None,
        requester="arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/AWSConfig-Describe"),
    api("08 10:14:08", "REST.OPTIONS.PREFLIGHT", None, requester=None, sig=None, auth=None, ip=ALICE, agent=CHROME),
    api("08 10:14:09", "REST.GET.OBJECT", "docs/r", 403, error="SignatureDoesNotMatch", requester=None, sent=300),
    api("08 10:14:10", "REST.DELETE.OBJECT", "docs/q", 204, size=7, version="v3", requester=ADMIN, agent=CLI),
]  # fmt: skip
"""Of the bucket `data` mostly: ways to S3 and out of it, permissions of objects, and who is none of the requesters."""


def billing() -> list[Record]:
    """What is billed in a way of its own: transfer of every kind, restores, uploads, lists of parts."""
    cloudfront = "svc:cloudfront.amazonaws.com"
    identity = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE11111"
    fast = f"{OLD}.s3-accelerate.amazonaws.com"
    office: dict[str, Any] = {"bucket": OLD, "ip": OFFICE, "requester": ADMIN, "agent": CLI}
    return [
        read("05 15:00:00", "fast/1", 2_000_000, **office, host=fast),
        put("05 15:00:01", "fast/1", 1_000_000, **office, host=fast),
        put("05 15:00:02", "fast/1", 3_000_000, **office, host=fast),
        put("05 15:00:03", "fast/1", 1_000_000, **office, host=fast, status=503),
        read("06 15:00:00", "far/1", 7_000_000, **office | {"ip": "52.0.0.1"}, region="us-east-1", fields=27),
        read("06 15:00:01", "far/1", 7_000_000, **office | {"ip": "52.0.0.1"}, region="eu-central-1", fields=27),
        read("06 15:00:02", "far/2", 4_000_000, **office | {"ip": None, "requester": cloudfront, "agent": None}),
        read("06 15:00:03", "far/2", 4_000_000, **office | {"ip": EDGE, "requester": identity, "agent": CURL}),
        read("06 15:00:04", "far/2", 4_000_000, **office | {"ip": None, "requester": "svc:logs.amazonaws.com"}),
        read("07 15:00:00", "near/1", 6_000_000, bucket=OLD, ip="172.20.0.1"),
        read("07 15:00:01", "near/1", 6_000_000, bucket=OLD, ip="172.32.0.1"),
        read("07 15:00:02", "near/1", 6_000_000, bucket=OLD, ip="100.64.0.1"),
        read("07 15:00:03", "near/1", 6_000_000, bucket=OLD, ip="fd00:ec2::254"),
        api("08 07:50:00", "REST.GET.OBJECT", "arch/4", 403, error="InvalidObjectState", sent=300),
        api("08 18:00:00", "REST.POST.RESTORE", "arch/4", 200, requester=ADMIN, ip=OFFICE, agent=CLI),
        api("08 18:00:01", "REST.POST.RESTORE", "arch/5", 202),
        read("09 12:30:00", "arch/3", 3_000_000),
        read("09 12:30:01", "arch/1", 2_000_000, bucket=OLD),
        read("09 12:30:02", "arch/1", 2_000_000),
        api("08 18:00:02", "REST.GET.UPLOAD", "up/1", uri="GET /up/1?uploadId=1 HTTP/1.1", sent=400),
    ]


def part(time: str, key: str, number: int, upload: str, size: int) -> Record:
    """One part of a multipart upload."""
    uri = f"PUT /{key}?partNumber={number}&uploadId={upload} HTTP/1.1"
    return api(time, "REST.PUT.PART", key, size=size, uri=uri)


def versions_and_classes() -> list[Record]:
    """What became of objects: old versions, delete markers, archives, copies in place, uploads that were given up."""
    in_place = f"{next(_numbers):016X}"
    return [
        put("05 02:00:00", "life/live", 1_000),
        put("05 02:10:00", "life/live", 2_000),
        rule("07 02:10:00", "EXPIRE.OBJECT", "life/live", 1_000, version="L1"),
        put("05 02:00:01", "life/marked", 5_000),
        rule("07 02:10:01", "CREATE.DELETEMARKER", "life/marked", version="M1"),
        rule("08 02:10:01", "EXPIRE.OBJECT", "life/marked", 5_000, version="V1"),
        rule("09 02:10:01", "EXPIRE.OBJECT", "life/marked", version="M1"),
        api("08 05:00:00", "REST.HEAD.OBJECT", "life/marked", 404, error=None),
        put("05 02:00:02", "life/back", 3_000),
        rule("06 02:10:02", "CREATE.DELETEMARKER", "life/back", version="M2"),
        api("06 09:00:00", "REST.DELETE.OBJECT", "life/back", 204, version="M2", requester=ADMIN),
        put("05 02:00:03", "life/kept", 700),
        put("05 02:10:03", "life/kept", 800),
        api("05 03:00:03", "REST.DELETE.OBJECT", "life/kept", 204, version="K1", size=700),
        put("05 02:00:04", "life/deleted", 7_000),
        api("07 03:00:04", "REST.DELETE.OBJECT", "life/deleted", 204, size=7_000, requester=ADMIN),
        put("05 02:00:05", "life/frozen", 9_000),
        rule("06 02:10:05", "TRANSITION_GDA.OBJECT", "life/frozen", 9_000),
        put("05 02:00:06", "life/cool", 6_000),
        rule("06 02:10:06", "TRANSITION_SIA.OBJECT", "life/cool", 6_000),
        put("05 02:00:07", "life/thawed", 4_000),
        api("05 09:00:07", "REST.POST.RESTORE", "life/thawed", 202),
        put("05 02:00:08", "life/retagged", 8_000),
        api("05 09:00:08", "REST.COPY.OBJECT", "life/retagged", size=8_000, sent=200, rid=in_place),
        part_of(in_place, "05 09:00:08", "REST.COPY.OBJECT_GET", "life/retagged", None, size=8_000),
        rule("09 02:10:08", "EXPIRE.OBJECT", "life/retagged", 8_000),
        put("05 02:00:09", "life/shrunk", 9_999),
        put("05 02:10:09", "life/shrunk", 99),
        part("07 05:00:00", "life/parts", 1, "U1", 5_000_000),
        part("07 05:00:10", "life/parts", 1, "U1", 6_000_000),
        part("07 05:00:20", "life/parts", 2, "U1", 2_000_000),
        part("07 05:00:30", "life/parts", 1, "U2", 3_000_000),
        api("07 05:01:00", "REST.DELETE.UPLOAD", "life/parts", 204, uri="DELETE /life/parts?uploadId=U2 HTTP/1.1"),
        part("07 05:00:00", "life/aborted", 1, "U3", 1_000_000),
        rule("08 00:10:00", "DELETE.UPLOAD", "life/aborted"),
    ]  # fmt: skip


def storage_and_strangers() -> list[Record]:
    """What leaves a storage class early, or need not have been moved; preflights, and requests that prove nothing."""
    site: dict[str, Any] = {"bucket": SITE}
    presigned = "PUT /cold/named?x-amz-storage-class=ONEZONE_IA&X-Amz-Signature=0 HTTP/1.1"
    preflight: dict[str, Any] = {"op": "REST.OPTIONS.PREFLIGHT", "error": "AccessForbidden", "sent": 200}
    forged: dict[str, Any] = {"requester": None, "ip": PROBER, "agent": CURL, "sent": 300}
    claimed = "GET /docs/r?X-Amz-Credential=AKIAEXAMPLE%2F20260307%2Feu-central-1%2Fs3%2Faws4_request HTTP/1.1"
    return [
        rule("05 02:20:00", "TRANSITION_SIA.OBJECT", "cold/expired", 3_000_000_000, **site),
        rule("08 02:20:00", "EXPIRE.OBJECT", "cold/expired", 3_000_000_000, **site),
        rule("05 02:20:00", "TRANSITION.OBJECT", "cold/written", 2_000_000_000, **site),
        put("07 04:00:00", "cold/written", 400, **site),
        rule("05 02:20:00", "TRANSITION_GIR.OBJECT", "cold/small", 5_000, **site),
        api("06 04:00:00", "REST.DELETE.OBJECT", "cold/small", 204, size=5_000, **site),
        put("05 04:00:00", "cold/named", 1_000_000_000, auth="QueryString", uri=presigned, **site),
        api("06 04:00:01", "BATCH.DELETE.OBJECT", "cold/named", 204, size=1_000_000_000, **site),
        put("05 04:00:01", "cold/frozen", 4_000_000_000, **site),
        api("06 05:00:00", "REST.GET.OBJECT", "cold/frozen", 403, error="InvalidObjectState", sent=300, **site),
        put("09 04:00:00", "cold/frozen", 600, **site),
        rule("05 02:20:00", "TRANSITION_INT.OBJECT", "cold/never", 900, **site),
        rule("05 02:20:00", "TRANSITION_SIA.OBJECT", "cold/unknown", **site),
        rule("05 02:20:00", "TRANSITION_SIA.OBJECT", "life/version", 5_000_000_000, version="C1"),
        rule("06 02:20:00", "TRANSITION_GDA.OBJECT", "life/version", 5_000_000_000, version="C1"),
        put("06 04:00:02", "life/version", 1_000),
        rule("07 02:20:00", "CREATE.DELETEMARKER", "life/version", version="C3"),
        rule("09 02:20:00", "EXPIRE.OBJECT", "life/version", 5_000_000_000, version="C1"),
        get("06 12:30:00", ALICE, CHROME, "fonts/a.woff2", 403, **preflight, referrer="https://shop.example.net/cart"),
        get("07 12:30:00", BOB, FIREFOX, "fonts/b.woff2", 403, **preflight, referrer="https://shop.example.net/"),
        get("07 12:31:00", BOB, FIREFOX, "logo.png", 403, **preflight),
        get(
            "07 12:32:00", BOB, FIREFOX, "logo.png", **preflight | {"error": None}, referrer="https://shop.example.net/"
        ),
        api("07 16:00:00", "REST.GET.OBJECT", "docs/r", 403, error="InvalidAccessKeyId", **forged),
        api("07 16:00:05", "REST.GET.OBJECT", "docs/r", 403, auth="QueryString", uri=claimed, **forged),
        api("07 16:00:01", "REST.PUT.OBJECT", "docs/r", 403, error="SignatureDoesNotMatch", **forged),
    ]


RECORDS = [*VISITS, *WORK, *PAST, *WAYS, *billing(), *versions_and_classes(), *storage_and_strangers()]


@dataclass(frozen=True)
class Reject:
    """A line that cannot be read, in a log object of the bucket delivered then."""

    reason: str
    line: str
    bucket: str
    delivered: dt.datetime


REJECTS = [
    Reject("not_a_record", "no record at all", SITE, at("06 12:30:00")),
    Reject("not_a_record", "another line that is none", DATA, at("06 00:45:00")),
    Reject("not_a_record", "the third that is none", SITE, at("07 12:30:00")),
    Reject("not_a_record", "and one more", DATA, at("06 00:45:00")),
    Reject(
        "truncated",
        f'{OWNER} {DATA} [06/Mar/2026:10:00:00 +0000] 10.0.0.5 - 1 REST.GET.OBJECT a "GET /a',
        DATA,
        at("07 00:45:00"),
    ),
]


def delivered(record: Record) -> dt.datetime:
    """When S3 wrote the record's log object: half past twelve, or a quarter to one at night; the site's 8th, late."""
    if record.bucket == SITE and record.date == dt.date(2026, 3, 8):
        return at("11 10:00:00")
    midnight = dt.datetime.combine(record.date, dt.time())
    return midnight + (dt.timedelta(hours=12.5) if record.time.hour < 12 else dt.timedelta(days=1, minutes=45))


def log_object(bucket: str, time: dt.datetime) -> str:
    """The name of the bucket's log object delivered then."""
    return f"logs/{time:%Y-%m-%d-%H-%M-%S}-{[SITE, DATA, OLD].index(bucket):016X}"


def write_log_objects(root: Path, lines: Iterable[tuple[str, dt.datetime, bytes]]) -> None:
    """Lines, each of a bucket and delivered then, as files below `root`: copies of today, named as then."""
    objects = defaultdict(list)
    for bucket, time, line in lines:
        objects[log_object(bucket, time)].append(line)
    for name, text in objects.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in text))


def all_lines() -> list[tuple[str, dt.datetime, bytes]]:
    """What S3 delivers, and when."""
    good = [(record.bucket, delivered(record), record.line) for record in RECORDS]
    return good + [(reject.bucket, reject.delivered, reject.line.encode()) for reject in REJECTS]
