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
from etl.dashboard.buckets import file_name

# Whoever delivers log lines chooses the name of a bucket.
HOSTILE = ["index", "Shop", "..", "_shop", "<script>hacked()</script>", "b\u202ex", "a%2Fb", "'\"&"]
PLAIN = ["shop", "shop.example.com", "shop-2"]


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
        assert f"<title>{bucket}, 2026-01-04 to 2026-01-10</title>" in (folder / file_name(bucket)).read_text()


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
    """Its figures are those of a dashboard of the bucket and the period."""
    alone = open_lake(str(lake)).dashboard(bucket="shop", date_from="2026-01-04", date_to="2026-01-10")
    tiles = re.compile(r'<dl class="tiles">.*?</dl>', re.DOTALL)
    assert tiles.findall((folder / "shop.html").read_text()) == tiles.findall(alone)


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
