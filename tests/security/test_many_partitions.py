"""Partitions of invented buckets, as many as an attacker likes: verify takes time in proportion to them."""

from pathlib import Path
from typing import Any

import pytest
from attacks import request, write_log
from conftest import ingest_local

from etl.api import Lake
from etl.config import Settings
from etl.store.local import LocalStore


def test_verify_reads_a_part_as_often_among_many_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_verify_finds_duplicates_among_many_partitions(tmp_path: Path) -> None:
    """A part that is there twice is reported as duplicate rows, of its partition only."""
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", [request(n, bucket=f" bucket-{n} ") for n in range(3)]), lake)
    part = lake / "access_log" / "bucket=bucket-1" / "date=2026-02-06" / "part-00000.parquet"
    part.with_name("part-00001.parquet").write_bytes(part.read_bytes())
    found = [one for one in Lake(Settings(lake=str(lake))).verify().differences if one.kind == "duplicate_rows"]
    assert [one.partition for one in found] == ["access_log/bucket=bucket-1/date=2026-02-06/"]
