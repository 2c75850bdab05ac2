"""Attacks by what is shown and kept: in spreadsheets, pages and terminals, in files, caches and lakes."""

import csv
import datetime as dt
import io
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attacks import on_terminal, request, write_log
from browsers import Opened
from conftest import empty_lake, ingest_local, rows_of, run_cli

from etl import open_lake
from etl.caches import cached_by_text
from etl.config import Settings
from etl.dashboard.page import render_dashboard
from etl.errors import StoreError, UsageError
from etl.lake import coverage as runs
from etl.parser.keys import encode_key
from etl.query import Scope
from etl.query.output import write_file
from etl.query.user_agents import parse_user_agent
from etl.reports.chart import Chart, render
from etl.reports.lifecycle_rules import load_rules
from etl.store.open import open_store
from etl.store.s3_session import S3Session
from etl.text import safe_cell, safe_json, safe_text

FORMULAS = ["=1+1", " =1", "\t@x", "\u00ad-1", "a;=1", "b,\n+1", "'=1", "x|=1", "\uff1d1", "\u3164=1", "\u2062=1"]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize(
    "within", [lambda text: text, lambda text: [text], lambda text: {"a": text}, lambda text: text.encode()]
)
def test_csv_for_spreadsheets_has_no_formula(text: str, within: Any) -> None:
    """Wherever a spreadsheet may take a cell to begin, also within lists, structs and bytes."""
    cell = safe_cell(within(text))
    assert isinstance(cell, str)
    for start in (cell, *cell.replace(";", ",").replace("|", ",").replace("\t", ",").replace("\n", ",").split(",")):
        assert start.strip(" \t\n\u00ad\u3164\u2062\"'[{") == "" or not start.lstrip(
            " \t\n\u00ad\u3164\u2062"
        ).startswith(("=", "+", "-", "@", "\uff1d"))


def test_csv_for_spreadsheets_guards_every_type(tmp_path: Path) -> None:
    """By the command line; numbers, days and truth values stay what they are."""
    ingest_local(write_log(tmp_path / "logs", [request(1)]), tmp_path / "lake")
    texts = "['=1'] AS l, {'a': '=2'} AS s, MAP {'k': '=3'} AS m, 'b'';=4'::BLOB AS b"
    query = f"SELECT {texts}, -5 AS n, true AS t, DATE '2026-01-02' AS d"
    done = run_cli("sql", query, "--lake", str(tmp_path / "lake"), "--format", "csv", "--csv-safe")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["n"], row["t"], row["d"]) == ("-5", "True", "2026-01-02")
    assert all("'=" in row[name] for name in "lsmb")


def test_markdown_makes_nothing_of_a_text(tmp_path: Path) -> None:
    """No link, no mention, no formula, no entity, no code, no new cell."""
    texts = [
        "https://evil.example/",
        "www.evil.example",
        "@somebody",
        "$$x$$",
        "&lt;b&gt;",
        "<b>",
        "`x`",
        "[x](y)",
        "a|b",
        "x@y.z",
    ]
    keys = " ".join(f"('{text}')," for text in texts)
    query = f"SELECT * FROM (VALUES {keys.rstrip(',')}) t(x)"
    done = run_cli("sql", query, "--lake", empty_lake(tmp_path).url, "--format", "markdown")
    cells = [line[2:-2] for line in done.stdout.splitlines()[2:]]
    assert cells == [
        r"https\://evil.example/",
        r"www\.evil.example",
        r"\@somebody",
        r"\$\$x\$\$",
        r"\&lt;b\&gt;",
        r"\<b\>",
        r"\`x\`",
        r"\[x\](y)",
        r"a\|b",
        r"x\@y.z",
    ]


INVISIBLE = [
    0x00AD,
    0x034F,
    0x061C,
    0x115F,
    0x1160,
    0x17B4,
    0x180B,
    0x180E,
    0x200B,
    0x200E,
    0x2028,
    0x202E,
    0x2060,
    0x2064,
    0x206A,
    0x206F,
    0x3164,
    0xFE00,
    0xFE0F,
    0xFEFF,
    0xFFA0,
    0xFFF9,
    0xFFFB,
    0x1BCA0,
    0x1D173,
    0xE0001,
    0xE0041,
    0xE01EF,
    0x00,
    0x1B,
    0x7F,
    0x9B,
]


@pytest.mark.parametrize("code", INVISIBLE)
def test_what_cannot_be_seen_is_shown(code: int) -> None:
    """As an escape in tables and pages; JSON says the same as before."""
    text = f"a{chr(code)}b"
    assert chr(code) not in safe_text(text)
    assert chr(code) not in safe_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(safe_json(json.dumps(text, ensure_ascii=False))) == text


def test_notices_show_no_raw_name(tmp_path: Path) -> None:
    """A bucket whose name turns the direction of text is named with escapes, everywhere on the page."""
    lines = [request(n, bucket=" b\u202e\u2028\u009bx ", time=f"0{1 + n % 6}/Feb/2026:00:00:38") for n in range(40)]
    lines = [line for line in lines if "03/Feb" not in line]
    ingest_local(write_log(tmp_path / "logs", lines), tmp_path / "lake")
    now = dt.datetime(2026, 2, 7, tzinfo=dt.UTC)
    page = render_dashboard(open_store(str(tmp_path / "lake")), Scope(), Settings(), now)
    assert "\\u202e\\u2028\\x9bx" in page
    assert not set("\u202e\u2028\u009b") & set(page)


def test_texts_of_own_reports_are_safe_on_a_terminal(tmp_path: Path) -> None:
    """Title, question and SQL of a report that somebody gave away, and the name of a lake."""
    reports = tmp_path / "reports"
    reports.mkdir()
    head = "-- /// report\n-- title = 'T\x1b[31m'\n-- question = 'Q\x9b31m?'\n-- ///\nSELECT 1 AS \"a\x1b[2J\"\n"
    (reports / "evil.sql").write_text(
        head.replace("'T\x1b[31m'", '"T\\u001b[31m"').replace("'Q\x9b31m?'", '"Q\\u009b31m?"')
    )
    lake = str(tmp_path / "lake\x1b[31m")
    own = ["--sql-dir", str(reports)]
    for command in (
        ["reports", *own],
        ["reports", "evil", *own],
        ["report", "evil", "--print-sql", *own],
        ["sql", "SELECT 1", "--lake", lake],
    ):
        assert b"\x1b[31m" not in on_terminal(command)
        assert b"\x1b[2J" not in on_terminal(command)


PAYLOADS = [
    "<script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "<svg onload=hacked()>",
    "<svg/onload=hacked()>",
    "<body onload=hacked()>",
    "<iframe src=javascript:hacked()>",
    "<iframe srcdoc='<script>parent.hacked()</script>'>",
    "<a href=javascript:hacked()>x</a>",
    "javascript:hacked()",
    "JaVaScRiPt:hacked()",
    "data:text/html,<script>hacked()</script>",
    "</script><script>hacked()</script>",
    "</style><script>hacked()</script>",
    "</title><script>hacked()</script>",
    "</textarea><script>hacked()</script>",
    "--><script>hacked()</script>",
    "]]><script>hacked()</script>",
    '"><script>hacked()</script>',
    "'><script>hacked()</script>",
    "' onmouseover=hacked() x='",
    '" onmouseover=hacked() x="',
    '" autofocus onfocus=hacked() x="',
    "<input autofocus onfocus=hacked()>",
    "<details open ontoggle=hacked()>",
    "<video><source onerror=hacked()></video>",
    "<audio src=x onerror=hacked()>",
    "<object data=javascript:hacked()>",
    "<embed src=javascript:hacked()>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>x",
    "<math><mi//xlink:href=javascript:hacked()>",
    "<style>@import '//evil.example/x.css'</style>",
    "<div style=background:url(//evil.example/x)>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "${hacked()}",
    "#{hacked()}",
    "`hacked()`",
    "\\u003cscript\\u003ehacked()\\u003c/script\\u003e",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "%3Cscript%3Ehacked()%3C/script%3E",
    "<scr\u0000ipt>hacked()</scr\u0000ipt>",
]


HARMFUL = """
() => {
    const all = [...document.querySelectorAll('*')];
    const leadsOut = (link) => !/^(#|data:)/.test(link.getAttribute('href') ?? '#');
    return {
        handlers: all.filter(one => [...one.attributes].some(attribute => attribute.name.startsWith('on'))).length,
        frames: all.filter(one => one.matches('iframe, object, embed, form[action], base, img[src^=http]')).length,
        links: all.filter(one => one.matches('a') && leadsOut(one)).length,
    };
}
"""
"""Counts what a text could have become on a page."""


@pytest.fixture(scope="module")
def hostile_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every payload as key, URI, referrer and user agent; half of them with 404, so that they are in most cards."""
    root = tmp_path_factory.mktemp("payloads")
    lines = []
    for number, payload in enumerate(PAYLOADS):
        key = encode_key(payload, "REST.GET.OBJECT")
        line = request(number, key=f" {key} ", agent=payload, uri=f'"GET /{payload} HTTP/1.1"')
        line = line.replace("https://example.com/", f"https://{payload}/").replace("\0", "")
        # Visitors have no credentials.
        line = (
            line.replace("arn:aws:iam::111122223333:user/a", "-")
            .replace(" SigV4 ", " - ")
            .replace(" AuthHeader ", " - ")
        )
        lines.append(line.replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ") if number % 2 else line)
    ingest_local(write_log(root / "logs", lines), root / "lake", max_reject_fraction=1)
    return root / "lake"


def test_44_payloads_in_a_real_browser(hostile_lake: Path, tmp_path: Path, browser: Any) -> None:
    """In the dashboard and on chart pages: no script runs, no request is made, no handler, no link leads out."""
    assert len(PAYLOADS) == 44
    pages = {"dashboard.html": ["dashboard", "--output"]}
    for name in ("website/not_found_objects", "website/top_objects", "website/top_referrers", "website/user_agents"):
        pages[f"{name.partition('/')[2]}.html"] = ["report", name, "--format", "json", "--chart"]
    for page, command in pages.items():
        path = tmp_path / page
        done = run_cli(*command, str(path), "--lake", str(hostile_lake))
        assert done.returncode == 0, done.stderr
        with Opened(browser, path) as opened:
            found = opened.page.evaluate(HARMFUL)
            assert found == {"handlers": 0, "frames": 0, "links": 0}, page
            assert opened.messages == [], page
            assert opened.requests == [path.as_uri()], page
            assert opened.page.locator("svg").count() > 0


def test_a_chart_page_loads_nothing(tmp_path: Path, browser: Any) -> None:
    """A column called `image` makes the tooltip an image of whatever URL a log has: the page's policy forbids it."""
    chart = Chart(kind="bar", label="image", value="n")
    page = tmp_path / "chart.html"
    page.write_bytes(render(chart, pa.table({"image": ["http://127.0.0.1:9/x.png"], "n": [1]}), "t", ".html"))
    assert "unsafe-eval" not in page.read_text().partition("<script")[0]
    with Opened(browser, page) as opened:
        opened.page.locator("svg path, canvas").first.wait_for()
        opened.page.mouse.move(300, 60)
        opened.page.wait_for_timeout(300)
        assert [one for one in opened.requests if not one.startswith(("file:", "data:", "blob:"))] == []


URLS = [
    ("GET https://user:secret@h/a?b=secret HTTP/1.1", "GET https://h/a HTTP/1.1"),
    ("GET //user:secret@h/a HTTP/1.1", "GET //h/a HTTP/1.1"),
    ("GET /a%3Fb=secret HTTP/1.1", "GET /a HTTP/1.1"),
    ("GET /a%253fb=secret HTTP/1.1", "GET /a HTTP/1.1"),
    ("GET /a#secret HTTP/1.1", "GET /a HTTP/1.1"),
]
AGENTS = [
    ("bot (+https://user:secret@b/)", "bot (+https://b/)"),
    ("bot (https://b/?a=1, secret; secret (secret) <secret> secret)", "bot (https://b/"),
]
REFERRERS = [
    (" https://user:secret@h/", " https://h/"),
    ("//user:secret@h/a", "//h/a"),
    ("https://h/%3Fsecret", "https://h/"),
]


def test_query_strings_leave_nothing_behind(tmp_path: Path) -> None:
    """With `query_strings = drop`: who logs in by URL, encoded question marks, and what follows in a user agent."""
    lines = [request(n, uri=f'"{uri}"') for n, (uri, _) in enumerate(URLS)]
    lines += [request(100 + n, agent=agent) for n, (agent, _) in enumerate(AGENTS)]
    lines += [request(200 + n).replace("https://example.com/", url) for n, (url, _) in enumerate(REFERRERS)]
    failed = request(300, key=" a%253Fb%253Dsecret ").replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ")
    lines += [failed, request(301, key=" a%253Fb%253Dkept ")]
    lines += [request(302).replace("site.s3.eu-central-1.amazonaws.com", "h?secret"), f"{request(303)} new?secret"]
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", lines), lake, privacy={"query_strings": "drop"})
    rows = rows_of(lake, "*", "request_id")
    assert "secret" not in json.dumps(rows, default=str)
    assert [row["request_uri"] for row in rows[: len(URLS)]] == [kept for _, kept in URLS]
    assert [row["user_agent"] for row in rows[len(URLS) : len(URLS) + len(AGENTS)]] == [kept for _, kept in AGENTS]
    assert [row["referrer"] for row in rows[len(URLS) + len(AGENTS) : -4]] == [kept for _, kept in REFERRERS]
    assert [row["key"] for row in rows[-4:-2]] == ["a", "a?b=kept"]


def test_caches_keep_no_long_text() -> None:
    """What is kept of texts that anybody may write is bounded in bytes, not in entries only."""
    computed: list[str] = []

    @cached_by_text(entries=2)
    def length(text: str) -> int:
        computed.append(text)
        return len(text)

    for text in ("a", "a", "b" * 512, "b" * 512, "c" * 513, "c" * 513):
        assert length(text) == len(text)
    assert computed == ["a", "b" * 512, "c" * 513, "c" * 513]


def test_a_long_user_agent_costs_as_little_as_its_start() -> None:
    """It is read as far as 512 letters: what follows changes nothing."""
    start = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    assert parse_user_agent(start + " " * 512 + "bot " * 1_000_000) == parse_user_agent(start)


class Hostile(BaseHTTPRequestHandler):
    """A store that redirects to itself, or gives no ETag."""

    def do_GET(self) -> None:
        if "/redirect" in self.path:
            self.send_response(301)
            self.send_header("x-amz-bucket-region", "us-east-1")
            self.send_header("Location", self.path)
            self.end_headers()
            return
        self.send_response(200)
        body = b"{}"
        if "list-type" in self.path:
            body = (
                b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
                b"<Contents><Key>lake/_runs.json</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>"
            )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 - as the library calls it

    def log_message(self, *_arguments: object) -> None:
        """Nothing to say."""


@pytest.fixture
def hostile_store() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hostile)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("bucket", ["redirect", "bucket"])
def test_hostile_stores_are_errors(bucket: str, hostile_store: str) -> None:
    """One that redirects in a circle, and one without ETags: a message that names the URL, not a traceback."""
    store = open_store(f"s3://{bucket}/lake", S3Session(hostile_store))
    for use in (lambda: store.entries(""), lambda: store.read("_runs.json")):
        with pytest.raises(StoreError, match=r"redirect|no ETag|301"):
            use()


def test_documents_of_a_lake_that_somebody_wrote(tmp_path: Path) -> None:
    """Times without a zone beside others, deep JSON: as if nothing was known, or a message."""
    store = open_store(str(tmp_path))
    times = {
        "a": {"since": None, "listed_at": "2026-01-01T00:00:00"},
        "b": {"since": None, "listed_at": "2026-01-01T00:00:00Z"},
    }
    store.write("_runs.json", json.dumps(times).encode(), None)
    assert runs.read_covered(store) == {}
    rules = tmp_path / "rules.json"
    rules.write_text('{"Rules": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(UsageError, match=r"rules\.json"):
        load_rules(rules)


def test_a_lake_with_a_pattern_as_its_name_shows_nothing_else(tmp_path: Path) -> None:
    """Its URL is no pattern, neither for queries nor for listings."""
    for name in ("lake", "lakes"):
        ingest_local(write_log(tmp_path / f"logs-{name}", [request(1, bucket=f" {name} ")]), tmp_path / name)
    (tmp_path / "no-logs").mkdir()
    ingest_local(tmp_path / "no-logs", tmp_path / "lake*")
    empty = open_lake(str(tmp_path / "lake*"))
    assert empty.sql("SELECT count(*) AS n FROM access_log").to_arrow()["n"].to_pylist() == [0]
    assert empty.status().buckets == []


def test_an_output_does_not_follow_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode of a file is set by its descriptor: by its name, a link in a shared folder could stand in its place."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    monkeypatch.setattr(os, "chmod", lambda *_arguments, **_options: pytest.fail("by name"))
    write_file(tmp_path / "out.csv", b"x")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out.csv").stat().st_mode & 0o600 == 0o600


def test_keys_of_payloads_come_back(hostile_lake: Path) -> None:
    """Text is text: what the browser was given is what the log has."""
    keys = {row["key"] for row in rows_of(hostile_lake, "key")}
    assert {payload for payload in PAYLOADS if "\0" not in payload} <= keys
