"""What the tests share: an isolated environment, a moto server, S3 buckets, the command line."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import duckdb
import prepared
import pytest

from etl.api import Lake, open_lake
from etl.config import Settings
from etl.ingest.run import RunSummary
from etl.query import Database
from etl.reports import load_reports, query_report
from etl.store.base import Store
from etl.store.open import open_store
from etl.store.s3_session import S3Session


@dataclass
class Tally:
    """What the fault tests did, and what they saw, over the whole session."""

    kills: int = 0
    """Runs killed with SIGKILL."""
    injected: int = 0
    """Requests that were refused, delayed, cut off or answered wrongly."""
    duplicates: int = 0
    """Records that a plain glob gave more than once, at any time."""
    lost: int = 0
    """Records that were missing after the run that followed."""


TALLY = Tally()

_SLOW = (
    "test_kills",
    "test_documentation",
    "test_faults",
    "test_airflow",
    "test_query_process",
    "test_outputs",
    "test_servers",
    "test_impossible_times",
    "test_spark",
    "test_findings",
    "test_notebook",
    "test_fast_path",
    "test_memory",
)
"""The files that take longest, the longest first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="Runs that are killed at a random time.")
    parser.addoption("--exhaustive", action="store_true", help="Kill runs at each of their writes, not at a sample.")
    parser.addoption("--all-servers", action="store_true", help="Fail, do not skip, where a server is not installed.")
    parser.addoption("--update-expected", action="store_true", help="Write the expected results of reports anew.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-expected") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--update-expected: processes would write the same files; run with -n 0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that two processes end at about the same time."""
    order = {name: place for place, name in enumerate(_SLOW)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a process of pytest-xdist counted."""
    for name, count in getattr(node, "workeroutput", {}).get("tally", {}).items():
        setattr(TALLY, name, getattr(TALLY, name) + count)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = asdict(TALLY)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if TALLY.kills or TALLY.injected:
        terminalreporter.write_line(
            f"faults: {TALLY.kills} kill points, {TALLY.injected} faults injected; "
            f"{TALLY.duplicates} duplicates seen, {TALLY.lost} records lost"
        )


@pytest.fixture(scope="session", autouse=True)
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, profile or credential of the machine reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("ACCESSLAKE_", "AWS_")):
                patch.delenv(name)
        # As if there were a terminal of this size: readline exports it, which pytest imports.
        patch.delenv("COLUMNS", raising=False)
        patch.delenv("LINES", raising=False)
        nowhere = tmp_path_factory.mktemp("no-aws")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        yield


@dataclass(frozen=True)
class S3:
    """A moto server with a log bucket and a bucket for the lake."""

    endpoint_url: str
    client: Any
    logs: str = "logs-bucket"
    lake: str = "lake-bucket"

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.logs, Key=key, Body=data)


@pytest.fixture(scope="session")
def moto_server(credentials: None) -> Iterator[str]:  # noqa: ARG001 - comes first
    """The URL of a moto server in a process of its own, so that it does not share a processor with the test."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()  # what ends the `with` waits for it


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Return when somebody listens on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def wait_until(holds: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Return when `what` is so, which `holds` tells."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} seconds still not: {what}")
        time.sleep(0.02)


@pytest.fixture
def s3(moto_server: str) -> S3:
    client = boto3.client("s3", endpoint_url=moto_server)
    store = S3(moto_server, client)
    for bucket in (store.logs, store.lake):
        for item in _existing(client, bucket):
            client.delete_object(Bucket=bucket, Key=item)
        client.create_bucket(Bucket=bucket)
    return store


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store(str(tmp_path / "lake"))
    s3: S3 = request.getfixturevalue("s3")
    return open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))


def _existing(client: Any, bucket: str) -> list[str]:
    if bucket not in [one["Name"] for one in client.list_buckets()["Buckets"]]:
        return []
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def run_cli(
    *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own, with nothing on its standard input."""
    return prepared.run(arguments, str(cwd or Path.cwd()), {**os.environ, **(environment or {})})


def ingest_local(logs: Path | str, lake: Path, **settings: Any) -> RunSummary:
    """A run in this process, over a local directory or glob."""
    return Lake(Settings(source=(str(logs),), lake=str(lake), workers=1, **settings)).ingest()


def empty_lake(root: Path, **settings: Any) -> Lake:
    """A lake without records: of a run that found nothing."""
    (root / "no-logs").mkdir()
    ingest_local(root / "no-logs", root / "lake")
    return open_lake(str(root / "lake"), **settings)


def rows_of(lake: Path | str, columns: str = "*", order: str = "ALL") -> list[dict[str, Any]]:
    """The lake's records, read by a plain DuckDB with the glob that everybody uses."""
    query = (
        f"SELECT {columns} FROM read_parquet('{lake}/access_log/*/*/*.parquet', hive_partitioning = true) "
        f"ORDER BY {order}"
    )
    return cast("list[dict[str, Any]]", duckdb.connect().sql(query).to_arrow_table().to_pylist())


_REQUIRED = {"key": "k", "prefix": "k", "requester": "r", "remote_ip": "192.0.2.1", "approved": "arn:.*"}
"""Parameters without a default."""


def run_every_report(lake: Path, **settings: Any) -> None:
    """Run all reports over a lake, in one query process: what is tested is their SQL."""
    database = Database(open_store(str(lake)), settings=Settings(**settings))
    for report in load_reports().values():
        required = {key: _REQUIRED[key] for key, one in report.params.items() if one.required}
        query_report(report, database, required).to_arrow()


def events(stderr: str) -> list[dict[str, Any]]:
    """The JSON log lines of a run."""
    return [json.loads(line) for line in stderr.splitlines()]


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The machine's Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few tests need it

    chromium = shutil.which("chromium")
    if chromium is None:
        if request.config.getoption("--all-servers"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        # Bars are what a box that scrolls is known by.
        browser = playwright.chromium.launch(
            executable_path=chromium, args=flags, ignore_default_args=["--hide-scrollbars"]
        )
        yield browser
        browser.close()


def require_spark(request: pytest.FixtureRequest) -> None:
    """Skip, or with --all-servers fail, where Spark cannot run."""
    if shutil.which("java") and importlib.util.find_spec("pyspark"):
        return
    reason = "Java is not installed (Debian: openjdk-17-jre-headless), or pyspark is not"
    if request.config.getoption("--all-servers"):
        pytest.fail(reason)
    pytest.skip(reason)
