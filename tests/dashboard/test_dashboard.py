"""The dashboard in a real browser: whole, alone, and harmless whatever clients write."""

import datetime as dt
import random
import re
from pathlib import Path

import pytest
from browsers import Opened
from conftest import ingest_local, run_cli
from playwright.sync_api import Browser

from etl import open_lake
from etl.cli.demo_logs import ADMIN, BROWSERS, LineWriter
from etl.config import Settings
from etl.dashboard.cards import unbroken
from etl.dashboard.page import render_dashboard, reports_by_section
from etl.dashboard.tiles import tiles_of
from etl.errors import UsageError
from etl.query import Scope
from etl.reports.loader import load_reports
from etl.store.open import open_store
from etl.text import in_words

SECTIONS = reports_by_section(load_reports().values())
NOW = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
SCRIPT = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
LINK = "javascript:document.title='hacked'"
QUOTES = "\"'></td></table>&lt;{{ 7 * 7 }}"


def _at(day: int, second: int = 0) -> dt.datetime:
    return dt.datetime(2026, 1, day, 12, 0, second, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a site and its lifecycle rules; in the second, more of everything, and hostile visits."""
    root = tmp_path_factory.mktemp("dashboard")
    (root / "logs").mkdir()
    rng = random.Random(0)
    site = LineWriter("site", rng)
    for day in range(1, 15):
        for number in range(40 if day < 8 else 120):
            key, status = rng.choice([("index.html", 200), ("a.png", 200), ("gone.html", 404), ("secret", 403)])
            site.request(
                _at(day, number % 60), "REST.GET.OBJECT", key, ip=f"198.51.100.{number}", status=status,
                error={404: "NoSuchKey", 403: "AccessDenied"}.get(status, "-"), bytes_sent=1000 + number,
                object_size=1000, user_agent=rng.choice(BROWSERS), referrer="https://other.example/page",
            )  # fmt: skip
        site.lifecycle(_at(day), "S3.CREATE.DELETEMARKER", f"old/{day}", 500)
    site.request(_at(14), "REST.GET.OBJECT", f"{SCRIPT}.png", ip="192.0.2.66", user_agent=SCRIPT, referrer=LINK)
    site.request(
        _at(14, 1), "REST.GET.OBJECT", QUOTES, ip="192.0.2.66", user_agent=QUOTES, referrer=f"https://{QUOTES}/"
    )
    site.request(_at(14, 2), "REST.PUT.BUCKETPOLICY", None, requester=f"{ADMIN}-2")
    site.request(_at(14, 3), "REST.PUT.OBJECT", "planted", ip="192.0.2.66")
    site.request(_at(14, 4), "REST.GET.OBJECT", "\ufffe", ip="192.0.2.66", user_agent="\ufffe")
    site.request(_at(14, 5), "REST.GET.BUCKET", None, ip="192.0.2.66", status=403)
    text = "".join(f"{line.text}\n" for line in site.lines).replace("GET / HTTP", "GET /?prefix=%FF HTTP")
    (root / "logs" / "2026-01-14-13-00-00-AA").write_text(text + "no record\n")
    ingest_local(f"{root}/logs/*", root / "lake", max_reject_fraction=1)
    return root / "lake"


@pytest.fixture(scope="module")
def page_file(lake: Path) -> Path:
    path = lake.parent / "page.html"
    done = run_cli("dashboard", "--lake", str(lake), "--output", str(path))
    assert done.returncode == 0, done.stderr
    return path


# Words between which a cell may be broken: after `:`, `/`, `.` and spaces. Longer ones are no words.
_SPLIT_WORDS = r"""
() => [...document.querySelectorAll('td')].flatMap((cell) => {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), split = [];
    while (walker.nextNode()) {
        for (const word of walker.currentNode.data.matchAll(/[\w-]+/g)) {
            const range = document.createRange();
            range.setStart(walker.currentNode, word.index);
            range.setEnd(walker.currentNode, word.index + word[0].length);
            if (word[0].length <= 24 && range.getClientRects().length > 1) split.push(word[0]);
        }
    }
    return cell.classList.contains('endless') ? [] : split;
})
"""
_BLANK_BESIDE_CARDS = """
() => [...document.querySelectorAll('.cards')].flatMap((cards) => {
    const right = cards.getBoundingClientRect().right;
    const ends = new Map();
    for (const card of cards.children) {
        const box = card.getBoundingClientRect();
        ends.set(box.top, Math.max(box.right, ends.get(box.top) ?? 0));
    }
    return [...ends.values()].filter((end) => end < right - 1);
})
"""
_PIXELS_OF_LETTERS = """
() => [...document.querySelectorAll('figure svg text')].map((text) =>
    {
        const { a, b } = text.getScreenCTM();
        return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
    })
"""


_TOUCHING_TEXTS = """
() => [...document.querySelectorAll('figure svg')].flatMap((chart) => {
    const texts = [...chart.querySelectorAll('text')].filter((text) => text.getAttribute('opacity') !== '0');
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    const touch = (one, other) => one.left < other.right + 3 && other.left < one.right + 3
        && one.top < other.bottom - 4 && other.top < one.bottom - 4;
    return boxes.flatMap(([one, box], number) =>
        boxes.slice(number + 1).filter(([, other]) => touch(box, other)).map(([other]) => `${one} | ${other}`));
})
"""
_SCROLLING = """
() => [...document.querySelectorAll('.scroll')]
    .filter((box) => box.scrollHeight > box.clientHeight + 1 && box.querySelectorAll('tbody tr').length <= 24)
    .map((box) => box.ariaLabel)
"""


@pytest.mark.parametrize("width", [400, 460, 1400, 2560])
def test_a_page_is_easy_to_read(browser: Browser, page_file: Path, width: int) -> None:
    """No word is broken, nothing is blank beside cards, texts of charts are not small, and short tables whole."""
    with Opened(browser, page_file, width) as opened:
        opened.unfold()
        assert opened.page.evaluate(_SPLIT_WORDS) == []
        assert opened.page.evaluate(_BLANK_BESIDE_CARDS) == []
        assert min(opened.page.evaluate(_PIXELS_OF_LETTERS)) > 9
        assert opened.page.evaluate(_TOUCHING_TEXTS) == []
        assert width < 1400 or opened.page.evaluate(_SCROLLING) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400, 2560])
def test_every_section_renders(browser: Browser, page_file: Path, width: int, scheme: str) -> None:
    """On a phone and on a desk, light and dark: all sections and charts are seen, nothing is cut off."""
    with Opened(browser, page_file, width, scheme) as opened:
        page = opened.page
        folded = page.locator(".cards").evaluate_all("all => all.filter(one => !one.checkVisibility()).length")
        assert folded == (len(SECTIONS) if width == 400 else 0)
        opened.unfold()
        assert opened.cut_off() == []
        assert [one.get_attribute("id") for one in page.locator("main section").all()[1:]] == [
            section.lower() for section in SECTIONS
        ]
        for name, reports in SECTIONS.items():
            places = page.locator(f"section#{name.lower()} :is(article, .nothing span)").all()
            assert {one.get_attribute("id") for one in places} == {report.name for report in reports}
            assert len(places) == len(reports)
            assert page.locator(f"section#{name.lower()} h2").is_visible()
        assert page.locator("figure svg").count() >= 15
        for chart in page.locator("figure svg").all():
            box = chart.bounding_box()
            assert box
            assert box["width"] > 200
            assert box["height"] > 40
        background, foreground = (
            page.evaluate(f"getComputedStyle(document.body).{what}") for what in ("backgroundColor", "color")
        )
        brightness = [sum(int(part) for part in text[4:-1].split(",")) for text in (background, foreground)]
        assert (brightness[0] > brightness[1]) is (scheme == "light")
        axis = page.locator("figure svg text").first.evaluate("one => getComputedStyle(one).fill")
        assert axis == foreground


def test_it_makes_no_request_and_logs_nothing(browser: Browser, page_file: Path) -> None:
    """No request but for the page itself, no console message, no violation of its Content-Security-Policy."""
    with Opened(browser, page_file) as opened:
        opened.page.mouse.wheel(0, 20000)
        opened.page.locator("th button").first.click()
        assert opened.requests == [page_file.as_uri()]
        assert opened.messages == []
    policy = page_file.read_text().split('Content-Security-Policy" content="')[1].split('"')[0]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


def test_every_report_has_a_place_of_its_own() -> None:
    """No two bundled reports have one place on the page, and no section is empty or has a gap."""
    for reports in SECTIONS.values():
        positions = [report.dashboard.position for report in reports if report.dashboard]
        assert positions == list(range(1, len(positions) + 1))
        assert positions


def test_reports_with_history_read_what_was_before_the_period(tmp_path: Path) -> None:
    """Who came before the period is no newcomer in it, and a bucket that has no records any more is missed."""
    writers = [LineWriter(bucket, random.Random(0)) for bucket in ("busy", "silent")]
    for writer in writers:
        for day in range(1, 9):
            writer.request(_at(day), "REST.GET.OBJECT", "a", requester=ADMIN)
    writers[0].request(_at(9), "REST.GET.OBJECT", "a", requester=ADMIN)
    writers[0].request(_at(9, 1), "REST.GET.OBJECT", "a", requester=f"{ADMIN}-2")
    (tmp_path / "logs").mkdir()
    for writer in writers:
        (tmp_path / "logs" / writer.bucket).write_text("".join(f"{line.text}\n" for line in writer.lines))
    ingest_local(f"{tmp_path}/logs/*", tmp_path / "lake")
    ninth = dt.date(2026, 1, 9)
    page = render_dashboard(open_store(str(tmp_path / "lake")), Scope(None, ninth, ninth), Settings(), NOW)
    assert unbroken("site-admin-2 was seen for the first time, on 2026-01-09 at 12:00: 1 request") in page
    assert unbroken("Bucket `silent` has no records on 2026-01-09") in page


def test_a_table_sorts_on_click(browser: Browser, page_file: Path) -> None:
    """By number or by text, up and then down; the header says so."""
    with Opened(browser, page_file) as opened:
        table = opened.page.locator("article[id='website/top_objects'] table")

        def column(position: int) -> list[str]:
            return table.locator(f"tbody tr td:nth-child({position})").all_inner_texts()

        header = table.locator("th").nth(1)
        header.locator("button").click()
        up = [int(text.replace(",", "")) for text in column(2)]
        assert up == sorted(up)
        assert header.get_attribute("aria-sort") == "ascending"
        header.locator("button").click()
        down = [int(text.replace(",", "")) for text in column(2)]
        assert down == sorted(up, reverse=True)
        assert header.get_attribute("aria-sort") == "descending"
        table.locator("th button").first.press("Enter")
        keys = [text for text in column(1) if text.isascii() and text.isalnum()]
        assert keys == sorted(keys)


def test_untrusted_texts_stay_texts(browser: Browser, page_file: Path) -> None:
    """A script, a link and quotes in keys, user agents, referrers and requesters are shown, and do nothing."""
    with Opened(browser, page_file) as opened:
        page = opened.page
        assert "hacked" not in page.title()
        assert page.locator("script").count() == 1
        assert page.locator("img, iframe, object, base, form").count() == 0
        assert page.locator("a:not([href^='#'])").count() == 0
        assert page.get_by_text(QUOTES, exact=True).count() >= 1
        assert page.get_by_text("49", exact=True).count() == 0
        assert page.get_by_text("It failed").count() == 0
        assert page.locator("article[id='cost/list_requests'] td").get_by_text("%FF").count() == 1
        shown = page.locator("article[id='website/top_objects'] td").all_inner_texts()
        assert f"{SCRIPT}.png" in shown
        assert "\\ufffe" in shown


def test_findings_come_first(browser: Browser, page_file: Path) -> None:
    """Before any figure: alarms, then what has grown; each leads to its report."""
    with Opened(browser, page_file) as opened:
        page = opened.page
        notices = page.locator(".notices li")
        texts = notices.all_inner_texts()
        alarms = [text for text in texts if text.startswith("Look at this:")]
        assert texts[: len(alarms)] == alarms
        assert any(
            "Somebody without credentials changed `site`: REST.PUT.OBJECT succeeded once" in text for text in alarms
        )
        assert any("site-admin-2 changed the policy of `site` on 2026-01-14 at 12:00" in text for text in alarms)
        assert any(text.startswith("Requests: ") and "against 280" in text for text in texts)
        assert any("1 line could not be read" in text for text in texts)
        assert any("site-admin-2 was seen for the first time" in text for text in texts)
        commands = notices.locator("code")
        assert commands.count() > 0
        assert not commands.first.is_visible()
        notices.locator("summary").first.click()
        assert "accesslake report " in commands.first.inner_text()
        top = [page.locator(where).bounding_box() for where in ("#unusual", ".tiles", "#overview")]
        assert [box["y"] for box in top if box] == sorted(box["y"] for box in top if box)
        for target in notices.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))"):
            assert page.locator(f"[id='{target[1:]}']").count() == 1


def test_figures_and_their_change(browser: Browser, page_file: Path, lake: Path) -> None:
    """Counted on the lines: a week, and the week before; the cost is that of its days."""
    with Opened(browser, page_file) as opened:
        tiles = opened.page.locator(".tiles div").all_inner_texts()
        by_name = {name: (value, change) for name, value, change in (tile.split("\n") for tile in tiles)}
    assert by_name["Requests"] == ("846", "+202%")
    assert by_name["Expired objects"] == ("7", "as before")
    assert by_name["Rejects"][0] == "1"
    days = open_lake(str(lake)).report("cost/by_day", date_from="2026-01-08", date_to="2026-01-14").to_arrow()
    assert by_name["Cost (estimate)"][0] == in_words("cost", round(sum(days["cost"].to_pylist()), 6)) != "0.00"
    assert list(by_name) == [
        "Requests", "Errors", "Bytes sent", "Cost (estimate)", "Visitors", "Expired objects", "Rejects",
        "Delivery lag (p95)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("new", "old", "change"),
    [
        (1000, 1001, "about as before"),
        (0, 0, "as before"),
        (3, 2, "+50%"),
        (5, 0, "none before"),
        (None, 4, "not known"),
    ],
)
def test_a_change_is_never_rounded_to_nothing(new: int | None, old: int, change: str) -> None:
    """No -0% and no +0%: what hardly differs is said to be about the same."""
    tiles = {tile.name: tile.change for tile in tiles_of({"requests": new}, {"requests": old})}
    assert tiles["Requests"] == change


def test_old_versions_are_told_beside_expired_objects() -> None:
    """What lifecycle rules removed of old versions is no expired object, and is not hidden either."""
    (tile,) = (one for one in tiles_of({"expired": 46, "expired_versions": 180}, {}) if one.name == "Expired objects")
    assert (tile.value, tile.aside) == ("46", "and 180 old versions")


def test_a_report_that_fails_does_not_cost_the_page(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says first which report failed, and why in the report's place."""
    reports = load_reports()
    reports["cost/by_day"] = reports["cost/by_day"].model_copy(
        update={"sql": "SELECT error('boom') AS date, 1 AS cost"}
    )
    monkeypatch.setattr("etl.dashboard.page.load_reports", lambda: reports)
    page = render_dashboard(open_store(str(lake)), Scope(), Settings(), NOW)
    assert "cost/by_day failed: " in page.partition('class="tiles"')[0]
    assert re.search(r"It failed: \S*by_day\.sql:\d+:\d+: DuckDB: Invalid Input Error: boom", page)


def test_print_shows_whole_tables(browser: Browser, page_file: Path) -> None:
    """In print nothing is behind a scroll bar."""
    with Opened(browser, page_file) as opened:
        opened.page.emulate_media(media="print")
        hidden = opened.page.locator(".scroll").evaluate_all(
            "all => all.filter(one => one.scrollHeight > one.clientHeight)"
        )
        assert hidden == []
        assert not opened.page.locator("nav").is_visible()
        assert opened.page.locator(".cards").evaluate_all("all => all.every(one => one.checkVisibility())")
        notes = opened.page.locator(".note p")
        assert notes.count() > 5
        assert notes.evaluate_all("all => all.every(one => one.checkVisibility())")


def test_notes_are_folded(browser: Browser, page_file: Path) -> None:
    """What has to be known to read a report is with it, one click away, without a script."""
    with Opened(browser, page_file) as opened:
        note = opened.page.locator("article[id='cost/by_day'] .note")
        text = load_reports()["cost/by_day"].note
        assert not note.get_by_text(text).is_visible()
        note.locator("summary").click()
        assert note.get_by_text(text).is_visible()


def test_the_page_names_no_options() -> None:
    """Title, question and note of a report on the page are of the records, not of a command line."""
    placed = [report for reports in SECTIONS.values() for report in reports]
    texts = [text for report in placed for text in (report.title, report.question, report.note)]
    assert [text for text in texts if re.search(r"(^|\s)-(p |-\w)", text)] == []


@pytest.fixture(scope="module")
def long_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 121 days of one bucket with one request a day; on each of them an object expires."""
    root = tmp_path_factory.mktemp("days")
    (root / "logs").mkdir()
    writer = LineWriter("site", random.Random(0))
    first = dt.datetime(2025, 9, 1, 12, tzinfo=dt.UTC)
    for day in range(121):
        time = first + dt.timedelta(days=day)
        writer.request(time, "REST.GET.OBJECT", "a", bytes_sent=day, user_agent=BROWSERS[0])
        writer.lifecycle(time, "S3.CREATE.DELETEMARKER", f"old/{day}")
    (root / "logs" / "2025-12-31-00-00-00-AA").write_text("".join(f"{line.text}\n" for line in writer.lines))
    ingest_local(f"{root}/logs/*", root / "lake")
    scope = Scope("site", first.date(), dt.date(2025, 12, 30))
    page = root / "page.html"
    page.write_text(render_dashboard(open_store(str(root / "lake")), scope, Settings(), NOW))
    return page


def test_series_end_with_their_newest_day(browser: Browser, long_page: Path) -> None:
    """Of more rows than are shown the last ones are, and the newest is in sight."""
    with Opened(browser, long_page) as opened:
        page = opened.page
        for name in ("website/requests_by_day", "lifecycle/events_by_day", "cost/by_day"):
            card = page.locator(f"article[id='{name}']")
            assert "The last 100 of 121 rows, the newest at the end." in card.inner_text(), name
            rows = card.locator("tbody tr")
            assert rows.count() == 100
            assert "2025-12-30" in rows.last.inner_text()
            box, row = card.locator(".scroll").bounding_box(), rows.last.bounding_box()
            assert box is not None
            assert row is not None
            assert row["y"] + row["height"] <= box["y"] + box["height"] + 2, name


def test_a_page_of_one_bucket_does_not_repeat_it(browser: Browser, long_page: Path) -> None:
    """One bucket is no chart of one bar, and no column of one name."""
    with Opened(browser, long_page) as opened:
        card = opened.page.locator("article[id='operations/buckets']")
        assert card.locator("svg").count() == 0
        assert "site" not in card.locator("tbody").inner_text()
        assert opened.page.locator("th").get_by_text("bucket", exact=True).count() == 0


def test_quiet_times_and_empty_lakes(lake: Path, tmp_path: Path) -> None:
    """A first week has nothing to be compared with; a lake without records is an error, not an empty page."""
    store = open_store(str(lake))
    first = render_dashboard(store, Scope("site", None, dt.date(2026, 1, 7)), Settings(), NOW)
    assert "It is not compared with the period before" in first
    assert first.count('class="change"') == 0
    assert "2026-01-01 to 2026-01-07" in first
    with pytest.raises(UsageError, match="no records of this bucket and period"):
        render_dashboard(store, Scope(None, dt.date(2027, 1, 1), None), Settings(), NOW)
    with pytest.raises(UsageError, match="no bucket 'sight'"):
        render_dashboard(store, Scope("sight"), Settings(), NOW)
    with pytest.raises(UsageError, match="no records"):
        render_dashboard(open_store(str(tmp_path)), Scope(), Settings(), NOW)
