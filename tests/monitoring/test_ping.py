"""Pings, to a service of the test's own."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import free_port, run_cli
from lines import LINE

PATH = "5ec3e7"


class Service(ThreadingHTTPServer):
    """Notes what it is sent; answers with `status`, after `delay` seconds."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.status, self.delay = 200, 0.0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append((self.path, body))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    return directory


def ingest(logs: Path, url: str, *arguments: str) -> tuple[int, str]:
    """A run that reports to the URL: its exit code, and all that it printed."""
    options = ("--source", str(logs), "--lake", str(logs.parent / "lake"), *arguments)
    run = run_cli("ingest", *options, environment={"ACCESSLAKE_PING_URL": url})
    return run.returncode, run.stdout + run.stderr


def test_the_begin_and_the_end_of_a_run_are_told(logs: Path, service: Service) -> None:
    """Both with the same run id; the end with the exit code, and the summary as JSON."""
    assert ingest(logs, service.url)[0] == 0
    (start, nothing), (end, body) = service.seen
    assert (urlsplit(start).path, nothing) == (f"/{PATH}/start", "")
    assert urlsplit(end).path == f"/{PATH}/0"
    ids = [parse_qs(urlsplit(path).query)["rid"] for path in (start, end)]
    assert ids[0] == ids[1]
    assert json.loads(body)["rows"] == 1


def test_the_option_goes_before_the_variable(logs: Path, service: Service) -> None:
    """`--ping URL` does the same for one run; a dry run tells nobody."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert ingest(logs, nowhere, "--ping", service.url, "--dry-run")[0] == 0
    assert service.seen == []
    assert ingest(logs, nowhere, "--ping", service.url)[0] == 0
    assert len(service.seen) == 2


@pytest.mark.parametrize("url", [f"file:///{PATH}", PATH, f"https://[{PATH}", f"https:///{PATH}"])
def test_what_is_no_web_address_is_refused(logs: Path, url: str) -> None:
    """As wrong usage, before anything is done, and without the URL, which may be a secret with a slip in it."""
    for arguments, origin in (
        ((), "environment variable ACCESSLAKE_PING_URL: bad value for ping_url"),
        (("--ping", url), "--ping"),
    ):
        code, said = ingest(logs, url, *arguments)
        assert code == 2
        assert f"{origin}: not an https:// or http:// URL" in said
        assert PATH not in said


def test_a_failure_is_told_with_its_exit_code(logs: Path, service: Service) -> None:
    """A log object that cannot be read ends the run with 1."""
    (logs / "2026-02-06-00-30-00-CCCC").write_bytes(b"\x1f\x8b\x08 no gzip")
    assert ingest(logs, service.url)[0] == 1
    end, body = service.seen[-1]
    assert urlsplit(end).path == f"/{PATH}/1"
    assert "CCCC" in json.loads(body)["failures"].popitem()[0]


def test_no_ping_changes_how_a_run_ends_or_says_where_it_goes(logs: Path, service: Service) -> None:
    """Whether the service refuses, is slow or is not there: a warning without the URL, after five seconds at most."""
    service.status = 500
    code, said = ingest(logs, service.url)
    assert code == 0
    assert said.count("HTTP status 500") == 2
    service.delay = 60
    begin = time.monotonic()
    slow_code, slow_said = ingest(logs, service.url)
    assert time.monotonic() - begin < 30
    nowhere_code, nowhere_said = ingest(logs, f"http://127.0.0.1:{free_port()}/{PATH}")
    assert slow_code == nowhere_code == 0
    assert "no answer within five seconds" in slow_said
    assert nowhere_said.count("failed: Connection refused") == 2
    assert PATH not in said + slow_said + nowhere_said
