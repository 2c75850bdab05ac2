"""Log objects that look like S3's, for the demo, tests and benchmarks: the same every time."""

import datetime as dt
import random
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from etl.parser import encode_key
from etl.parser.record import MONTHS

OWNER = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
ACCOUNT = "111122223333"
REGION = "eu-central-1"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/site-admin"
LIFECYCLE = "AmazonS3"

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/95.0.4638.69 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:94.0) Gecko/20100101 Firefox/94.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/7.79.1",
)
TOOL = "aws-cli/2.3.4 Python/3.8.8 Linux/5.10.68 exe/x86_64 prompt/off command/s3.sync"

_BASE32 = string.digits + string.ascii_uppercase
_BASE64 = string.ascii_letters + string.digits + "+/"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a bucket's log, without line feed, and the UTC time that it tells."""

    bucket: str
    time: dt.datetime
    text: str


@dataclass(frozen=True, slots=True)
class GeneratedObject:
    """A log object: its key in the log bucket, and its bytes."""

    key: str
    data: bytes


@dataclass
class LineWriter:
    """Writes lines of one bucket's log, with random ids from `rng`."""

    bucket: str
    rng: random.Random
    lines: list[LogLine] = field(default_factory=list)

    def request(
        self,
        time: dt.datetime,
        operation: str,
        key: str | None,
        *,
        ip: str = "192.0.2.10",
        requester: str = "-",
        status: int = 200,
        error: str = "-",
        bytes_sent: int | None = None,
        object_size: int | None = None,
        referrer: str = "-",
        user_agent: str = TOOL,
    ) -> None:
        """A request over HTTPS, with 26 fields as S3 wrote them from 2022 on."""
        method = operation.split(".")[1]
        path = f"/{quote(key)}" if key is not None else "/"
        # The first byte of a response comes shortly before the last one.
        milliseconds = self.rng.randint(5, 250)
        signed = (
            "SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader"
            if requester != "-"
            else "- TLS_AES_128_GCM_SHA256 -"
        )
        self._add(
            time,
            f"{ip} {requester} {self._request_id()} {operation} {_logged(key, operation)} "
            f'"{method} {path} HTTP/1.1" {status} {error} {_count(bytes_sent)} {_count(object_size)} '
            f'{milliseconds} {max(1, milliseconds - 3)} "{referrer}" "{user_agent}" - {self._host_id()} '
            f"{signed} {self.bucket}.s3.{REGION}.amazonaws.com TLSv1.2 - -",
        )

    def lifecycle(
        self, time: dt.datetime, operation: str, key: str, object_size: int | None = None
    ) -> None:
        """An action of a lifecycle rule: no address, no request, no status."""
        self._add(
            time,
            f"- {LIFECYCLE} {self._request_id()} {operation} {_logged(key, operation)} "
            f'"-" - - - {_count(object_size)} - - "-" "-" {self._version_id()} {self._host_id()} - - - - - - -',
        )

    def _add(self, time: dt.datetime, rest: str) -> None:
        text = f"{OWNER} {self.bucket} {_stamp(time)} {rest}"
        self.lines.append(LogLine(self.bucket, time, text))

    # Ids as S3's own look: most of a line's bytes that do not compress.

    def _request_id(self) -> str:
        return "".join(self.rng.choices(_BASE32, k=16))

    def _host_id(self) -> str:
        return "".join(self.rng.choices(_BASE64, k=75)) + "="

    def _version_id(self) -> str:
        return "".join(
            self.rng.choices(string.ascii_letters + string.digits + "._", k=32)
        )


def simple_objects(
    lines: Iterable[LogLine], prefix: str, minutes: int = 60
) -> Iterator[GeneratedObject]:
    """Log objects in simple naming: each has `minutes` of a bucket's lines, delivered after they ended."""
    rng = random.Random(prefix)  # noqa: S311 - the same names every time

    def delivered(line: LogLine) -> dt.datetime:
        midnight = line.time.replace(hour=0, minute=0, second=0)
        slot = (line.time - midnight) // dt.timedelta(minutes=minutes) + 1
        return midnight + slot * dt.timedelta(minutes=minutes, seconds=17)

    for time, group in groupby(sorted(lines, key=lambda line: line.time), key=delivered):
        yield GeneratedObject(
            f"{prefix}{time:%Y-%m-%d-%H-%M-%S}-{_unique(rng)}", _data(group)
        )


def partitioned_objects(
    lines: Iterable[LogLine], prefix: str, lines_per_object: int = 200
) -> Iterator[GeneratedObject]:
    """Log objects in partitioned naming by event time: each has lines of one bucket and day."""
    rng = random.Random(prefix)  # noqa: S311 - the same names every time
    ordered = sorted(lines, key=lambda line: (line.bucket, line.time))
    for (bucket, day), group in groupby(
        ordered, key=lambda line: (line.bucket, line.time.date())
    ):
        of_day = list(group)
        folder = f"{prefix}{ACCOUNT}/{REGION}/{bucket}/{day:%Y/%m/%d}/"
        for start in range(0, len(of_day), lines_per_object):
            name = f"{day:%Y-%m-%d}-00-00-00-{_unique(rng)}"
            yield GeneratedObject(
                folder + name, _data(of_day[start : start + lines_per_object])
            )


def write_objects(objects: Iterable[GeneratedObject], directory: Path) -> int:
    """Write log objects as files, except those that are there; how many there are in all."""
    count = 0
    for count, one in enumerate(objects, 1):  # noqa: B007 - the number of the last
        path = directory / one.key
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(one.data)
    return count


def demo_objects(last_day: dt.date | None = None) -> Iterator[GeneratedObject]:
    """The log objects of the demo: a website behind CloudFront, and a bucket with lifecycle rules.

    Both have the figures of the AWS write-up on S3 access logs and pandas (AWS Storage Blog, 2022), and its days, or the
    same up to `last_day`.
    """
    website, lifecycle = website_lines(), lifecycle_lines()
    if last_day is not None:
        website = _moved(website, last_day - WEBSITE_LAST_DAY)
        lifecycle = _moved(lifecycle, last_day - LIFECYCLE_LAST_DAY)
    yield from simple_objects(website, "website/")
    yield from partitioned_objects(lifecycle, "lifecycle/")


def _moved(lines: Iterable[LogLine], later: dt.timedelta) -> list[LogLine]:
    """The lines as they would be so many whole days later."""
    return [
        LogLine(
            line.bucket,
            line.time + later,
            line.text.replace(_stamp(line.time), _stamp(line.time + later), 1),
        )
        for line in lines
    ]


DEMO_WEBSITE = "demo-cf-origin"
DEMO_LIFECYCLE = "demo-lifecycle"
WEBSITE_LAST_DAY = dt.date(2021, 11, 14)
LIFECYCLE_LAST_DAY = dt.date(2021, 11, 7)
_WEBSITE_LINES = 3883
_LIFECYCLE_LINES = 4609
_FAVICON = "favicon.ico"
_PAGES = {
    "index.html": (99, 2_310),
    "puppy.jpg": (39, 481_230),
    "goldfish.jpg": (26, 377_904),
    "kitten.jpg": (18, 402_115),
    "s3-sal-pandas-02.html": (1, 1_871),
}


def website_lines(seed: int = 1) -> list[LogLine]:
    """Bucket demo-cf-origin: 344 GETs from 115 addresses, of which 161, all of favicon.ico, were denied to 79."""
    rng = random.Random(seed)  # noqa: S311 - the same lines every time
    writer = LineWriter(DEMO_WEBSITE, rng)
    start, days = dt.datetime(2021, 11, 1, tzinfo=dt.UTC), 14
    addresses = [
        f"{net}.{host}"
        for net in ("198.51.100", "203.0.113", "192.0.2")
        for host in range(1, 255)
    ]
    rng.shuffle(addresses)
    denied = [7, 5, 5, 5, 5] + [2] * 60 + [1] * 14 + [0] * 36
    served = [4, 5, 4, 3, 2] + [1] * 57 + [0] * 17 + [3] * 36
    pages = [page for page, (times, _) in _PAGES.items() for _ in range(times)]
    rng.shuffle(pages)
    for address, denials, downloads in zip(addresses, denied, served, strict=False):
        agent = rng.choice(BROWSERS)
        for _ in range(denials):
            writer.request(
                _within(rng, start, days), "REST.GET.OBJECT", _FAVICON, ip=address, status=403, error="AccessDenied",
                bytes_sent=243, user_agent=agent, referrer="https://www.example.com/",
            )  # fmt: skip
        for _ in range(downloads):
            page = pages.pop()
            size = _PAGES[page][1]
            fresh = rng.random() < 0.8  # noqa: PLR2004 - the rest has it in its cache
            writer.request(
                _within(rng, start, days), "REST.GET.OBJECT", page, ip=address, status=200 if fresh else 304,
                bytes_sent=size if fresh else None, object_size=size, user_agent=agent,
            )  # fmt: skip
    _administration(writer, _WEBSITE_LINES - 1, start, days, list(_PAGES))
    # What a dashboard of the last week has to tell somebody.
    change = _at("2021-11-12 09:12:00")
    writer.request(change, "REST.PUT.BUCKETPOLICY", None, requester=ADMIN, status=204)
    return writer.lines


def lifecycle_lines(seed: int = 2) -> list[LogLine]:
    """Bucket demo-lifecycle: 312 events of lifecycle rules among 4,609 lines, from July to November 2021."""
    rng = random.Random(seed)  # noqa: S311 - the same lines every time
    writer = LineWriter(DEMO_LIFECYCLE, rng)
    expire = "S3.EXPIRE.OBJECT"
    writer.lifecycle(_at("2021-07-01 18:59:38"), expire, "expire/", 0)
    for number in range(1, 41):
        writer.lifecycle(
            _at("2021-07-01 18:59:39"), expire, f"expire/test{number:02d}.txt", 1024
        )
    for time, keys in (
        ("2021-08-07 00:34:36", 47),
        ("2021-11-03 21:16:20", 46),
        ("2021-11-04 18:47:51", 46),
    ):
        for number in range(1, keys + 1):
            writer.lifecycle(_at(time), expire, f"expiration/test{number:02d}.txt", 1024)
    for operation, time, folder, keys in (
        ("S3.CREATE.DELETEMARKER", "2021-10-02 00:12:09", "versioned/report", 46),
        ("S3.TRANSITION_GDA.OBJECT", "2021-09-30 01:40:51", "deep-archive/backup", 45),
        ("S3.TRANSITION.OBJECT", "2021-07-02 02:05:33", "archive/log", 41),
    ):
        for number in range(1, keys + 1):
            writer.lifecycle(_at(time), operation, f"{folder}{number:02d}.dat", 1_048_576)
    keys_in_use = [f"expiration/test{number:02d}.txt" for number in range(1, 48)]
    _administration(
        writer, _LIFECYCLE_LINES, _at("2021-06-25 00:00:00"), 136, keys_in_use
    )
    return writer.lines


def traffic(
    count: int, buckets: Sequence[str], first_day: dt.date, days: int, seed: int = 0
) -> Iterator[LogLine]:
    """`count` lines of mixed requests to several buckets, spread evenly over `days`, in the order of time."""
    rng = random.Random(seed)  # noqa: S311 - the same lines every time
    writers = [LineWriter(bucket, rng) for bucket in buckets]
    start = dt.datetime.combine(first_day, dt.time(), dt.UTC)
    step = dt.timedelta(days=days) / max(1, count)
    addresses = [f"198.51.{net}.{host}" for net in range(16) for host in range(1, 255)]
    keys = [
        f"site/section {number % 40}/page-{number:05d}.html" for number in range(5000)
    ]
    for number in range(count):
        writer = rng.choice(writers)
        time = (start + number * step).replace(microsecond=0)
        _visit(writer, rng, time, rng.choice(addresses), rng.choice(keys))
        yield writer.lines.pop()


# Of a hundred lines of traffic: how many, the operation, how it was answered.
_VISITS = (
    (70, "REST.GET.OBJECT", 200, "-"),
    (8, "REST.GET.OBJECT", 304, "-"),
    (6, "REST.GET.OBJECT", 404, "NoSuchKey"),
    (4, "REST.GET.OBJECT", 403, "AccessDenied"),
    (7, "REST.PUT.OBJECT", 200, "-"),
    (5, "S3.EXPIRE.OBJECT", 0, "-"),
)


def _visit(
    writer: LineWriter, rng: random.Random, time: dt.datetime, address: str, key: str
) -> None:
    _, operation, status, error = rng.choices(
        _VISITS, weights=[visit[0] for visit in _VISITS]
    )[0]
    size = 1000 + sum(key.encode()) * 7919 % 400_000
    if operation.startswith("S3."):
        writer.lifecycle(time, operation, key, size)
    elif operation == "REST.PUT.OBJECT":
        writer.request(
            time, operation, key, ip=address, requester=ADMIN, object_size=size
        )
    else:
        sent = {200: size, 304: None}.get(status, 250)
        writer.request(
            time, operation, key, ip=address, status=status, error=error, bytes_sent=sent,
            object_size=None if error != "-" else size, user_agent=rng.choice(BROWSERS),
        )  # fmt: skip


def _administration(
    writer: LineWriter, total: int, start: dt.datetime, days: int, keys: list[str]
) -> None:
    """Requests of the bucket's owner until the bucket has `total` lines; no object is downloaded, none denied."""
    operations = (
        ("REST.PUT.OBJECT", True, 200, "-"),
        ("REST.HEAD.OBJECT", True, 200, "-"),
        ("REST.GET.BUCKET", False, 200, "-"),
        ("REST.GET.BUCKET", False, 200, "-"),
        ("REST.GET.LOGGING_STATUS", False, 200, "-"),
        ("REST.GET.LIFECYCLE", False, 200, "-"),
        ("REST.GET.BUCKETPOLICY", False, 404, "NoSuchBucketPolicy"),
        ("REST.GET.ENCRYPTION", False, 200, "-"),
    )
    while len(writer.lines) < total:
        operation, takes_key, status, error = writer.rng.choice(operations)
        key = writer.rng.choice(keys) if takes_key else None
        writer.request(
            _within(writer.rng, start, days), operation, key, requester=ADMIN, status=status, error=error,
            bytes_sent=None if takes_key else writer.rng.randint(100, 900), object_size=1024 if takes_key else None,
        )  # fmt: skip


def _within(rng: random.Random, start: dt.datetime, days: int) -> dt.datetime:
    return start + dt.timedelta(seconds=rng.randrange(days * 86400))


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _stamp(time: dt.datetime) -> str:
    return f"[{time.day:02d}/{MONTHS[time.month - 1]}/{time:%Y:%H:%M:%S} +0000]"


def _logged(key: str | None, operation: str) -> str:
    return "-" if key is None else encode_key(key, operation)


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _unique(rng: random.Random) -> str:
    return "".join(rng.choices(string.digits + "ABCDEF", k=16))


def _data(lines: Iterable[LogLine]) -> bytes:
    return "".join(f"{line.text}\n" for line in lines).encode()
