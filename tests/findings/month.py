"""The lines of a month: days as they usually are, and what happens in its last week."""

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conftest import ingest_local
from small_lake import (
    BOTO,
    CHROME,
    CLI,
    FIREFOX,
    NEWCOMER,
    OWN_PAGE,
    PRIVATE,
    PROBER,
    SITE,
    SQLMAP,
    Record,
    api,
    get,
    part_of,
    put,
    read,
    rule,
)

ACCOUNT = "111122223333"
MALLORY = f"arn:aws:iam::{ACCOUNT}:user/mallory"
BACKUP = f"arn:aws:sts::{ACCOUNT}:assumed-role/backup/nightly"
TERRAFORM = f"arn:aws:sts::{ACCOUNT}:assumed-role/terraform/run-1"
TERRAFORM_AGAIN = f"arn:aws:sts::{ACCOUNT}:assumed-role/terraform/run-2"
SERVICE = "svc:delivery.logs.amazonaws.com"
NOBODY: dict[str, Any] = {"requester": None, "sig": None, "auth": None, "ip": PROBER}
LAST_DAY = 30
"""A Monday of March 2026, of which there are records until 14:05."""
MANY_BUCKETS = [f"shop-{number:03}" for number in range(20)]


def usual_day(day: int) -> Iterator[Record]:
    """Visits, an application, a nightly backup, a service, lifecycle rules, and a scanner."""
    for hour in range(24 if day < LAST_DAY else 14):
        for minute in range(0, 60, 12):
            ip = f"198.51.100.{minute}"
            yield get(f"{day:02} {hour:02}:{minute:02}:00", ip, CHROME, "index.html")
        yield read(f"{day:02} {hour:02}:30:00", "orders.db", 50_000_000)
        yield put(f"{day:02} {hour:02}:31:00", f"tmp/{day}-{hour}", 1_000)
    if day < LAST_DAY:
        yield get(f"{day:02} 23:59:59", "198.51.100.1", CHROME, "about.html")
    else:
        yield get(f"{day:02} 14:05:00", "198.51.100.1", CHROME, "about.html")
    yield api(f"{day:02} 03:00:00", "REST.PUT.OBJECT", f"logs/{day}", requester=SERVICE, size=100)
    # The backup reads more than 10 GB every night, and deletes what it made the week before.
    yield read(f"{day:02} 01:00:00", "dump", 11_000_000_000, requester=BACKUP, ip=PRIVATE)
    for number in range(110):
        time, key = f"{day:02} 02:00:{number % 60:02}", f"b/{day}/{number}"
        yield api(time, "REST.DELETE.OBJECT", key, 204, requester=BACKUP, size=5)
    for number in range(30):
        yield rule(f"{day:02} 00:10:00", "EXPIRE.OBJECT", f"tmp/{day - 1}-{number}", 1_000)
    # Whoever tries all buckets that there are finds no configuration, and may write none.
    for operation in ("REST.GET.ACL", "REST.GET.BUCKETPOLICY", "REST.PUT.ACL", "REST.GET.BUCKET"):
        yield api(f"{day:02} 04:00:00", operation, None, 403, bucket=SITE, agent=SQLMAP, **NOBODY)


def quiet_month() -> list[Record]:
    return [record for day in range(1, LAST_DAY + 1) for record in usual_day(day)]


def incidents() -> Iterator[Record]:
    """What happens in the last week, each in a few records."""
    yield api("29 09:12:00", "REST.PUT.BUCKETPOLICY", None, 204, bucket=SITE, requester=MALLORY)
    for bucket in MANY_BUCKETS:
        yield api("25 10:00:00", "REST.PUT.PUBLIC_ACCESS_BLOCK", None, bucket=bucket, requester=TERRAFORM)
    yield api("25 10:05:00", "REST.DELETE.PUBLIC_ACCESS_BLOCK", None, 204, requester=TERRAFORM_AGAIN)
    yield api("28 23:00:00", "REST.PUT.LOGGING_STATUS", None, requester=MALLORY)
    yield api("26 08:00:00", "REST.PUT.LIFECYCLE", None, requester=MALLORY)
    yield api("26 08:01:00", "REST.PUT.VERSIONING", None, requester=MALLORY)
    yield api("26 08:02:00", "REST.PUT.TAGGING", None, requester=MALLORY)
    yield api("26 08:03:00", "REST.PUT.ENCRYPTION", None, 403, requester=MALLORY)
    yield api("26 08:04:00", "REST.PUT.ACL", "\x1b[31morders.db", requester=MALLORY, logged_key="%1B[31morders.db")
    yield api("27 05:00:00", "REST.PUT.OBJECT", "planted.html", bucket=SITE, size=10, **NOBODY)
    yield api("27 05:01:00", "REST.GET.OBJECT", "orders.db", sent=1000, size=1000, **NOBODY)
    for number in range(150):
        batch = part_of("AAAA", "28 22:00:00", "BATCH.DELETE.OBJECT", f"orders/{number}", 204)
        version = f"v{number}" if number < 20 else None
        yield replace(batch, requester=MALLORY, size=1_000_000, version=version)
    yield api("28 22:30:00", "REST.DELETE.OBJECT", "a", 204, bucket=SITE, requester=BACKUP, size=7, version="v1")
    yield read("28 21:00:00", "dump", 40_000_000_000, requester=MALLORY, ip="203.0.113.77")
    yield put("27 12:00:00", "theirs", 10, requester=NEWCOMER, ip="203.0.113.78")
    for number in range(60):
        yield get(f"27 06:00:{number:02}", PROBER, SQLMAP, f"admin/{number}.php", 403)
    yield get("27 06:01:00", PROBER, SQLMAP, "index.html")
    yield get("27 06:02:00", PROBER, "x [01/Jan/2026:00:00:00 +0000] y", "about.html", 403)
    yield get("24 11:00:00", "192.0.2.9", FIREFOX, "about.html", tls="TLSv1", cipher="ECDHE-RSA-AES128-SHA")
    yield api("24 11:01:00", "REST.GET.OBJECT", "orders.db", sent=10, tls=None, cipher=None, agent=CLI)
    yield api("24 11:02:00", "REST.GET.OBJECT", "orders.db", sent=10, sig="SigV2", agent=BOTO)
    yield get("24 12:00:00", "192.0.2.9", FIREFOX, "gone.html", 404, referrer=OWN_PAGE)
    yield get("24 12:01:00", "192.0.2.9", FIREFOX, "photos/a.jpg", 503)
    part = "PUT /big?partNumber=1&uploadId=u HTTP/1.1"
    yield api("25 13:00:00", "REST.PUT.PART", "big", size=2_000_000_000, uri=part)


def eventful_month() -> list[Record]:
    return [*quiet_month(), *incidents()]


def make_lake(records: Iterable[Record], directory: Path) -> str:
    """A lake of these records; those of a day are delivered at its end, and those of the last day at 15:00."""
    logs = directory / "logs"
    logs.mkdir()
    by_day: dict[int, list[Record]] = {}
    for record in records:
        by_day.setdefault(record.time.day, []).append(record)
    for day, of_day in by_day.items():
        end = "23:59:59" if day < LAST_DAY else "15:00:00"
        delivered = dt.datetime.fromisoformat(f"2026-03-{day:02}T{end}Z")
        log_object = logs / f"{delivered:%Y-%m-%d-%H-%M-%S}-AAAA"
        log_object.write_bytes(b"".join(record.line + b"\n" for record in of_day))
        os.utime(log_object, (delivered.timestamp(), delivered.timestamp()))
    ingest_local(logs, directory / "lake")
    return str(directory / "lake")
