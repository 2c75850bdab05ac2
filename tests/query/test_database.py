"""Databases: several results at a time, whatever happens to the lake."""

from pathlib import Path

import pytest
from conftest import ingest_local
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.query import Database
from etl.store.open import open_store

# Of another bucket, whose part DuckDB does not open before a query needs it.
ZOO = LINE.replace(" site ", " zoo ")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(f"{LINE}\n{ZOO}\n")
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    return tmp_path / "lake"


def test_open_results_outlive_a_change_of_the_lake(lake: Path) -> None:
    """A query that meets a replaced part starts again by itself; results of before are read to their end."""
    database = Database(open_store(str(lake)))
    large = database.query("SELECT * FROM range(500_000)")
    (lake.parent / "logs" / "2026-02-06-02-00-00-BB").write_text(ZOO.replace("EXAMPLE", "OTHER"))
    ingest_local(lake.parent / "logs", lake)
    assert database.query("SELECT request_id FROM access_log").to_arrow().num_rows == 3
    assert large.to_arrow().num_rows == 500_000


def test_an_empty_lake_is_one_until_something_is_in_it(tmp_path: Path) -> None:
    """The handle looks again after a run, and after the records have expired."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(LINE)
    handle = Lake(Settings(lake=str(tmp_path / "lake"), source=(str(tmp_path / "logs"),)))
    assert handle.is_empty
    handle.ingest()
    assert not handle.is_empty
    handle.expire("1d")
    assert handle.is_empty
