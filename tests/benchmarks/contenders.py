"""What `s3.py` runs beside the commands of accesslake, each in a process of its own: `contenders.py NAME TASK`.

Runs in the environment of accesslake, or in that of another DuckDB. TASK is JSON, and so is the line with the result.
A contender that is warm first prints the CPU seconds that it took so far, and waits for a line.
"""

# ruff: noqa: PLC0415 - a contender imports what is its own, and only its environment may have that

import json
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from duckdb_sql import COLUMNS

THREADS = 64


def duckdb_sql(
    query: str, host: str | None = None, threads: int | None = None, warm_up: str | None = None
) -> list[dict[str, Any]]:
    """The rows of a statement, whose S3 is at `host`; without `threads`, DuckDB has one for each processor."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    if host:
        connection.load_extension(str(_httpfs(duckdb.__version__)))
        connection.execute(
            "CREATE SECRET (TYPE s3, KEY_ID 'benchmark', SECRET 'benchmark', REGION 'us-east-1',"
            f" ENDPOINT '{host}', USE_SSL false, URL_STYLE 'path')"
        )
    if threads:
        connection.execute(f"SET threads = {threads}")
    if warm_up:
        connection.execute(warm_up).fetchall()
        _wait_until_told()
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _httpfs(version: str) -> Path:
    """DuckDB's extension for S3, which the wheel of its name has."""
    package = find_spec("duckdb_extension_httpfs")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "extensions" / f"v{version}" / "httpfs.duckdb_extension"


def accesslake_report(lake: str, name: str, scope: dict[str, str], warm_up: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of a report through a handle that has run it before, for another scope."""
    from etl import open_lake

    handle = open_lake(lake)
    handle.report(name, **warm_up).to_arrow()
    _wait_until_told()
    rows: list[dict[str, Any]] = handle.report(name, **scope).to_arrow().to_pylist()
    return rows


def write_up_loop(url: str, bucket: str, share: int) -> int:
    """The write-up's notebook: list, then get and read_csv for each object, then concat. Of every `share`th object."""
    import boto3
    import pandas as pd

    client = boto3.client("s3", endpoint_url=url)
    bodies = (client.get_object(Bucket=bucket, Key=key)["Body"] for key in list(_keys(client, bucket))[::share])
    frames = [pd.read_csv(body, sep=" ", names=list(COLUMNS), on_bad_lines="skip") for body in bodies]
    return len(pd.concat(frames))


def s3fs_cat(url: str, bucket: str) -> int:
    """The lines of all objects, read and not parsed."""
    import s3fs

    files = s3fs.S3FileSystem(endpoint_url=url, max_concurrency=1)
    return sum(data.count(b"\n") for data in files.cat(files.find(bucket)).values())


def obstore_get(url: str, bucket: str) -> int:
    """The same, by threads that each get an object at a time."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(bucket, endpoint=url, client_options={"allow_http": True}, virtual_hosted_style_request=False)
    paths = [meta["path"] for metas in obstore.list(store) for meta in metas]
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(lambda path: bytes(obstore.get(store, path).bytes()).count(b"\n"), paths))


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (item["Key"] for item in page["Contents"])


def _wait_until_told() -> None:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(usage.ru_utime + usage.ru_stime for usage in usages), flush=True)
    sys.stdin.readline()


CONTENDERS = {one.__name__: one for one in (duckdb_sql, accesslake_report, write_up_loop, s3fs_cat, obstore_get)}

if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](**json.loads(sys.argv[2]))), flush=True)
