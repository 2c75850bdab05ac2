"""The records themselves from Python: as Arrow, as a DataFrame, and in a DuckDB of the caller's own."""

import datetime as dt
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from conftest import empty_lake, ingest_local
from lines import LINE

from etl.api import Lake, open_lake
from etl.errors import UsageError


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two buckets, one of which looks like a number."""
    directory = tmp_path_factory.mktemp("records")
    logs = directory / "logs"
    logs.mkdir()
    one = LINE
    other = LINE.replace(" site ", " 12345 ").replace("06/Feb", "07/Feb").replace("3E57427F3EXAMPLE", "LATER")
    (logs / "2026-02-07-01-00-00-AA").write_text(f"{one}\n{other}\n")
    ingest_local(logs, directory / "lake")
    return open_lake(str(directory / "lake"))


def test_arrow_has_all_columns_with_their_meaning(lake: Lake) -> None:
    """Partition columns are typed, not guessed, and each field says what it is, in which unit."""
    table = lake.to_arrow()
    assert table.num_rows == 2
    assert table.schema.names[:2] == ["bucket", "date"]
    assert (table.schema.field("bucket").type, table.schema.field("date").type) == (pa.string(), pa.date32())
    metadata = table.schema.field("total_time").metadata
    assert metadata[b"unit"] == b"ms"
    assert metadata[b"description"].startswith(b"from the request's first byte")
    assert all(field.metadata[b"description"] for field in table.schema)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["3E57427F3EXAMPLE", "LATER"]),
        ({"bucket": "12345"}, ["LATER"]),
        ({"bucket": "s*"}, ["3E57427F3EXAMPLE"]),
        ({"date_to": "2026-02-06"}, ["3E57427F3EXAMPLE"]),
        ({"date_from": dt.date(2026, 2, 7)}, ["LATER"]),
        ({"key_prefix": "no such key"}, []),
    ],
)
def test_selections_are_those_of_reports(lake: Lake, selection: dict[str, object], expected: list[str]) -> None:
    """Buckets, periods and prefixes select the same in Arrow, pandas and DuckDB."""
    table = lake.to_arrow(["request_id"], **selection)  # type: ignore[arg-type]
    assert table.schema.names == ["request_id"]
    frame = lake.to_pandas(["request_id"], **selection)  # type: ignore[arg-type]
    rows = lake.duckdb(**selection).sql("SELECT request_id FROM access_log").fetchall()  # type: ignore[arg-type]
    found = [table["request_id"].to_pylist(), list(frame["request_id"]), [one for (one,) in rows]]
    assert [sorted(ids) for ids in found] == [expected] * 3


def test_pandas_types_do_not_depend_on_values(lake: Lake) -> None:
    """Texts are texts, days are times that can be compared with text, and whole numbers stay whole with NULLs."""
    for frame in (lake.to_pandas(), lake.to_pandas(key_prefix="no such key")):
        assert frame["bucket"].dtype == pd.Series(["text"]).dtype
        assert frame["date"].dtype.kind == frame["time"].dtype.kind == "M"
        assert str(frame["http_status"].dtype) == "Int16"
        assert str(frame["object_size"].dtype) == "Int64"
    frame = lake.to_pandas()
    assert list(frame[frame["date"] >= "2026-02-07"]["bucket"]) == ["12345"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["byte_sent"], r"no column 'byte_sent'.*bytes_sent"),
        (["time", "key", "time"], r"'time' is named 2 times"),
        ([], r"name at least one; without the argument it is all"),
    ],
)
def test_columns_that_are_no_choice_are_refused(lake: Lake, columns: list[str], message: str) -> None:
    """Unknown ones with the nearest name, those that would be two of one name, and none at all."""
    for read in (lake.to_arrow, lake.to_pandas):
        with pytest.raises(UsageError, match=message):
            read(columns)


def test_the_connection_reads_the_lake_and_nothing_else(lake: Lake, tmp_path: Path) -> None:
    """It has views and functions, and data that the caller registers; it cannot write, nor read another file."""
    connection = lake.duckdb()
    connection.register("owners", pd.DataFrame({"bucket": ["12345"], "team": ["web"]}))
    rows = connection.sql("SELECT team, principal(requester) IS NOT NULL FROM requests JOIN owners USING (bucket)")
    assert rows.fetchall() == [("web", True)]
    for statement in (
        f"COPY access_log TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.db'",
        f"SELECT * FROM read_csv('{__file__}')",
        "INSERT INTO access_log SELECT * FROM access_log",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


def test_an_empty_lake_has_empty_tables(tmp_path: Path) -> None:
    """The columns are there, without rows."""
    lake = empty_lake(tmp_path)
    assert (lake.to_arrow().num_rows, lake.to_pandas(["key", "date"]).shape) == (0, (0, 2))
    assert lake.duckdb().sql("SELECT count(*) FROM access_log").fetchall() == [(0,)]
