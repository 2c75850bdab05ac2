"""The demo gives the figures of the AWS write-up, through the real job."""

import datetime as dt
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from browsers import Opened
from conftest import run_cli
from playwright.sync_api import Browser

from etl import Lake, open_lake
from etl.cli.demo import Dates, build_demo, print_demo
from etl.cli.demo_logs import DEMO_LIFECYCLE, DEMO_WEBSITE
from etl.dashboard.cards import unbroken
from etl.sources.discover import Found, discover_objects, parse_source
from etl.store.s3_session import S3Session

SITE: dict[str, Any] = {"bucket": DEMO_WEBSITE, "limit": 1000}
RULES: dict[str, Any] = {"bucket": DEMO_LIFECYCLE}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory, out = tmp_path_factory.mktemp("demo"), io.StringIO()
    build_demo(directory, Dates.WRITE_UP, lambda _text: None, lambda _summary: None)
    print_demo(directory, out)
    return directory, out.getvalue()


@pytest.fixture(scope="module")
def lake(demo: tuple[Path, str]) -> Lake:
    return open_lake(str(demo[0] / "lake"))


def column(lake: Lake, name: str, report: str, **arguments: Any) -> list[Any]:
    return lake.report(report, **arguments).to_arrow()[name].to_pylist()  # type: ignore[no-any-return]


def test_lines_of_both_buckets(lake: Lake) -> None:
    """3,883 lines of the website, 4,609 of the bucket with rules."""
    assert {one.bucket: one.rows for one in lake.status().buckets} == {DEMO_WEBSITE: 3883, DEMO_LIFECYCLE: 4609}


def test_website_figures(lake: Lake) -> None:
    """Objects by GETs, addresses by downloads, and who was denied what."""
    objects = lake.report("website/top_objects", **SITE).to_pandas()
    assert dict(zip(objects["key"], objects["requests"], strict=True)) == {
        "favicon.ico": 161, "index.html": 99, "puppy.jpg": 39, "goldfish.jpg": 26, "kitten.jpg": 18,
        "s3-sal-pandas-02.html": 1,
    }  # fmt: skip
    gets = sorted(column(lake, "requests", "website/downloads_by_ip", **SITE), reverse=True)
    assert (len(gets), gets[:5]) == (115, [11, 10, 9, 8, 7])
    assert gets[5] < 7
    denied = column(lake, "requests", "website/access_denied_by_ip", **SITE)
    assert (len(denied), denied[:5], sum(denied)) == (79, [7, 5, 5, 5, 5], 161)
    assert lake.report("website/access_denied_by_key", **SITE).to_arrow().to_pylist() == [
        {"key": "favicon.ico", "requests": 161}
    ]
    codes = lake.report("website/response_codes", bucket=DEMO_WEBSITE).to_arrow().to_pylist()
    assert {row["http_status"]: row["requests"] for row in codes}[403] == 161


def test_lifecycle_figures(lake: Lake) -> None:
    """Operations counted, what expired and when, on one day, and the events of one key."""
    counts = lake.report("lifecycle/operation_counts", **RULES).to_arrow().to_pylist()
    assert {row["operation"]: row["events"] for row in counts} == {
        "S3.EXPIRE.OBJECT": 180, "S3.CREATE.DELETEMARKER": 46, "S3.TRANSITION_GDA.OBJECT": 45,
        "S3.TRANSITION.OBJECT": 41,
    }  # fmt: skip
    day = {**RULES, "date_from": "2021-07-01", "date_to": "2021-07-01"}
    expired = lake.report("lifecycle/expired_objects", **day).to_arrow().to_pylist()
    times = Counter(f"{row['time']:%H:%M:%S}" for row in expired)
    assert (len(expired), times) == (41, {"18:59:38": 1, "18:59:39": 40})
    assert expired[0]["key"] == "expire/"
    assert {row["key"] for row in expired[1:]} == {f"expire/test{n:02d}.txt" for n in range(1, 41)}
    assert len(column(lake, "key", "lifecycle/expired_keys", **day)) == 41
    events = lake.report("lifecycle/object_events", key="expiration/test25.txt", **RULES).to_arrow().to_pylist()
    assert [str(row["time"]) for row in events] == ["2021-08-07 00:34:36", "2021-11-03 21:16:20", "2021-11-04 18:47:51"]
    assert {row["operation"] for row in events} == {"S3.EXPIRE.OBJECT"}


def test_one_bucket_in_each_layout(demo: tuple[Path, str]) -> None:
    """The website's log objects are named simply, the other bucket's by event time."""
    found = Found()
    names = [
        one.name
        for one in discover_objects(parse_source(str(demo[0] / "logs")), None, dt.date(2026, 1, 1), S3Session(), found)
    ]
    assert {name.split("/logs/")[1].split("/")[0] for name in names} == {"website", "lifecycle"}
    assert found.skipped == 0
    assert all("/111122223333/eu-central-1/demo-lifecycle/2021/" in name for name in names if "/lifecycle/" in name)


def test_what_it_prints(demo: tuple[Path, str]) -> None:
    """Every report, with the command that gives it."""
    _, text = demo
    assert text.count("$ accesslake report ") == 9
    assert "115 rows, of which the first 8 are shown" in text
    assert "3,883" in text
    assert "4,609" in text


def test_again_reads_nothing_and_says_the_same(demo: tuple[Path, str]) -> None:
    """A second demo says that it goes on with the first, and finds everything ingested."""
    out = io.StringIO()
    said: list[str] = []
    summary = build_demo(demo[0], Dates.WRITE_UP, said.append, lambda _summary: None)
    print_demo(demo[0], out)
    assert (summary.new, summary.result.rows) == (0, 0)
    assert out.getvalue() == demo[1]
    assert said[0] == f"{demo[0]} holds an earlier demo: this one goes on with what is there"


@pytest.fixture(scope="module")
def recent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo as the command makes it."""
    directory = tmp_path_factory.mktemp("recent") / "demo"
    done = run_cli("demo", "--dir", str(directory))
    assert done.returncode == 0, done.stderr
    return directory


def test_its_records_are_up_to_yesterday(recent: Path) -> None:
    """Both buckets have the lines and figures of the write-up, and end yesterday; they were delivered within hours."""
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    lake = open_lake(str(recent / "lake"))
    buckets = lake.status().buckets
    assert {one.bucket: one.rows for one in buckets} == {DEMO_WEBSITE: 3883, DEMO_LIFECYCLE: 4609}
    last = "SELECT DISTINCT bucket, max(date) OVER (PARTITION BY bucket) AS day FROM access_log ORDER BY bucket"
    assert lake.sql(last).to_arrow()["day"].to_pylist() == [yesterday, yesterday]
    events = lake.report("lifecycle/operation_counts", **RULES).to_arrow()["events"].to_pylist()
    assert events == [180, 46, 45, 41]
    assert len(column(lake, "requests", "website/downloads_by_ip", **SITE)) == 115
    page = (recent / "dashboard.html").read_text()
    assert f"{yesterday - dt.timedelta(days=6)} to {yesterday} (UTC)" in page
    assert "days old" not in page


def test_its_dashboard_tells_what_somebody_did(recent: Path) -> None:
    """A change of the bucket's policy, and no unusual days, though one bucket is much younger than the other."""
    changed = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=3)
    found = [finding.title for finding in open_lake(str(recent / "lake")).findings()]
    assert found == [f"site-admin changed the policy of `{DEMO_WEBSITE}` on {changed} at 09:12"]
    assert unbroken(found[0]) in (recent / "dashboard.html").read_text()


def test_names_tell_the_delivery(recent: Path) -> None:
    """In simple naming a name begins with the time of delivery, after the last record in it and within the hour."""
    for path in sorted((recent / "logs" / "website").iterdir())[:20]:
        delivered = dt.datetime.strptime(path.name[:19], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=dt.UTC)
        stamps = re.findall(r"\[(.*?)\]", path.read_text())
        last = max(dt.datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z") for stamp in stamps)
        assert dt.timedelta(0) < delivered - last < dt.timedelta(minutes=67)


def test_only_an_earlier_demo_is_taken_up(recent: Path, tmp_path: Path) -> None:
    """A directory of something else, or of a demo of other dates, is refused, and left as it was."""
    (tmp_path / "mine.txt").write_text("mine")
    for directory, arguments, message in (
        (tmp_path, [], "is not empty, and no earlier demo"),
        (recent, ["--dates", "2021"], "holds a demo of other dates"),
        (tmp_path / "mine.txt", [], "is not empty, and no earlier demo"),
    ):
        done = run_cli("demo", "--dir", str(directory), *arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_its_dashboard_is_short_on_a_phone(recent: Path, browser: Browser) -> None:
    """A third of 21,305 pixels at most, with all sections folded; nothing is cut off when they are opened."""
    with Opened(browser, recent / "dashboard.html", width=400) as opened:
        assert opened.page.evaluate("document.documentElement.scrollHeight") <= 7_100
        opened.unfold()
        assert opened.cut_off() == []
