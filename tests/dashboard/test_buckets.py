"""A folder of pages, one for each bucket, and the list of them."""

import datetime as dt
import random
import re
from pathlib import Path

import pytest
from browsers import Opened
from conftest import ingest_local, run_cli
from playwright.sync_api import Browser

from etl import open_lake
from etl.cli.demo_logs import LineWriter
from etl.config import Settings
from etl.dashboard import render_buckets, render_dashboard
from etl.dashboard.buckets import file_name
from etl.query import Scope
from etl.query.scope import between
from etl.store import open_store

# Whoever delivers log lines chooses the name of a bucket.
HOSTILE = ["index", "Shop", "..", "_shop", "<script>hacked()</script>", "b\u202ex", "a%2Fb", "'\"&"]
PLAIN = ["shop", "shop.example.com", "shop-2"]


NOW = dt.datetime(2026, 1, 10, 12, 30, tzinfo=dt.UTC)


def lake_of(root: Path, records: dict[str, list[dt.datetime]]) -> Path:
    """A lake of buckets with a record at each of these times."""
    (root / "logs").mkdir()
    lines = []
    for number, (bucket, times) in enumerate(records.items()):
        writer = LineWriter(bucket, random.Random(number))
        for time in times:
            writer.request(time, "REST.GET.OBJECT", "a", bytes_sent=100)
        lines += [line.text for line in writer.lines]
    (root / "logs" / "2026-01-10-13-00-00-AA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(root / "logs", root / "lake")
    return root / "lake"


def pages_at(now: dt.datetime, lake: Path, scope: Scope) -> dict[str, str]:
    """The pages as they are drawn at this moment."""
    return dict(render_buckets(open_store(str(lake)), scope, Settings(), now))


def period_of(page: str) -> str:
    """The period that a page is called after, behind the bucket."""
    # Charts have titles too, further down.
    return str(re.findall("<title>[^,]*, (.*?)</title>", page)[0])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One record of each bucket, a week apart from `silent`; `shop` was written to by somebody without credentials."""
    root = tmp_path_factory.mktemp("buckets")
    (root / "logs").mkdir()
    lines = []
    for number, bucket in enumerate([*PLAIN, *HOSTILE, "silent"]):
        writer = LineWriter(bucket, random.Random(number))
        day = 1 if bucket == "silent" else 10
        time = dt.datetime(2026, 1, day, 12, tzinfo=dt.UTC)
        for _ in range(number + 1):
            writer.request(time, "REST.GET.OBJECT", "a", bytes_sent=100)
        if bucket == "shop":
            writer.request(time, "REST.PUT.OBJECT", "planted")
        lines += [line.text for line in writer.lines]
    (root / "logs" / "2026-01-10-13-00-00-AA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(root / "logs", root / "lake", max_reject_fraction=1)
    return root / "lake"


@pytest.fixture(scope="module")
def folder(lake: Path) -> Path:
    directory = lake.parent / "pages"
    done = run_cli("dashboard", "--lake", str(lake), "--per-bucket", str(directory))
    assert done.returncode == 0, done.stderr
    return directory


def shown_buckets(lake: Path) -> list[str]:
    names = open_lake(str(lake)).sql("SELECT DISTINCT bucket FROM access_log").to_arrow()["bucket"].to_pylist()
    return [name for name in names if name != "silent"]


def test_names_of_files_are_safe_and_differ() -> None:
    """A plain name is its page's; any other gives a name that leads nowhere, also where case does not count."""
    names = {bucket: file_name(bucket) for bucket in [*PLAIN, *HOSTILE, "SHOP", "../../etc", "x" * 300, ""]}
    assert [names[bucket] for bucket in PLAIN] == ["shop.html", "shop.example.com.html", "shop-2.html"]
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9.-]*\.html", name) for name in names.values())
    assert len({name.lower() for name in names.values()}) == len(names)
    assert "index.html" not in names.values()


def test_each_bucket_has_a_page(lake: Path, folder: Path) -> None:
    """Of those with records in the period, which is the same for all; besides them there is the list, and nothing."""
    buckets = shown_buckets(lake)
    assert set(PLAIN) < set(buckets)
    assert {path.name for path in folder.iterdir()} == {"index.html", *map(file_name, buckets)}
    for bucket in PLAIN:
        assert f"<title>{bucket}, 2026-01-04 to 2026-01-10 12:01</title>" in (folder / file_name(bucket)).read_text()


@pytest.mark.parametrize("width", [400, 1400, 2560])
def test_the_list_has_the_figures_of_each(browser: Browser, lake: Path, folder: Path, width: int) -> None:
    """A bucket that needs somebody comes first; each leads to its page, and from there back."""
    with Opened(browser, folder / "index.html", width) as opened:
        page = opened.page
        assert opened.cut_off() == []
        assert page.locator("script").count() == 1
        links = page.locator("td a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        assert links[0] == "shop.html"
        assert set(links) == set(map(file_name, shown_buckets(lake)))
        assert "2026-01-01" in page.locator(".nothing").inner_text()
        row = page.locator("tr", has=page.locator("a[href='shop.example.com.html']"))
        assert row.locator("[data-label=Requests]").get_attribute("data-value") == "2"
        page.locator("td a").first.click()
        page.locator(".back a").click()
        assert page.url == (folder / "index.html").as_uri()
        assert opened.messages == []


def test_the_page_is_that_of_the_bucket_alone(lake: Path, folder: Path) -> None:
    """Its figures are those of a dashboard of the bucket."""
    alone = open_lake(str(lake)).dashboard(bucket="shop")
    tiles = re.compile(r'<dl class="tiles">.*?</dl>', re.DOTALL)
    assert tiles.findall((folder / "shop.html").read_text()) == tiles.findall(alone)


@pytest.mark.parametrize(("now", "bucket"), [(NOW + dt.timedelta(days=5), None), (NOW, "shop")])
def test_pages_end_where_the_dashboard_of_the_bucket_does(tmp_path: Path, now: dt.datetime, bucket: str | None) -> None:
    """In a lake that is behind, too, at the newest record of all buckets, whichever of them are chosen."""
    records = {"shop": [NOW.replace(hour=9)], "shop-2": [NOW.replace(hour=11)]}
    lake = lake_of(tmp_path, records)
    pages = pages_at(now, lake, Scope(bucket))
    alone = render_dashboard(open_store(str(lake)), Scope("shop"), Settings(), now)
    assert period_of(alone) == "2026-01-04 to 2026-01-10 11:31"
    assert {period_of(page) for page in pages.values()} == {period_of(alone)}


def test_pages_of_hours(tmp_path: Path) -> None:
    """A period that begins and ends amid a day does so on each page; a bucket with other hours only is silent."""
    records = {
        "shop": [NOW.replace(hour=8), NOW.replace(hour=10), NOW.replace(hour=10, minute=5)],
        "shop-2": [NOW.replace(hour=8), NOW.replace(hour=12)],
    }
    begin = NOW.replace(hour=9, minute=0, tzinfo=None)
    scope = between(Scope(), begin, begin.replace(hour=11))
    pages = pages_at(NOW, lake_of(tmp_path, records), scope)
    assert set(pages) == {"shop.html", "index.html"}
    assert {period_of(page) for page in pages.values()} == {"2026-01-10 from 09:00 to 11:00"}
    assert 'data-label="Requests" class="number" data-value="2"' in pages["index.html"]
    assert "shop-2 (last on 2026-01-10)" in pages["index.html"]


def test_records_of_the_future_move_no_period(tmp_path: Path) -> None:
    """All pages end as without these; a bucket that has no others is silent, and its neighbors have their pages."""
    later, tomorrow = NOW + dt.timedelta(hours=5), NOW + dt.timedelta(days=1)
    records = {
        "shop": [NOW - dt.timedelta(hours=1), tomorrow],
        "shop-2": [NOW - dt.timedelta(days=3), later],
        "invented": [tomorrow],
    }
    pages = pages_at(NOW, lake_of(tmp_path, records), Scope())
    assert set(pages) == {"shop.html", "shop-2.html", "index.html"}
    assert {period_of(page) for page in pages.values()} == {"2026-01-04 to 2026-01-10 11:31"}
    assert '<dt>Requests</dt><dd class="value">1<' in pages["shop.html"]
    assert "invented (last on 2026-01-11)" in pages["index.html"]


def test_pages_of_some_buckets(lake: Path, tmp_path: Path) -> None:
    """`--bucket` chooses among them, also by a pattern; the list says which they are of."""
    done = run_cli("dashboard", "--lake", str(lake), "--per-bucket", str(tmp_path), "--bucket", "sho[op]*")
    assert done.returncode == 0, done.stderr
    chosen = [bucket for bucket in shown_buckets(lake) if bucket.startswith("shop")]
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", *map(file_name, chosen)}
    assert "shop.html" in map(file_name, chosen)
    assert "Of sho[op]*." in (tmp_path / "index.html").read_text()


def test_without_records_nothing_is_written(lake: Path, tmp_path: Path) -> None:
    """No folder of an empty period, of no such bucket, or without a lake."""
    for arguments, message in (
        (["--lake", str(lake), "--from", "2027-01-01"], "no records"),
        (["--lake", str(tmp_path / "none")], "no lake here"),
        (["--lake", str(lake), "--bucket", "web-*"], "no bucket matches 'web-*'"),
    ):
        done = run_cli("dashboard", "--per-bucket", str(tmp_path / "pages"), *arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []
