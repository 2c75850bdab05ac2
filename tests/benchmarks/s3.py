"""accesslake on S3 and on a disk, beside what a user would take instead, in one run.

    python tests/benchmarks/s3.py [--only ingest reports] [--latency-ms 0 20] [--repeat 3] [--dir DIR]

Objects are served by `object_server.py`. Contenders take turns, each in processes of its own, `--repeat` times, of
which the median counts. DuckDB 1.5.5 with httpfs gets an environment of its own in DIR, where the corpora stay, too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from corpora import FIRST_DAY, LAKE_BUCKETS, Corpora, make_corpora
from duckdb_sql import copy_to_parquet
from measure import Contender, compare
from object_server import ObjectServer

from etl.config import SETTINGS
from etl.resources import bundled

HERE = Path(__file__).parent
PEER = "1.5.5"
PEER_THREADS: dict[str, int | None] = {f"DuckDB {PEER}, httpfs": None, f"DuckDB {PEER}, httpfs, 16 threads": 16}
"""By default a thread for each processor, which is few where requests take long."""
SHARE = 10
"""The write-up's loop reads one of so many objects; its figures are multiplied."""
REPORT = "website/top_objects"
DAY = str(FIRST_DAY.replace(day=15))
BUCKET = LAKE_BUCKETS[30]
WARM_UP = {"bucket": LAKE_BUCKETS[0], "date_from": str(FIRST_DAY), "date_to": str(FIRST_DAY)}
SCOPES: dict[str, dict[str, str]] = {
    "the whole lake": {},
    "one day": {"date_from": DAY, "date_to": DAY},
    "one bucket": {"bucket": BUCKET},
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
FLAGS = {"bucket": "--bucket", "date_from": "--from", "date_to": "--to"}
CONDITIONS = {"bucket": "bucket = '{}'", "date_from": "date >= DATE '{}'", "date_to": "date <= DATE '{}'"}


@dataclass(frozen=True)
class Bench:
    """What the contenders have in common: where everything is, and the server of the objects."""

    corpora: Corpora
    out: Path
    peer: Path
    """The Python of the environment with DuckDB 1.5.5 and httpfs."""
    server: ObjectServer

    def ingest(self, name: str, source: Path | str, **environ: str) -> Contender:
        """`accesslake ingest` to a lake on the disk."""
        out = self.out / "accesslake"
        command = accesslake("ingest", "--json", "--source", source, "--lake", out)
        return Contender(name, command, self.environ(environ), out, result_of=rows_of)

    def duckdb_ingest(self, name: str, python: Path | str, pattern: str, **options: Any) -> Contender:
        """DuckDB's COPY to Parquet partitioned as the lake is."""
        out = self.out / "duckdb"
        task = {"query": copy_to_parquet(pattern, str(out)), **options}
        return Contender(name, script(python, "duckdb_sql", task), self.environ({}), out, result_of=rows_copied)

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return {**CREDENTIALS, "ACCESSLAKE_ENDPOINT_URL": self.server.url, **more}


Table = tuple[str, list[Contender]]


def accesslake(*arguments: str | Path) -> list[str | Path]:
    """A command of accesslake."""
    return [sys.executable, "-m", "etl", *arguments]


def script(python: Path | str, name: str, task: Mapping[str, Any]) -> list[str | Path]:
    """A contender of `contenders.py`."""
    return [python, HERE / "contenders.py", name, json.dumps(task)]


def rows_of(summary: str) -> int:
    return int(json.loads(summary)["rows"])


def buckets_of(status: str) -> list[Any]:
    return list(json.loads(status)["buckets"])


def rows_copied(result: str) -> int:
    return int(json.loads(result)[0]["Count"])


def readers() -> dict[str, dict[str, str]]:
    """The variable that selects each reader for S3, by the contender's name."""
    if "reader" not in SETTINGS:
        return {"accesslake": {}}
    installed = [name for name in ("obstore", "s3fs") if find_spec(name)]
    return {f"accesslake, {name}": {"ACCESSLAKE_READER": name} for name in installed}


def from_s3(bench: Bench) -> Iterator[Table]:
    """20,000 log objects on S3 to a lake on the disk, and what only reading them takes."""
    lakes = [bench.ingest(name, "s3://logs/", **environ) for name, environ in readers().items()]
    peers = [
        bench.duckdb_ingest(name, bench.peer, "s3://logs/**", host=bench.server.host, threads=threads)
        for name, threads in PEER_THREADS.items()
    ]
    yield "Ingest of 20,000 log objects from S3", [*lakes, *peers, *_readers_only(bench)]


def _readers_only(bench: Bench) -> Iterator[Contender]:
    """What reads the log objects and makes no lake of them."""
    environ, everything = bench.environ({}), {"url": bench.server.url, "bucket": "logs"}
    loop = script(sys.executable, "write_up_loop", {**everything, "share": SHARE})
    yield Contender("boto3 and pandas", loop, environ, share=SHARE)
    yield Contender("s3fs", script(sys.executable, "s3fs_cat", everything), environ)
    if find_spec("obstore"):
        yield Contender("obstore", script(sys.executable, "obstore_get", everything), environ)


def from_disk(bench: Bench) -> Iterator[Table]:
    """The same log objects on a disk, and such with fewer keys."""
    yield "Ingest of 20,000 log objects from a disk", _disk_contenders(bench, bench.corpora.logs)
    yield "The same with 5,000 keys and five user agents", _disk_contenders(bench, bench.corpora.few_keys)


def one_day(bench: Bench) -> Iterator[Table]:
    """Batches that all touch the same partitions."""
    yield "1,000,000 lines of one day, three partitions, from a disk", _disk_contenders(bench, bench.corpora.one_day)


def many_partitions(bench: Bench) -> Iterator[Table]:
    """Appends of 60 rows to each of 1,800 partitions."""
    yield "108,000 lines of 1,800 partitions, from a disk", _disk_contenders(bench, bench.corpora.many)


def to_s3(bench: Bench) -> Iterator[Table]:
    """The same appends to a lake on S3. The server is slow: requests and CPU seconds tell, seconds do not."""
    source, lake = bench.corpora.many, "s3://written/lake"
    to_lake = partial(Contender, writes_to_s3=True)
    command = accesslake("ingest", "--json", "--source", source, "--lake", lake)
    lakes = [to_lake(name, command, bench.environ(environ), result_of=rows_of) for name, environ in readers().items()]
    task = {"query": copy_to_parquet(f"{source}/**", lake), "host": bench.server.host}
    peer = to_lake(f"DuckDB {PEER}, httpfs", script(bench.peer, "duckdb_sql", task), result_of=rows_copied)
    yield "108,000 lines of 1,800 partitions, from a disk to S3", [*lakes, peer]


def _disk_contenders(bench: Bench, source: Path) -> list[Contender]:
    pattern = f"{source}/**"
    return [
        bench.ingest("accesslake", source),
        bench.duckdb_ingest(f"DuckDB {PEER}", bench.peer, pattern),
        bench.duckdb_ingest(f"DuckDB {version('duckdb')}", sys.executable, pattern),
    ]


def reports(bench: Bench) -> Iterator[Table]:
    """A report over the lake on S3: the whole command, and the query alone in a process that has run one before."""
    for title, scope in SCOPES.items():
        yield f"A report over {title}, the whole command", list(_report_commands(bench, scope))
        yield f"A report over {title}, the query alone", list(_warm_reports(bench, scope))


def _report_commands(bench: Bench, scope: Mapping[str, str]) -> Iterator[Contender]:
    flags = [f"{FLAGS[name]}={value}" for name, value in scope.items()]
    report = accesslake("report", REPORT, "--format", "json", *flags, "--lake")
    for name, environ in readers().items():
        yield Contender(name, [*report, "s3://lake"], bench.environ(environ))
    task = {"host": bench.server.host, "query": report_sql(scope)}
    for name, threads in PEER_THREADS.items():
        yield Contender(name, script(bench.peer, "duckdb_sql", {**task, "threads": threads}))
    yield Contender("accesslake, lake on a disk", [*report, bench.corpora.lake])


def _warm_reports(bench: Bench, scope: Mapping[str, str]) -> Iterator[Contender]:
    report = {"name": REPORT, "scope": scope, "warm_up": WARM_UP}
    for name, environ in readers().items():
        command = script(sys.executable, "accesslake_report", {**report, "lake": "s3://lake"})
        yield Contender(name, command, bench.environ(environ), is_warm=True)
    task = {"host": bench.server.host, "query": report_sql(scope), "warm_up": report_sql(WARM_UP)}
    for name, threads in PEER_THREADS.items():
        yield Contender(name, script(bench.peer, "duckdb_sql", {**task, "threads": threads}), is_warm=True)
    on_disk = script(sys.executable, "accesslake_report", {**report, "lake": str(bench.corpora.lake)})
    yield Contender("accesslake, lake on a disk", on_disk, is_warm=True)


def report_sql(scope: Mapping[str, str]) -> str:
    """The report's own SQL over the files of the lake, which DuckDB prunes by their folders."""
    conditions = "".join(f" AND {CONDITIONS[name].format(value)}" for name, value in scope.items())
    return (
        "WITH access_log AS (SELECT * FROM read_parquet('s3://lake/access_log/*/*/*.parquet', hive_partitioning = true,"
        f" hive_types = {{'bucket': VARCHAR, 'date': DATE}}) WHERE true{conditions}),"
        " website_requests AS (SELECT * FROM access_log WHERE operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT')) "
        + (bundled("sql") / f"{REPORT}.sql").read_text().replace("$limit", "20")
    )


def commands(bench: Bench) -> Iterator[Table]:
    """What reads the whole lake, on S3 and on a disk."""
    page = bench.out / "dashboard.html"
    yield "status", list(_lake_commands(bench, ["status", "--json"], buckets_of))
    yield "verify", list(_lake_commands(bench, ["verify", "--json"], rows_of))
    yield "dashboard", list(_lake_commands(bench, ["dashboard", "--output", page], len))


def _lake_commands(
    bench: Bench, arguments: Sequence[str | Path], result_of: Callable[[str], Any]
) -> Iterator[Contender]:
    command = [*accesslake(*arguments), "--lake"]
    for name, environ in readers().items():
        yield Contender(name, [*command, "s3://lake"], bench.environ(environ), result_of=result_of)
    yield Contender("accesslake, lake on a disk", [*command, bench.corpora.lake], result_of=result_of)


Part = Callable[[Bench], Iterator[Table]]
PARTS: dict[str, Part] = {
    "disk": from_disk, "one-day": one_day, "many": many_partitions,
    "ingest": from_s3, "to-s3": to_s3, "reports": reports, "commands": commands,
}  # fmt: skip
ON_S3 = {"ingest", "to-s3", "reports", "commands"}


def peer_python(directory: Path) -> Path:
    """The Python of an environment with DuckDB 1.5.5 and httpfs, which is made if it is not there."""
    environment = directory / f"duckdb-{PEER}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        wheels = [f"duckdb=={PEER}", f"duckdb-extension-httpfs=={PEER}"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wheels], check=True)
    return python


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments.add_argument("--latency-ms", type=int, nargs="+", default=[0, 20], help="of each response of S3")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--limit", type=int, default=300, help="seconds, after which a contender is stopped")
    arguments.add_argument("--dir", type=Path, default=Path("/tmp/accesslake-s3-bench"))  # noqa: S108
    given = arguments.parse_args()
    corpora, peer = make_corpora(given.dir), peer_python(given.dir)
    with tempfile.TemporaryDirectory(prefix="out-", dir=given.dir) as out:
        for latency in given.latency_ms:
            with ObjectServer(corpora.buckets, latency) as server:
                run_parts(Bench(corpora, Path(out), peer, server), latency, given)


def run_parts(bench: Bench, latency: int, given: argparse.Namespace) -> None:
    """The tables of the parts that are wanted; those without S3 once, whatever the latency."""
    for name in given.only:
        if name not in ON_S3 and latency != given.latency_ms[0]:
            continue
        for title, contenders in PARTS[name](bench):
            suffix = f", {latency} ms of latency" if name in ON_S3 else ""
            compare(f"{title}{suffix}:", contenders, bench.server, given.repeat, given.limit)


if __name__ == "__main__":
    main()
