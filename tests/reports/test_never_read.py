"""The objects of an S3 Inventory that nobody has read."""

import datetime as dt
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import S3, ingest_local, run_cli
from lines import HEAD, TAIL

from etl import Lake, open_lake
from etl.errors import UsageError

GIB = 2**30
HEADER = ("bucket", "key", "storage_class", "size", "monthly_cost", "last_modified", "first_record", "last_record")
SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, StorageClass"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A bucket in which two objects were read, and others were looked at, asked for, written or restored."""
    root = tmp_path_factory.mktemp("never-read")
    (root / "logs").mkdir()
    lines = [
        _request("REST.GET.OBJECT", "read.txt", 200),
        _request("REST.GET.OBJECT", "mein%2Bbild%252B1.jpg", 206),
        _request("REST.HEAD.OBJECT", "looked-at.txt", 200),
        _request("REST.GET.OBJECT", "denied.txt", 403),
        _request("REST.PUT.OBJECT", "written.txt", 200),
        _request("REST.POST.RESTORE", "restored.tar", 202),
        _request("S3.RESTORE.OBJECT", "thawed.tar", "-"),
        _request("REST.COPY.OBJECT_GET", "copied.txt", 200),
        _request("REST.COPY.OBJECT_GET", "changed.txt", 200),
        _request("REST.COPY.OBJECT", "changed.txt", 200),
    ]
    (root / "logs" / "2026-02-06-00-00-38-0000000000000001").write_bytes(b"\n".join(lines))
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


def _request(operation: str, key: str, status: int | str) -> bytes:
    method = operation.split(".")[1]
    return f'{HEAD} {operation} {key} "{method} /{key} HTTP/1.1" {status} - 5 5 7 5 "-" "curl/8.4.0" {TAIL}'.encode()


def _csv(*rows: tuple[Any, ...]) -> bytes:
    """As AWS writes it: no header, everything in quotes, compressed."""
    return gzip.compress("".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows).encode())


def _manifest(key: str, data: bytes, file_format: str, schema: str = SCHEMA, **wrong: Any) -> str:
    file = {"key": key, "size": len(data), "MD5checksum": hashlib.md5(data, usedforsecurity=False).hexdigest()} | wrong
    document = {
        "sourceBucket": "site",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": "1770595200000",
        "fileFormat": file_format,
        "fileSchema": schema,
        "files": [file],
    }
    return json.dumps(document)


MODIFIED = "2026-01-05T10:00:00.000Z"
VERSIONS = (
    ("site", "read.txt", "v2", "true", "false", 10, MODIFIED, "STANDARD"),
    ("site", "mein+bild%2B1.jpg", "v2", "true", "false", 10, MODIFIED, "STANDARD"),
    ("site", "mein+bild+1.jpg", "v1", "true", "false", 2 * GIB, MODIFIED, "STANDARD_IA"),
    ("site", "looked-at.txt", "v1", "true", "false", GIB, MODIFIED, "STANDARD"),
    ("site", "looked-at.txt", "v0", "false", "false", 9 * GIB, MODIFIED, "STANDARD"),
    ("site", "gone.txt", "v3", "true", "true", "", MODIFIED, ""),
    ("site", "restored.tar", "v1", "true", "false", GIB, MODIFIED, "GLACIER"),
    ("site", "thawed.tar", "v1", "true", "false", GIB, MODIFIED, "GLACIER"),
    ("site", "copied.txt", "v1", "true", "false", GIB, MODIFIED, "STANDARD"),
    ("site", "changed.txt", "v1", "true", "false", GIB // 2, MODIFIED, "STANDARD"),
    ("site", "a,\nb.txt", "v1", "true", "false", 0, MODIFIED, "EXPRESS_ONEZONE"),
)
AT, RECORD = dt.datetime(2026, 1, 5, 10), dt.datetime(2026, 2, 6, 0, 0, 38)  # noqa: DTZ001 - UTC, as stored
UNREAD = [
    ("site", "mein bild 1.jpg", "STANDARD_IA", 2 * GIB, 0.025, AT, RECORD, RECORD),
    ("site", "looked-at.txt", "STANDARD", GIB, 0.023, AT, RECORD, RECORD),
    ("site", "changed.txt", "STANDARD", GIB // 2, 0.0115, AT, RECORD, RECORD),
    ("site", "a,\nb.txt", "EXPRESS_ONEZONE", 0, None, AT, RECORD, RECORD),
]


def _rows(lake: Lake, *inventory: Path | str, **scope: Any) -> list[tuple[Any, ...]]:
    table = lake.never_read(list(inventory), **scope).to_arrow()
    assert tuple(table.column_names) == HEADER
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The manifest of an inventory of all versions, downloaded with its folder `data`."""
    data = _csv(*VERSIONS)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a1.csv.gz").write_bytes(data)
    path = tmp_path / "manifest.json"
    path.write_text(_manifest("inv/site/all/data/a1.csv.gz", data, "CSV"))
    return path


def test_objects_that_no_record_reads(lake: Lake, manifest: Path) -> None:
    """Keys are compared decoded, of current versions; HEAD is no reading, nor a copy of an object onto itself.

    A restore is one. The costliest come first.
    """
    assert _rows(lake, manifest) == UNREAD
    assert _rows(lake, manifest, limit=1) == UNREAD[:1]


def test_an_inventory_in_parquet(lake: Lake, tmp_path: Path) -> None:
    """Its keys are not encoded, and its columns have types of their own."""
    table = pa.table(
        {
            "bucket": ["site"] * 3,
            "key": ["mein bild+1.jpg", "100%25.txt", "marker"],
            "is_latest": [True, True, True],
            "is_delete_marker": [False, None, True],
            "size": pa.array([10, 2**40, None], pa.int64()),
            "last_modified_date": pa.array([AT] * 3, pa.timestamp("ms", "UTC")),
            "storage_class": ["STANDARD", "DEEP_ARCHIVE", None],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    (tmp_path / "b2.parquet").write_bytes(sink.getvalue())
    expected = [("site", "100%25.txt", "DEEP_ARCHIVE", 2**40, 1.01376, AT, RECORD, RECORD)]
    (tmp_path / "manifest.json").write_text(_manifest("x/b2.parquet", sink.getvalue(), "Parquet", "message s3 {}"))
    assert _rows(lake, tmp_path / "manifest.json") == expected
    assert _rows(lake, tmp_path / "b2.parquet") == expected


def test_a_csv_file_of_ones_own(lake: Lake, tmp_path: Path) -> None:
    """Without a manifest the header names the columns; a class that is not there is Standard."""
    own = tmp_path / "own.csv"
    own.write_text("Bucket,Key,Size\nsite,read.txt,10\nsite,never.txt,1073741824\n")
    assert _rows(lake, own) == [("site", "never.txt", None, GIB, 0.023, None, RECORD, RECORD)]


def test_an_inventory_on_s3(lake: Lake, s3: S3) -> None:
    """The files are those that the manifest names, in its bucket."""
    data = _csv(*VERSIONS)
    s3.client.put_object(Bucket=s3.logs, Key="inv/data/a1.csv.gz", Body=data)
    text = _manifest("inv/data/a1.csv.gz", data, "CSV")
    s3.client.put_object(Bucket=s3.logs, Key="inv/2026-02-09T00-00Z/manifest.json", Body=text.encode())
    here = open_lake(lake.settings.lake, endpoint_url=s3.endpoint_url)
    assert _rows(here, f"s3://{s3.logs}/inv/2026-02-09T00-00Z/manifest.json") == UNREAD


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 1}, "size or checksum"),
        ({"MD5checksum": "0" * 32}, "size or checksum"),
        ({"key": "inv/other.csv.gz"}, "not beside it"),
    ],
)
def test_a_file_that_is_not_the_one_of_the_manifest(
    lake: Lake, manifest: Path, changed: dict[str, Any], message: str
) -> None:
    """Half an inventory, or another day's, would give a wrong list of what may be deleted."""
    document = json.loads(manifest.read_text())
    document["files"][0] |= changed
    manifest.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=message):
        lake.never_read(manifest)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("manifest.json", "{}", "not the manifest of an S3 Inventory"),
        ("manifest.json", _manifest("x.orc", b"", "ORC"), "not beside it"),
        ("a.csv", "site,a.txt,5\n", "no column bucket or key; give the manifest"),
        ("a.csv", "bucket,key,size\nsite,a.txt,many\n", "not an inventory"),
        ("a.csv", "bucket,key\nsite\n", "not valid CSV"),
        ("a.parquet", "x", "not a Parquet file"),
        ("a.txt", "x", "give its manifest.json"),
        ("a.csv", "bucket,key\nother,a.txt\n", "no records of other"),
    ],
)
def test_what_is_no_inventory(lake: Lake, tmp_path: Path, name: str, text: str, message: str) -> None:
    """The error says what is wrong, and what to give instead."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        lake.never_read(tmp_path / name)


def test_the_command(lake: Lake, manifest: Path) -> None:
    """It prints what the handle returns; a file that is not there is an error in one line."""
    arguments = ("--lake", str(lake.settings.lake), "--format", "csv", "--limit", "1")
    done = run_cli("never-read", *arguments, "--inventory", str(manifest))
    assert done.stdout.splitlines() == [
        ",".join(HEADER),
        f"site,mein bild 1.jpg,STANDARD_IA,{2 * GIB},0.025,2026-01-05 10:00:00,2026-02-06 00:00:38,2026-02-06 00:00:38",
    ]
    failed = run_cli("never-read", *arguments, "--inventory", str(manifest.parent / "none.csv"))
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert "none.csv: no such file" in failed.stderr
