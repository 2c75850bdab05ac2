"""What a command says that it requested of S3, beside what a proxy saw."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from conftest import run_cli
from harness import SETTINGS, Place, s3_place
from proxy import Request, fault_proxy

FIGURES = ("list", "get", "head", "put", "delete")


@pytest.fixture(scope="module")
def place(moto_server: str) -> Place:
    return s3_place(boto3.client("s3", endpoint_url=moto_server), moto_server, "usage")


@pytest.fixture(params=["s3fs", "obstore"])
def watched(request: pytest.FixtureRequest, place: Place) -> Iterator["Watched"]:
    with fault_proxy(place.endpoint_url or "") as proxy:
        watched = Watched(place, proxy.endpoint_url, request.param)
        proxy.rule = watched.see
        yield watched


class Watched:
    """A new lake, of which a proxy counts the requests."""

    def __init__(self, place: Place, endpoint_url: str, reader: str) -> None:
        self.seen: Counter[str] = Counter()
        lake = f"{place.lakes}/{uuid.uuid4().hex}"
        self._arguments = ["--source", place.source, "--lake", lake, "--endpoint-url", endpoint_url, "--json"]
        self._environment = {f"ACCESSLAKE_{name.upper()}": str(value) for name, value in SETTINGS.items()}
        self._environment["ACCESSLAKE_READER"] = reader

    def see(self, request: Request) -> None:
        is_listing = "list-type=2" in request.path
        self.seen["list" if is_listing else request.method.lower()] += 1

    def run(self, command: str, *more: str) -> dict[str, Any]:
        """What a command says with --json; `seen` is of just this one."""
        self.seen.clear()
        # Only status knows no source.
        arguments = self._arguments[2:] if command == "status" else self._arguments
        done = run_cli(command, *arguments, *more, environment=self._environment)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def by_kind(self) -> dict[str, int]:
        return {name: self.seen[name] for name in FIGURES}


def of_summary(summary: dict[str, Any], prefix: str = "requests") -> dict[str, int]:
    return {name: summary[f"{prefix}_{name}"] for name in FIGURES}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_says_what_it_requested(workers: str, watched: Watched) -> None:
    """Every request of every process is counted under its kind, and priced; so are those of status and verify."""
    summary = watched.run("ingest", "--workers", workers)
    assert of_summary(summary) == watched.by_kind()
    assert summary["requests_bytes_received"] > summary["bytes_read"]
    assert summary["requests_bytes_sent"] > summary["bytes_written"]
    writes = (summary["requests_put"] + summary["requests_list"]) * 0.005
    reads = (summary["requests_get"] + summary["requests_head"]) * 0.0004
    assert summary["requests_price"] == pytest.approx((writes + reads) / 1000, abs=1e-6)
    for command in (("status",), ("verify",), ("verify", "--repair")):
        assert of_summary(watched.run(*command)) == watched.by_kind(), command


def test_a_dry_run_estimates_what_the_run_requests(watched: Watched) -> None:
    """It writes nothing; its estimate has every log object, and is near what the run then makes."""
    dry = watched.run("ingest", "--dry-run")
    assert (dry["requests_put"], dry["requests_delete"]) == (0, 0)
    summary = watched.run("ingest", "--workers", "1")
    estimated, made = of_summary(dry, "estimated"), of_summary(summary)
    assert dry["estimated_bytes_received"] >= summary["bytes_read"]
    for kind in ("list", "get", "put"):
        assert made[kind] / 3 <= estimated[kind] <= made[kind] * 3, (kind, estimated, made)
