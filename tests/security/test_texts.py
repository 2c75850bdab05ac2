"""Attacks by the text of requests and log objects: H1 to H4, M1, M2, M4, M5 and M7 of the list. They cost nothing."""

import contextlib
import datetime as dt
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree as ET

import filelock
import pyarrow as pa
import pytest
import zstandard
from attacks import request, store_as_before, write_log
from conftest import ingest_local, rows_of, run_cli
from lines import HEAD, HOST, TAIL, read, rejected

from etl import arrow as arrays
from etl import open_lake
from etl.api import Lake
from etl.arrow import array_of
from etl.config import Settings
from etl.dashboard.page import render_dashboard
from etl.errors import AccessLakeError, StoreError, UsageError
from etl.parser import parser as parse
from etl.parser.grammar import LONGEST_LINE
from etl.query import EVERYTHING, Scope
from etl.reports.chart import Chart, ChartError, render, svg
from etl.reports.lifecycle_rules import check_rules, load_rules
from etl.reports.loader import load_reports
from etl.store.local import LocalStore
from etl.store.open import open_store

NOW = dt.datetime(2026, 2, 7, tzinfo=dt.UTC)
EMOJI = "\U0001f600"
PARAMETERS = {"key": "k", "requester": "r", "remote_ip": "192.0.2.1", "approved": "arn:.*"}


def dashboard(lake: Path, scope: Scope = EVERYTHING) -> str:
    return render_dashboard(open_store(str(lake)), scope, Settings(), NOW)


def is_whole(page: str) -> bool:
    """Whether every report on a dashboard was answered, and every chart drawn."""
    return not any(f"could not be {what}" in page for what in ("answered", "drawn"))


@pytest.mark.parametrize("kind", ["pie", "bar", "line"])
def test_h1_no_label_is_cut_within_a_letter(kind: str) -> None:
    """A letter beyond U+FFFF at every place of a long label, in names and series: the chart is drawn."""
    labels = ["a" * at + EMOJI + "b" * (60 - at) for at in range(61)] + [EMOJI * 50, "\u0644" * 8000, "\u6f22" * 40]
    chart = Chart(kind=kind, label="label", value="n", series="series" if kind == "line" else None)  # type: ignore[arg-type]
    for start in range(0, len(labels), 6):
        some = labels[start : start + 6]
        table = pa.table({"label": some, "n": list(range(1, len(some) + 1)), "series": some})
        drawn = render(chart, table, EMOJI * 60, ".svg").decode()
        assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own
    assert render(chart, table, EMOJI, ".png").startswith(b"\x89PNG")


def test_h1_labels_that_are_cut_alike_stay_apart() -> None:
    """Two keys that differ in the middle only are two bars."""
    keys = [f"{'a' * 30}{n}{'b' * 30}" for n in range(3)]
    table = pa.table({"key": keys, "n": [3, 2, 1]})
    drawn = render(Chart(kind="bar", label="key", value="n"), table, "t", ".svg").decode()
    assert all(f"\u2026{'b' * 18}{which}<" in drawn for which in ("", " (2)", " (3)"))


def test_h1_one_request_with_an_emoji_costs_no_page(tmp_path: Path) -> None:
    """A GET of a missing key, as in the list: the dashboard has its card, and the report its chart."""
    key = "aaaaaaaaaaa%25F0%259F%2598%2580bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.html"
    line = request(1, key=f" {key} ").replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ")
    ingest_local(write_log(tmp_path / "logs", [line]), tmp_path / "lake")
    page = dashboard(tmp_path / "lake")
    assert "aaaaaaaaaaa\U0001f600bbbb" in page
    assert is_whole(page)
    chart = tmp_path / "chart.svg"
    done = run_cli("report", "website/not_found_objects", "--lake", str(tmp_path / "lake"), "--chart", str(chart))
    assert (done.returncode, chart.exists()) == (0, True)


def test_h1_a_chart_that_fails_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says which chart could not be drawn, and has its table; a report's chart is an error."""
    ingest_local(write_log(tmp_path / "logs", [request(n) for n in range(5)]), tmp_path / "lake")

    class PanicError(BaseException):
        """As PyO3 raises it where Rust code panics."""

    def fail(*_arguments: object, **_options: object) -> str:
        raise PanicError("surrogates not allowed")

    monkeypatch.setattr("vl_convert.vegalite_to_svg", fail)
    page = dashboard(tmp_path / "lake")
    assert "website/response_codes could not be drawn." in page
    assert "surrogates not allowed" in page
    assert "Response codes" in page
    with pytest.raises(ChartError, match="--format"):
        render(Chart(kind="bar", label="a", value="n"), pa.table({"a": ["x"], "n": [1]}), "t", ".svg")


@pytest.mark.parametrize("name", ["overview/figures", "cost/by_day", "operations/completeness"])
def test_h1_a_report_that_fails_costs_itself(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures, too."""
    ingest_local(write_log(tmp_path / "logs", [request(1)]), tmp_path / "lake")
    reports = load_reports()
    reports[name] = reports[name].model_copy(update={"sql": "SELECT error('boom') AS date, 1 AS cost"})
    monkeypatch.setattr("etl.dashboard.page.load_reports", lambda: reports)
    assert f"{name} could not be answered." in dashboard(tmp_path / "lake")


HUGE = '"GET /x" 200 - 9223372036854775807 9223372036854775807 5 5 "-" "y"'


def test_h2_forged_sizes_are_not_believed(tmp_path: Path) -> None:
    """Two forged request lines, as in the list: every report answers, and egress is what S3 sent."""
    lines = [
        request(1),
        *(request(n, uri=HUGE).replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ") for n in (2, 3)),
    ]
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", lines), lake)
    rows = rows_of(lake, "http_status, error_code, bytes_sent, object_size, parse_note", "request_id")
    assert [tuple(row.values()) for row in rows[1:]] == [(404, "NoSuchKey", 272, None, "ambiguous")] * 2
    every_report_answers(lake)
    assert open_lake(str(lake)).sql("SELECT total(bytes_sent) AS n FROM access_log").to_arrow()["n"].to_pylist() == [
        657
    ]
    assert is_whole(dashboard(lake))


def test_h2_readings_that_differ_give_no_number() -> None:
    """Sizes that could be: nobody knows whose they are, so there is none, and the row is noted."""
    row = read(f'{HEAD} REST.GET.OBJECT a "GET /x" 200 - 5 5 9 6 "-" "y" 404 NoSuchKey 272 - 9 - "-" "curl" {TAIL}')
    names = ("http_status", "error_code", "bytes_sent", "object_size", "total_time", "turn_around_time", "parse_note")
    assert [row[name] for name in names] == [None, None, None, None, 9, None, "ambiguous"]


@pytest.mark.parametrize(("size", "believed"), [(50 * 2**40, True), (50 * 2**40 + 1, False), (2**63 - 1, False)])
def test_h2_sizes_that_no_object_has(size: int, believed: bool) -> None:
    """An object has 50 TB at most: more is no number, noted, and the rest of the line is kept."""
    row = read(f'{HEAD} REST.GET.OBJECT a "GET /x HTTP/1.1" 200 - {size} {size} 5 5 "-" "curl" {TAIL}')
    expected = (size, size, 5, None) if believed else (None, None, 5, "impossible_size")
    assert (row["bytes_sent"], row["object_size"], row["total_time"], row["parse_note"]) == expected


def test_h2_a_lake_that_holds_such_rows(tmp_path: Path) -> None:
    """Rows that were believed before count as nothing, and no sum overflows."""
    lake = tmp_path / "lake"
    for _ in range(2):
        store_as_before(open_store(str(lake)), [request(1), request(2)], bytes_sent=2**63 - 1, object_size=2**63 - 1)
    every_report_answers(lake)
    here = open_lake(str(lake))
    assert here.sql("SELECT total(bytes_sent) AS n FROM access_log").to_arrow()["n"].to_pylist() == [113]
    large = "SELECT total(n) AS n FROM (VALUES (9223372036854775807), (9223372036854775807)) t(n)"
    assert here.sql(large).to_arrow()["n"].to_pylist() == [2**63 - 1]


def every_report_answers(lake: Path, **scope: Any) -> None:
    here = open_lake(str(lake))
    for name, report in load_reports().items():
        required = {key: PARAMETERS[key] for key, one in report.params.items() if one.required}
        here.report(name, **required, **scope).to_arrow()


SHAPES = [
    '" - - - - - - ',
    '" "',
    '"',
    " ",
    '" ',
    '"  ',
    '" 200 - 5 5 5 5 "-" "',
    '" 200 - 5 5 5 5 - ',
    "- ",
    '- "',
    ' "',
    "a ",
    '" - ',
    '" - - ',
    '" 200 - 99999999999999999999 5 5 5 "-" "',
    '\\"',
    '" 200 \x01 5 5 5 5 "-" "',
    '" - - - - - - -',
    "%",
    "%2",
    "%25",
    '"- ',
    "[01/Jan/2026:00:00:00 ",
    '" - A B C D E F -',
    f'" - {HOST} SigV4 - - - - ',
    "AAAAAAAAAAAAAAAAAAAA ",
    '";',
    "0",
    "\u00e9",
]
ENDS = ["", '" - -', '" -', '" 200 - 5 5 5 5 "-" "']
TAILS = [TAIL, "- - - - - -", "-", f"- {HOST}", f'{TAIL} "x" y']
H3 = """
import resource, sys
sys.path[:0] = sys.argv[1:3]
from test_texts import hostile_lines
from etl.parser.grammar import RejectError
from etl.parser.line import parse_line
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
for line in hostile_lines(64_000):
    try:
        parse_line(line)
    except RejectError:
        pass
print("done")
"""


def hostile_lines(length: int) -> list[bytes]:
    """Every shape, repeated up to a length, with every end, in each of the three fields and after them."""
    lines = []
    for shape in SHAPES:
        for end in ENDS:
            text = (shape * (length // len(shape) + 1))[:length] + end
            for place in range(4):
                fields = ["GET /", "-", "curl", TAIL]
                fields[place] = text
                uri, referrer, agent, tail = fields
                line = f'{HEAD} REST.GET.OBJECT a "{uri}" 404 NoSuchKey 272 - 9 - "{referrer}" "{agent}" {tail}'
                lines.append(line.encode())
    for tail in TAILS:
        agent = (SHAPES[0] * (length // 14))[:length] + '" - -'
        lines.append(f'{HEAD} REST.GET.OBJECT a "GET /" 404 NoSuchKey 272 - 9 - "-" "{agent}" {tail}'.encode())
    return lines


def test_h3_a_line_takes_time_in_proportion_to_its_length() -> None:
    """The processor time for 469 lines of 64 kB is bounded; if it were quadratic, a few of them would take it all."""
    here = Path(__file__)
    arguments = [str(here.parent), str(here.parents[1])]
    done = subprocess.run([sys.executable, "-c", H3, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr[-500:]


def test_h3_a_line_that_is_too_long_is_a_reject(tmp_path: Path) -> None:
    """Of 256 KiB at most it is read; a longer one is kept as far as that, and its length; those around it are right."""
    fits = LINE_OF(LONGEST_LINE)
    assert read(fits)["parse_note"] is None
    assert rejected(LINE_OF(LONGEST_LINE + 1)) == "too_long"
    logs = tmp_path / "logs"
    write_log(logs, [request(1), LINE_OF(LONGEST_LINE + 1), request(2), "x" * 5_000_000, fits, request(3)])
    summary = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1)
    assert (summary.result.rows, summary.result.rejects) == (4, 2)
    rejects = (
        open_lake(str(tmp_path / "lake")).sql("SELECT line_number, reason, line FROM rejects").to_arrow().to_pylist()
    )
    assert [(one["line_number"], one["reason"]) for one in rejects] == [(2, "too_long"), (4, "too_long")]
    assert [one["line"].partition(" ... ")[2] for one in rejects] == ["(262145 bytes in all)", "(5000000 bytes in all)"]
    assert all(len(one["line"]) < LONGEST_LINE + 50 for one in rejects)
    assert Lake(Settings(lake=str(tmp_path / "lake"), source=(str(logs),))).verify().differences == []


def LINE_OF(length: int) -> str:  # noqa: N802 - as a constant
    line = request(9)
    return line.replace("curl/7.79.1", "x" * (length - len(line) + len("curl/7.79.1")))


BOUNDED = """
import resource, sys
from etl.cli.commands import main
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv.pop(1)),) * 2)
main()
"""


def ingest_within(
    memory: int, logs: Path, lake: Path, *options: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """A run whose process gets no more memory than that."""
    command = [sys.executable, "-c", BOUNDED, str(memory), "ingest", "--source", f"{logs}/*", "--lake", str(lake)]
    return subprocess.run(
        [*command, "--workers", "1", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_h4_millions_of_bad_lines_take_little_memory(tmp_path: Path) -> None:
    """A gzip of 6 kB with three million lines that are none: each is a reject, in a quarter of the memory of before."""
    logs = write_log(tmp_path / "logs", [request(1)])
    (logs / "2026-02-06-02-00-00-AA.gz").write_bytes(gzip.compress(b"a\n" * 3_000_000))
    done = ingest_within(900 << 20, logs, tmp_path / "lake")
    assert done.returncode == 3, done.stderr
    counted = open_lake(str(tmp_path / "lake")).sql("SELECT count(*) AS n, max(line_number) AS last FROM rejects")
    assert counted.to_arrow().to_pylist() == [{"n": 3_000_000, "last": 3_000_000}]
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


@pytest.mark.parametrize("kind", ["gzip", "zstd", "gzip of many members"])
def test_h4_a_bomb_is_a_failure_of_its_object(tmp_path: Path, kind: str) -> None:
    """It is named with what to do, the other objects are ingested, and so it is in every run, at little cost."""
    logs = write_log(tmp_path / "logs", [request(1)])
    text = bytes(3 << 30) if kind == "zstd" else bytes(300 << 20)
    bomb = logs / "2026-02-06-02-00-00-BB.gz"
    if kind == "zstd":
        bomb = logs / "2026-02-06-02-00-00-BB.zst"
        bomb.write_bytes(zstandard.ZstdCompressor().compress(text))
    else:
        bomb.write_bytes(gzip.compress(text) * (1 if kind == "gzip" else 10))
    del text
    assert bomb.stat().st_size < 4 << 20
    for n in range(2):
        write_log(logs, [request(2 + n)], f"2026-02-06-0{3 + n}-00-00-CC")
        done = ingest_within(700 << 20, logs, tmp_path / "lake", ACCESSLAKE_MAX_OBJECT_SIZE="64MiB")
        assert done.returncode == 1
        assert f"{bomb}: is more than 67,108,864 bytes of text: set aside" in done.stderr
        assert "max_object_size" in done.stderr
    assert len(rows_of(tmp_path / "lake")) == 3


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_half_a_compressed_object_is_a_failure(tmp_path: Path, suffix: str, share: float) -> None:
    """One that was cut is named, and nothing of it is booked; whole ones, of several frames too, are read."""
    text = "".join(f"{request(n)}\n" for n in range(20_000)).encode()
    compress = gzip.compress if suffix == "gz" else zstandard.ZstdCompressor().compress
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / f"2026-02-06-01-00-00-AA.{suffix}").write_bytes(compress(text[:5000]) + compress(text[5000:]))
    cut = compress(text.replace(b"EXAMPLE", b"EXAMPLF"))
    (logs / f"2026-02-06-02-00-00-AA.{suffix}").write_bytes(cut[: int(len(cut) * share)])
    result = ingest_local(logs, tmp_path / "lake").result
    assert (result.rows, result.lines, len(result.failures)) == (20_000, 20_000, 1)
    assert "cannot be decompressed" in next(iter(result.failures.values()))


def test_h4_many_small_bombs_are_written_in_pieces(tmp_path: Path) -> None:
    """Objects that hold more than a batch is planned for do not add up in memory; books and rows are right."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for n in range(8):
        text = "".join(f"{request(n * 10_000 + line)}\n" for line in range(2_000))
        (logs / f"2026-02-06-{n:02d}-00-00-AA.gz").write_bytes(gzip.compress(text.encode()))
    lake = tmp_path / "lake"
    result = ingest_local(f"{logs}/*", lake, batch_size=600_000).result
    assert (result.objects_ingested, result.rows, result.lines) == (8, 16_000, 16_000)
    assert result.parts_written > 2
    assert len({row["request_id"] for row in rows_of(lake)}) == 16_000
    assert Lake(Settings(lake=str(lake), source=(f"{logs}/*",))).verify().differences == []


def test_h4_an_object_of_nothing_but_rejects_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the object is a failure, and nothing of it is written."""
    monkeypatch.setattr(parse, "MOST_REJECTS", 1_000)
    logs = write_log(tmp_path / "logs", [request(1)])
    write_log(logs, [*["a"] * 1_001, request(2)], "2026-02-06-02-00-00-AA")
    result = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1).result
    assert (result.rows, result.rejects, len(result.failures)) == (1, 0, 1)
    assert "lines that are no records" in next(iter(result.failures.values()))
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


def test_h4_text_beyond_what_arrow_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object with too much text in one column is a failure; those before and after it are ingested."""
    monkeypatch.setattr(arrays, "_LONGEST_TEXTS", 300_000)
    logs = write_log(tmp_path / "logs", [request(1)])
    write_log(logs, [request(n, key=f" {'x' * 1000}{n} ") for n in range(1000)], "2026-02-06-02-00-00-AA")
    write_log(logs, [request(2)], "2026-02-06-03-00-00-AA")
    result = ingest_local(logs, tmp_path / "lake", batch_size=500_000).result
    assert (result.rows, result.objects_ingested, len(result.failures)) == (2, 2, 1)
    assert "more text in one field" in next(iter(result.failures.values()))
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


def test_h4_rejects_that_shrink_to_nothing_do_not_grow_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is sealed by what it is in memory, too: no run reads back more than that."""
    monkeypatch.setattr("etl.lake.append._FULL_BYTES", 200_000)
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    for n in range(4):
        write_log(logs, ["a" * 1000] * 1_000, f"2026-02-06-0{n}-00-00-AA")
        ingest_local(logs, lake, max_reject_fraction=1)
    assert len(list((lake / "rejects").rglob("*.parquet"))) == 4
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_m1_offsets_do_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """More text than 32-bit offsets can tell is an error, never an array with wrong places."""
    monkeypatch.setattr(arrays, "_LONGEST_TEXTS", 10)
    assert array_of(["12345", None, "67890"], pa.string()).to_pylist() == ["12345", None, "67890"]
    with pytest.raises(OverflowError, match="11 bytes"):
        array_of(["12345", "678901"], pa.string())


def test_m1_rejects_are_flushed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are cut, they are the same."""
    lines = b"".join(b"%d bad\n" % n for n in range(1_000))
    found = []
    for size in (1, 50, 1 << 25):
        monkeypatch.setattr(parse, "_CHUNK_BYTES", size)
        parser = parse.Parser(dt.datetime(2026, 3, 1))  # noqa: DTZ001
        parser.add("a", lines)
        found.append(parser.finish().rejects.to_pylist())
    assert found[0] == found[1] == found[2]
    assert [one["line_number"] for one in found[0]] == list(range(1, 1_001))


YEARS = ["01/Jan/9999", "31/Dec/9999", "01/Jan/6019", "01/Jan/0001", "01/Jan/1970", "28/Feb/2006"]


@pytest.mark.parametrize("day", YEARS)
def test_m2_times_that_cannot_be_are_rejects(tmp_path: Path, day: str) -> None:
    """Before S3 there was, or later than tomorrow: by the fast path and the slow one."""
    odd = [request(1, time=f"{day}:12:00:00"), request(2, time=f"{day}:12:00:00", uri='"GET /" x HTTP/1.1"')]
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", [request(3), *odd]), lake, max_reject_fraction=1)
    assert open_lake(str(lake)).sql("SELECT reason FROM rejects").to_arrow()["reason"].to_pylist() == ["bad_time"] * 2
    assert len(rows_of(lake)) == 1


def test_m2_the_clock_of_s3_may_be_ahead(tmp_path: Path) -> None:
    """A record of the next hours is one; of the day after tomorrow it is none."""
    now = dt.datetime.now(dt.UTC)
    times = [f"{now + dt.timedelta(hours=hours):%d/%b/%Y:%H:%M:%S}" for hours in (0, 23, 49)]
    logs = write_log(tmp_path / "logs", [request(n, time=time) for n, time in enumerate(times)])
    result = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1).result
    assert (result.rows, result.rejects) == (2, 1)


@pytest.mark.parametrize("year", [9999, 6019, 1970, 1])
def test_m2_a_lake_that_holds_such_records(tmp_path: Path, year: int) -> None:
    """They move no period, silence no alarm and make no series of thousands of years; every command ends well."""
    lake = tmp_path / "lake"
    odd = dt.datetime(year, 1, 1, 12)  # noqa: DTZ001
    store_as_before(open_store(str(lake)), [*(request(n) for n in range(20)), request(21)], time=odd)
    page = dashboard(lake)
    assert "2026-01-31 to 2026-02-06" in page
    assert is_whole(page)
    assert f"{year:04d}-01-01" not in page.partition("<table")[0]
    assert "4 years old" not in page
    status = open_lake(str(lake)).status()
    assert status.newest_record is not None
    assert status.newest_record.year in (2026, year)
    assert status.newest_record.year <= 2026
    every_report_answers(lake)
    days = open_lake(str(lake)).report("operations/completeness").to_arrow()
    assert days.num_rows <= 366
    for name in ("website/requests_by_hour", "website/requests_by_day", "operations/status_by_day"):
        report = load_reports()[name]
        assert report.chart
        assert len(svg(report.chart, open_lake(str(lake)).report(name).to_arrow())) < 2_000_000
    rules = tmp_path / "rules.json"
    rules.write_text('{"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}')
    first, last = dt.date.min, dt.date.max
    for scope in (
        Scope(),
        Scope(None, first),
        Scope(None, None, dt.date(1, 1, 5)),
        Scope(None, last),
        Scope(None, first, last),
    ):
        with contextlib.suppress(AccessLakeError):
            dashboard(lake, scope)
        with contextlib.suppress(AccessLakeError):
            check_rules(open_store(str(lake)), "site", load_rules(rules), scope, Settings())[0].to_arrow()


def test_m2_a_lake_of_such_records_only(tmp_path: Path) -> None:
    """Nothing to show is a message."""
    store_as_before(open_store(str(tmp_path / "lake")), [request(1)], time=dt.datetime(9999, 12, 31))  # noqa: DTZ001
    with pytest.raises(UsageError, match="no records of this bucket and period"):
        dashboard(tmp_path / "lake")


def test_m4_links_among_log_objects_are_passed_over(tmp_path: Path) -> None:
    """Whoever may write logs cannot have files read that they cannot read; nor stop a run by a name."""
    logs = write_log(tmp_path / "logs", [request(1)])
    secret = tmp_path / "secret"
    secret.write_text("root:secret\n")
    (logs / "2026-02-06-02-00-00-BB").symlink_to(secret)
    (logs / "deep").symlink_to(tmp_path)
    Path(os.fsdecode(os.fsencode(logs) + b"/2026-02-06-03-00-00-\xff")).write_text("x\n")
    Path(os.fsdecode(os.fsencode(logs) + b"/\xff.gz")).write_text("x\n")
    for n, source in enumerate((str(logs), f"{logs}/*")):
        summary = ingest_local(source, tmp_path / f"lake{n}", max_reject_fraction=1)
        assert (summary.result.rows, summary.result.rejects, summary.result.failures) == (1, 0, {})
    assert ingest_local(str(logs), tmp_path / "lake0").found.skipped > 0
    with pytest.raises(UsageError, match="is a symbolic link"):
        ingest_local(logs / "2026-02-06-02-00-00-BB", tmp_path / "lake")


def test_m4_a_file_that_becomes_a_link_is_not_read(tmp_path: Path) -> None:
    """Between listing and reading, too."""
    logs = write_log(tmp_path / "logs", [request(1)])
    secret = tmp_path / "secret"
    secret.write_text(next(logs.iterdir()).read_text())

    def replaced(path: str, flags: int) -> int:
        Path(path).unlink()
        Path(path).symlink_to(secret)
        return os.open(path, flags | os.O_NOFOLLOW)

    with patch("etl.sources.fetch.open_no_link", replaced):
        result = ingest_local(logs, tmp_path / "lake").result
    assert (result.rows, len(result.failures)) == (0, 1)


def test_m5_nobody_else_can_hold_the_locks(tmp_path: Path) -> None:
    """Locks and files half written are in a directory of the owner's, made private where an older version made it."""
    lake = tmp_path / "lake"
    (lake / "_tmp").mkdir(parents=True, mode=0o755)
    (lake / "_tmp" / "run.lock").touch(0o644)
    ingest_local(write_log(tmp_path / "logs", [request(1)]), lake)
    assert (lake / "_tmp").stat().st_mode & 0o777 == 0o700
    assert (lake / "_tmp" / "write.lock").stat().st_mode & 0o777 == 0o600
    part = next((lake / "access_log").rglob("*.parquet"))
    assert part.stat().st_mode & 0o044 == 0o044 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_m5_a_lock_that_is_held_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write waits a while, then says what holds it up and what to do; it does not hang."""
    monkeypatch.setattr("etl.store.local._LOCK_SECONDS", 0.1)
    store = LocalStore(tmp_path)
    store.write("a", b"1", None)
    with filelock.FileLock(tmp_path / "_tmp" / "write.lock"), pytest.raises(StoreError, match="fuser"):
        store.write("b", b"2", None)
    store.write("b", b"2", None)


def test_m7_verify_reads_each_part_as_often_whatever_there_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times as many partitions (of invented buckets) are four times as many reads, not sixteen."""
    reads = []
    original = LocalStore.read_range
    for buckets in (20, 80):
        lake = tmp_path / f"lake{buckets}"
        lines = [request(n, bucket=f" bucket-{n} ") for n in range(buckets)]
        ingest_local(write_log(tmp_path / f"logs{buckets}", lines), lake)
        count = 0

        def counted(*arguments: Any) -> bytes:
            nonlocal count
            count += 1
            return original(*arguments)

        monkeypatch.setattr(LocalStore, "read_range", counted)
        assert Lake(Settings(lake=str(lake))).verify().differences == []
        monkeypatch.setattr(LocalStore, "read_range", original)
        reads.append(count)
    assert reads[1] < reads[0] * 5


def test_m7_duplicates_are_still_found(tmp_path: Path) -> None:
    """In the partition that has them."""
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", [request(n, bucket=f" bucket-{n} ") for n in range(3)]), lake)
    part = lake / "access_log" / "bucket=bucket-1" / "date=2026-02-06" / "part-00000.parquet"
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())
    found = [one for one in Lake(Settings(lake=str(lake))).verify().differences if one.kind == "duplicate_rows"]
    assert [one.partition for one in found] == ["access_log/bucket=bucket-1/date=2026-02-06/"]


def test_names_that_climb_are_rejects_and_old_lakes_are_read(tmp_path: Path) -> None:
    """A bucket whose path would lead out of the lake is none; a lake that has one is queried and verified whole."""
    names = ["../../etc", "a/../../b", "..", "a\\..\\b", "/.."]
    for name in names:
        assert rejected(request(1, bucket=f" {name} ")) == "bad_bucket"
    for name in ("a..b", ".", "a.b", "...", "a/b", "%2e%2e"):
        assert read(request(1, bucket=f" {name} "))["bucket"] == name
    lake = tmp_path / "lake"
    store = open_store(str(lake))
    for name in names[:3]:
        store_as_before(store, [request(1), request(2)], bucket=name)
    here = open_lake(str(lake))
    found = here.sql("SELECT bucket, count(*) AS n FROM access_log GROUP BY ALL ORDER BY ALL").to_arrow().to_pylist()
    assert [one["bucket"] for one in found] == sorted([*names[:3], "site"])
    assert here.report("website/response_codes", bucket="../../etc").to_arrow().num_rows == 1
    every_report_answers(lake)
    assert {one.kind for one in Lake(Settings(lake=str(lake))).verify().differences} <= {"ledger", "books", "rows"}
