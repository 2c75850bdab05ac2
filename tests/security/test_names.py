"""Hostile names and texts from log line to output: they write nowhere else, run nothing, and stay text."""

import datetime as dt
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from attacks import on_terminal, request, store_as_before
from conftest import S3, ingest_local, rows_of, run_cli, run_every_report
from lines import LINE, read, rejected

from etl import open_lake
from etl.api import Lake
from etl.config import Settings
from etl.lake.parts import is_part
from etl.parser.keys import encode_key
from etl.query import Database
from etl.reports import load_reports, query_report
from etl.store.open import open_store
from etl.store.s3_session import S3Session

NAMES = [
    "..", ".", "../../etc", "/etc/passwd", "a/../../b", "a'b", 'a"b', "a\\b", "a;DROP", "bucket=other",
    "date=2020-01-01", "__HIVE_DEFAULT_PARTITION__", "a%2Fb", "%", "*", "a*b?[c]", "{a}", "$1", "a=b=c",
    "\u202eevil", "caf\xe9", "x" * 300, "a'); SELECT 1; --", "~root", "$(id)", "`id`", "-rf", "CON", "a:b",
]  # fmt: skip
KEYS = [*NAMES, "a\nb", "a\r\nb", "a\tb", "\x1b[2J\x07", "a\x00b", "=cmd|'/c calc'!A1", "@SUM(A1)", "\u2028"]


def lines() -> list[str]:
    """Every name as a bucket as it is, and every key as S3 logs it."""
    raw = [LINE.replace(" site ", f" {name} ", 1) for name in NAMES]
    encoded = [LINE.replace(" a.html ", f" {encode_key(key, 'REST.GET.OBJECT')} ", 1) for key in KEYS]
    bare = [LINE.replace(" a.html ", f" {quote(key)} ", 1) for key in KEYS]
    return [line.replace("3E57427F3EXAMPLE", f"{n:016X}") for n, line in enumerate([*raw, *encoded, *bare])]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "2026-02-06-01-00-00-AA").write_bytes("\n".join(lines()).encode())
    return directory


def test_no_name_leaves_its_partition(logs: Path, tmp_path: Path) -> None:
    """Every file is a part in a partition of its own level; bucket and key come back as they were logged."""
    outside = sorted(path for path in tmp_path.rglob("*"))
    lake = tmp_path / "lake"
    summary = ingest_local(logs, lake, max_reject_fraction=1)
    assert summary.result.rows + summary.result.rejects == len(lines())
    assert sorted(path for path in tmp_path.rglob("*") if lake not in (path, *path.parents)) == outside
    parts = [path.relative_to(lake).as_posix() for path in lake.rglob("*.parquet")]
    assert all(is_part(name) for name in parts)
    rows = rows_of(lake, "bucket, key, date, request_id")
    assert {row["date"] for row in rows} == {dt.date(2026, 2, 6)}
    rejected = open_lake(str(lake)).sql("SELECT line FROM rejects").to_arrow()["line"].to_pylist()
    assert {row["bucket"] for row in rows} == {"site", *NAMES} - {line.split()[1] for line in rejected} - {
        name for name in NAMES if " " in name
    }
    keys = {row["key"] for row in rows}
    assert set(KEYS) - keys <= {"-"}
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []
    here = open_lake(str(lake))
    for bucket in {row["bucket"] for row in rows}:
        expected = sum(row["bucket"] == bucket for row in rows)
        found = here.report("website/response_codes", bucket=bucket).to_arrow().to_pylist()
        # No bucket is called so: it is a pattern, of all names.
        assert sum(row["requests"] for row in found) == (len(rows) if bucket == "*" else expected), bucket


def test_no_name_leaves_its_partition_on_s3(s3: S3, logs: Path) -> None:
    """The same on S3, where names are keys."""
    settings = Settings(source=(str(logs),), lake=f"s3://{s3.lake}/lake", endpoint_url=s3.endpoint_url, workers=1)
    Lake(settings.model_copy(update={"max_reject_fraction": 1.0})).ingest()
    names = [one.name for one in open_store(settings.lake_url, S3Session(s3.endpoint_url)).entries("")]
    documents = ("_lake.json", "_lock.json", "_privacy.json", "_probe.json", "_runs.json")
    assert all(is_part(name) or name in documents for name in names)
    assert Lake(settings).verify().differences == []


def test_every_key_is_found(logs: Path, tmp_path: Path) -> None:
    """A parameter is bound, so a key with quotes, line ends or SQL in it finds just its own events."""
    lake = tmp_path / "lake"
    (logs / "2026-02-06-02-00-00-AA").write_bytes(
        "\n".join(
            LINE.replace("arn:aws:iam::111122223333:user/a", "AmazonS3")
            .replace("REST.GET.OBJECT", "S3.EXPIRE.OBJECT")
            .replace(" a.html ", f" {encode_key(key, 'S3.EXPIRE.OBJECT')} ", 1)
            for key in KEYS
        ).encode()
    )
    ingest_local(logs, lake, max_reject_fraction=1)
    database, report = Database(open_store(str(lake))), load_reports()["lifecycle/object_events"]
    for key in KEYS:
        assert query_report(report, database, {"key": key}).to_arrow().num_rows == 1, key


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_a_terminal_gets_no_control_sequence(form: str, logs: Path, tmp_path: Path) -> None:
    """On a real (pseudo) terminal no control sequence of a client has an effect, in any format."""
    lake = tmp_path / "lake"
    ingest_local(logs, lake, max_reject_fraction=1)
    query = "SELECT key, key || chr(155) || chr(8238) || chr(127) AS worse FROM access_log ORDER BY ALL"
    seen = on_terminal(["sql", query, "--lake", str(lake), "--format", form])
    assert len(seen) > 1000
    text = seen.decode()
    for unsafe in ("\x1b", "\x07", "\x00", "\x7f", "\x9b", "\u202e", "\u2028"):
        assert unsafe not in text


def test_csv_is_exact_or_safe(logs: Path, tmp_path: Path) -> None:
    """As it is, for programs; with --csv-safe no cell begins a formula, for spreadsheets, and numbers stay numbers."""
    lake = tmp_path / "lake"
    ingest_local(logs, lake, max_reject_fraction=1)
    query = "SELECT key, -1 AS n FROM access_log WHERE key IN ('@SUM(A1)', '-rf', 'a;DROP') ORDER BY ALL"
    for output in ([], ["--output", str(tmp_path / "keys.csv")]):
        exact = run_cli("sql", query, "--lake", str(lake), "--format", "csv", *output).stdout
        exact = exact or (tmp_path / "keys.csv").read_text()
        assert exact.splitlines() == ["key,n", *["-rf,-1"] * 2, *["@SUM(A1),-1"] * 2, *["a;DROP,-1"] * 2]
    safe = run_cli("sql", query, "--lake", str(lake), "--format", "csv", "--csv-safe").stdout
    assert safe.splitlines() == ["key,n", *["'-rf,-1"] * 2, *["'@SUM(A1),-1"] * 2, *["a;DROP,-1"] * 2]


def test_events_on_stderr_are_json(tmp_path: Path) -> None:
    """A log object's name with a line feed and a control sequence in it stays one line, and one JSON object."""
    source = tmp_path / "logs"
    source.mkdir()
    (source / "x\n\x1b[2J.gz").write_bytes(b"\x1f\x8bnot gzip")
    done = run_cli("ingest", "--source", f"{source}/*.gz", "--lake", str(tmp_path / "lake"))
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert "cannot be decompressed" in events[0]["message"]
    assert "\x1b" not in done.stderr


def test_names_that_climb_are_rejects_and_old_lakes_are_read(tmp_path: Path) -> None:
    """A bucket whose path would lead out of the lake is a reject; a lake that has one is queried and verified."""
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
    run_every_report(lake)
    assert {one.kind for one in Lake(Settings(lake=str(lake))).verify().differences} <= {"ledger", "books", "rows"}
