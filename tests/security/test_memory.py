"""Log objects that are made to take much memory: what they take is bounded, and each fails alone."""

import datetime as dt
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from attacks import request, write_log
from conftest import ingest_local, rows_of

from etl import open_lake
from etl.api import Lake
from etl.arrow import array_of
from etl.config import Settings
from etl.parser.parser import Parser

BOUNDED = """
import resource, sys
from etl.cli.app import main
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


def test_millions_of_bad_lines_take_little_memory(tmp_path: Path) -> None:
    """Three million lines that are no records, 6 kB as gzip, are as many rejects, within 900 MiB of memory."""
    logs = write_log(tmp_path / "logs", [request(1)])
    (logs / "2026-02-06-02-00-00-AA.gz").write_bytes(gzip.compress(b"a\n" * 3_000_000))
    done = ingest_within(900 << 20, logs, tmp_path / "lake")
    assert done.returncode == 3, done.stderr
    counted = open_lake(str(tmp_path / "lake")).sql("SELECT count(*) AS n, max(line_number) AS last FROM rejects")
    assert counted.to_arrow().to_pylist() == [{"n": 3_000_000, "last": 3_000_000}]
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


@pytest.mark.parametrize("kind", ["gzip", "zstd", "gzip of many members"])
def test_a_decompression_bomb_fails_alone(tmp_path: Path, kind: str) -> None:
    """The bomb is named with what to do, the other objects are ingested, in every run and within bounded memory."""
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
def test_a_truncated_compressed_object_is_a_failure(tmp_path: Path, suffix: str, share: float) -> None:
    """One that was cut short is named, and no line of it counts; complete ones, of several frames too, are read."""
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


def test_many_small_bombs_are_written_in_pieces(tmp_path: Path) -> None:
    """Objects that hold more than a batch is planned for do not add up in memory; accounting and rows are right."""
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


def test_an_object_has_a_limit_of_rejects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object with more rejects is a failure, and nothing of it is written."""
    monkeypatch.setattr("etl.parser.parser.MOST_REJECTS", 1_000)
    logs = write_log(tmp_path / "logs", [request(1)])
    write_log(logs, [*["a"] * 1_001, request(2)], "2026-02-06-02-00-00-AA")
    result = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1).result
    assert (result.rows, result.rejects, len(result.failures)) == (1, 0, 1)
    assert "lines that are no records" in next(iter(result.failures.values()))
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


def test_more_text_than_arrow_can_hold_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object with too much text in one column is a failure; those before and after it are ingested."""
    monkeypatch.setattr("etl.arrow._LONGEST_TEXTS", 300_000)
    logs = write_log(tmp_path / "logs", [request(1)])
    write_log(logs, [request(n, key=f" {'x' * 1000}{n} ") for n in range(1000)], "2026-02-06-02-00-00-AA")
    write_log(logs, [request(2)], "2026-02-06-03-00-00-AA")
    result = ingest_local(logs, tmp_path / "lake", batch_size=500_000).result
    assert (result.rows, result.objects_ingested, len(result.failures)) == (2, 2, 1)
    assert "more text in one field" in next(iter(result.failures.values()))
    assert Lake(Settings(lake=str(tmp_path / "lake"))).verify().differences == []


def test_rejects_that_compress_well_do_not_grow_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is sealed by its size in memory, too, so that no run reads back more than that."""
    monkeypatch.setattr("etl.lake.append._FULL_BYTES", 200_000)
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    for n in range(4):
        write_log(logs, ["a" * 1000] * 1_000, f"2026-02-06-0{n}-00-00-AA")
        ingest_local(logs, lake, max_reject_fraction=1)
    assert len(list((lake / "rejects").rglob("*.parquet"))) == 4
    assert Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences == []


def test_offsets_of_an_array_do_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """More text than 32-bit offsets can count is an error, never an array with wrong offsets."""
    monkeypatch.setattr("etl.arrow._LONGEST_TEXTS", 10)
    assert array_of(["12345", None, "67890"], pa.string()).to_pylist() == ["12345", None, "67890"]
    with pytest.raises(OverflowError, match="11 bytes"):
        array_of(["12345", "678901"], pa.string())


def test_rejects_do_not_depend_on_the_size_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects are the same whatever the size of the chunks in which they are collected."""
    lines = b"".join(b"%d bad\n" % n for n in range(1_000))
    found = []
    for size in (1, 50, 1 << 25):
        monkeypatch.setattr("etl.parser.rows._CHUNK_BYTES", size)
        parser = Parser(dt.datetime(2026, 3, 1))  # noqa: DTZ001
        parser.add("a", lines)
        found.append(parser.finish().rejects.to_pylist())
    assert found[0] == found[1] == found[2]
    assert [one["line_number"] for one in found[0]] == list(range(1, 1_001))
