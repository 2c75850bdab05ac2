"""Discovery: every log object in the window, whatever its layout, and nothing that is none."""

import datetime as dt
import os
import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import S3
from listing_server import listing_server

from etl.errors import UsageError
from etl.sources import s3_listing
from etl.sources.discover import (
    Found,
    discover_objects,
    overlapping,
    parse_source,
    refuse_inside,
    require_log_objects,
    subtract,
)
from etl.sources.log_object import LogObject
from etl.store.s3_session import S3Session

TODAY = dt.date(2026, 3, 10)
ACCOUNT = "111122223333/eu-central-1/site"
IN_WINDOW = (
    "logs2026-03-09-21-32-16-E568B2907131C0C0",
    "deep/er/2026-03-05-00-00-00-AAAA",
    f"by-day/{ACCOUNT}/2026/03/05/2026-03-05-00-00-00-0123456789ABCDEF",
    f"by-day/{ACCOUNT}/2026/03/11/2026-03-11-00-00-00-0123456789ABCDEF",
    f"glued{ACCOUNT}/2026/03/07/2026-03-07-11-12-13-0123456789ABCDEF",
    "compressed/2026-03-06-10-00-00-AB.gz",
    "2026-03-08-10-00-00-AB",
)
BEFORE_WINDOW = (
    "logs2013-11-01-21-32-16-E568B2907131C0C0",
    "deep/er/2025-12-31-00-00-00-AAAA",
    f"by-day/{ACCOUNT}/2026/03/04/2026-03-04-00-00-00-0123456789ABCDEF",
    f"by-day/{ACCOUNT}/2025/03/07/2025-03-07-00-00-00-0123456789ABCDEF",
    "2026-03-04-10-00-00-AB",
    "2021-03-08-10-00-00-AB",
)
NO_LOGS = ("deep/README.md", "zz/2026-03-06-10-00-00", "deep/er/2026-99-06-10-00-00-AB", "a/2026-03-06-10-00-00-AB.txt")
SINCE = dt.date(2026, 3, 5)


def names(objects: Iterable[LogObject], root: str) -> set[str]:
    return {one.name.removeprefix(root) for one in objects}


@pytest.fixture
def local(tmp_path: Path) -> str:
    for name in (*IN_WINDOW, *BEFORE_WINDOW, *NO_LOGS):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return f"{tmp_path}/logs/"


@pytest.fixture
def remote(s3: S3) -> str:
    for name in (*IN_WINDOW, *BEFORE_WINDOW, *NO_LOGS):
        s3.put(name, b"x")
    return f"s3://{s3.logs}/"


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("where", ["local", "remote"])
def test_the_window_is_listed_in_both_layouts(
    where: str, s3: S3, request: pytest.FixtureRequest, *, full: bool
) -> None:
    """Day by day or all at once, from S3 or a disk: the same objects, and the others are counted."""
    root: str = request.getfixturevalue(where)
    found = Found()
    objects = list(discover_objects(parse_source(root), SINCE, TODAY, S3Session(s3.endpoint_url), found, full=full))
    assert names(objects, root) == set(IN_WINDOW)
    assert len(objects) == found.discovered == len(IN_WINDOW)
    # A name with an impossible date is stepped over with the days before the window.
    assert found.skipped == (len(NO_LOGS) - 1 if where == "remote" and not full else len(NO_LOGS))
    assert {one.day for one in objects if "by-day" in one.name} == {dt.date(2026, 3, 5), dt.date(2026, 3, 11)}


@pytest.mark.parametrize("where", ["local", "remote"])
def test_what_is_later_than_asked_for_is_not_found(where: str, s3: S3, request: pytest.FixtureRequest) -> None:
    """Neither is it counted; where the last day comes before the first, there is nothing."""
    root: str = request.getfixturevalue(where)
    source, session = parse_source(root), S3Session(s3.endpoint_url)
    found = Found()
    objects = list(discover_objects(source, SINCE, TODAY, session, found, until=dt.date(2026, 3, 7)))
    assert names(objects, root) == {one for one in IN_WINDOW if re.search(r"2026-03-0[567]", one)}
    assert found.discovered == len(objects)
    everything = discover_objects(source, None, TODAY, session, Found(), until=dt.date(2021, 3, 8))
    assert names(everything, root) == {one for one in BEFORE_WINDOW if re.search(r"2013-|2021-", one)}
    assert list(discover_objects(source, SINCE, TODAY, session, Found(), until=SINCE - dt.timedelta(days=9))) == []


@pytest.mark.parametrize("where", ["local", "remote"])
def test_without_a_first_day_everything_is_listed(where: str, s3: S3, request: pytest.FixtureRequest) -> None:
    """The first run reads all there is."""
    root: str = request.getfixturevalue(where)
    objects = list(discover_objects(parse_source(root), None, TODAY, S3Session(s3.endpoint_url), Found()))
    assert names(objects, root) == {*IN_WINDOW, *BEFORE_WINDOW}


def test_a_window_costs_no_more_with_a_longer_history(s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    """Old days are stepped over, not listed: how many LIST requests there are does not follow the objects."""

    def requests(*more: str) -> int:
        for key in more:
            s3.put(key, b"x")
        caplog.clear()
        source = parse_source(f"s3://{s3.logs}/old/")
        objects = list(discover_objects(source, SINCE, TODAY, S3Session(s3.endpoint_url), Found()))
        assert [one.name for one in objects] == [f"s3://{s3.logs}/old/2026-03-09-00-00-00-AAAA"]
        return sum("name=ListObjectsV2" in record.getMessage() for record in caplog.records)

    with caplog.at_level("DEBUG", "botocore.endpoint"):
        short = requests("old/2025-07-01-00-00-00-AAAA", "old/2026-03-09-00-00-00-AAAA")
        long = requests(*(f"old/2025-07-{day:02d}-{hour:02d}-00-00-AAAA" for day in range(1, 29) for hour in range(24)))
    assert short == long > 0


@pytest.mark.parametrize("full", [True, False])
def test_a_day_of_many_log_objects_is_listed_in_parts(full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each object comes once and in order, wherever the cuts fall and whatever its name goes on with."""
    monkeypatch.setattr(s3_listing, "_TASK_KEYS", 40)
    rng = random.Random(1)
    folder = f"logs/{ACCOUNT}/2026/03/05/2026-03-05"
    even = [f"{folder}-00-00-00-{rng.getrandbits(64):016X}" for _ in range(900)]
    at_one_time = [f"{folder}-21-32-16-{rng.getrandbits(64):016x}" for _ in range(300)]
    odd = [f"{folder}{rest}" for rest in ("", "-00-00-00-\u00e4", "-00-00-00-F~", "-00-00-00-\U0001f600", "/x")]
    other_days = [
        f"logs/{ACCOUNT}/2026/03/{day}/2026-03-{day}-00-00-00-{n:04X}" for day in ("06", "08") for n in range(90)
    ]
    keys = sorted([*even, *at_one_time, *odd, *other_days])
    with listing_server(keys) as server:
        found = Found()
        source, session = parse_source("s3://bucket/logs/"), S3Session(server.url)
        objects = [one.name for one in discover_objects(source, SINCE, TODAY, session, found, full=full)]
    assert objects == [f"s3://bucket/{key}" for key in keys if key not in odd]
    assert found.skipped == len(odd)


def test_whether_there_are_log_objects_costs_one_request() -> None:
    """Each run asks it of each source, however many there are."""
    keys = [
        f"logs/2026-03-05-{number // 60 // 60:02}-{number // 60 % 60:02}-{number % 60:02}-AB"
        for number in range(30_000)
    ]
    with listing_server(keys) as server:
        session = S3Session(server.url)
        require_log_objects(parse_source("s3://bucket/logs/"), session)
        assert session.requests.counts().list == 1


def test_ceph_names_cost_no_list_for_each_day(s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    """Ceph's accounts are no numbers: its years are told by what is in them, and their days are not looked through."""

    def requests(*days: dt.date) -> int:
        for day in days:
            s3.put(f"ceph/tenant$user/default/fish/{day:%Y/%m/%d}/{day}-10-00-00-AAAA", b"x")
        caplog.clear()
        source = parse_source(f"s3://{s3.logs}/ceph/")
        objects = list(discover_objects(source, SINCE, TODAY, S3Session(s3.endpoint_url), Found()))
        assert [one.day for one in objects] == [SINCE]
        return sum("name=ListObjectsV2" in record.getMessage() for record in caplog.records)

    with caplog.at_level("DEBUG", "botocore.endpoint"):
        short = requests(SINCE - dt.timedelta(days=1), SINCE)
        long = requests(*(SINCE - dt.timedelta(days=n) for n in range(1, 60)))
    assert short == long


@pytest.mark.parametrize(
    "name", ["2026/2026-03-09-00-00-00-AA", "2026/03/2026-03-09-00-00-00-AA", "2026/03/09/x/2026-03-09-00-00-00-AA",
             "2026/03/01/2026-03-09-00-00-00-AA"]
)  # fmt: skip
def test_folders_of_ones_own_are_looked_through(name: str, s3: S3) -> None:
    """A folder that only looks like a year of partitioned naming hides no log object."""
    s3.put(f"own/a/b/c/{name}", b"x")
    source = parse_source(f"s3://{s3.logs}/own/")
    objects = list(discover_objects(source, SINCE, TODAY, S3Session(s3.endpoint_url), Found()))
    assert [one.name for one in objects] == [f"s3://{s3.logs}/own/a/b/c/{name}"]


def test_globs_take_any_name(tmp_path: Path, s3: S3) -> None:
    """What an explicit glob matches is a log object; its day is in its name, else that of its modification."""
    for name in ("a.log", "b.log", "c.txt", "2026-03-01-00-00-00-AB.log"):
        (tmp_path / name).write_bytes(b"x")
        s3.put(f"archive/{name}", b"x")
    (tmp_path / "sub.log").mkdir()
    os.utime(tmp_path / "a.log", (0, 0))
    local = list(discover_objects(parse_source(f"{tmp_path}/*.log"), None, TODAY, S3Session(), Found()))
    assert names(local, f"{tmp_path}/") == {"a.log", "b.log", "2026-03-01-00-00-00-AB.log"}
    assert {one.day for one in local if one.name.endswith("/a.log")} == {dt.date(1970, 1, 1)}
    source = parse_source(f"s3://{s3.logs}/archive/*.log")
    remote = list(discover_objects(source, None, TODAY, S3Session(s3.endpoint_url), Found()))
    assert names(remote, f"s3://{s3.logs}/archive/") == {"a.log", "b.log", "2026-03-01-00-00-00-AB.log"}
    single = list(discover_objects(parse_source(f"{tmp_path}/c.txt"), None, TODAY, S3Session(), Found()))
    assert names(single, f"{tmp_path}/") == {"c.txt"}


def test_known_objects_are_taken_off_and_changed_ones_told() -> None:
    """Exact names decide; an object that was overwritten is not read again, and not passed over in silence."""
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    objects = [LogObject(name, 1, "new", now, now.date()) for name in ("a", "b", "c")]
    found = Found()
    known = {"a": "new", "b": "old"}
    assert [one.name for one in subtract(objects, lambda _day, name: known.get(name), found)] == ["c"]
    assert (found.known, found.changed) == (2, ["b"])


@pytest.mark.parametrize(
    ("urls", "shared"),
    [
        (["s3://b/logs/", "s3://b/other/", "s3://c/logs/"], []),
        (["s3://b/logs/a", "s3://c/", "s3://b/logs/"], [0, 2]),
        (["s3://b/logs/*.gz", "s3://b/logs/2026-*", "s3://b/log"], [0, 1, 2]),
        (["{tmp}", "s3://b/", "{tmp}/*.log", "s3://bb/"], [0, 2]),
    ],
)
def test_sources_that_overlap(urls: list[str], shared: list[int], tmp_path: Path) -> None:
    """Of these, names have to be remembered: where one is below another, or may be."""
    sources = [parse_source(url.format(tmp=tmp_path)) for url in urls]
    assert overlapping(sources) == [sources[number] for number in shared]


def test_a_source_inside_the_lake_is_refused(tmp_path: Path) -> None:
    """The job must not read what it writes; a lake beside or below the logs is fine."""
    (tmp_path / "lake" / "access_log").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    for inside in (tmp_path / "lake", tmp_path / "lake" / "access_log", tmp_path / "link"):
        with pytest.raises(UsageError, match="is inside the lake"):
            refuse_inside(parse_source(str(inside)), str(tmp_path / "lake"))
    with pytest.raises(UsageError, match="is inside the lake"):
        refuse_inside(parse_source("s3://b/lake/access_log/*.parquet"), "s3://b/lake")
    refuse_inside(parse_source("s3://b/lake-logs/"), "s3://b/lake")
    refuse_inside(parse_source("s3://b/"), "s3://b/lake")
    refuse_inside(parse_source(str(tmp_path)), str(tmp_path / "lake"))


@pytest.mark.parametrize(
    ("url", "message"),
    [("/no/such/dir", "no such directory"), ("gs://a/b", "unknown scheme 'gs'"), ("s3://", "names no bucket")],
)
def test_wrong_sources_are_named(url: str, message: str) -> None:
    """A source that cannot be is an error before anything is read."""
    with pytest.raises(UsageError, match=message):
        parse_source(url)
