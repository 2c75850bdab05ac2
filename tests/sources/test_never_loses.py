"""Ten days of late deliveries, polled in three rhythms: what discovery finds, beside cursors and a watermark.

The bucket is a real HTTP server that answers ListObjectsV2, and grows as the simulated time passes.
"""

import datetime as dt
import random
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from listing_server import ListingServer, listing_server

from etl.config import Settings
from etl.lake import coverage
from etl.sources import Found, discover_objects, parse_source, subtract
from etl.store.s3_session import S3Session

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
DAYS = 10
DELIVERIES = 40
# AWS promises nothing; the longest lag that anybody measured is this one.
LONGEST_LAG = dt.timedelta(days=9)
TAIL = 0.15
SOURCE_BUCKETS = ("alpha", "beta")
FOLDER = "logs/111122223333/eu-central-1"
EVERY = {"5 minutes": dt.timedelta(minutes=5), "hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1)}
# The share in percent of all log objects that each of the others loses at least, whatever the seed.
LOST = {
    ("EventTime", "5 minutes"): {"key cursor": 75, "look-back": 7, "watermark": 75},
    ("EventTime", "hour"): {"key cursor": 70, "look-back": 7, "watermark": 70},
    ("EventTime", "day"): {"key cursor": 40, "look-back": 5, "watermark": 10},
    # Folders of days of delivery, to which nothing is added later: what is lost is lost between two source buckets.
    ("DeliveryTime", "5 minutes"): {"key cursor": 40, "watermark": 7},
    ("DeliveryTime", "hour"): {"key cursor": 40},
    ("DeliveryTime", "day"): {"key cursor": 30},
}


class Delivered(NamedTuple):
    """A log object, and when it can be listed from."""

    visible_at: dt.datetime
    key: str


class Poll(NamedTuple):
    """One look at the bucket, which has these keys, in order, by then."""

    at: dt.datetime
    keys: Sequence[str]


def deliveries(naming: str, rng: random.Random) -> list[Delivered]:
    """The log objects of ten days, some at a time, in the order in which they appear."""
    objects: list[Delivered] = []
    for _ in range(DELIVERIES):
        delivered_at = START + dt.timedelta(days=DAYS) * rng.random()
        for _ in range(rng.randint(1, 12)):
            named_at = delivered_at if naming == "DeliveryTime" else midnight(delivered_at - lag(rng))
            # Named when the upload begins, listed when it is done.
            visible_at = delivered_at + dt.timedelta(seconds=rng.expovariate(1 / 60))
            objects.append(Delivered(visible_at, key_of(rng.choice(SOURCE_BUCKETS), named_at, rng)))
    return sorted(objects)


def lag(rng: random.Random) -> dt.timedelta:
    """From an event to its delivery: a few hours, but for the tail."""
    if rng.random() < TAIL:
        return LONGEST_LAG * rng.random()
    return dt.timedelta(hours=rng.expovariate(1 / 2))


def midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0)


def key_of(source_bucket: str, named_at: dt.datetime, rng: random.Random) -> str:
    return f"{FOLDER}/{source_bucket}/{named_at:%Y/%m/%d/%Y-%m-%d-%H-%M-%S}-{rng.getrandbits(64):016X}"


def polls(objects: Sequence[Delivered], every: dt.timedelta) -> list[Poll]:
    """Ten days of polls, without those that come before anything new: they would list the same once more."""
    moments = [START + n * every for n in range(dt.timedelta(days=DAYS + 1) // every + 1)]
    counts = [bisect_right(objects, moment, key=lambda one: one.visible_at) for moment in moments]
    return [
        Poll(moment, sorted(one.key for one in objects[:count]))
        for moment, count, before in zip(moments, counts, [0, *counts], strict=False)
        if count > before
    ]


def read_by_accesslake(server: ListingServer, looks: Sequence[Poll], lookback_days: int) -> Counter[str]:
    """How often each log object is read by runs that begin at these moments."""
    source, session = parse_source("s3://bucket/logs/"), S3Session(server.url)
    ledger: defaultdict[dt.date, dict[str, str]] = defaultdict(dict)
    covered: coverage.Covered | None = None
    reads: Counter[str] = Counter()
    for look in looks:
        server.keys = list(look.keys)
        found = Found()
        since = coverage.first_day(covered, None, lookback_days)
        objects = discover_objects(source, since, look.at.date(), session, found)
        new = list(subtract(objects, lambda day, name: ledger[day].get(name), found))
        for one in new:
            reads[one.name.removeprefix("s3://bucket/")] += 1
            ledger[one.day][one.name] = one.etag
        covered = coverage.now_covered(covered, None, lookback_days, look.at)
    return reads


def read_by_key_cursor(looks: Sequence[Poll]) -> Counter[str]:
    """Each poll lists from the last key on that was seen (`StartAfter`)."""
    reads: Counter[str] = Counter()
    last = ""
    for look in looks:
        reads.update(key for key in look.keys if key > last)
        last = look.keys[-1]
    return reads


def read_by_look_back(looks: Sequence[Poll]) -> Counter[str]:
    """Each poll lists each source bucket from a day before its last key, and takes what it did not see before."""
    reads: Counter[str] = Counter()
    starts: dict[str, str] = {}
    for look in looks:
        reads.update(key for key in look.keys if key > starts.get(source_folder(key), "") and key not in reads)
        starts = {source_folder(key): day_before(key) for key in look.keys}
    return reads


def source_folder(key: str) -> str:
    return key.rsplit("/", 4)[0]


def day_before(key: str) -> str:
    """Where the keys of a source bucket begin that are named after the day before that of `key`."""
    return f"{source_folder(key)}/{time_in_name(key) - dt.timedelta(days=1):%Y/%m/%d}"


def read_by_watermark(looks: Sequence[Poll]) -> Counter[str]:
    """Each poll takes the objects with a later time in their names than any that was seen."""
    reads: Counter[str] = Counter()
    newest = dt.datetime.min.replace(tzinfo=dt.UTC)
    for look in looks:
        times = {key: time_in_name(key) for key in look.keys}
        reads.update(key for key, time in times.items() if time > newest)
        newest = max(times.values())
    return reads


def time_in_name(key: str) -> dt.datetime:
    match = re.search(r"[0-9]{4}(?:-[0-9]{2}){5}", key)
    assert match is not None
    return dt.datetime.strptime(match[0], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=dt.UTC)


OTHERS: dict[str, Callable[[Sequence[Poll]], Counter[str]]] = {
    "key cursor": read_by_key_cursor,
    "look-back": read_by_look_back,
    "watermark": read_by_watermark,
}


@pytest.mark.parametrize(("naming", "every"), LOST)
def test_discovery_loses_nothing_where_cursors_do(naming: str, every: str) -> None:
    """Each log object is read once, in either naming and any rhythm; cursors and watermarks lose many of them."""
    objects = deliveries(naming, random.Random(13))
    looks = polls(objects, EVERY[every])
    with listing_server() as server:
        reads = read_by_accesslake(server, looks, Settings().lookback_days)
    assert reads == Counter(one.key for one in objects)
    lost = {name: 100 * (1 - len(read(looks)) / len(objects)) for name, read in OTHERS.items()}
    fewer_lost = {name: lost[name] for name, least in LOST[naming, every].items() if lost[name] < least}
    assert not fewer_lost


def test_a_window_shorter_than_the_tail_loses() -> None:
    """The simulation is hard enough: what is delivered after the look-back window is lost."""
    objects = deliveries("EventTime", random.Random(13))
    with listing_server() as server:
        reads = read_by_accesslake(server, polls(objects, EVERY["day"]), lookback_days=1)
    assert len(reads) < len(objects)
