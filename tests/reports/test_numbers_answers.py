"""What a few lines say of folders, single objects, people and pages, readers, latency over days, and completeness."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from small_lake import ADMIN, APP, CHROME, CURL, FIREFOX, GOOGLEBOT, Record, api, at, get, page, put, read, rule

from etl.query import Database
from etl.reports.loader import load_reports
from etl.reports.report import query_report
from etl.store import open_store

REPORTS = load_reports()
Rows = Callable[..., list[tuple[Any, ...]]]
READER, OTHER = "192.0.2.10", "192.0.2.11"
SITE_URL = "https://www.example.org"
HEADLESS = CHROME.replace("Chrome/", "HeadlessChrome/")
GB = 1024**3


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Rows]:
    """Of a lake of these records: columns of a report's rows, all of them where none is named."""

    def of(records: Iterable[Record]) -> Rows:
        (tmp_path / "logs").mkdir()
        lines = b"".join(record.line + b"\n" for record in records)
        (tmp_path / "logs/2026-03-31-00-00-00-AAAA").write_bytes(lines)
        ingest_local(tmp_path / "logs", tmp_path / "lake")
        # one process answers all reports of a test
        database = Database(open_store(str(tmp_path / "lake")))

        def rows(report: str, columns: str = "", **arguments: Any) -> list[tuple[Any, ...]]:
            found = query_report(REPORTS[report], database, arguments).to_arrow().to_pylist()
            return [tuple(row[name] for name in columns.split() or row) for row in found]

        return rows

    return of


# Folders


def _in_folders() -> list[Record]:
    return [
        read("05 08:00:00", "a/x/1", GB, ip=READER),
        read("05 08:00:01", "a/x/1", GB, ip=READER),
        read("05 08:00:02", "a/y/z/2", GB, ip=READER),
        put("05 08:00:03", "a/x/3", 5),
        read("05 08:00:04", "b/4", 7, status=403, ip=READER),
        read("05 08:00:05", "5", 7),
        api("05 08:00:06", "REST.GET.BUCKET", None),
    ]


def test_folders_at_any_depth(ask: Callable[..., Rows]) -> None:
    """A key counts in the folder that it is in, as deep as was asked, and objects are counted once that were read."""
    rows = ask(_in_folders())
    expected = {
        ("", 1): [("a/", 2, 4), ("", 1, 1), ("b/", 0, 1)],
        ("", 2): [("a/x/", 1, 3), ("a/y/", 1, 1), ("", 1, 1), ("b/", 0, 1)],
        ("", 9): [("a/x/", 1, 3), ("a/y/z/", 1, 1), ("", 1, 1), ("b/", 0, 1)],
        ("", 10**12): [("a/x/", 1, 3), ("a/y/z/", 1, 1), ("", 1, 1), ("b/", 0, 1)],
        ("", 0): [("", 3, 6)],
        ("", -1): [("", 3, 6)],
        ("a/", 1): [("a/x/", 1, 3), ("a/y/", 1, 1)],
        ("a/y/", 1): [("a/y/z/", 1, 1)],
        ("c/", 1): [],
    }
    for (below, depth), folders in expected.items():
        found = rows("cost/folders", "folder objects_read requests", below=below, depth=depth)
        assert sorted(found) == sorted(folders)
        assert found[:1] == folders[:1]
    by_folder = rows("website/folders", "folder requests", below="a/", depth=2)
    assert by_folder == [("a/x/", 2), ("a/y/z/", 1)]


def test_folders_cost_what_their_bucket_costs(ask: Callable[..., Rows]) -> None:
    """Requests, data transfer and retrieval of all folders add up to the bucket's, but for requests without a key."""
    moved = [
        rule("05 09:00:00", "TRANSITION_SIA.OBJECT", "c/cold", GB),
        read("05 10:00:00", "c/cold", GB, ip=READER),
    ]
    rows = ask([*_in_folders(), *moved])
    costs: dict[str, float] = dict(rows("cost/folders", "folder cost"))
    reads, write, transition, cold_read = 0.0000004, 0.000005, 0.00001, 0.000001
    assert costs["a/"] == pytest.approx(3 * 0.09 + 3 * reads + write, abs=1e-6)
    assert costs["c/"] == pytest.approx(0.09 + 0.01 + transition + cold_read, abs=1e-6)
    ((bucket,),) = rows("cost/by_bucket", "cost")
    listing = 0.000005
    assert sum(costs.values()) + listing == pytest.approx(bucket, abs=3e-6)


# One object


def test_one_object_by_day(ask: Callable[..., Rows]) -> None:
    """However its key is written: requests, downloads, those that broke off, and visitors, of each day."""
    name, logged_key = "my photos/ä 1.jpg", "my%2520photos/%25C3%25A4%25201.jpg"
    logged: dict[str, Any] = {"logged_key": logged_key, "size": 100}
    rows = ask(
        [
            get("05 08:00:00", READER, CHROME, name, sent=100, **logged),
            get("05 09:00:00", READER, CHROME, name, sent=40, **logged),
            get("05 10:00:00", OTHER, GOOGLEBOT, name, 206, sent=40, **logged),
            get("06 08:00:00", OTHER, FIREFOX, name, 304, **logged),
            get("06 08:00:01", OTHER, FIREFOX, name, 403, logged_key=logged_key),
            get("06 08:00:02", OTHER, FIREFOX, "my photos/other.jpg", logged_key="my%2520photos/other.jpg"),
        ]
    )
    columns = "date requests downloads broken_off failed visits visitors bytes_sent"
    first = (at("05 00:00:00").date(), 3, 3, 1, 0, 3, 2, 180)
    second = (at("06 00:00:00").date(), 2, 0, 0, 1, 1, 1, 243)
    for key in (
        name,
        f"/{name}",
        "my%20photos/%C3%A4%201.jpg",
        f"s3://www.example.org/{name}",
        "https://www.example.org/my%20photos/%C3%A4%201.jpg?size=9#top",
    ):
        assert rows("website/object_by_day", columns, key=key) == [first, second]
    assert rows("website/object_by_day", "downloads visitors", key=name, people=True) == [(2, 1), (0, 1)]
    assert len(rows("security/object_activity", "time", key=f"/{name}")) == 5


def test_a_key_that_is_there_as_it_is_written_is_meant(ask: Callable[..., Rows]) -> None:
    """Its escapes are its own then, and the object that they could stand for is another."""
    there = get("05 08:00:00", READER, CHROME, "a%20b", logged_key="a%252520b", sent=5)
    other = get("05 08:00:00", READER, CHROME, "a b", logged_key="a%2520b", sent=7)
    rows = ask([there, other])
    assert rows("website/object_by_day", "key bytes_sent", key="a%20b") == [("a%20b", 5)]
    assert rows("website/object_by_day", "key bytes_sent", key="a b") == [("a b", 7)]
    assert rows("website/object_by_day", key="a%2") == []


# People and pages


def _visited() -> list[Record]:
    return [
        get("05 08:00:00", READER, CHROME, "index.html"),
        get("05 08:00:01", READER, CHROME, "logo.png", referrer="https://www.example.org/index.html"),
        get("05 08:00:02", READER, CHROME, "logo.png"),
        page("05 08:00:03", READER, FIREFOX, "docs/intro"),
        get("05 08:00:04", READER, FIREFOX, "data/raw"),
        get("05 08:00:05", OTHER, GOOGLEBOT, "index.html", referrer="https://other.example.com/"),
        get("05 08:00:06", OTHER, CURL, "index.html"),
        get("05 08:00:07", OTHER, HEADLESS, "about.HTM"),
        get("05 08:00:08", OTHER, None, "docs/"),
    ]


def test_people_and_pages(ask: Callable[..., Rows]) -> None:
    """Bots, programs and browsers that nobody sits in front of are no people, and what a page loads is no page."""
    rows = ask(_visited())
    pages = [("index.html", 3), ("about.HTM", 1), ("docs/", 1), ("docs/intro", 1)]
    everything = [
        ("index.html", 3),
        ("logo.png", 2),
        ("about.HTM", 1),
        ("data/raw", 1),
        ("docs/", 1),
        ("docs/intro", 1),
    ]
    of_people = [("logo.png", 2), ("data/raw", 1), ("docs/intro", 1), ("index.html", 1)]
    both = [("docs/intro", 1), ("index.html", 1)]
    for people, only_pages, expected in (
        (False, False, everything),
        (True, False, of_people),
        (False, True, pages),
        (True, True, both),
    ):
        chosen = {"people": people, "pages": only_pages}
        assert rows("website/top_objects", "key requests", **chosen) == expected
        ((requests,),) = rows("website/requests_by_day", "requests", **chosen)
        assert requests == sum(number for _, number in expected)


def test_people_and_pages_in_every_report_that_ranks(ask: Callable[..., Rows]) -> None:
    """Of people alone there is no row of the bot's address, nor one of what only it requested."""
    failing = [
        get("05 09:00:00", READER, CHROME, "gone.html", 404),
        get("05 09:00:01", OTHER, GOOGLEBOT, "bot.html", 404),
        get("05 09:00:02", READER, CHROME, "gone.png", 404),
        get("05 09:00:02", OTHER, GOOGLEBOT, "gone.html", 404, referrer=f"{SITE_URL}/bot"),
        get("05 09:00:02", READER, CHROME, "gone.html", 404, referrer=f"{SITE_URL}/people"),
        get("05 09:00:02", READER, CHROME, "gone.gif", 404, referrer=f"{SITE_URL}/people"),
        get("05 09:00:02", OTHER, GOOGLEBOT, "logo.png", referrer="https://copies.example.com/"),
        get("05 09:00:03", READER, CHROME, "half.html", 206, sent=1, size=9),
        get("05 09:00:04", OTHER, GOOGLEBOT, "bot.html", 206, sent=1, size=9),
        get("05 09:00:05", READER, CHROME, "half.html", sent=1, size=9),
        get("05 09:00:06", OTHER, GOOGLEBOT, "bot.html", sent=1, size=9),
    ]
    rows = ask([*_visited(), *failing])
    chosen = {"people": True, "pages": True}
    pages = ["docs/intro", "gone.html", "half.html", "index.html"]
    assert sorted(rows("website/bytes_by_object", "key", **chosen)) == [(key,) for key in pages]
    answered = [("docs/intro",), ("half.html",), ("index.html",)]
    assert sorted(rows("website/unique_downloads", "key", **chosen)) == answered
    assert sorted(rows("website/slowest_objects", "key", requests=1, **chosen)) == answered
    assert rows("website/not_found_objects", "key", **chosen) == [("gone.html",)]
    assert rows("website/errors_by_object", "key", **chosen) == [("gone.html",)]
    assert rows("website/broken_off_downloads", "key", **chosen) == [("half.html",)]
    assert rows("website/range_requests", "key", **chosen) == [("half.html",)]
    assert rows("website/downloads_by_ip", "remote_ip requests", **chosen) == [(READER, 6)]
    assert rows("website/hours_of_day", "hour requests", **chosen) == [(8, 2), (9, 4)]
    assert rows("website/hosts", "requests", **chosen) == [(5,), (1,)]
    assert sorted(rows("website/folders", "folder requests", **chosen)) == [("", 5), ("docs/", 1)]
    assert ("htm",) in rows("website/file_types", "extension")
    assert ("htm",) not in rows("website/file_types", "extension", people=True)
    assert rows("website/broken_links", "referrer key", **chosen) == [(f"{SITE_URL}/people", "gone.html")]
    assert rows("website/hotlinked_objects", "key site") == [("logo.png", "copies.example.com")]
    assert rows("website/hotlinked_objects", "key site", people=True) == []
    of_people = rows("website/referring_pages", "referrer", people=True)
    assert of_people == [(f"{SITE_URL}/people",), (f"{SITE_URL}/index.html",)]
    assert rows("website/referring_pages", "referrer", **chosen) == [(f"{SITE_URL}/people",)]
    assert sorted(rows("website/top_referrers", "site")) == [("copies.example.com",), ("other.example.com",)]
    assert rows("website/top_referrers", "site", people=True) == []


# Months


def test_visitors_of_a_month_count_once(ask: Callable[..., Rows]) -> None:
    """Who comes on two days of a month is one visitor of it, and of another month, too; its days are those with any."""

    class February(Record):
        @property
        def line(self) -> bytes:
            return super().line.replace(b"/Mar/", b"/Feb/", 1)

    def in_february(record: Record) -> Record:
        return February(**vars(record))

    march = [
        get("05 08:00:00", READER, CHROME, "index.html"),
        get("06 08:00:00", READER, CHROME, "index.html"),
        get("06 08:00:01", OTHER, CHROME, "index.html"),
        get("06 08:00:02", OTHER, CHROME, "gone.html", 404),
    ]
    february = [
        in_february(record)
        for record in (get("28 23:59:59", READER, CHROME, "index.html"), get("27 00:00:00", OTHER, CURL, "x", 403))
    ]
    rows = ask([*march, *february])
    assert rows("website/requests_by_month", "month days requests visits visitors") == [
        (dt.date(2026, 2, 1), 2, 2, 1, 1),
        (dt.date(2026, 3, 1), 2, 4, 3, 2),
    ]


# Readers


def test_readers_below_a_prefix(ask: Callable[..., Rows]) -> None:
    """Each principal and address once, with the objects that it got; not who was denied, wrote, or read elsewhere."""
    copied = api("05 08:30:00", "REST.COPY.OBJECT_GET", "pay/2", None, size=50, ip=READER, requester=ADMIN)
    rows = ask(
        [
            read("05 08:00:00", "pay/1", 10),
            read("05 09:00:00", "pay/1", 10, requester=APP.replace("session", "another")),
            read("05 08:00:01", "pay/2", 20, requester=ADMIN, ip=READER),
            copied,
            get("05 10:00:00", OTHER, CURL, "pay/1", sent=5),
            read("05 08:00:00", "pay/1", 10, status=403, ip=OTHER),
            put("05 08:00:00", "pay/3", 10),
            read("05 08:00:00", "payments", 10),
            api("05 08:00:00", "REST.HEAD.OBJECT", "pay/1"),
        ]
    )
    role = APP.rpartition("/")[0]
    columns = "principal remote_ip objects readings bytes first_time last_time"
    assert rows("security/readers_below", columns, prefix="pay/") == [
        (ADMIN, READER, 1, 2, 70, at("05 08:00:01"), at("05 08:30:00")),
        (role, "10.0.0.5", 1, 2, 20, at("05 08:00:00"), at("05 09:00:00")),
        (None, OTHER, 1, 1, 5, at("05 10:00:00"), at("05 10:00:00")),
    ]


# Latency


def test_latency_by_day(ask: Callable[..., Rows]) -> None:
    """Each day and bucket has its own percentiles, of what was answered; another operation does not move them."""
    times = [get("05 08:00:00", READER, CHROME, "index.html", total=time + 5) for time in range(1, 101)]
    rows = ask(
        [
            *times,
            get("06 08:00:00", READER, CHROME, "index.html", total=9_005),
            get("06 08:00:00", READER, CHROME, "index.html", 503, total=90_000),
            put("06 08:00:00", "slow", 9, total=700),
        ]
    )
    answered = "date bucket answered total_p50 total_p95 total_p99"
    fifth, sixth = dt.date(2026, 3, 5), dt.date(2026, 3, 6)
    site = [
        (fifth, "www.example.org", 100, 55, 100, 104),
        (sixth, "www.example.org", 1, 9_005, 9_005, 9_005),
    ]
    assert rows("operations/latency_by_day", answered) == [site[0], (sixth, "data", 1, 700, 700, 700), site[1]]
    assert rows("operations/latency_by_day", answered, operation="REST.GET.OBJECT") == site
    turn_around = rows("operations/latency_by_day", "turn_around_p50 turn_around_p95 turn_around_p99")
    assert turn_around == [(50, 95, 99), (None, None, None), (9_000, 9_000, 9_000)]


# Completeness


def _busy(bucket: str, days: Iterable[int], hours: Iterable[int] = range(24), number: int = 2) -> Iterator[Record]:
    """So many requests in each of these hours."""
    some_hours = list(hours)
    for day in days:
        for hour in some_hours:
            record = get(f"{day:02} {hour:02}:00:00", READER, CURL, "x", sent=5, bucket=bucket)
            for minute in range(number):
                yield replace(record, time=at(f"{day:02} {hour:02}:{minute:02}:00"), rid=f"{day}{hour}{minute}")


def _without(records: Iterable[Record], begin: str, end: str) -> list[Record]:
    return [record for record in records if not at(begin) <= record.time < at(end)]


MARCH = range(2, 30)  # four weeks, from a Monday to a Sunday
OFFICE_HOURS = range(9, 18)
WORKDAYS = [day for day in MARCH if dt.date(2026, 3, day).isoweekday() <= 5]


def test_the_verdict_on_completeness(ask: Callable[..., Rows]) -> None:
    """A gap is where there always were many records; nights, weekends and habits are none, and a few say nothing."""
    busy = list(_busy("b", MARCH))
    office = list(_busy("b", WORKDAYS, OFFICE_HOURS))
    cases: dict[str, tuple[Iterable[Record], tuple[Any, ...]]] = {
        "busy": (busy, ("complete", 0, 0, None)),
        "two-hours": (_without(busy, "11 05:00:00", "11 07:00:00"), ("gaps", 0, 2, at("11 06:00:00"))),
        "a-day": (_without(busy, "11 00:00:00", "12 00:00:00"), ("gaps", 1, 0, at("11 00:00:00"))),
        "eleven-days": (_without(busy, "06 00:00:00", "17 00:00:00"), ("gaps", 11, 0, at("16 00:00:00"))),
        "ended": (_without(busy, "20 00:00:00", "30 00:00:00"), ("ended", 0, 0, None)),
        "office": (office, ("complete", 0, 0, None)),
        "a-workday": (_without(office, "18 00:00:00", "19 00:00:00"), ("gaps", 1, 0, at("18 00:00:00"))),
        "some-days": (_busy("b", WORKDAYS[:15:3]), ("unknown", 0, 0, None)),
        "mondays": (_busy("b", [2, 9, 16, 23]), ("unknown", 0, 0, None)),
        "few-records": (_busy("b", MARCH, [8], number=1), ("unknown", 0, 0, None)),
        "few-days": (_busy("b", [2, 4]), ("unknown", 0, 0, None)),
    }
    rows = ask(replace(record, bucket=name) for name, (records, _) in cases.items() for record in records)
    found = rows("overview/completeness", "bucket verdict missing_days missing_hours last_missing", records=2)
    assert {row[0]: row[1:] for row in found} == {name: verdict for name, (_, verdict) in cases.items()}


def test_the_verdict_names_the_worst_first_and_says_how_sure_it_is(ask: Callable[..., Rows]) -> None:
    """What part of days and hours could be judged stands beside the verdict, with when records began and ended."""
    gappy = _without(_busy("z", MARCH), "11 05:00:00", "11 06:00:00")
    rows = ask([*gappy, *_busy("a", WORKDAYS, OFFICE_HOURS), *_busy("m", [2, 4])])
    columns = "bucket verdict days_judged_percent hours_judged_percent first_time last_time"
    judged = round(100 * 9 / 24, 2)
    found = rows("overview/completeness", columns, records=2)
    assert [row[:3] for row in found] == [("z", "gaps", 100.0), ("m", "unknown", 0.0), ("a", "complete", 74.07)]
    assert found[0][3:] == (100.0, at("02 00:00:00"), at("29 23:01:00"))
    assert found[2][3] == pytest.approx(judged, abs=1.5)
