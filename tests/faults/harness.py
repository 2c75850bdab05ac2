"""What the fault tests share: log objects to read, runs of the command line in processes of their own, and a judge.

The judge reads a lake as anybody would: the plain glob, in a DuckDB that knows nothing of accesslake.
"""

import contextlib
import datetime as dt
import glob
import os
import shlex
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from conftest import TALLY
from prepared import Command
from proxy import Fault, Handler, Request, Upstream, fault_proxy

from etl.api import Lake
from etl.cli.demo_logs import partitioned_objects, traffic
from etl.config import Settings

RENAMES = Path(__file__).with_name("renames")
SETTINGS: dict[str, Any] = {
    "batch_size": 16_000,
    "fetch_concurrency": 4,
    "max_reject_fraction": 1,
    "min_part_size": 18_000,
}
"""Small batches, so that there are several; small parts, so that some are sealed; and rejects are no failure."""

Rows = Counter[tuple[Any, ...]]


def log_objects(lines: int = 160) -> dict[str, bytes]:
    """Two buckets and two days; a line that does not parse in each object, and some records delivered twice."""
    objects = partitioned_objects(traffic(lines, ["a-bucket", "b-bucket"], dt.date(2026, 1, 1), 2), "", lines // 10)
    files = {one.key: one.data + b"nonsense\n" for one in objects}
    again = {f"{key}0": b"".join(data.splitlines(keepends=True)[:5]) for key, data in files.items()}
    return {**files, **again}


@dataclass(frozen=True)
class Place:
    """Where runs read log objects, and where they make their lakes."""

    source: str
    lakes: str
    endpoint_url: str | None = None
    client: Any = None

    def settings(self, lake: str) -> Settings:
        return Settings(
            source=(self.source,), lake=f"{self.lakes}/{lake}", endpoint_url=self.endpoint_url, workers=1,
            **SETTINGS,
        )  # fmt: skip

    def start(
        self,
        lake: str,
        *,
        workers: int = 1,
        endpoint_url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Command:
        """`accesslake ingest` as a user starts it, in a process group of its own."""
        command = ["ingest", "--json", "--source", self.source]
        command += ["--lake", f"{self.lakes}/{lake}", "--workers", str(workers)]
        if endpoint_url or self.endpoint_url:
            command += ["--endpoint-url", endpoint_url or self.endpoint_url or ""]
        settings = {f"ACCESSLAKE_{name.upper()}": str(value) for name, value in SETTINGS.items()}
        # For `finish`, which asks for them.
        stacks = {"PYTHONFAULTHANDLER": "1"}
        return Command(command, str(Path.cwd()), {**os.environ, **stacks, **settings, **(environment or {})})

    def copy(self, lake: str) -> str:
        """A directory with all that the lake has."""
        if self.client is None:
            return f"{self.lakes}/{lake}"
        directory = tempfile.mkdtemp()
        bucket = self.lakes.removeprefix("s3://")
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{lake}/"):
            for item in page.get("Contents", []):
                path = Path(directory, item["Key"].removeprefix(f"{lake}/"))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
        return directory

    def remove(self, lake: str) -> None:
        """Clear a lake on S3 away: moto's listings take longer with every object."""
        if self.client is not None:
            bucket = self.lakes.removeprefix("s3://")
            found = self.client.list_objects_v2(Bucket=bucket, Prefix=f"{lake}/").get("Contents", [])
            keys = [{"Key": item["Key"]} for item in found]
            self.client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})

    def let_lease_run_out(self, lake: str) -> None:
        """What two minutes do to the lease of a run that is dead; on a disk it dies with its process."""
        if self.client is not None:
            self.client.delete_object(Bucket=self.lakes.removeprefix("s3://"), Key=f"{lake}/_lock.json")


def read(lake: str, table: str, columns: str = "*") -> Rows:
    """The rows of a lake in a directory that the plain glob gives; none where nothing is stored."""
    pattern = f"{lake}/{table}/{'*/*' if table == 'access_log' else '*'}/*.parquet"
    if not glob.glob(pattern):  # noqa: PTH207 - the same glob
        return Counter()
    query = f"SELECT {columns} FROM read_parquet($1, hive_partitioning = true)"
    return Counter(duckdb.connect().sql(query, params=[pattern]).fetchall())


KILLED = -signal.SIGKILL
LOG_FIELDS = "* EXCLUDE (log_object)"
"""Of two equal records of two log objects either may stay; with one worker it is always the same."""


@dataclass(frozen=True)
class Judge:
    """Compares lakes of a place with the lake of a run that nothing disturbed."""

    place: Place
    rows: Rows
    rejects: Rows
    ledger: Rows

    def no_duplicate(self, lake: str) -> None:
        """Every record is there at most once, whatever happened to the run."""
        self._compare(read(self.place.copy(lake), "access_log", LOG_FIELDS), may_miss=True)

    def is_whole(self, lake: str) -> None:
        """Row for row the lake of the undisturbed run, and accounting that adds up."""
        copy = self.place.copy(lake)
        self._compare(read(copy, "access_log", LOG_FIELDS), may_miss=False)
        assert read(copy, "rejects", _REJECT) == self.rejects
        assert read(copy, "_ledger", _ENTRY) == self.ledger
        assert Lake(Settings(lake=copy)).verify().differences == []

    def recovers(self, lake: str) -> None:
        """No duplicate now, and one more run makes the lake whole."""
        self.no_duplicate(lake)
        self.place.let_lease_run_out(lake)
        Lake(self.place.settings(lake)).ingest()
        self.is_whole(lake)
        self.place.remove(lake)

    def _compare(self, seen: Rows, *, may_miss: bool) -> None:
        duplicates, lost = (seen - self.rows).total(), 0 if may_miss else (self.rows - seen).total()
        TALLY.duplicates += duplicates
        TALLY.lost += lost
        assert (duplicates, lost) == (0, 0)


_REJECT = "* EXCLUDE (ingested_at)"
_ENTRY = "log_object, etag, lines, rejects, blank_lines, rows + duplicates AS records"


def judge(place: Place) -> Judge:
    """A judge of lakes in this place; makes the undisturbed one."""
    summary = Lake(place.settings("undisturbed")).ingest()
    lake = place.copy("undisturbed")
    rows = read(lake, "access_log", LOG_FIELDS)
    assert rows.total() == len(rows) == summary.result.rows > 0
    assert summary.result.duplicates > 0
    return Judge(place, rows, read(lake, "rejects", _REJECT), read(lake, "_ledger", _ENTRY))


def kill(process: Command) -> None:
    """SIGKILL for a run and its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def finish(process: Command, seconds: float = 240) -> tuple[int, str]:
    """Exit code and standard error of a run and of its workers. Fails with their stacks where they do not end."""
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGABRT)
        _, errors = process.communicate(timeout=seconds)
        run = shlex.join(process.arguments)
        raise AssertionError(f"after {seconds} seconds this had not ended: {run}\n{errors}") from None
    finally:
        kill(process)
    return process.wait(), errors


def run_and_kill(
    place: Place,
    lake: str,
    moment: str,
    at: int = 0,
    *,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, int]:
    """A run over a lake on S3 that is killed `before` its PUT number `at` reaches S3, `after` it is stored, or `never`.

    Returns its exit code, and how many objects it put.
    """
    with fault_proxy(place.endpoint_url or "") as proxy:
        process = place.start(lake, workers=workers, endpoint_url=proxy.endpoint_url, environment=environment)

        def stop(handler: Handler, upstream: Upstream) -> None:
            if moment == "after":
                upstream()
            kill(process)
            handler.reset()

        def choose(request: Request) -> Fault | None:
            return stop if moment != "never" and (request.method, request.number) == ("PUT", at) else None

        proxy.rule = choose
        code, _ = finish(process)
        return code, proxy.counts.get("PUT", 0)


def local_place(directory: Path, files: Mapping[str, bytes] | None = None) -> Place:
    """A directory with log objects, and room for lakes."""
    for key, data in (files or log_objects()).items():
        path = directory / "logs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Place(str(directory / "logs"), str(directory))


def s3_place(client: Any, endpoint_url: str, name: str, files: Mapping[str, bytes] | None = None) -> Place:
    """Two new buckets: one with log objects, one for lakes."""
    logs, lakes = f"{name}-logs", f"{name}-lakes"
    for bucket in (logs, lakes):
        client.create_bucket(Bucket=bucket)
    for key, data in (files or log_objects()).items():
        client.put_object(Bucket=logs, Key=key, Body=data)
    return Place(f"s3://{logs}/", f"s3://{lakes}", endpoint_url, client)
