"""Parts say what their columns mean, to whatever reads Parquet."""

import io
import json
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ingest_local, rows_of
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.lake import parts
from etl.schema import ACCESS_LOG, LEDGER, REJECTS, Table


def deliver(logs: Path, hour: int, *lines: str) -> None:
    logs.mkdir(exist_ok=True)
    (logs / f"2026-02-06-{hour:02d}-00-00-AA").write_text("".join(f"{line}\n" for line in lines))


def part_of(lake: Path, table: Table) -> Path:
    (part,) = (lake / table.name).rglob("*.parquet")
    return part


def meanings(part: Path) -> dict[str, str] | None:
    text = pq.read_schema(part).metadata.get(b"accesslake.columns")
    found: dict[str, str] | None = text and json.loads(text)
    return found


@pytest.mark.parametrize("table", [ACCESS_LOG, REJECTS, LEDGER], ids=lambda table: table.name)
def test_every_column_is_described(table: Table, tmp_path: Path) -> None:
    """Each column of each table has its meaning and unit in the part, and pandas reads the part as before."""
    deliver(tmp_path / "logs", 1, LINE, "nonsense")
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    part = part_of(tmp_path / "lake", table)
    described = meanings(part)
    assert described is not None
    assert list(described) == pq.read_schema(part).names == list(pd.read_parquet(part, partitioning=None).columns)
    if table is ACCESS_LOG:
        assert described["total_time"] == "from the request's first byte to the last of the response [ms]"
        assert described["error_code"] == "S3's error code, such as NoSuchKey"


def test_duckdb_shows_them(tmp_path: Path) -> None:
    """SQL gets at the meaning of a column without any other program."""
    deliver(tmp_path / "logs", 1, LINE)
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    query = f"""
        SELECT entry.value ->> '$' FROM parquet_kv_metadata('{part_of(tmp_path / "lake", ACCESS_LOG)}') AS kv,
        json_each(decode(kv.value)) AS entry WHERE decode(kv.key) = 'accesslake.columns' AND entry.key = 'object_size'
    """
    rows = duckdb.connect().sql(query).fetchall()
    assert rows == [("of the whole object, also where a range was requested [bytes]",)]


def test_they_cost_little(tmp_path: Path) -> None:
    """A part, of which there are many small ones, grows by less than 2 kB."""
    deliver(tmp_path / "logs", 1, LINE)
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    metadata = pq.read_metadata(part_of(tmp_path / "lake", ACCESS_LOG)).metadata
    assert len(metadata[b"accesslake.columns"]) < 2_000


def test_a_lake_of_before_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts without descriptions are read, verified and grown, and have them from then on."""
    logs, lake = tmp_path / "logs", tmp_path / "lake"
    handle = Lake(Settings(lake=str(lake), source=(str(logs),)))
    deliver(logs, 1, LINE)
    with monkeypatch.context() as before:
        encode = parts.encode_part

        def without_descriptions(*arguments: object) -> bytes:
            # As the version before wrote it: the same data, and a footer without them.
            data = encode(*arguments)  # type: ignore[arg-type]
            key = b"accesslake.columns"
            return data.replace(key, b"accesslake.unknown")

        before.setattr("etl.lake.append.encode_part", without_descriptions)
        handle.ingest()
    part = part_of(lake, ACCESS_LOG)
    assert meanings(part) is None
    assert handle.verify().differences == []
    deliver(logs, 2, LINE.replace("3E57427F3EXAMPLE", "LATER"))
    handle.ingest()
    assert meanings(part_of(lake, ACCESS_LOG)) is not None
    assert handle.verify().differences == []
    assert [row["request_id"] for row in rows_of(lake, order="request_id")] == ["3E57427F3EXAMPLE", "LATER"]


def test_the_schema_is_the_same_with_them(tmp_path: Path) -> None:
    """Types are those of the table: no dictionaries, no Arrow schema that would differ from part to part."""
    deliver(tmp_path / "logs", 1, LINE)
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    data = part_of(tmp_path / "lake", ACCESS_LOG).read_bytes()
    schema = pq.read_schema(io.BytesIO(data))
    assert schema.remove_metadata() == ACCESS_LOG.schema
    assert b"ARROW:schema" not in schema.metadata
