"""What reports on visitors and downloads must say of a few lines, each test of one kind of mistake."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local, run_cli
from small_lake import ADMIN, APP, CHROME, CURL, FIREFOX, GOOGLEBOT, Record, api, at, get, page

from etl import Lake, open_lake
from etl.config import Privacy

READER, OTHER, SCANNER, OWNER = "192.0.2.10", "192.0.2.11", "198.51.100.66", "203.0.113.7"
CDN = "svc:cloudfront.amazonaws.com"
IDENTITY = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1EXAMPLE"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path


def lake_of(root: Path, records: Iterable[Record], privacy: Privacy | None = None, **settings: Any) -> Lake:
    """A lake of these records alone."""
    lines = b"".join(record.line + b"\n" for record in records)
    (root / "logs" / "2026-03-10-00-00-00-0000000000000001").write_bytes(lines)
    ingest_local(root / "logs", root / "lake", privacy=privacy or Privacy())
    return open_lake(str(root / "lake"), **settings)


def rows(lake: Lake, report: str, *columns: str, **arguments: Any) -> list[Any]:
    """These columns of a report's rows; of a single column its values."""
    result = lake.report(report, **arguments).to_arrow().select(columns).to_pylist()
    return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in result]


def visitors(lake: Lake) -> list[Any]:
    """The visitors of the day, of the hour, and of the figures: reports of one day, in which all must say the same."""
    reports = ("website/requests_by_day", "website/requests_by_hour", "overview/figures")
    return [row for report in reports for row in rows(lake, report, "visitors")]


# Visitors


def test_visitors_are_people_who_got_something_without_credentials(root: Path) -> None:
    """Neither who is refused, nor who finds nothing, nor workers with credentials are visitors, in any report."""
    lake = lake_of(
        root,
        [
            get("05 08:00:00", READER, CHROME, "index.html"),
            get("05 08:00:01", READER, CHROME, "logo.png", 206, sent=10),
            get("05 08:00:02", OTHER, FIREFOX, "index.html", 304),
            page("05 08:00:03", OTHER, CHROME, "index.html"),
            get("05 08:00:04", "198.51.100.1", CHROME, "secret.html", 403),
            get("05 08:00:05", "198.51.100.2", CHROME, "missing.html", 404),
            get("05 08:00:06", "198.51.100.3", CHROME, "index.html", 301),
            get("05 08:00:07", "198.51.100.4", CHROME, "index.html", op="REST.HEAD.OBJECT"),
            get("05 08:00:08", SCANNER, CURL, "x", 403, op="REST.PUT.OBJECT"),
            *(api(f"05 08:01:0{n}", "REST.GET.OBJECT", "data.parquet", ip=f"10.0.0.{n}", sent=5) for n in range(5)),
        ],
    )
    assert visitors(lake) == [3, 3, 3]
    assert rows(lake, "website/requests_by_day", "requests", "visits") == [(12, 4)]


def test_preflights_and_wrong_credentials_are_no_visits(root: Path) -> None:
    """A browser that asks whether it may ask, and a client whose signature is wrong, have visited nothing."""
    preflight = get("05 08:00:00", READER, CHROME, "", op="REST.OPTIONS.PREFLIGHT", sent=None)
    signed = get("05 08:00:01", READER, CURL, "k", 403, error="SignatureDoesNotMatch", sig="SigV4", auth="AuthHeader")
    answered = get("05 08:00:02", READER, CURL, "k", sig="SigV4", auth="AuthHeader")
    assert visitors(lake_of(root, [preflight, signed, answered])) == [0, 0, 0]


def test_refused_preflights_are_told_by_the_site_that_asks(root: Path) -> None:
    """The referrer tells the site; what was allowed, what S3 failed at and what is no preflight is left out."""
    preflight: dict[str, Any] = {"op": "REST.OPTIONS.PREFLIGHT", "error": "AccessForbidden", "sent": 200}
    shop: dict[str, Any] = {"referrer": "https://Shop.example.net:8443/cart?id=1"}
    lake = lake_of(
        root,
        [
            get("05 08:00:00", READER, CHROME, "fonts/a.woff2", 403, **preflight, **shop),
            get("05 08:00:01", READER, CHROME, "fonts/b.woff2", 403, **preflight, **shop),
            get("05 08:00:02", READER, CHROME, "fonts/b.woff2", 400, **preflight | {"error": "BadRequest"}, **shop),
            get("05 08:00:03", READER, CHROME, "index.html", 403, **preflight),
            get("05 08:00:04", READER, CHROME, "fonts/a.woff2", **preflight | {"error": None}, **shop),
            get("05 08:00:05", READER, CHROME, "fonts/a.woff2", 503, **preflight, **shop),
            get("05 08:00:06", READER, CHROME, "fonts/a.woff2", 403, **shop),
        ],
    )
    columns = ("site", "folder", "http_status", "preflights", "first_time", "last_time")
    assert rows(lake, "website/refused_preflights", *columns) == [
        ("shop.example.net", "fonts/", 403, 2, at("05 08:00:00"), at("05 08:00:01")),
        ("shop.example.net", "fonts/", 400, 1, at("05 08:00:02"), at("05 08:00:02")),
        (None, "", 403, 1, at("05 08:00:03"), at("05 08:00:03")),
    ]


def test_visitors_whom_nobody_knows_are_unknown(root: Path) -> None:
    """CloudFront fetches for people of whom the log says nothing: their number is NULL, not that of the edges."""
    signed = {"sig": "SigV4", "auth": "AuthHeader"}
    lake = lake_of(
        root,
        [
            get("05 08:00:00", None, None, "app.js", requester=CDN, sent=90, size=90, **signed),  # type: ignore[arg-type]
            get("05 08:00:01", "64.252.68.1", "Amazon CloudFront", "app.js", requester=IDENTITY, sent=90, size=90),
            get("05 08:00:02", "64.252.68.2", "Amazon CloudFront", "app.js", sent=90, size=90),
        ],
    )
    assert visitors(lake) == [None, None, None]
    columns = ("unique_downloads", "complete_downloads", "requests", "unknown_requests")
    assert rows(lake, "website/unique_downloads", *columns) == [(None, None, 3, 3)]


@pytest.mark.parametrize(
    ("requester", "agent"),
    [(CDN, None), (IDENTITY, CHROME), (IDENTITY.replace("aws", "aws-cn"), CHROME), (None, "Amazon CloudFront")],
)
def test_cloudfront_is_known_by_its_requester_or_its_user_agent(
    root: Path, requester: str | None, agent: str | None
) -> None:
    """What it fetches is a visit, but not one of the address that it comes from."""
    lake = lake_of(root, [get("05 08:00:00", "64.252.68.1", agent, "index.html", requester=requester)])
    assert rows(lake, "website/requests_by_day", "visits", "visitors") == [(1, None)]


def test_known_visitors_count_beside_unknown_ones(root: Path) -> None:
    """Where some people are known, they are counted, and the requests of the others are told apart."""
    known = get("05 08:00:00", READER, CHROME, "index.html")
    unknown = get("05 08:00:01", "64.252.68.1", "Amazon CloudFront", "index.html")
    lake = lake_of(root, [known, unknown])
    assert visitors(lake) == [1, 1, 1]
    columns = ("unique_downloads", "complete_downloads", "requests", "unknown_requests")
    assert rows(lake, "website/unique_downloads", *columns) == [(1, 1, 2, 1)]


def test_a_lake_without_addresses_does_not_know_its_visitors(root: Path) -> None:
    """Two people of one browser are not one visitor."""
    visits = [get("05 08:00:00", ip, CHROME, "index.html") for ip in (READER, OTHER)]
    lake = lake_of(root, visits, Privacy(remote_ip="drop"))
    assert visitors(lake) == [None, None, None]
    assert rows(lake, "website/unique_downloads", "unique_downloads", "requests") == [(None, 2)]


def test_the_most_downloaded_objects_come_first_whoever_else_reads_them(root: Path) -> None:
    """Many requests of unknown people do not push out the object that most people are known to have downloaded."""
    edge = [get(f"05 08:00:0{n}", "64.252.68.1", "Amazon CloudFront", "cached.js") for n in range(5)]
    people = [get(f"05 08:00:1{n}", f"192.0.2.{n}", CHROME, "index.html") for n in range(2)]
    lake = lake_of(root, [*edge, *people])
    assert rows(lake, "website/unique_downloads", "key", "unique_downloads", limit=1) == [("index.html", 2)]
    assert rows(lake, "website/unique_downloads", "key", "unique_downloads", limit=2) == [
        ("index.html", 2),
        ("cached.js", None),
    ]


# What to leave out

WATCHED = [
    get("05 08:00:00", READER, CHROME, "index.html"),
    get("05 08:00:01", OWNER, CHROME, "index.html"),
    get("05 08:00:02", "203.0.113.99", CHROME, "index.html"),
    get("05 08:00:03", "2001:db8:1::7", CHROME, "index.html"),
    get("05 08:00:04", OTHER, "Mozilla/5.0 (compatible; UptimeRobot/2.0)", "index.html"),
    get("05 08:00:05", OTHER, None, "index.html"),
    api("05 08:00:06", "REST.GET.OBJECT", "index.html", bucket="www.example.org", ip=SCANNER, sent=5, size=5),
    api("05 08:00:07", "REST.GET.OBJECT", "index.html", bucket="www.example.org", ip="198.51.100.9", requester=ADMIN),
]


@pytest.mark.parametrize(
    ("exclude", "left", "downloaded"),
    [
        ({}, 6, 8),
        ({"addresses": [OWNER]}, 5, 7),
        ({"addresses": "203.0.113.0/24"}, 4, 6),
        ({"addresses": ["203.0.113.64/26"]}, 5, 7),
        ({"addresses": ["2001:db8:1::/48", "10.0.0.0/8"]}, 5, 7),
        ({"user_agents": ["uptimerobot"]}, 5, 7),
        ({"requesters": [ADMIN]}, 6, 7),
        ({"requesters": [APP.rpartition("/")[0]]}, 6, 7),
        ({"addresses": [OWNER], "user_agents": ["UptimeRobot"], "requesters": [APP]}, 4, 5),
    ],
)
def test_what_the_settings_exclude_is_no_visit(root: Path, exclude: dict[str, Any], left: int, downloaded: int) -> None:
    """Addresses and networks, requesters or their roles, and parts of user agents are left out; nobody else is."""
    lake = lake_of(root, WATCHED, exclude=exclude)
    assert visitors(lake) == [left, left, left]
    assert sum(rows(lake, "website/downloads_by_ip", "requests")) == downloaded
    assert rows(lake, "overview/figures", "requests") == [8]


def test_an_answer_says_what_is_left_out(root: Path) -> None:
    """Only where something is, and only of reports that leave it out."""
    lake_of(root, WATCHED)
    config = root / "settings.toml"
    config.write_text(f'lake = "{root}/lake"\n[exclude]\naddresses = ["{OWNER}"]\nuser_agents = ["UptimeRobot"]\n')
    told = f"accesslake: left out (exclude in the settings): address {OWNER}, user agent UptimeRobot\n"
    by_day = run_cli("report", "website/requests_by_day", "--config", str(config), "--format", "json")
    assert (by_day.returncode, by_day.stderr) == (0, told)
    query = run_cli("sql", "SELECT count(*) AS n FROM visits", "--config", str(config), "--format", "csv")
    assert (query.stdout, query.stderr) == ("n\n4\n", told)
    assert run_cli("report", "security/anonymous_requests", "--config", str(config)).stderr == ""
    assert run_cli("report", "website/requests_by_day", "--lake", f"{root}/lake").stderr == ""


# Downloads


def test_who_finds_nothing_downloads_nothing(root: Path) -> None:
    """A scanner with many 404s does not come before somebody who downloads."""
    scan = [get(f"05 08:00:0{n}", SCANNER, CURL, f"{n}.php", 404) for n in range(5)]
    lake = lake_of(root, [*scan, get("05 08:00:09", READER, CHROME, "video.mp4")])
    columns = ("remote_ip", "downloads", "requests", "bytes_sent")
    assert rows(lake, "website/downloads_by_ip", *columns) == [(READER, 1, 1, 60_000_000), (SCANNER, 0, 5, 1_215)]


def test_an_object_has_the_size_that_it_had_last(root: Path) -> None:
    """An object that was overwritten by a smaller one is small, and whoever got all of that got all of it."""
    before = get("05 08:00:00", READER, CHROME, "song.mp3", 206, sent=900, size=1_000)
    after = get("05 08:00:01", OTHER, CHROME, "song.mp3", 206, sent=10, size=10)
    lake = lake_of(root, [before, after])
    assert rows(lake, "website/bytes_by_object", "object_size") == [10]
    assert rows(lake, "website/range_requests", "object_size", "copies_sent") == [(10, 91.0)]
    assert rows(lake, "website/slowest_objects", "object_size", requests=1) == [10]
    assert rows(lake, "website/unique_downloads", "complete_downloads", "object_size") == [(1, 10)]


def test_downloads_that_break_off(root: Path) -> None:
    """Less than the object was sent, though all of it was requested; a part that was requested is no such download."""
    whole = get("05 08:00:00", READER, CHROME, "song.mp3", sent=100, size=100)
    half = get("05 08:00:01", READER, CHROME, "song.mp3", sent=50, size=100)
    nothing = get("05 08:00:02", READER, CHROME, "song.mp3", sent=None, size=100)
    part = get("05 08:00:03", READER, CHROME, "song.mp3", 206, sent=10, size=100)
    empty = get("05 08:00:04", READER, CHROME, "empty.txt", sent=None, size=0)
    lake = lake_of(root, [whole, half, nothing, part, empty])
    columns = ("key", "requests", "broken_off", "broken_off_percent", "bytes_sent")
    assert rows(lake, "website/broken_off_downloads", *columns) == [("song.mp3", 3, 2, 66.67, 50)]


def test_folders_and_months(root: Path) -> None:
    """A folder ends at the first slash, and a month has as many visitors as people, whatever the days they came on."""
    records = [
        get("05 08:00:00", READER, CHROME, "photos/a.jpg"),
        get("06 08:00:00", READER, CHROME, "photos/2026/b.jpg", sent=5_000),
        get("06 08:00:01", OTHER, CHROME, "photos/c.jpg", 404),
        get("06 08:00:02", OTHER, CHROME, "index.html"),
    ]
    lake = lake_of(root, records)
    columns = ("folder", "requests", "answered", "failed", "bytes_sent")
    assert rows(lake, "website/folders", *columns) == [("photos/", 3, 2, 1, 10_243), ("", 1, 1, 0, 1_000)]
    assert rows(lake, "website/folders", "folder", "requests", below="photos/") == [
        ("photos/", 2),
        ("photos/2026/", 1),
    ]
    assert rows(lake, "website/requests_by_month", "days", "requests", "visits", "visitors") == [(2, 4, 3, 2)]


def test_only_denials_are_denied(root: Path) -> None:
    """Archived objects, wrong credentials and clocks that are wrong are 403, too, but nobody was denied anything."""
    codes = ("AccessDenied", "InvalidObjectState", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "AllAccessDisabled")
    lake = lake_of(root, [get(f"05 08:00:0{n}", READER, CHROME, code, 403, error=code) for n, code in enumerate(codes)])
    assert sorted(rows(lake, "website/access_denied_by_key", "key")) == ["AccessDenied", "AllAccessDisabled"]
    assert rows(lake, "website/access_denied_by_ip", "remote_ip", "requests") == [(READER, 2)]


def test_archived_objects_are_no_failures(root: Path) -> None:
    """That an object has to be restored first is an answer, and a redirect is neither success nor failure."""
    archived = get("05 08:00:00", READER, CHROME, "index.html", 403, error="InvalidObjectState")
    missed = get("05 08:00:01", READER, CHROME, "index.html", 404)
    moved = get("05 08:00:02", READER, CHROME, "index.html", 307)
    lake = lake_of(root, [archived, missed, moved, get("05 08:00:03", READER, CHROME, "index.html", 304)])
    assert rows(lake, "website/top_objects", "requests", "successful", "failed") == [(4, 1, 1)]
    assert rows(lake, "website/errors_by_object", "failed", "client_errors", "error_percent") == [(1, 1, 25.0)]
    assert rows(lake, "website/hosts", "failed") == [1]
    assert rows(lake, "website/file_types", "failed") == [1]


# Referrers

FORUM, NEWS, DEAD = "https://forum.example.net/t/1", "https://news.example.org/story", "https://dead.example.com/"


def test_sites_that_send_readers_come_before_those_that_embed(root: Path) -> None:
    """A picture that a forum shows many times is no visit, and a link that leads nowhere sends nobody."""
    shown = [get(f"05 08:00:0{n}", f"192.0.2.{n}", CHROME, "logo.png", referrer=FORUM) for n in range(5)]
    lost = [get(f"05 08:01:0{n}", READER, CHROME, "old.html", 404, referrer=DEAD) for n in range(4)]
    read = [get(f"05 08:02:0{n}", READER, CHROME, "about.html", referrer=NEWS) for n in range(2)]
    lake = lake_of(root, [*shown, *lost, *read])
    assert rows(lake, "website/top_referrers", "site", "visits", "embeddings") == [
        ("news.example.org", 2, 0),
        ("forum.example.net", 0, 5),
    ]


@pytest.mark.parametrize(
    ("referrer", "host", "is_foreign"),
    [
        ("https://s3.eu-central-1.amazonaws.com/strangers/page.html", "s3.eu-central-1.amazonaws.com", True),
        ("https://s3.eu-central-1.amazonaws.com/pictures/page.html", "s3.eu-central-1.amazonaws.com", False),
        ("https://s3.amazonaws.com/pictures/page.html", "pictures.s3.amazonaws.com", False),
        ("https://s3.amazonaws.com/pictures-of-others/page.html", "pictures.s3.amazonaws.com", True),
        ("https://s3.amazonaws.com/", "s3.amazonaws.com", True),
        ("http://pictures.s3-website-us-east-1.amazonaws.com/a.html", "s3.amazonaws.com", False),
        ("http://strangers.s3-website-us-east-1.amazonaws.com/a.html", "s3.amazonaws.com", True),
        ("http://pictured.s3-website-us-east-1.amazonaws.com/a.html", "s3.amazonaws.com", True),
        ("https://pictures.s3.evil.example/a.html", "pictures.s3.amazonaws.com", True),
        ("http://127.0.0.1:9000/strangers/a.html", "127.0.0.1:9000", True),
        ("http://127.0.0.1:9000/pictures/a.html", "127.0.0.1:9000", False),
        ("https://www.pictures.example/a.html", "www.pictures.example", False),
        ("https://pictures/a.html", "cdn.example", False),
        ("https://other.example/a.html", "www.pictures.example", True),
    ],
)
def test_of_hosts_that_serve_many_buckets_the_path_tells_whose_page_it_is(
    root: Path, referrer: str, host: str, is_foreign: bool
) -> None:
    """Another bucket of the same host is another site; this bucket is the site itself, by whatever host of S3."""
    shown = get("05 08:00:00", READER, CHROME, "cat.png", bucket="pictures", host=host, referrer=referrer)
    missing = get("05 08:00:01", READER, CHROME, "dog.png", 404, bucket="pictures", host=host, referrer=referrer)
    lake = lake_of(root, [shown, missing])
    assert rows(lake, "website/hotlinked_objects", "key") == ["cat.png"] * is_foreign
    assert rows(lake, "website/top_referrers", "embeddings") == [1] * is_foreign
    assert rows(lake, "website/broken_links", "key") == ["dog.png"] * (not is_foreign)


# Programs and bots


def test_programs_have_names_and_headless_browsers_are_bots(root: Path) -> None:
    """What reads a bucket is told apart, and a browser without a window is no person."""
    agents = ("DuckDB/v1.1.3(linux_amd64) cpp", "GDAL/3.8.0", CHROME.replace(" Chrome/", " HeadlessChrome/"), GOOGLEBOT)
    lake = lake_of(root, [get("05 08:00:00", READER, agent, "index.html") for agent in (CHROME, *agents)])
    assert set(rows(lake, "website/user_agents", "kind", "family")) == {
        ("browser", "Chrome"),
        ("program", "DuckDB"),
        ("program", "GDAL"),
        ("bot", "HeadlessChrome"),
        ("bot", "Googlebot"),
    }
    assert rows(lake, "website/people_and_bots", "kind", "requests") == [("bot", 2), ("browser", 1), ("program", 2)]
